"""One use case: its overview, description, history and end."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.http import form_only
from usecases import policies
from usecases.actions.registration import edit_use_case
from usecases.actions.stages import stop_use_case
from usecases.actions.tags import tag_use_case
from usecases.catalogue import open_work as work_of
from usecases.checklists import known_facts, pilot_checklist
from usecases.choices import FactSource, Stage
from usecases.finding_forms import TagForm
from usecases.forms import EditForm, ReasonForm
from usecases.models import UseCase
from usecases.next_steps import next_steps
from usecases.questionnaires import latest_answers, open_questions
from usecases.reviews import rule_for, score_answers
from usecases.templatetags.use_case import address
from usecases.views import past
from usecases.views.frame import actor_of, carried_out, fetch, posted
from usecases.views.team import parts_of


@require_safe
def detail(request: HttpRequest, reference: str) -> HttpResponse:
    """As it is, or with `?as_of=` as it was."""
    if "as_of" in request.GET:
        return past.as_it_was(request, fetch(request, reference))
    return _overview(request, fetch(request, reference), ReasonForm())


def _overview(
    request: HttpRequest,
    use_case: UseCase,
    stop_form: forms.Form,
    status: int = 200,
    tag_form: forms.Form | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    team = parts_of(actor, use_case)
    facts = known_facts(use_case)
    statuses = pilot_checklist(use_case, facts)
    answers = latest_answers(use_case)
    asked = use_case.stage in (Stage.REGISTERED, Stage.DISCOVERY)
    steps = next_steps(
        use_case,
        open_questions=open_questions(answers),
        statuses=statuses,
        capabilities=policies.capabilities(actor, use_case),
        url_of=lambda name: address(name, use_case.reference),
        by_rule=bool(asked and rule_for(use_case, score_answers(answers))),
    )
    context: dict[str, Any] = {
        "use_case": use_case,
        "lede": use_case.business_outcome,
        "steps": steps,
        "statuses": statuses,
        "done": sum(status.done for status in statuses),
        "recorded": [fact for fact in facts.values() if fact.source != FactSource.PERSON],
        "team": team,
        "work": [{"item": item, "ruling": policies.may_dismiss_work_item(actor, item)} for item in work_of(use_case)],
        "stop_form": stop_form,
        "tag_form": tag_form or TagForm(),
        "may_edit": policies.may_edit_use_case(actor, use_case),
        "may_tag": policies.may_tag_use_case(actor, use_case),
        "may_stop": policies.may_stop_use_case(actor, use_case),
    }
    return render(request, "usecases/detail.html", context, status=status)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, actor = fetch(request, reference), actor_of(request)
    names = ("title", "business_outcome", "user_group", "pattern", "restricted")
    form = EditForm(posted(request), initial={name: getattr(use_case, name) for name in names})
    if not policies.may_restrict_use_case(actor, use_case):
        del form.fields["restricted"]
    if request.method == "POST" and carried_out(form, edit_use_case, actor=actor, use_case=use_case):
        messages.success(request, _("The description was changed."))
        return redirect("usecases:detail", reference=reference)
    context = {"use_case": use_case, "form": form, "may_edit": policies.may_edit_use_case(actor, use_case)}
    return render(request, "usecases/edit.html", context, status=422 if form.is_bound else 200)


@form_only("usecases:detail", "reference")
def tag(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), TagForm(request.POST)
    carried_out(form, tag_use_case, actor=actor_of(request), use_case=use_case)
    if form.errors:
        return _overview(request, use_case, ReasonForm(), status=422, tag_form=form)
    return redirect("usecases:detail", reference=reference)


@form_only("usecases:detail", "reference")
def stop(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), ReasonForm(request.POST)
    if carried_out(form, stop_use_case, actor=actor_of(request), use_case=use_case) is None:
        return _overview(request, use_case, form, status=422)
    messages.success(request, _("%(reference)s was stopped.") % {"reference": use_case.reference})
    return redirect("usecases:detail", reference=reference)
