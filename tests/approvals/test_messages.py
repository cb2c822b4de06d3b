"""From the evidence's announcement to the suspended release, with and without a broker."""

import hashlib
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from approvals.choices import ReleaseState
from approvals.models import Release
from approvals.tasks import reevaluate_gates, sweep_stale_gates
from evidence.actions.ingestion import record_evaluation_run
from evidence.events import evidence_recorded
from evidence.models import EvaluationRun
from evidence.readings import CaseReading, EvaluationRunReading, ScoreReading
from tests.approvals.story import DIMENSIONS, a_release, a_run, approved, sign
from tests.cast import Cast


def announce(release: Release) -> list[tuple[Any, Any]]:
    told: list[tuple[Any, Any]] = evidence_recorded.send_robust(
        EvaluationRun, use_case_id=release.use_case_id, version_id=release.system_version_id, revised=False
    )
    return told


def test_an_announcement_only_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[tuple[str, str]] = []
    monkeypatch.setattr(reevaluate_gates, "apply_async", lambda args, **_more: rung.append(args))
    use_case, version = uuid.uuid4(), uuid.uuid4()
    evidence_recorded.send_robust(EvaluationRun, use_case_id=use_case, version_id=version, revised=True)
    assert rung == [(str(use_case), str(version))]


def test_the_message_suspends_the_release_end_to_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    release = approved(cast)
    monkeypatch.setattr(reevaluate_gates, "apply_async", lambda args, **_more: reevaluate_gates(*args))
    a_run(release.system_version, passed=100)
    announce(release)
    assert Release.objects.get(pk=release.pk).state == ReleaseState.SUSPENDED


def test_a_dead_broker_costs_only_promptness(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    release = approved(cast)

    def dead(*_args: Any, **_more: Any) -> None:
        raise ConnectionError("the broker is gone")

    monkeypatch.setattr(reevaluate_gates, "apply_async", dead)
    a_run(release.system_version, passed=100)
    assert [answer for _receiver, answer in announce(release)] == [None]
    assert Release.objects.get(pk=release.pk).state == ReleaseState.APPROVED
    sweep_stale_gates()
    assert Release.objects.get(pk=release.pk).state == ReleaseState.SUSPENDED


def a_reading(name: str, passed: int, cases: int = 320) -> EvaluationRunReading:
    """A run as a source tells it: `passed` of the cases are good on every dimension."""

    def score(dimension: str, good: bool) -> ScoreReading:
        return ScoreReading(
            metric=dimension,
            dimension=dimension,
            value=Decimal(int(good)),
            state="scored",
            error="",
            judge_kind="code",
            judge_name="exact",
            judge_version="1",
            scale_min=Decimal(0),
            scale_max=Decimal(1),
            direction="higher",
            threshold=Decimal("0.5"),
            passed=good,
        )

    return EvaluationRunReading(
        external_id=name,
        name=name,
        url="",
        started_at=None,
        finished_at=timezone.now(),
        use_case_key="",
        version_digest="",
        dataset_name="questions",
        dataset_version="1",
        dataset_digest="",
        model_name="",
        application_commit="",
        environment="",
        cases=tuple(
            CaseReading(f"q{index}", "common_question", 1, tuple(score(each, index < passed) for each in DIMENSIONS))
            for index in range(cases)
        ),
        raw_sha256=hashlib.sha256(f"{name}{passed}".encode()).hexdigest(),
    )


def test_a_revised_run_travels_from_ingestion_to_suspension(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(reevaluate_gates, "apply_async", lambda args, **_more: reevaluate_gates(*args))
    release = a_release(cast, evidence=False)

    def push(passed: int) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            return record_evaluation_run(
                actor=cast.actor("ingest"),
                use_case=release.use_case,
                version=release.system_version,
                reading=a_reading("nightly", passed),
                source="push:ingest",
            ).change

    assert push(320) == "created"
    for lane in release.lanes:
        sign(cast, release, lane)
    assert Release.objects.get(pk=release.pk).state == ReleaseState.APPROVED
    assert push(320) == "unchanged"
    assert Release.objects.get(pk=release.pk).state == ReleaseState.APPROVED
    assert push(250) == "revised"
    assert Release.objects.get(pk=release.pk).state == ReleaseState.SUSPENDED
