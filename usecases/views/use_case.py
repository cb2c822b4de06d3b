"""One use case: its overview, description, team, history and end."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.http import form_only
from usecases import policies
from usecases.actions.registration import edit_use_case
from usecases.actions.stages import stop_use_case
from usecases.actions.team import add_to_team, remove_from_team
from usecases.checklists import known_facts, pilot_checklist
from usecases.choices import FactSource, TeamRole
from usecases.forms import EditForm, LeavingForm, ReasonForm, TeamForm
from usecases.models import UseCase, UseCaseUserPermission
from usecases.next_steps import next_steps
from usecases.questionnaires import latest_answers, open_questions
from usecases.templatetags.use_case import address
from usecases.views import past
from usecases.views.frame import actor_of, carried_out, fetch, posted


@require_safe
def detail(request: HttpRequest, reference: str) -> HttpResponse:
    """As it is, or with `?as_of=` as it was."""
    if "as_of" in request.GET:
        return past.as_it_was(request, fetch(request, reference))
    return _overview(request, fetch(request, reference), TeamForm(), ReasonForm())


def _overview(
    request: HttpRequest, use_case: UseCase, team_form: forms.Form, stop_form: forms.Form, status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    facts = known_facts(use_case)
    statuses = pilot_checklist(use_case, facts)
    steps = next_steps(
        use_case,
        open_questions=open_questions(latest_answers(use_case)),
        statuses=statuses,
        capabilities=policies.capabilities(actor, use_case),
        url_of=lambda name: address(name, use_case.reference),
    )
    context: dict[str, Any] = {
        "use_case": use_case,
        "lede": use_case.business_outcome,
        "steps": steps,
        "statuses": statuses,
        "done": sum(status.done for status in statuses),
        "recorded": [fact for fact in facts.values() if fact.source != FactSource.PERSON],
        "team": _team(use_case),
        "team_form": team_form,
        "stop_form": stop_form,
        "may_edit": policies.may_edit_use_case(actor, use_case),
        "may_manage_team": policies.may_manage_team(actor, use_case),
        "may_stop": policies.may_stop_use_case(actor, use_case),
    }
    return render(request, "usecases/detail.html", context, status=status)


def _team(use_case: UseCase) -> list[dict[str, Any]]:
    parts: QuerySet[UseCaseUserPermission] = UseCaseUserPermission.objects.filter(content_object=use_case)
    found = []
    for part in parts.select_related("user", "permission").order_by("user__name", "permission__codename"):
        role = part.permission.codename.removeprefix("team_")
        accountable = role == TeamRole.OWNER and part.user_id == use_case.owner_id
        found.append({"person": part.user, "role": role, "label": TeamRole(role).label, "accountable": accountable})
    return found


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
def add_team_member(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), TeamForm(request.POST)
    carried_out(form, add_to_team, actor=actor_of(request), use_case=use_case)
    if form.errors:
        return _overview(request, use_case, form, ReasonForm(), status=422)
    person, role = form.cleaned_data["person"], TeamRole(form.cleaned_data["role"])
    messages.success(request, _("%(name)s is on the team: %(part)s.") % {"name": person.name, "part": role.label})
    return redirect("usecases:detail", reference=reference)


@form_only("usecases:detail", "reference")
def remove_team_member(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), LeavingForm(request.POST)
    carried_out(form, remove_from_team, actor=actor_of(request), use_case=use_case)
    if form.errors:
        return _overview(request, use_case, TeamForm(), ReasonForm(), status=422)
    messages.success(request, _("%(name)s left the team.") % {"name": form.cleaned_data["person"].name})
    return redirect("usecases:detail", reference=reference)


@form_only("usecases:detail", "reference")
def stop(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), ReasonForm(request.POST)
    if carried_out(form, stop_use_case, actor=actor_of(request), use_case=use_case) is None:
        return _overview(request, use_case, TeamForm(), form, status=422)
    messages.success(request, _("%(reference)s was stopped.") % {"reference": use_case.reference})
    return redirect("usecases:detail", reference=reference)
