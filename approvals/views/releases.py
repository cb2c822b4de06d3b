"""A use case's releases: the list, the page where one is decided, and the panel on the overview."""

import json
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from approvals import presentation
from approvals.actions.decisions import decide
from approvals.actions.releases import propose_release, withdraw_release
from approvals.choices import DecisionKind, LaneKey, ReleaseState
from approvals.docket import first_open, signed_lanes
from approvals.forms import DecisionForm, ProposalForm, WithdrawalForm
from approvals.grounds import Grounds, grounds_of
from approvals.models import Attestation, Release
from approvals.policies import eligible, lanes_of, may_decide, may_propose_release, may_withdraw_release
from approvals.querysets import STANDING, deciders_of, releases_of
from portal.access import Refused
from portal.actors import Actor
from portal.htmx import redirect_to, render
from portal.http import form_only
from usecases.models import UseCase

DONE = {
    DecisionKind.APPROVE: gettext_lazy("Signed."),
    DecisionKind.REJECT: gettext_lazy("Rejected."),
    DecisionKind.RETURN: gettext_lazy("Returned for changes."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def releases(request: HttpRequest, reference: str) -> HttpResponse:
    """The releases of a use case, newest first, and the form that proposes the next one."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    use_case = _use_case(actor, reference)
    form = ProposalForm(request.POST or None, use_case=use_case)
    problem: Refused | None = None
    if request.method == "POST" and form.is_valid():
        try:
            release = propose_release(actor=actor, use_case=use_case, **form.cleaned_data)
        except Refused as refused:
            problem = refused
        else:
            messages.success(request, _("Release %(number)s was proposed.") % {"number": release.number})
            return redirect_to(request, presentation.url_of(release))
    context = {
        "use_case": use_case,
        "tab": "approvals:releases",
        "releases": list(releases_of(use_case)[:200]),
        "form": form,
        "ruling": may_propose_release(actor, use_case),
        "problem": problem,
    }
    return render(request, "approvals/releases.html", context, status=_status(request, problem))


@require_safe
def release(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    """Where a release is understood and decided."""
    found = _release(request, reference, number)
    return _page(request, found, DecisionForm())


@form_only("approvals:release", "reference", "number")
def approve(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    return _decide(request, reference, number, DecisionKind.APPROVE)


@form_only("approvals:release", "reference", "number")
def reject(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    return _decide(request, reference, number, DecisionKind.REJECT)


@form_only("approvals:release", "reference", "number")
def send_back(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    return _decide(request, reference, number, DecisionKind.RETURN)


@form_only("approvals:release", "reference", "number")
def withdraw(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    found = _release(request, reference, number)
    form = WithdrawalForm(request.POST)
    if not form.is_valid():
        return _page(request, found, DecisionForm(), status=422)
    withdraw_release(actor=request.actor, release=found, reason=form.cleaned_data["reason"])  # type: ignore[attr-defined]
    messages.success(request, _("Release %(number)s was withdrawn.") % {"number": number})
    return redirect_to(request, presentation.url_of(found))


@require_safe
def attestation(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    """The signed statements of the release, one DSSE envelope a line, as `gatehouse verify` reads them."""
    found = _release(request, reference, number)
    envelopes = list(Attestation.objects.filter(release=found).order_by("issued_at").values_list("envelope", flat=True))
    if not envelopes:
        raise Http404
    body = "".join(f"{json.dumps(envelope)}\n" for envelope in envelopes)
    response = HttpResponse(body, content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="{reference}-release-{number}.attestations.jsonl"'
    return response


@require_safe
def panel(request: HttpRequest, reference: str) -> HttpResponse:
    """What stands and what waits, for the use case's overview."""
    use_case = _use_case(request.actor, reference)  # type: ignore[attr-defined]
    current = Q(state=ReleaseState.PROPOSED) | Q(state__in=STANDING)
    found = list(releases_of(use_case).filter(current).annotate(signed=signed_lanes())[:10])
    waiting = first_open(found)
    context = {
        "use_case": use_case,
        "releases": found,
        "next": waiting.step(request.actor, use_case) if waiting else None,  # type: ignore[attr-defined]
    }
    return render(request, "approvals/panel.html", context, partial="panel")


def _decide(request: HttpRequest, reference: str, number: int, kind: str) -> HttpResponse:
    found = _release(request, reference, number)
    form = DecisionForm(request.POST)
    if not form.is_valid() or form.cleaned_data["lane"] not in LaneKey.values:
        return _page(request, found, form, status=422)
    try:
        decide(actor=request.actor, release=found, kind=kind, **form.cleaned_data)  # type: ignore[attr-defined]
    except Refused as refused:
        if request.htmx:  # type: ignore[attr-defined]
            raise
        # What was written stays on the page, beside the reasons.
        again = _release(request, reference, number)
        return _page(request, again, form, status=409 if refused.is_conflict else 403, problem=refused)
    messages.success(request, DONE[DecisionKind(kind)])
    return redirect_to(request, presentation.url_of(found))


def _page(
    request: HttpRequest, found: Release, form: DecisionForm, status: int = 200, problem: Refused | None = None
) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    grounds = grounds_of(found, fresh=True)
    deciders = deciders_of(found.use_case) if found.state == ReleaseState.PROPOSED else {}
    yours = lanes_of(actor, found, grounds) if found.state == ReleaseState.PROPOSED else []
    before = _last_approved(found)
    context = {
        "use_case": found.use_case,
        "tab": "approvals:releases",
        "release": found,
        "answer": presentation.answer(grounds),
        "verdict": grounds.verdict,
        "criteria": presentation.criteria(grounds.verdict, found.use_case),
        "lanes": presentation.lane_lines(grounds, yours, deciders),
        "path": presentation.path_to_green(grounds, yours, deciders),
        "before": before,
        "differences": presentation.differences(before, found),
        "prompt_changes": presentation.prompt_changes(before, found),
        "changes": grounds.changes,
        "retirements": presentation.retirements(grounds),
        "ballots": [_ballot(actor, grounds, key, form) for key in _ballot_lanes(actor, grounds, yours)],
        "may_withdraw": may_withdraw_release(actor, found),
        "withdrawal": WithdrawalForm(),
        "attestation": _attestation(found),
        "lets_through": presentation.lets_through(grounds),
        "problem": problem,
    }
    return render(request, "approvals/release.html", context, status=status)


def _ballot_lanes(actor: Actor, grounds: Grounds, yours: list[str]) -> list[str]:
    """The lanes to show a form for: those open to the person, else those whose role the person holds in vain."""
    release = grounds.release
    if release.state != ReleaseState.PROPOSED:
        return []
    signed = any(actor.is_person(decision.person_id) for decision in grounds.decisions.values())
    if yours or signed:
        return [] if signed else yours
    return [lane.key for lane in grounds.open_lanes if eligible(actor, release.use_case, lane.key)]


def _ballot(actor: Actor, grounds: Grounds, key: str, form: DecisionForm) -> dict[str, Any]:
    release = grounds.release
    lane = next(each for each in grounds.lanes if each.key == key)
    mine = form.is_bound and form.data.get("lane") == key
    return {
        "lane": lane,
        "form": form if mine else DecisionForm(auto_id=f"id_{key}_%s"),
        "form_id": f"decide-{key}",
        "approve": may_decide(actor, release, key, DecisionKind.APPROVE, grounds),
        "reject": may_decide(actor, release, key, DecisionKind.REJECT, grounds),
        "return": may_decide(actor, release, key, DecisionKind.RETURN, grounds),
    }


def _last_approved(release: Release) -> Release | None:
    """The release before this one that people approved for the same environment."""
    return (
        releases_of(release.use_case)
        .filter(environment=release.environment, approved_at__isnull=False, number__lt=release.number)
        .first()
    )


def _attestation(release: Release) -> Attestation | None:
    """The signed statement; only what was approved once can have one."""
    if release.approved_at is None:
        return None
    return Attestation.objects.filter(release=release).order_by("-issued_at").first()


def _use_case(actor: Actor, reference: str) -> UseCase:
    found: UseCase = UseCase.objects.select_related("owner", "unit").get_visible(actor, reference)
    return found


def _release(request: HttpRequest, reference: str, number: int) -> Release:
    use_case = _use_case(request.actor, reference)  # type: ignore[attr-defined]
    found = get_object_or_404(
        releases_of(use_case).select_related("system_version__declared_by", "policy"), number=number
    )
    found.use_case = use_case
    return found


def _status(request: HttpRequest, problem: Refused | None) -> int:
    if problem is not None:
        return 409 if problem.is_conflict else 403
    return 422 if request.method == "POST" else 200
