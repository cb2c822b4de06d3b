"""Judging and suspending: the same evidence is judged once, worse evidence takes an approval out of force."""

from typing import Any

import pytest

from approvals.actions.attestations import issue_missing
from approvals.actions.gates import judge_release, reevaluate, suspend_release, sweep
from approvals.actions.releases import propose_release
from approvals.choices import ReleaseState
from approvals.models import Attestation, Release, Verdict
from approvals.tasks import reevaluate_gates, sweep_stale_gates
from portal.actors import worker
from portal.lifecycle import IllegalTransition
from portal.models import AuditEvent, Notice, OutboxMessage
from tests.approvals.story import DIMENSIONS, a_release, a_run, a_use_case, a_version, approved, sign
from tests.cast import Cast
from usecases.choices import Tier
from usecases.models import Fact


def test_the_same_evidence_is_judged_once(cast: Cast) -> None:
    release = a_release(cast)
    first = judge_release(release_id=release.pk, judged_by="x")
    assert judge_release(release_id=release.pk, judged_by="y") == first
    assert Verdict.objects.filter(release=release).count() == 1


def test_the_newest_run_of_each_dimension_counts(cast: Cast) -> None:
    release = a_release(cast)
    safety = a_run(release.system_version, dimensions=("safety",), passed=200)
    verdict = judge_release(release_id=release.pk, judged_by="x")
    row = next(row for row in verdict.criteria if row["criterion"]["dimension"] == "safety")
    assert (verdict.outcome, row["measurement"]["reference"]) == ("fail", str(safety.pk))
    assert len(verdict.runs) == 2


def test_a_superseded_revision_is_not_judged(cast: Cast) -> None:
    release = a_release(cast)
    worse = a_run(release.system_version, passed=10)
    assert judge_release(release_id=release.pk, judged_by="x").outcome == "fail"
    type(worse).objects.filter(pk=worse.pk).update(is_current=False)
    assert judge_release(release_id=release.pk, judged_by="x").outcome == "pass"


@pytest.mark.parametrize("missing", DIMENSIONS)
def test_a_missing_dimension_is_never_a_pass(cast: Cast, missing: str) -> None:
    release = a_release(cast, evidence=False)
    a_run(release.system_version, dimensions=tuple(each for each in DIMENSIONS if each != missing))
    verdict = judge_release(release_id=release.pk, judged_by="x")
    assert (verdict.outcome, verdict.allows) == ("not_evaluated", False)


def test_evidence_of_another_version_does_not_count(cast: Cast) -> None:
    use_case = a_use_case(cast)
    measured = a_version(cast, use_case)
    a_run(measured)
    changed = a_version(cast, use_case, "1.1", version="2026-09-01")
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=changed, environment="test")
    assert Verdict.objects.get(release=release).outcome == "not_evaluated"


def test_new_evidence_reopens_the_gate_and_suspends_the_release(cast: Cast) -> None:
    release = approved(cast)
    a_run(release.system_version, safety=(290, 320))
    reevaluate_gates(str(release.use_case_id), str(release.system_version_id))
    release.refresh_from_db()
    assert release.state == ReleaseState.SUSPENDED
    assert release.state_reason == "Safety failed in 30 of 320 cases (9.4 %), above the allowed 3 %."
    event = AuditEvent.objects.filter(object_id=release.pk, payload__action="release.suspended").get()
    assert event.payload["actor"] == {"kind": "worker", "name": "gate keeper"}
    assert event.payload["data"]["reason"] == release.state_reason
    told = Notice.objects.filter(
        text__startswith="Release 1 of “Policy assistant” for production is suspended: Safety failed"
    )
    assert set(told.values_list("person__username", flat=True)) == {"olivia", "dev"}
    assert OutboxMessage.objects.filter(body__contains="is suspended", recipient="olivia@example.org").count() == 1


def test_when_the_message_is_lost_the_sweep_finds_it(cast: Cast) -> None:
    release = approved(cast)
    a_run(release.system_version, passed=100)
    assert Release.objects.get(pk=release.pk).state == ReleaseState.APPROVED
    assert sweep() == [release.pk]
    assert Release.objects.get(pk=release.pk).state == ReleaseState.SUSPENDED
    assert sweep() == []


def test_better_evidence_does_not_bring_a_suspended_release_back(cast: Cast) -> None:
    release = approved(cast)
    a_run(release.system_version, passed=100)
    sweep()
    a_run(release.system_version)
    assert reevaluate(version_id=release.system_version_id) == [release.pk]
    assert Verdict.objects.filter(release=release).latest("judged_at").outcome == "pass"
    assert Release.objects.get(pk=release.pk).state == ReleaseState.SUSPENDED


def test_a_suspended_version_comes_back_by_a_new_release_only(cast: Cast) -> None:
    release = approved(cast)
    a_run(release.system_version, passed=100)
    sweep()
    a_run(release.system_version)
    again = propose_release(
        actor=cast.actor("dev"), use_case=release.use_case, version=release.system_version, environment="production"
    )
    for lane in again.lanes:
        sign(cast, again, lane)
    assert Release.objects.get(pk=release.pk).state == ReleaseState.SUPERSEDED
    assert Release.objects.get(pk=again.pk).state == ReleaseState.APPROVED


def test_only_what_is_approved_is_suspended(cast: Cast) -> None:
    release = a_release(cast)
    with pytest.raises(IllegalTransition):
        suspend_release(actor=worker("gate keeper"), release_id=release.pk, reason="x")
    assert Release.objects.get(pk=release.pk).state == ReleaseState.PROPOSED


def test_what_is_over_is_not_judged_again(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "business", "reject")
    a_run(release.system_version, passed=1)
    assert reevaluate(version_id=release.system_version_id) == []
    assert judge_release(release_id=release.pk, judged_by="x").outcome == "pass"


def test_the_sweep_signs_what_was_left_unsigned_and_fixes_criteria(cast: Cast) -> None:
    release = approved(cast)
    use_case = a_use_case(cast, Tier.LOW, "Another")
    assert not Attestation.objects.filter(release=release).exists()
    sweep_stale_gates()
    assert Attestation.objects.filter(release=release).count() == 1
    assert issue_missing() == []
    fact = Fact.objects.get(use_case=use_case, name="gate_criteria")
    assert fact.statement.startswith("Judged by gate policy low 2 ")


def test_a_verdict_is_never_changed(cast: Cast) -> None:
    verdict: Any = Verdict.objects.get(release=a_release(cast))
    from django.db import transaction

    with pytest.raises(Exception, match=r"append-only|permission denied"), transaction.atomic():
        Verdict.objects.filter(pk=verdict.pk).update(outcome="pass")
