"""Several at once: one run recorded by many, one period seen by many schedulers, one run wanted by many workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from evidence.actions import syncs
from evidence.actions.usage import Target, record_usage
from evidence.models import EvaluationRun, EvaluationScore, SyncRun, UsageRecord
from portal.actors import worker
from tests.cast import Cast
from tests.evidence.scenes import case, recorded, usage, version_of
from tests.evidence.test_connectors import mlflow

AT_ONCE = 6
WORKER = worker("connector")


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "ring", lambda _run_id: None)


def together(work: Callable[[int], Any]) -> list[Any]:
    """The results of the same work done by several threads at once, each with its own connection."""

    def alone(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(alone, range(AT_ONCE)))


def test_the_same_run_recorded_by_many_at_once_is_one_run(committed_cast: Cast) -> None:
    version = version_of(committed_cast)
    changes = together(lambda _number: recorded(WORKER, version).change)
    assert sorted(changes) == ["created", *["unchanged"] * (AT_ONCE - 1)]
    assert (EvaluationRun.objects.count(), EvaluationScore.objects.count()) == (1, 1)


def test_different_contents_of_one_run_at_once_are_revisions_with_one_current(committed_cast: Cast) -> None:
    version = version_of(committed_cast)
    together(lambda number: recorded(WORKER, version, case("q-1", grounded=f"0.{number + 1}")))
    runs = EvaluationRun.objects.order_by("revision")
    assert [run.revision for run in runs] == list(range(1, AT_ONCE + 1))
    assert [run.revision for run in runs if run.is_current] == [AT_ONCE]


def test_many_schedulers_at_once_make_one_run_per_period(committed_cast: Cast) -> None:
    for number in range(3):
        mlflow(committed_cast, name=f"Source {number}", schedule_minutes=15)
    now = datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
    together(lambda _number: syncs.start_due(now))
    assert SyncRun.objects.count() == 3


def test_many_workers_at_once_and_one_gets_the_run(committed_cast: Cast) -> None:
    run = SyncRun.objects.create(connector=mlflow(committed_cast), trigger="demand", next_at=timezone.now())
    leases = [lease for lease in together(lambda _number: syncs.claim(run.pk)) if lease is not None]
    run.refresh_from_db()
    assert ([lease.token for lease in leases], run.attempt) == ([run.token], 1)


def test_overlapping_usage_from_many_at_once_is_stored_once(committed_cast: Cast) -> None:
    use_case = version_of(committed_cast).use_case
    readings = [usage(model=f"m-{number}") for number in range(50)]

    def store(number: int) -> int:
        order = readings if number % 2 else readings[::-1]
        counts = record_usage(actor=WORKER, readings=order, source="s", resolve=lambda _reading: Target(use_case))
        return counts.created

    assert sorted(together(store)) == [0] * (AT_ONCE - 1) + [50]
    assert UsageRecord.objects.count() == 50
