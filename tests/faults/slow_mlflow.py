"""A loopback MLflow that takes its time, with many runs made from one captured run, and what it must lead to."""

import copy
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evidence.actions.connectors import allow_host, create_connector
from evidence.actions.synchronisation import opened
from evidence.connectors.registry import connector as connector_of
from evidence.models import Connector, EvaluationRun, EvaluationScore
from evidence.readings import EvaluationRunReading
from tests.cast import Cast
from tests.evidence.connectors.answers import Mlflow, captured
from tests.evidence.connectors.mlflow_mappings import MAPPINGS, RUN
from tests.evidence.connectors.servers import Heard, serving
from tests.evidence.scenes import version_of
from usecases.models import SystemVersion

RUNS, RUNS_PER_PAGE = 16, 4
METRICS = ("groundedness", "relevance", "coherence", "completeness", "safety", "task_success")


class SlowMlflow(Mlflow):
    """Counts the runs whose cases were asked for, and holds its answers back while `gate` is closed."""

    def __init__(self, version: SystemVersion, pause: float) -> None:
        run, traces = captured("runs_search_by_tag")["runs"][0], captured("traces_search_v3_by_run")["traces"]
        names = [f"{number:032x}" for number in range(1, RUNS + 1)]
        super().__init__(
            captured("experiments_search")["experiments"],
            [_tagged(renamed(run, name), version, number) for number, name in enumerate(names)],
            {name: [renamed(trace, name) for trace in traces] for name in names},
        )
        self.largest_page, self.pause = RUNS_PER_PAGE, pause
        self.asked = 0
        self.counted = threading.Condition()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        if "traces/search" in heard.path:
            with self.counted:
                self.asked += 1
                self.counted.notify_all()
            time.sleep(self.pause)
            self.gate.wait(60)
        super().__call__(connection, heard)

    def await_asked(self, more: int, seconds: float = 30.0) -> None:
        """Returns once `more` further runs were asked for."""
        with self.counted:
            wanted = self.asked + more
            assert self.counted.wait_for(lambda: self.asked >= wanted, seconds), f"asked {self.asked} of {wanted}"


def renamed(row: dict[str, Any], name: str) -> dict[str, Any]:
    """The same row under another run, with trace ids of its own."""
    text = json.dumps(row).replace(RUN, name).replace('"trace_id": "tr-', f'"trace_id": "tr-{name[-4:]}')
    found: dict[str, Any] = json.loads(text)
    return found


def _tagged(run: dict[str, Any], version: SystemVersion, number: int) -> dict[str, Any]:
    run = copy.deepcopy(run)
    run["info"]["end_time"] += number * 1000
    told = {"gatehouse.use_case": "refunds", "gatehouse.version_digest": version.digest}
    run["data"]["tags"] = [row for row in run["data"]["tags"] if row["key"] not in told]
    run["data"]["tags"] += [{"key": key, "value": value} for key, value in told.items()]
    return run


@dataclass(frozen=True)
class Source:
    """The system, and the connector that reads it."""

    system: SlowMlflow
    connector: Connector


@contextmanager
def slow_source(cast: Cast, *, pause: float) -> Iterator[Source]:
    """Allowed by security, connected by platform, every run tagged for Dev's version."""
    version = version_of(cast)
    system = SlowMlflow(version, pause)
    with serving(system) as server:
        allow_host(actor=cast.actor("sam"), host="127.0.0.1", port=server.port, reason="The source of this test")
        rows = [
            {
                "metric": each.metric, "dimension": each.dimension, "scale_min": str(each.scale_min),
                "scale_max": str(each.scale_max), "direction": each.direction, "kind": each.kind,
                "threshold": str(each.threshold if each.threshold is not None else each.scale_max),
            }
            for each in MAPPINGS
            if each.metric in METRICS
        ]  # fmt: skip
        connector = create_connector(
            actor=cast.actor("petra"),
            kind="mlflow",
            name="Slow MLflow",
            config={"base_url": server.url},
            dimension_mapping=rows,
            use_case_mapping={"refunds": version.use_case.reference},
        )
        try:
            yield Source(system, connector)
        finally:
            system.gate.set()


def require_exactly_once(source: Source) -> None:
    """Every run of the source is stored once, in one revision, with each of its scores."""
    source.system.pause = 0.0
    with opened(source.connector) as session:
        batches = list(connector_of("mlflow").fetch(session, ""))
    readings = {
        reading.external_id: reading
        for batch in batches
        for reading in batch.readings
        if isinstance(reading, EvaluationRunReading)
    }
    assert len(readings) == RUNS
    stored = list(EvaluationRun.objects.order_by("external_id"))
    assert [(run.external_id, run.revision, run.is_current) for run in stored] == [
        (name, 1, True) for name in sorted(readings)
    ]
    for run in stored:
        reading = readings[run.external_id]
        assert run.raw_sha256 == reading.raw_sha256
        # Each metric is mapped on a dimension of its own here, so each case has one score per metric.
        scored = sum(len(case.scores) for case in reading.cases)
        assert EvaluationScore.objects.filter(run=run).count() == scored > 0
        assert {row.total for row in run.dimensions.all()} == {len(reading.cases)}
        assert run.dimensions.count() == len(METRICS)
