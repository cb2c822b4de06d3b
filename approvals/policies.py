"""May this actor propose, withdraw, decide or ask the gate? Policies collect all reasons, in words for the page."""

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals import checklist
from approvals.choices import DecisionKind, Outcome, ReleaseState
from approvals.declarations import policy_in_force
from approvals.grounds import Grounds, grounds_of
from approvals.lanes import LANES, Lane
from approvals.lanes import lane as lane_by_key
from approvals.models import Decision, Release
from portal.access import Reason, Ruling, capabilities_anywhere, rule, unless
from portal.actors import Actor, person
from portal.delegation import acts_for, answers_for, independent
from usecases.catalogue import is_retired, retirements_of
from usecases.choices import Environment, ReviewState, Stage, Tier
from usecases.models import Component, RiskReview, SystemVersion, UseCase
from usecases.owners import absent_owner
from usecases.policies import capabilities

STRICT_TIERS = (Tier.HIGH, Tier.CRITICAL)
# What each part of the work is called to the person who did it.
PARTS = {
    "version": gettext_lazy("you declared this system version"),
    "evidence": gettext_lazy("you pushed evidence for it"),
    "answers": gettext_lazy("you answered the questions it was classified by"),
    "policy": gettext_lazy("you published the gate policy it is judged by"),
    "proposal": gettext_lazy("you proposed it"),
}


def may_propose_release(
    actor: Actor, use_case: UseCase, version: SystemVersion | None = None, environment: str = ""
) -> Ruling:
    """Without version and environment: may anything be proposed for this use case at all?"""
    return rule(
        [
            unless(
                actor.signed_in and "propose_release" in capabilities(actor, use_case),
                "not_proposer",
                _("A release is proposed by its owner, by engineering, by platform or by a pipeline."),
            ),
            *_use_case_reasons(use_case),
            unless(
                version is None or version.use_case_id == use_case.pk,
                "version_of_other_use_case",
                _("This system version belongs to another use case. Choose one that was declared for this use case."),
                conflict=True,
            ),
            retired_reason([each for each in retirements_of(version.pk) if is_retired(each)]) if version else None,
            *(_environment_reasons(use_case, environment) if environment else ()),
        ]
    )


def _use_case_reasons(use_case: UseCase) -> list[Reason | None]:
    tier = use_case.tier
    under_review = RiskReview.objects.filter(use_case=use_case, state=ReviewState.SUBMITTED).exists()
    return [
        unless(
            use_case.stage != Stage.STOPPED,
            "use_case_stopped",
            _("This use case was stopped; nothing of it is released any more."),
            conflict=True,
        ),
        absent_owner(use_case),
        unless(
            tier,
            "tier_not_concluded",
            _("Its risk tier is not concluded. Submit a risk review and have it concluded first."),
            conflict=True,
        ),
        unless(
            tier != Tier.BLOCKED,
            "use_case_prohibited",
            _("Its use is prohibited; no approval can release it."),
            conflict=True,
        ),
        unless(
            not under_review,
            "review_open",
            _("A risk review is open. Wait until it is concluded, for its tier decides who has to approve."),
            conflict=True,
        ),
        unless(
            tier in ("", Tier.BLOCKED) or policy_in_force(tier),
            "no_gate_policy",
            _("No gate policy is published for this risk tier. Ask an administrator to install the shipped policies."),
            conflict=True,
        ),
        unless(
            SystemVersion.objects.filter(use_case=use_case).exists(),
            "no_version",
            _("No system version is declared. Declare what runs: model, prompts, tools and sources."),
            conflict=True,
        ),
    ]


def _environment_reasons(use_case: UseCase, environment: str) -> list[Reason | None]:
    pending = Release.objects.filter(use_case=use_case, environment=environment, state=ReleaseState.PROPOSED).first()
    missing = checklist.open_items(use_case) if environment == Environment.PRODUCTION else []
    return [
        unless(
            pending is None,
            "release_open",
            _("Release %(number)s for this environment still waits for decisions. Have it decided or withdraw it.")
            % {"number": pending.number if pending else ""},
            conflict=True,
        ),
        unless(
            not missing,
            "checklist_open",
            _("The pilot checklist is not complete: %(items)s.") % {"items": "; ".join(missing)},
            conflict=True,
        ),
    ]


def may_withdraw_release(actor: Actor, release: Release) -> Ruling:
    return rule(
        [
            unless(
                actor.signed_in and "propose_release" in capabilities(actor, release.use_case),
                "not_proposer",
                _("A release is withdrawn by those who may propose one: owner, engineering, platform or a pipeline."),
            ),
            unless(
                actor.kind == "person" or release.state == ReleaseState.PROPOSED,
                "machine_withdraws_no_approval",
                _("What people have approved is withdrawn by a person."),
            ),
            unless(
                release.state in (ReleaseState.PROPOSED, ReleaseState.APPROVED, ReleaseState.SUSPENDED),
                "release_is_over",
                _("This release is over; there is nothing to withdraw."),
                conflict=True,
            ),
        ]
    )


def may_decide(
    actor: Actor,
    release: Release,
    lane: str,
    kind: str = DecisionKind.APPROVE,
    grounds: Grounds | None = None,
) -> Ruling:
    """May this person sign this lane, so? Rejecting and returning stay possible whatever the gate says."""
    known = grounds or grounds_of(release)
    reasons = [*_person_reasons(actor, release, lane, known), *_state_reasons(release, lane, known)]
    if kind == DecisionKind.APPROVE:
        reasons += _evidence_reasons(release, known)
    return rule(reasons)


def may_ask_gate(actor: Actor) -> Ruling:
    return rule(
        [
            unless(
                actor.signed_in and "ask_gate" in capabilities_anywhere(actor),
                "not_asker",
                _("The gate is asked by a service account with the role of pipeline and a token for the gate."),
            )
        ]
    )


def eligible(actor: Actor, use_case: UseCase, lane: str) -> bool:
    """Does this person hold what the lane asks for, now? For the business lane also in the place of an absent owner."""
    if actor.person is None or not actor.person.is_active:
        return False
    if lane == LANES[0].key:
        return answers_for(actor, use_case.owner_id)
    return f"decide_{lane}" in capabilities(actor, use_case)


def still_stands(decision: Decision, use_case: UseCase) -> bool:
    """Asked at every gate check: is who signed, or in whose place it was signed, still the one to sign this lane?

    What a delegate signed stands after the window, for as long as the owner stays the owner.
    """
    answerable = person(decision.signed_for or decision.person)
    if decision.lane == LANES[0].key:
        return answerable.is_person(use_case.owner_id) and use_case.owner.is_active
    return eligible(answerable, use_case, decision.lane)


def _person_reasons(actor: Actor, release: Release, key: str, grounds: Grounds) -> list[Reason | None]:
    if actor.kind != "person" or actor.person is None:
        text = _("People decide. Ask the person whose signature this lane needs.")
        return [Reason("machine_decides_nothing", text)]
    if key not in release.lanes:
        return []
    lane = lane_by_key(key)
    return [
        unless(actor.person.is_active, "inactive", _("Your account is switched off.")),
        _role_reason(actor, release, lane),
        *(
            _independence_reasons(actor, release, grounds)
            if lane.independent
            else _delegate_reasons(actor, release, grounds)
        ),
        unless(
            lane.independent or len(release.lanes) > 1 or release.proposed_by_id != actor.person.pk,
            "self_approval",
            _("You proposed this release and yours is its only signature. Ask somebody else to propose it."),
        ),
        unless(
            all(decision.person_id != actor.person.pk for decision in grounds.decisions.values()),
            "already_decided_another_lane",
            _("You have already signed this release. One person signs one lane."),
            conflict=True,
        ),
        unless(
            release.tier not in STRICT_TIERS or _signed_in_lately(actor),
            "sign_in_again",
            _("At this risk tier you must have signed in within %(minutes)s minutes. Sign in again, then decide.")
            % {"minutes": int(settings.STEP_UP_AGE.total_seconds() // 60)},
        ),
    ]


def _role_reason(actor: Actor, release: Release, lane: Lane) -> Reason | None:
    if lane.independent:
        text = _("The lane “%(lane)s” needs a role that you do not hold for this use case.") % {"lane": _(lane.title)}
        return unless(eligible(actor, release.use_case, lane.key), "not_this_lane", text)
    text = _("Only the accountable owner of the use case signs the business lane.")
    return unless(answers_for(actor, release.use_case.owner_id), "not_the_owner", text)


def _delegate_reasons(actor: Actor, release: Release, grounds: Grounds) -> list[Reason | None]:
    """Who signs in the owner's place took no part; the owner may have, unless theirs is the only signature."""
    owner, parts = release.use_case.owner, {*grounds.contributions, release.proposed_by_id}
    if not acts_for(actor, owner.pk):
        return []
    alone = len(release.lanes) == 1 and release.proposed_by_id == owner.pk
    return independent(actor, owner, parts if alone else parts - {owner.pk})


def _independence_reasons(actor: Actor, release: Release, grounds: Grounds) -> list[Reason | None]:
    assert actor.person is not None
    parts = grounds.contributions.get(actor.person.pk, [])
    if release.proposed_by_id == actor.person.pk and "proposal" not in parts:
        parts = [*parts, "proposal"]
    told = ", ".join(str(PARTS.get(part, part)) for part in parts)
    return [
        unless(
            not parts,
            "contributor",
            _("This lane must be signed by somebody who took no part in the release, and %(parts)s.") % {"parts": told},
        ),
        unless(
            not actor.is_person(release.use_case.owner_id),
            "owner_in_independent_lane",
            _("You own this use case: you sign the business lane, and somebody independent signs this one."),
        ),
    ]


def _signed_in_lately(actor: Actor) -> bool:
    signed_in_at = actor.origin.signed_in_at
    return signed_in_at is not None and timezone.now() - signed_in_at <= settings.STEP_UP_AGE


def _state_reasons(release: Release, key: str, grounds: Grounds) -> list[Reason | None]:
    return [
        unless(
            release.state == ReleaseState.PROPOSED,
            "not_proposed",
            _("This release no longer waits for decisions: %(state)s.")
            % {"state": release.get_state_display().lower()},
            conflict=True,
        ),
        unless(
            key in release.lanes,
            "lane_not_asked",
            _("This release does not ask for a signature in this lane."),
            conflict=True,
        ),
        unless(
            key not in grounds.decisions,
            "lane_already_decided",
            _("This lane has been decided already."),
            conflict=True,
        ),
    ]


def _evidence_reasons(release: Release, grounds: Grounds) -> list[Reason | None]:
    return [
        unless(
            release.use_case.stage != Stage.STOPPED,
            "use_case_stopped",
            _("This use case was stopped; nothing of it is released any more."),
            conflict=True,
        ),
        absent_owner(release.use_case),
        unless(
            not grounds.changes,
            "declaration_changed",
            _("What the release declares was changed since. Withdraw it and propose it again. %(changes)s")
            % {"changes": " ".join(grounds.changes)},
            conflict=True,
        ),
        retired_reason(grounds.retired),
        *grounds.objections,
        None if grounds.allows else gate_reason(grounds.outcome),
    ]


def retired_reason(retired: Sequence[Component]) -> Reason | None:
    """What a version runs on is gone, so nobody can run it as it was approved."""
    told = "; ".join(
        _("%(component)s on %(day)s") % {"component": each, "day": f"{each.retires_on:%d %B %Y}"} for each in retired
    )
    text = _("What this version runs on was retired: %(what)s. Declare a version that runs on something else.")
    return unless(not retired, "component_retired", text % {"what": told}, conflict=True)


def gate_reason(outcome: str) -> Reason:
    """Why a gate with this outcome does not allow a release."""
    if outcome == Outcome.FAIL:
        text = _("The gate fails: the evidence does not meet its criteria. Improve the system and evaluate it again.")
        return Reason("gate_fails", text, conflict=True)
    if outcome == Outcome.INCONCLUSIVE:
        text = _("The evidence does not settle it, and at this risk tier it has to. Run more cases.")
        return Reason("gate_inconclusive", text, conflict=True)
    text = _(
        "The gate has not been evaluated on every criterion, and missing evidence is never a pass. Run the evaluation."
    )
    return Reason("gate_not_evaluated", text, conflict=True)


def lanes_of(actor: Actor, release: Release, grounds: Grounds) -> list[str]:
    """The open lanes this person could sign at all, whatever the evidence says."""
    if actor.kind != "person":
        return []
    return [
        lane.key
        for lane in grounds.open_lanes
        if eligible(actor, release.use_case, lane.key)
        and not any((_independence_reasons if lane.independent else _delegate_reasons)(actor, release, grounds))
    ]


def only_lane_of(actor: Actor, release: Release) -> str | None:
    """The lane meant by who names none: the one open to this person, else the only one asked; None if unclear.

    A machine, or somebody without a lane, gets the first one, so that the refusal says what stands in the way.
    """
    lanes = lanes_of(actor, release, grounds_of(release))
    if len(lanes) == 1:
        return lanes[0]
    return None if lanes else str(release.lanes[0])
