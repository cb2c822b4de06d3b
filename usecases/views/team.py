"""Who works on a use case: the parts of its team, handing it over, and asking to join."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from portal.actors import Actor
from portal.http import form_only
from usecases import policies, stewardship
from usecases.actions.stewardship import request_handover, request_to_join
from usecases.actions.team import add_to_team, remove_from_team
from usecases.choices import OWNERSHIP, RequestKind, RequestState, TeamRole
from usecases.forms import HandoverForm, JoinForm, LeavingForm, TeamForm
from usecases.models import StewardshipRequest, UseCase, UseCaseUserPermission
from usecases.owners import absent_owner
from usecases.views.frame import actor_of, carried_out, fetch, posted

MOST = 100
# Each part: what it is there for, and what it means that nobody has it.
PARTS = (
    (
        TeamRole.OWNER,
        gettext_lazy("Answers for outcome, cost and the risk that remains; signs the business lane."),
        gettext_lazy("Nobody answers for it."),
    ),
    (
        TeamRole.PLATFORM,
        gettext_lazy("Provides models, gateways and environments; declares versions."),
        gettext_lazy("Nobody is named for where it runs and what that costs."),
    ),
    (
        TeamRole.ENGINEERING,
        gettext_lazy("Builds it, declares versions, has them evaluated and proposes releases."),
        gettext_lazy("Versions and evaluations come only from people with the role of engineer."),
    ),
    (
        TeamRole.OPERATIONS,
        gettext_lazy("Watches it in use and acts when it fails."),
        gettext_lazy("Nobody is named who notices when it fails in use."),
    ),
    (
        TeamRole.GOVERNANCE,
        gettext_lazy("Confirms the checklist and looks at risk from within the team."),
        gettext_lazy("The checklist is confirmed by the owner or an architect alone."),
    ),
    (
        TeamRole.CONTRIBUTOR,
        gettext_lazy("Answers questions, keeps the description true and asks for data."),
        gettext_lazy("The owner answers every question."),
    ),
)


def parts_of(actor: Actor, use_case: UseCase) -> list[dict[str, Any]]:
    """Everybody on the team with their part, by name; with it the actor's own parts are known."""
    parts = UseCaseUserPermission.objects.filter(content_object=use_case)
    found: list[dict[str, Any]] = []
    known: list[tuple[object, str]] = []
    for part in parts.select_related("user", "permission").order_by("user__name", "permission__codename"):
        role = part.permission.codename.removeprefix("team_")
        accountable = role == TeamRole.OWNER and part.user_id == use_case.owner_id
        found.append({"person": part.user, "role": role, "label": TeamRole(role).label, "accountable": accountable})
        known.append((part.user_id, role))
    policies.remember_team(actor, use_case, known)
    return found


@require_safe
def team(request: HttpRequest, reference: str) -> HttpResponse:
    return _page(request, fetch(request, reference))


def _page(
    request: HttpRequest,
    use_case: UseCase,
    *,
    team_form: forms.Form | None = None,
    handover_form: forms.Form | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    held = parts_of(actor, use_case)
    opened = StewardshipRequest.objects.filter(use_case=use_case, state=RequestState.OPEN).select_related("person")
    waiting = list(opened.order_by("requested_at", "id")[:MOST])
    context = {
        "use_case": use_case,
        "parts": [
            {
                "role": role,
                "label": role.label,
                "what": what,
                "empty": empty,
                "people": [part for part in held if part["role"] == role],
            }
            for role, what, empty in PARTS
        ],
        "asked": next((each for each in waiting if each.kind in OWNERSHIP), None),
        "absent": absent_owner(use_case),
        "joins": [each for each in waiting if each.kind == RequestKind.JOIN],
        "team_form": team_form or TeamForm(),
        "handover_form": handover_form or HandoverForm(without=use_case.owner),
        "may_manage_team": policies.may_manage_team(actor, use_case),
        "may_hand_over": stewardship.may_hand_over(actor, use_case),
        "may_join": stewardship.may_ask_to_join(actor, use_case),
    }
    refused = any(form is not None and form.errors for form in (team_form, handover_form))
    return render(request, "usecases/team.html", context, status=422 if refused else 200)


@form_only("usecases:team", "reference")
def add(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), TeamForm(request.POST)
    carried_out(form, add_to_team, actor=actor_of(request), use_case=use_case)
    if form.errors:
        return _page(request, use_case, team_form=form)
    person, role = form.cleaned_data["person"], TeamRole(form.cleaned_data["role"])
    messages.success(request, _("%(name)s is on the team: %(part)s.") % {"name": person.name, "part": role.label})
    return redirect("usecases:team", reference=reference)


@form_only("usecases:team", "reference")
def remove(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, form = fetch(request, reference), LeavingForm(request.POST)
    carried_out(form, remove_from_team, actor=actor_of(request), use_case=use_case)
    if form.errors:
        return _page(request, use_case, team_form=form)
    messages.success(request, _("%(name)s left the team.") % {"name": form.cleaned_data["person"].name})
    return redirect("usecases:team", reference=reference)


@form_only("usecases:team", "reference")
def hand_over(request: HttpRequest, reference: str) -> HttpResponse:
    """Ask somebody to own it; the same form names a stand-in for an owner who left."""
    use_case, form = fetch(request, reference), HandoverForm(request.POST)
    if carried_out(form, request_handover, actor=actor_of(request), subject=use_case) is None:
        return _page(request, use_case, handover_form=form)
    name = form.cleaned_data["person"].name
    messages.success(request, _("%(name)s was asked. Nothing changes until they accept.") % {"name": name})
    return redirect("usecases:team", reference=reference)


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, reference: str) -> HttpResponse:
    use_case, actor = fetch(request, reference), actor_of(request)
    form = JoinForm(posted(request))
    if request.method == "POST" and carried_out(form, request_to_join, actor=actor, use_case=use_case):
        text = _("%(name)s was asked. You will be told.") % {"name": use_case.owner.name}
        messages.success(request, text)
        return redirect("usecases:team", reference=reference)
    context = {"use_case": use_case, "form": form, "ruling": stewardship.may_ask_to_join(actor, use_case)}
    return render(request, "usecases/join.html", context, status=422 if form.is_bound else 200)
