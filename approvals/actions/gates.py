"""Judging: the evidence of now against the release's policy, in its own transaction, before anybody relies on it."""

import uuid

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from approvals import gating
from approvals.actions.moves import concerned, inform, move, named, tell_of
from approvals.actions.policies import GATE_KEEPER, fix_gate_criteria
from approvals.choices import ReleaseState
from approvals.declarations import declared_pattern
from approvals.grounds import newest_verdict
from approvals.measurements import Evidence, evidence_for, evidence_for_all
from approvals.models import Release, ReleaseContributor, Verdict
from approvals.querysets import JUDGED
from portal.actors import Actor, worker
from usecases.choices import Tier
from usecases.models import UseCase


def locked(release_id: uuid.UUID) -> Release:
    """The release, locked and read anew; everything decided about it is decided under this lock."""
    return (
        Release.objects.select_for_update(of=("self",))
        .select_related("use_case__owner", "use_case__unit", "system_version", "policy")
        .get(pk=release_id)
    )


def judge_in_memory(release: Release, evidence: Evidence) -> gating.GateVerdict:
    """What the release's own policy says of this evidence; writes nothing."""
    policy = gating.GatePolicy.from_json(release.policy.definition)
    pairs = evidence.pairs() if policy.baseline_margin is not None else {}
    model = str(release.system_version.manifest.get("model", {}).get("name", ""))
    return gating.judge(policy, evidence.measurements, declared_pattern(release), pairs, model)


@transaction.atomic
def judge_release(*, release_id: uuid.UUID, judged_by: str) -> Verdict:
    """Judge the release by the evidence of now. The same evidence and policy give the verdict already there.

    An approved release whose evidence no longer allows it is suspended in the same transaction. A release that is
    over keeps its last verdict.
    """
    release = locked(release_id)
    evidence = evidence_for(release)
    verdict = newest_verdict(release)
    same = verdict is not None and (verdict.watermark, verdict.policy_digest) == (
        evidence.watermark,
        release.policy.digest,
    )
    if verdict is None or (not same and release.state in JUDGED):
        verdict = _write_verdict(release, evidence, judged_by)
    if release.state == ReleaseState.APPROVED and not verdict.allows:
        suspend_release(actor=worker(GATE_KEEPER), release_id=release.pk, reason=_why(verdict))
    return verdict


def _write_verdict(release: Release, evidence: Evidence, judged_by: str) -> Verdict:
    judged = judge_in_memory(release, evidence)
    verdict = Verdict.objects.create(
        release=release,
        outcome=judged.outcome,
        allows=judged.allows,
        criteria=[criterion.to_json() for criterion in judged.criteria],
        warnings=list(judged.warnings),
        policy_digest=release.policy.digest,
        watermark=evidence.watermark,
        runs=list(evidence.run_ids),
        judged_by=judged_by,
    )
    # Evidence pushed after the proposal has an author too, who signs no independent lane: here and in the trigger.
    ReleaseContributor.objects.bulk_create(
        [
            ReleaseContributor(release=release, person_id=run.pushed_by_id, part="evidence")
            for run in evidence.runs
            if run.pushed_by_id is not None
        ],
        ignore_conflicts=True,
    )
    words = {"pass": "passes", "fail": "fails", "inconclusive": "is inconclusive", "not_evaluated": "is not evaluated"}
    tell_of(
        worker(GATE_KEEPER),
        "release.judged",
        release,
        f"judged release {release.number} of {release.use_case.reference}: the gate {words[judged.outcome]}.",
        outcome=judged.outcome,
        allows=judged.allows,
        watermark=evidence.watermark,
        runs=list(evidence.run_ids),
    )
    return verdict


@transaction.atomic
def suspend_release(*, actor: Actor, release_id: uuid.UUID, reason: str) -> Release:
    """Take an approved release out of force; only a new proposal brings the version back.

    A later pass does not undo it: somebody has to look at what happened. Raises IllegalTransition if not approved.
    """
    release = locked(release_id)
    name = f"release {release.number} of {release.use_case.reference}"
    move(actor, release, "suspend_release", f"suspended {name}: {reason}", reason=reason)
    text = _("%(release)s is suspended: %(reason)s The gate no longer lets it be deployed.") % {
        "release": named(release),
        "reason": reason,
    }
    inform(concerned(release), release, text)
    return release


def _why(verdict: Verdict) -> str:
    """The sentences of the criteria that do not pass, at most three of them."""
    against = [row["explanation"] for row in verdict.criteria if row["verdict"] != "pass"]
    return " ".join(against[:3]) or _("No criterion applies, so nothing was judged.")


def reevaluate(*, version_id: uuid.UUID) -> list[uuid.UUID]:
    """Judge every release that the version's evidence bears on; each in its own transaction. Returns those judged.

    Those of the version itself, and those of the same use case that are compared with it.
    """
    ids = list(
        Release.objects.filter(use_case__versions=version_id, state__in=JUDGED)
        .order_by("id")
        .values_list("pk", flat=True)
    )
    for pk in ids:
        judge_release(release_id=pk, judged_by=GATE_KEEPER)
    return ids


def sweep() -> list[uuid.UUID]:
    """Judge what lost its message: releases whose newest verdict is not of today's evidence. Returns those judged."""
    newest = Verdict.objects.filter(release=OuterRef("pk")).order_by("-judged_at", "-id").values("watermark")[:1]
    releases = list(
        Release.objects.filter(state__in=JUDGED).annotate(judged=Subquery(newest)).only("pk", "system_version_id")
    )
    evidence = evidence_for_all(releases)
    stale = [each.pk for each in releases if evidence[each.pk].watermark != each.judged]
    for pk in stale:
        judge_release(release_id=pk, judged_by="sweep")
    return stale


def fix_criteria_everywhere() -> int:
    """Write the fact `gate_criteria` for the use cases that have a tier and lack it. Returns how many."""
    lacking = UseCase.objects.exclude(tier__in=["", Tier.BLOCKED]).exclude(
        facts__name="gate_criteria", facts__until__isnull=True
    )
    for use_case in (cases := list(lacking[:500])):
        fix_gate_criteria(use_case=use_case)
    return len(cases)
