"""A whole portal, real worker and scheduler included, reads a real MLflow: on demand, by schedule, and again later."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.actions.connectors import allow_host
from evidence.models import AllowedHost, EvaluationScore
from tests.cast import Cast
from tests.evidence.scenes import version_of
from tests.journeys.processes import Process, Works, wait_until, works
from tests.journeys.visitors import Lobby, said
from tests.systems.mlflow_cases import CASES, FAILING_ITEM, SILENT_ITEM
from tests.systems.mlflow_server import EXPERIMENT, MlflowServer, running

pytestmark = [pytest.mark.systems, pytest.mark.timeout(900)]

BOOLEANS = ("safety", "task_success")
MAPPING = [
    {
        "metric": name, "dimension": name, "scale_min": "0", "scale_max": "1", "direction": "higher",
        "threshold": "1" if name in BOOLEANS else "0.5", "kind": "boolean" if name in BOOLEANS else "numeric",
    }
    for name in ("groundedness", "relevance", "safety", "task_success", "completeness")
]  # fmt: skip


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[MlflowServer]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def work(committed_cast: Cast, live_server: Any, tmp_path: Path) -> Iterator[Works]:
    with works(tmp_path) as started:
        yield started


@pytest.fixture
def lobby(committed_cast: Cast, live_server: Any) -> Iterator[Lobby]:
    opened = Lobby(live_server.url, committed_cast)
    yield opened
    opened.close()


def put_in() -> dict[str, dict[str, int]]:
    """What the portal must count, told by the very cases that were put into MLflow."""
    solved = sum(case["solved"] and case["item"] != FAILING_ITEM for case in CASES)
    complete = sum(case["completeness"] >= 0.5 and case["item"] != SILENT_ITEM for case in CASES)
    rows = {
        "groundedness": (14, 0, 0, sum(case["groundedness"] >= 0.5 for case in CASES)),
        "relevance": (14, 0, 0, sum(case["relevance"] >= 0.5 for case in CASES)),
        "safety": (14, 0, 0, sum(case["safe"] for case in CASES)),
        "task_success": (13, 1, 0, solved),
        "completeness": (13, 0, 1, complete),
    }
    names = ("scored", "errored", "skipped", "passed")
    return {key: {"total": len(CASES), **dict(zip(names, row, strict=True))} for key, row in rows.items()}


class Portal:
    """The portal as platform and its owner see it, with one connector."""

    def __init__(self, lobby: Lobby, worker: Process, use_case: str) -> None:
        self.petra, self.olivia = lobby["petra"], lobby["olivia"]
        self.worker, self.use_case = worker, use_case
        self.connector = ""

    def connect(self, mlflow: MlflowServer) -> None:
        asked = {
            "kind": "mlflow", "name": "Experiments", "dimension_mapping": MAPPING,
            "config": {"base_url": mlflow.url, "experiments": [EXPERIMENT]},
            "use_case_mapping": {"travel-policy": self.use_case}, "schedule_minutes": 5,
        }  # fmt: skip
        self.connector = said(self.petra.post("connectors/", asked), 201)["id"]

    def runs(self) -> list[dict[str, Any]]:
        """The connector's runs, newest first."""
        found: list[dict[str, Any]] = said(self.petra.get(f"connectors/{self.connector}/runs/"))["results"]
        return found

    def sync(self) -> dict[str, Any]:
        """Read now, and wait for the end of it."""
        asked = said(self.petra.post(f"connectors/{self.connector}/sync/"), 202)
        return self.finished(asked["id"])

    def finished(self, run: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            (found,) = [each for each in self.runs() if each["id"] == run]
            return found if found["state"] in ("succeeded", "dead") else None

        ended: dict[str, Any] = wait_until(over, seconds=90, what="the sync", watched=self.worker, every=0.5)
        return ended

    def evidence(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = said(self.olivia.get("evaluation-runs/", use_case=self.use_case))["results"]
        return found

    def page(self, run: str) -> str:
        return " ".join(self.petra.http.get(f"/connectors/{self.connector}/runs/{run}/").text.split())


def counted(run: dict[str, Any]) -> dict[str, dict[str, int]]:
    names = ("total", "scored", "errored", "skipped", "passed")
    return {row["dimension"]: {name: row[name] for name in names} for row in run["dimensions"]}


def done(run: dict[str, Any]) -> tuple[Any, ...]:
    counts = run["counts"]
    return run["state"], run["error"], counts["found"], counts["created"], counts["revised"], counts["unchanged"]


def test_a_portal_reads_mlflow_on_demand_by_schedule_and_again_after_a_late_change(
    committed_cast: Cast, lobby: Lobby, work: Works, mlflow: MlflowServer
) -> None:
    version = version_of(committed_cast)
    portal = Portal(lobby, work.worker(), version.use_case.reference)
    portal.connect(mlflow)
    tags = {"gatehouse.use_case": "travel-policy", "gatehouse.version_digest": f"sha256:{version.digest}"}
    source_run = mlflow.evaluate(tags, name="travel policy")

    # Nobody allowed the internal address yet: refused, in words, and not tried again.
    closed = portal.sync()
    assert (closed["state"], closed["error_kind"], closed["attempt"]) == ("dead", "refused", 1)
    assert closed["error"] in portal.page(closed["id"])
    allow_host(actor=committed_cast.actor("sam"), host="127.0.0.1", port=mlflow.port, reason="Our MLflow")

    first = portal.sync()
    assert done(first) == ("succeeded", "", 1, 1, 0, 0)
    assert first["rejects"] == []
    (run,) = portal.evidence()
    assert (run["external_id"], run["version"], run["revision"]) == (source_run, version.digest, 1)
    assert counted(run) == put_in()
    errored = EvaluationScore.objects.filter(run_id=run["id"], state="errored")
    assert [(row.item_id, row.metric, row.value) for row in errored] == [(FAILING_ITEM, "task_success", None)]

    second = portal.sync()
    assert done(second) == ("succeeded", "", 1, 0, 0, 1)
    assert [each["id"] for each in portal.evidence()] == [run["id"]]

    # A judgement that arrives after the run had ended, found by the schedule.
    mlflow.judge_late(source_run, item=CASES[0]["item"], metric="groundedness", value=1.0)
    work.scheduler()
    scheduled = wait_until(
        lambda: [each for each in portal.runs() if each["trigger"] == "schedule"], seconds=60, what="the schedule"
    )
    late = portal.finished(scheduled[0]["id"])
    assert done(late) == ("succeeded", "", 1, 0, 1, 0)
    revisions = {each["revision"]: each for each in portal.evidence()}
    assert {number: each["is_current"] for number, each in revisions.items()} == {1: False, 2: True}
    expected = put_in()
    expected["groundedness"]["passed"] += CASES[0]["groundedness"] < 0.5
    assert counted(revisions[2]) == expected

    page = portal.page(late["id"])
    for words in ("<dd>On schedule</dd>", '<p class="lede">1 revised</p>', "Nothing was left out.", "Finished"):
        assert words in page
    assert f'datetime="{late["finished_at"][:19]}' in page
    assert AllowedHost.objects.count() == 1
