"""A message that is lost costs promptness only: the gate says no at once, and the sweep does the rest."""

import secrets
from typing import Any

import pytest

from approvals.models import Release
from portal.celery import app
from tests.approvals.doors import machine, post
from tests.approvals.story import approved
from tests.cast import Cast
from tests.journeys.payloads import a_run
from tests.journeys.processes import Works, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def asked(cast: Cast, release: Release) -> list[str]:
    """The codes of the gate's answer about what was released."""
    question = {
        "use_case": release.use_case.reference, "environment": release.environment,
        "digest": release.system_version.digest, "nonce": secrets.token_urlsafe(12),
    }  # fmt: skip
    answer = post(machine(cast, "pipeline"), "/api/v1/gate/check/", question)
    assert answer.status_code == 200
    codes: list[str] = answer.json()["codes"]
    return codes


def test_evidence_whose_message_was_lost_is_denied_at_once_and_suspends_by_the_sweep(
    committed_cast: Cast, work: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast, release = committed_cast, approved(committed_cast)
    assert asked(cast, release) == []
    sent: list[str] = []

    def lost(_app: Any, name: str, *_arguments: Any, **_options: Any) -> None:
        sent.append(name)
        raise ConnectionError("no broker")

    with monkeypatch.context() as cut:
        cut.setattr(type(app), "send_task", lost)
        cut.setattr("celery.app.task.Task.apply_async", lambda task, *a, **o: lost(app, task.name))
        failing = a_run(release.use_case.reference, release.system_version.digest, good=120)
        answer = post(machine(cast, "ingest"), "/api/v1/evaluation-runs/", failing)
    assert (answer.status_code, sent) == (201, ["approvals.reevaluate_gates"])

    worker = work.worker()
    release.refresh_from_db()
    assert (release.state, asked(cast, release)) == ("approved", ["gate_fails"])
    app.send_task("approvals.sweep_stale_gates")

    def suspended() -> bool:
        release.refresh_from_db()
        return release.state == "suspended"

    wait_until(suspended, seconds=30, what="the sweep", watched=worker)
    assert release.state_reason == "Groundedness passed in 120 of 200 cases (60 %), below the required 85 %."
    assert asked(cast, release) == ["release_suspended", "gate_fails"]
