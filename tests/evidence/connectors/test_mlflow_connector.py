"""The MLflow connector against a scripted server that pages, shifts, repeats itself and sends odd shapes."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.connectors.base import Batch, Session
from evidence.connectors.errors import SchemaError
from evidence.connectors.mlflow import MlflowConnector
from evidence.connectors.mlflow_rows import RunReader
from evidence.connectors.transport import Limits, Transport
from evidence.readings import EvaluationRunReading
from tests.evidence.connectors.answers import Mlflow, captured
from tests.evidence.connectors.mlflow_mappings import MAPPINGS, RUN
from tests.evidence.connectors.servers import Server, respond, serving


@pytest.fixture
def run() -> dict[str, Any]:
    return captured("runs_search_by_tag")["runs"][0]


@pytest.fixture
def traces() -> list[dict[str, Any]]:
    return captured("traces_search_v3_by_run")["traces"]


def many_runs(run: Any, count: int) -> list[Any]:
    runs = []
    for number in range(count):
        runs.append(copy.deepcopy(run))
        runs[-1]["info"] |= {"run_id": f"run{number:03}", "end_time": 1_000_000 + number // 3}
    return runs


def fetched(
    server: Server, cursor: str = "", config: Any = None, now: datetime | None = None, **options: Any
) -> list[Batch]:
    with Transport(allowed_internal=server.allowed, limits=Limits(total=20)) as http:
        config = {"base_url": server.url, **(config or {})}
        session = Session(config=config, mappings=MAPPINGS, http=http, now=now or datetime.now(UTC))
        return list(MlflowConnector().fetch(session, cursor, **options))


def ids(batches: list[Batch]) -> list[str]:
    return [reading.external_id for batch in batches for reading in batch.readings]


@pytest.fixture
def mlflow(run: Any, traces: Any) -> Mlflow:
    return Mlflow(captured("experiments_search")["experiments"], [run], {RUN: traces})


def test_runs_and_traces_are_fetched_over_all_their_pages(mlflow: Mlflow, run: Any, traces: Any) -> None:
    mappings = {mapping.metric: mapping for mapping in MAPPINGS}
    whole, _ = RunReader("https://mlflow.example.org", mappings).read(run, traces)
    mlflow.largest_page = 2
    with serving(mlflow) as server:
        batches = fetched(server)
    assert ids(batches) == [RUN]
    assert batches[0].cursor == "1795422728068"
    assert batches[0].readings[0].cases == whole.cases  # type: ignore[union-attr]
    assert batches[0].readings[0].raw_sha256 == whole.raw_sha256  # type: ignore[union-attr]


def test_every_run_is_read_once_though_pages_overlap(mlflow: Mlflow, run: Any) -> None:
    mlflow.runs = many_runs(run, 100)
    with serving(mlflow) as server:
        batches = fetched(server)
    assert sorted(ids(batches)) == [f"run{number:03}" for number in range(100)]
    assert [int(batch.cursor) for batch in batches] == sorted(int(batch.cursor) for batch in batches)
    assert len(batches) > 1


def test_a_run_deleted_between_two_pages_hides_no_other(mlflow: Mlflow, run: Any) -> None:
    mlflow.runs = many_runs(run, 60)
    page = mlflow.page

    def page_then_delete(name: str, rows: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
        reply = page(name, rows, asked)
        if name == "runs" and len(mlflow.runs) == 60:
            mlflow.runs = mlflow.runs[10:]
        return reply

    mlflow.page = page_then_delete  # type: ignore[method-assign]
    with serving(mlflow) as server:
        batches = fetched(server)
    assert {f"run{number:03}" for number in range(10, 60)} <= set(ids(batches))


def test_the_look_back_window_reads_finished_runs_again(mlflow: Mlflow) -> None:
    day = 24 * 3600 * 1000
    with serving(mlflow) as server:
        assert ids(fetched(server, cursor=str(1795422728068 + day))) == [RUN]
        assert ids(fetched(server, cursor=str(1795422728068 + 8 * day))) == []
        assert ids(fetched(server, cursor=str(1795422728068 + day), lookback=timedelta(hours=1))) == []


def test_a_clock_that_runs_ahead_does_not_move_the_cursor_beyond_now(mlflow: Mlflow) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with serving(mlflow) as server:
        assert fetched(server, now=now)[0].cursor == str(round(now.timestamp() * 1000))


@pytest.mark.parametrize("path", ["experiments", "runs", "traces"])
def test_a_token_that_leads_back_ends_the_fetch(mlflow: Mlflow, path: str) -> None:
    page = mlflow.page

    def same_page(name: str, rows: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
        return page(name, rows, asked) | ({"next_page_token": "again"} if name == path else {})

    def decoded(name: str, rows: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
        return same_page(name, rows, {**asked, "page_token": None})

    mlflow.page = decoded  # type: ignore[method-assign]
    with serving(mlflow) as server, pytest.raises(SchemaError, match="same page for ever"):
        fetched(server)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"experiments": 7}', b'{"experiments": [null, 7, {"experiment_id": {}}]}', b'{"runs": "x"}']
)
def test_odd_shapes_yield_nothing_and_never_crash(body: bytes) -> None:
    with serving(respond(body)) as server:
        assert ids(fetched(server)) == []


def test_odd_shapes_inside_runs_and_traces_are_read_as_missing(mlflow: Mlflow, run: Any) -> None:
    run["data"] = {"tags": "x", "metrics": [7], "params": None}
    run["inputs"] = {"dataset_inputs": [{"dataset": 3}]}
    run["info"]["start_time"] = "yesterday"
    mlflow.traces[RUN] = [{"trace_id": 7, "tags": {"mlflow.eval.requestId": "x"}, "assessments": [3, {"feedback": 1}]}]
    with serving(mlflow) as server:
        reading = fetched(server)[0].readings[0]
    assert isinstance(reading, EvaluationRunReading)
    assert (reading.started_at, reading.use_case_key, len(reading.cases)) == (None, "UC-2026-0042", 1)


def test_a_run_without_judged_cases_is_reported(mlflow: Mlflow) -> None:
    mlflow.traces = {}
    with serving(mlflow) as server:
        batch = fetched(server)[0]
    assert [reject.reference for reject in batch.rejects] == [RUN]
    assert "no judged cases" in batch.rejects[0].reason


def test_a_run_id_that_would_change_the_filter_is_rejected(mlflow: Mlflow, run: Any) -> None:
    run["info"]["run_id"] = "x' OR 'a' = 'a"
    with serving(mlflow) as server:
        batch = fetched(server)[0]
        assert not [heard for heard in server.heard if "traces" in heard.path]
    assert batch.readings == ()
    assert "id is not one MLflow gives" in batch.rejects[0].reason


@pytest.mark.parametrize("wanted", ["gov/hr-policy-assistant", "1"])
def test_only_configured_experiments_are_read(mlflow: Mlflow, wanted: str) -> None:
    with serving(mlflow) as server:
        batches = fetched(server, config={"experiments": [wanted, "missing"]})
        assert ids(batches) == [RUN]
        assert ids(fetched(server, config={"experiments": ["Default"]})) == []
    assert [reject.reference for reject in batches[0].rejects] == ["missing"]


def test_a_foreign_cursor_is_refused(mlflow: Mlflow) -> None:
    with serving(mlflow) as server, pytest.raises(SchemaError, match="cursor"):
        fetched(server, cursor="page-2")


def checked(server: Server, **config: Any) -> list[tuple[str, bool]]:
    with Transport(allowed_internal=server.allowed) as http:
        result = MlflowConnector().check(Session(config={"base_url": server.url, **config}, http=http))
    assert result.ok is all(step.ok for step in result.steps)
    assert all(step.ok or step.mend for step in result.steps)
    return [(step.what, step.ok) for step in result.steps]


def test_a_check_goes_through_every_step(mlflow: Mlflow) -> None:
    with serving(mlflow) as server:
        assert [ok for _, ok in checked(server)] == [True] * 5


def test_a_check_stops_at_the_first_thing_that_is_wrong(mlflow: Mlflow) -> None:
    with serving(mlflow) as server:
        assert checked(server, experiments=["missing"])[-1] == ("Find the configured experiments", False)
        assert checked(server, base_url="https://127.0.0.1/") == [("Resolve the address", False)]
        assert checked(server, base_url="") == [("Resolve the address", False)]
        mlflow.experiments = []
        assert checked(server)[-1] == ("See experiments", False)
        mlflow.version = b"2.22.0"
        assert checked(server)[-1] == ("Recognise MLflow", False)
        mlflow.version = b"hello"
        assert checked(server)[-1] == ("Recognise MLflow", False)


def test_the_host_check_of_mlflow_is_explained() -> None:
    refusal = captured_text("bad_host").encode()
    with (
        serving(respond(refusal, status="403 Forbidden", kind="text/plain")) as server,
        Transport(allowed_internal=server.allowed) as http,
    ):
        result = MlflowConnector().check(Session(config={"base_url": server.url}, http=http))
    assert not result.ok
    assert "--allowed-hosts" in result.steps[-1].mend


def captured_text(name: str) -> str:
    return str(captured(name))


def test_discovery_counts_experiments_use_cases_and_metrics(mlflow: Mlflow) -> None:
    with serving(mlflow) as server, Transport(allowed_internal=server.allowed) as http:
        found = MlflowConnector().discover(Session(config={"base_url": server.url}, http=http))
    assert [(entry.key, entry.label, entry.count) for entry in found if entry.kind == "experiment"] == [
        ("1", "gov/hr-policy-assistant", 1),
        ("0", "Default", 0),
    ]
    assert [(entry.key, entry.count) for entry in found if entry.kind == "use_case"] == [("UC-2026-0042", 1)]
    assert {entry.key for entry in found if entry.kind == "metric"} == {mapping.metric for mapping in MAPPINGS}


@pytest.mark.parametrize(
    ("config", "secrets", "expected"),
    [
        ({}, {}, {}),
        ({"username": "reader"}, {"password": "pä:ss"}, {"Authorization": "Basic cmVhZGVyOnDDpDpzcw=="}),
        ({"username": "reader"}, {"password": "p", "token": "t"}, {"Authorization": "Bearer t"}),
    ],
)
def test_basic_and_bearer_credentials_become_headers(config: Any, secrets: Any, expected: Any) -> None:
    assert MlflowConnector().request_headers(config, secrets) == expected


def test_secrets_do_not_show_in_a_session_s_own_words() -> None:
    assert "s3cret" not in repr(Session(secrets={"token": "s3cret"}))
