"""A worker process killed in the middle of a synchronisation loses and duplicates nothing."""

import copy
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from evidence.actions import synchronisation, syncs
from evidence.models import Connector, EvaluationDimension, EvaluationRun, EvaluationScore, SyncRun
from tests.cast import Cast
from tests.evidence.connectors.answers import Mlflow, captured
from tests.evidence.connectors.mlflow_mappings import RUN
from tests.evidence.connectors.servers import Heard, serving
from tests.evidence.scenes import version_of
from tests.evidence.test_syncs import reading_from
from usecases.models import SystemVersion

RUNS = 60
WORKER = """
import sys, uuid, django
django.setup()
from evidence.actions.synchronisation import run_sync
run_sync(uuid.UUID(sys.argv[1]))
"""


class SlowMlflow(Mlflow):
    """Answers after a while, so that there is a middle to be killed in."""

    pause = 0.02

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        time.sleep(self.pause)
        super().__call__(connection, heard)


def many(count: int) -> SlowMlflow:
    """`count` finished runs with the captured traces each."""
    run, traces = captured("runs_search_by_tag")["runs"][0], captured("traces_search_v3_by_run")["traces"]
    runs, by_run = [], {}
    for number in range(count):
        name = f"{number:032x}"
        runs.append(copy.deepcopy(run))
        runs[-1]["info"] |= {"run_id": name, "run_uuid": name, "end_time": run["info"]["end_time"] - count + number}
        by_run[name] = _renamed(traces, name)
    return SlowMlflow(captured("experiments_search")["experiments"], runs, by_run)


def _renamed(value: Any, name: str) -> Any:
    """The traces as those of another run."""
    if isinstance(value, dict):
        return {key: _renamed(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, name) for item in value]
    return value.replace(RUN, name) if isinstance(value, str) else value


def worker_process(run: SyncRun, home: Path) -> "subprocess.Popen[bytes]":
    """A real process that works on the run in this test's database."""
    database = settings.DATABASES["default"]
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST'] or 'localhost'}"
    url = f"{url}:{database['PORT']}/{connection.settings_dict['NAME']}"
    if str(database["HOST"]).startswith("/"):
        url = f"postgresql://{database['USER']}:{database['PASSWORD']}@/{connection.settings_dict['NAME']}"
        url = f"{url}?host={database['HOST']}&port={database['PORT']}"
    environment = {**os.environ, "DATABASE_URL": url, "DATABASE_POOLED": "false", "GATEHOUSE_HOME": str(home)}
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", WORKER, str(run.pk)], env=environment, cwd=root)


def wait_for(condition: Any, seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


def test_a_worker_killed_in_the_middle_loses_nothing_and_duplicates_nothing(
    committed_cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncs, "ring", lambda _run_id: None)
    version: SystemVersion = version_of(committed_cast)
    system = many(RUNS)
    with serving(system) as server:
        run = reading_from(committed_cast, (server, system), version)
        process = worker_process(run, tmp_path)
        try:
            wait_for(lambda: EvaluationRun.objects.exists() or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            assert process.wait(10) == -signal.SIGKILL
        stored = EvaluationRun.objects.count()
        assert 0 < stored < RUNS
        run.refresh_from_db()
        assert run.state == "running"
        SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
        assert syncs.reap() == [run.pk]
        SyncRun.objects.filter(pk=run.pk).update(next_at=timezone.now())
        system.pause = 0
        assert synchronisation.run_sync(run.pk) is True
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == ("succeeded", 2, "")
    assert EvaluationRun.objects.count() == RUNS
    assert set(EvaluationRun.objects.values_list("revision", "is_current")) == {(1, True)}
    ids = EvaluationRun.objects.values_list("external_id", flat=True)
    assert set(ids) == {f"{number:032x}" for number in range(RUNS)}
    per_run = {EvaluationScore.objects.filter(run=each).count() for each in EvaluationRun.objects.all()[:RUNS]}
    assert len(per_run) == 1
    assert EvaluationScore.objects.count() == RUNS * per_run.pop()
    assert EvaluationDimension.objects.values("run").distinct().count() == RUNS
    assert Connector.objects.get().cursor == {"at": str(system.runs[-1]["info"]["end_time"])}
    assert run.counts["created"] == RUNS
