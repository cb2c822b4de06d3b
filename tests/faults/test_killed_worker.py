"""A worker that dies or freezes in the middle of a synchronisation loses nothing and repeats nothing."""

import os
import signal
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from evidence.actions import syncs
from evidence.choices import SyncState
from evidence.models import EvaluationRun, SyncRun
from portal.models import AuditEvent
from tests.cast import Cast
from tests.faults.slow_mlflow import RUNS, RUNS_PER_PAGE, require_exactly_once, slow_source
from tests.journeys.processes import Works, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

# When the power goes: (further runs whose cases were asked for, seconds after that). Within the first page, while a
# page is being stored, just behind it, and late.
CUTS = ((2, 0.0), (RUNS_PER_PAGE, 0.16), (2 * RUNS_PER_PAGE, 0.2), (13, 0.05))
PAUSE = 0.15


def a_minute_later(run: SyncRun) -> None:
    """The lease has run out, the reaper has come by, the wait is over and the scheduler has rung."""
    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert syncs.reap() == [run.pk]
    SyncRun.objects.filter(pk=run.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    (due,) = syncs.start_due()
    syncs.ring(due)


def succeeded(run: SyncRun) -> bool:
    run.refresh_from_db()
    return run.state == SyncState.SUCCEEDED


def test_a_worker_killed_at_four_points_of_a_sync_loses_and_repeats_nothing(committed_cast: Cast, work: Works) -> None:
    with slow_source(committed_cast, pause=PAUSE) as source:
        run = syncs.request_sync(actor=committed_cast.actor("petra"), connector=source.connector)
        worker, kept = work.worker(), []
        for attempt, (asked, seconds) in enumerate(CUTS, 1):
            source.system.await_asked(asked)
            time.sleep(seconds)
            worker.kill()
            run.refresh_from_db()
            assert (run.state, run.attempt) == (SyncState.RUNNING, attempt)
            kept.append(EvaluationRun.objects.count())
            worker = work.worker()
            a_minute_later(run)
        wait_until(lambda: succeeded(run), seconds=40, what="the end of the sync", watched=worker)
        assert (run.attempt, run.token, run.error) == (len(CUTS) + 1, None, "")
        # Whole pages or nothing; the cuts did hit before, between and behind them.
        assert [count % RUNS_PER_PAGE for count in kept] == [0] * len(CUTS)
        assert kept == sorted(kept)
        assert kept[0] == 0 < kept[-1] < RUNS
        # What earlier attempts stored counts for the run; this one found all and had the rest to do.
        assert (run.counts["created"], run.counts["found"]) == (RUNS, RUNS)
        require_exactly_once(source)
    told = AuditEvent.objects.filter(payload__action="evaluation_run.recorded")
    assert (told.count(), AuditEvent.objects.filter(payload__action="sync_run.died").count()) == (RUNS, 0)


def test_a_frozen_worker_that_wakes_up_again_writes_nothing(committed_cast: Cast, work: Works) -> None:
    """Frozen while it waits for the source, overtaken by another worker, then thawed: the fence keeps it out."""
    with slow_source(committed_cast, pause=0.02) as source:
        source.system.gate.clear()
        run = syncs.request_sync(actor=committed_cast.actor("petra"), connector=source.connector)
        frozen = work.worker()
        source.system.await_asked(1)
        os.killpg(frozen.popen.pid, signal.SIGSTOP)
        try:
            other = work.worker()
            source.system.gate.set()
            a_minute_later(run)
            wait_until(lambda: succeeded(run), seconds=40, what="the other worker", watched=other)
            before = AuditEvent.objects.count()
        finally:
            os.killpg(frozen.popen.pid, signal.SIGCONT)
        wait_until(lambda: "lease lost" in frozen.output, seconds=30, what="the thawed worker", watched=frozen)
        run.refresh_from_db()
        assert (run.state, run.attempt, AuditEvent.objects.count()) == (SyncState.SUCCEEDED, 2, before)
        require_exactly_once(source)
