"""Deciding: one person signs one lane, bound to the digests that person saw and to the evidence judged a moment ago."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.actions.attestations import issue_attestation
from approvals.actions.gates import judge_release, locked
from approvals.actions.moves import ballot_url, concerned, inform, move, named, tell_of
from approvals.choices import DecisionKind, LaneKey
from approvals.grounds import Grounds, grounds_of
from approvals.measurements import evidence_for
from approvals.models import Decision, Release, Verdict
from approvals.policies import STRICT_TIERS, may_decide
from approvals.querysets import STANDING, deciders_of
from portal.access import Denied, Reason, Refused, Ruling, require, rule, unless
from portal.actions.messages import take_back
from portal.actors import Actor
from portal.delegation import acting, behind
from portal.models import User
from usecases.actions import stages
from usecases.choices import Environment, Stage
from usecases.models import UseCase

APPROVAL_LASTS, STRICT_APPROVAL_LASTS = timedelta(days=90), timedelta(days=30)

# Constraints and triggers that say for certain what the policy says kindly.
CONSTRAINTS = {
    "decision_one_per_lane": (
        "lane_already_decided",
        gettext_lazy("This lane was decided in this moment by somebody else."),
        True,
    ),
    "decision_one_per_person": (
        "already_decided_another_lane",
        gettext_lazy("You have already signed this release. One person signs one lane."),
        True,
    ),
    "decision_four_eyes": (
        "contributor",
        gettext_lazy("This lane must be signed by somebody who took no part in it."),
        False,
    ),
    "decision_business_lane_is_the_owners": (
        "not_the_owner",
        gettext_lazy("Only the accountable owner of the use case signs the business lane."),
        False,
    ),
    "decision_delegate_has_a_window": (
        "not_the_owner",
        gettext_lazy("You no longer act for the owner: the time was ended in this moment."),
        False,
    ),
    "decision_matches_its_release": (
        "digest_changed",
        gettext_lazy("The release is not the one you saw. Reload the page and look again."),
        True,
    ),
}


def decide(
    *,
    actor: Actor,
    release: Release,
    lane: str,
    kind: str,
    comment: str = "",
    digest: str = "",
    release_digest: str | None = None,
) -> Decision:
    """Sign a lane: approve, reject or return. Raises Refused with every reason.

    `digest` is the system version's and must be given; `release_digest` is checked when it is. The gate judges first,
    in its own transaction, so that a refusal never takes a new verdict with it.
    """
    judge_release(release_id=release.pk, judged_by=actor.key)
    try:
        return _decide(actor, release, LaneKey(lane), DecisionKind(kind), comment.strip(), digest, release_digest)
    except IntegrityError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error


@transaction.atomic
def _decide(
    actor: Actor, release: Release, lane: str, kind: str, comment: str, digest: str, release_digest: str | None
) -> Decision:
    # Lock order of the house: use case, then release. NO KEY: who only points at the use case need not wait.
    UseCase.objects.select_for_update(no_key=True).get(pk=release.use_case_id)
    held = locked(release.pk)
    fresh = actor.afresh()
    grounds = grounds_of(held, fresh=True)
    require(_ruling(fresh, held, lane, kind, grounds, comment, digest, release_digest))
    assert fresh.person is not None and grounds.verdict is not None
    signer = fresh.person
    if lane == LaneKey.BUSINESS:
        fresh = acting(fresh, held.use_case.owner)
    decision = Decision.objects.create(
        release=held,
        lane=lane,
        person=signer,
        signed_for=behind(fresh),
        kind=kind,
        comment=comment,
        version_digest=held.system_version.digest,
        release_digest=held.digest,
        verdict=grounds.verdict,
    )
    _tell(fresh, held, decision, grounds.verdict)
    _follow(fresh, held, decision)
    return decision


def _ruling(
    actor: Actor,
    release: Release,
    lane: str,
    kind: str,
    grounds: Grounds,
    comment: str,
    digest: str,
    release_digest: str | None,
) -> Ruling:
    watermark = evidence_for(release).watermark
    same_digests = digest == release.system_version.digest and release_digest in (None, "", release.digest)
    return rule(
        [
            *may_decide(actor, release, lane, kind, grounds).reasons,
            unless(
                digest,
                "digest_missing",
                _("Say what you decide about: send the digest of the system version you were shown."),
                conflict=True,
            ),
            unless(
                same_digests or not digest,
                "digest_changed",
                _("The release is not the one you saw. Reload the page and look again."),
                conflict=True,
            ),
            unless(
                grounds.verdict is not None and grounds.verdict.watermark == watermark,
                "evidence_changed",
                _("New evidence arrived while you were deciding. Look at what the gate says now, then decide."),
                conflict=True,
            ),
            unless(
                comment or kind == DecisionKind.APPROVE,
                "comment_missing",
                _("Say why, so that others know what to change."),
                conflict=True,
            ),
        ]
    )


def _tell(actor: Actor, release: Release, decision: Decision, verdict: Verdict) -> None:
    words = {DecisionKind.APPROVE: "approved", DecisionKind.REJECT: "rejected", DecisionKind.RETURN: "returned"}
    tell_of(
        actor,
        "decision.taken",
        release,
        f"{words[DecisionKind(decision.kind)]} release {release.number} of {release.use_case.reference}"
        f" for {release.get_environment_display().lower()} in the lane {LaneKey(decision.lane).label.lower()}.",
        lane=decision.lane,
        kind=decision.kind,
        reason=decision.comment,
        version=decision.version_digest,
        verdict=verdict.pk,
        outcome=verdict.outcome,
        watermark=verdict.watermark,
    )


def _follow(actor: Actor, release: Release, decision: Decision) -> None:
    """What one signature means for the release: a single no ends it, the last yes approves it."""
    name = f"release {release.number} of {release.use_case.reference}"
    if decision.kind == DecisionKind.APPROVE:
        grounds = grounds_of(release)
        if grounds.complete:
            _approve(actor, release, name)
        else:
            take_back(url=ballot_url(release), still=_still_asked(grounds))
        return
    rejected = decision.kind == DecisionKind.REJECT
    verb, word = ("reject_release", "rejected") if rejected else ("return_release", "returned")
    move(actor, release, verb, f"{word} {name}: {decision.comment}", reason=decision.comment)
    what = _("was rejected: %(why)s") if rejected else _("was returned for changes: %(why)s")
    inform(concerned(release), release, f"{named(release)} {what % {'why': decision.comment}}")


def _still_asked(grounds: Grounds) -> list[User]:
    """Who could sign one of the lanes still open and has not signed another."""
    deciders = deciders_of(grounds.release.use_case)
    signed = {decision.person_id for decision in grounds.decisions.values()}
    able = [person for lane in grounds.open_lanes for person in deciders.get(lane.key, [])]
    return [person for person in able if person.pk not in signed]


def _approve(actor: Actor, release: Release, name: str) -> None:
    standing = Release.objects.select_for_update(of=("self",)).select_related("use_case").order_by("id")
    for older in standing.filter(use_case_id=release.use_case_id, environment=release.environment, state__in=STANDING):
        sentence = f"superseded release {older.number} of {older.use_case.reference} by release {release.number}."
        reason = _("Release %(number)s took its place.") % {"number": release.number}
        move(actor, older, "supersede_release", sentence, reason=reason)
    # One clock for everybody: the database's.
    now = Release.objects.filter(pk=release.pk).values_list(Now(), flat=True).get()
    lasts = STRICT_APPROVAL_LASTS if release.tier in STRICT_TIERS else APPROVAL_LASTS
    sentence = f"completed the approvals of {name} for {release.get_environment_display().lower()}."
    move(actor, release, "approve_release", sentence, approved_at=now, expires_at=now + lasts)
    if release.environment == Environment.PRODUCTION and release.use_case.stage == Stage.PILOT:
        stages.advance(actor=actor, use_case=release.use_case, verb="go_live")
    inform(concerned(release), release, _("%(release)s is approved.") % {"release": named(release)})
    # After commit, since keys are files: if it fails, the gate keeps denying and the sweep issues it.
    transaction.on_commit(lambda: issue_attestation(release_id=release.pk), robust=True)


def _refusal(error: IntegrityError) -> Refused | None:
    for name, (code, text, conflict) in CONSTRAINTS.items():
        if name in str(error):
            return Refused(Denied((Reason(code, str(text), conflict),)))
    return None
