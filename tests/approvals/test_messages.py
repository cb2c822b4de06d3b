"""From the evidence's announcement to the suspended release, with and without a broker."""

import uuid
from typing import Any

import pytest

from approvals.choices import ReleaseState
from approvals.models import Release
from approvals.tasks import reevaluate_gates, sweep_stale_gates
from evidence.events import evidence_recorded
from evidence.models import EvaluationRun
from tests.approvals.story import a_run, approved
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
