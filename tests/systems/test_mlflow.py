"""The MLflow connector against a real server filled by a real `mlflow.genai.evaluate()`."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.mlflow import MlflowConnector
from evidence.connectors.transport import Transport
from evidence.readings import EvaluationRunReading
from tests.systems.mlflow_cases import CASES, FAILING_ITEM, SILENT_ITEM
from tests.systems.mlflow_server import EXPERIMENT, MlflowServer, running

pytestmark = [pytest.mark.systems, pytest.mark.timeout(900)]

DIGEST = "5e" * 32
TAGS = {
    "gatehouse.use_case": "UC-0001",
    "gatehouse.version_digest": f"sha256:{DIGEST}",
    "environment": "staging",
    "git_sha": "4be1c2a",
}
ONE, NONE = Decimal(1), Decimal(0)
MAPPINGS = (
    DimensionMapping("groundedness", "groundedness", NONE, ONE, "higher", Decimal("0.5")),
    DimensionMapping("relevance", "relevance", NONE, ONE, "higher", Decimal("0.5")),
    DimensionMapping("safety", "safety", NONE, ONE, "higher", kind="boolean"),
    DimensionMapping("task_success", "task_success", NONE, ONE, "higher", kind="boolean"),
    DimensionMapping("completeness", "completeness", NONE, ONE, "higher", Decimal("0.5")),
)


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with running(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="module")
def run_id(mlflow: MlflowServer) -> str:
    return mlflow.evaluate(TAGS)


def session(mlflow: MlflowServer, http: Transport, **config: Any) -> Session:
    return Session(config={"base_url": mlflow.url, **config}, mappings=MAPPINGS, http=http)


def fetched(mlflow: MlflowServer, *, cursor: str = "", lookback: timedelta = timedelta(days=7)) -> list[Batch]:
    with Transport(allowed_internal=frozenset({mlflow.endpoint})) as http:
        return list(MlflowConnector().fetch(session(mlflow, http, experiments=[EXPERIMENT]), cursor, lookback))


def one_run(mlflow: MlflowServer, run_id: str) -> EvaluationRunReading:
    runs = [reading for batch in fetched(mlflow) for reading in batch.readings]
    found = [run for run in runs if isinstance(run, EvaluationRunReading) and run.external_id == run_id]
    assert len(found) == 1
    return found[0]


def test_a_check_and_a_discovery_see_the_server_as_it_is(mlflow: MlflowServer, run_id: str) -> None:
    with Transport(allowed_internal=frozenset({mlflow.endpoint})) as http:
        check = MlflowConnector().check(session(mlflow, http))
        found = MlflowConnector().discover(session(mlflow, http))
    runs = [reading for batch in fetched(mlflow) for reading in batch.readings]
    assert [step.ok for step in check.steps] == [True] * 5
    assert check.ok
    assert check.steps[1].detail == "3.17.2"
    assert [(entry.label, entry.count) for entry in found if entry.kind == "experiment"] == [
        (EXPERIMENT, len(runs)),
        ("Default", 0),
    ]
    assert {entry.key for entry in found if entry.kind == "metric"} == {mapping.metric for mapping in MAPPINGS}


def test_what_was_put_in_comes_out_exactly(mlflow: MlflowServer, run_id: str) -> None:
    run = one_run(mlflow, run_id)
    assert (run.use_case_key, run.version_digest, run.environment) == ("UC-0001", DIGEST, "staging")
    assert (run.application_commit, run.model_name, run.name) == ("4be1c2a", "made-up-model", "evaluation")
    assert {case.item_id: case.item_kind for case in run.cases} == {case["item"]: case["kind"] for case in CASES}
    assert {case.trial for case in run.cases} == {1}
    values = {(case.item_id, score.metric): score.value for case in run.cases for score in case.scores}
    for case in CASES:
        assert values[case["item"], "groundedness"] == Decimal(repr(case["groundedness"]))
        assert values[case["item"], "relevance"] == Decimal(repr(case["relevance"]))
        assert values[case["item"], "safety"] == Decimal(int(case["safe"]))
        solved = None if case["item"] == FAILING_ITEM else Decimal(int(case["solved"]))
        assert values[case["item"], "task_success"] == solved
        complete = None if case["item"] == SILENT_ITEM else Decimal(repr(case["completeness"]))
        assert values[case["item"], "completeness"] == complete


def test_totals_per_dimension_count_the_failed_judge_and_the_silent_one(mlflow: MlflowServer, run_id: str) -> None:
    run = one_run(mlflow, run_id)
    states: dict[str, Counter[str]] = {mapping.dimension: Counter() for mapping in MAPPINGS}
    passed: Counter[str] = Counter()
    for case in run.cases:
        for score in case.scores:
            states[score.dimension][score.state] += 1
            passed[score.dimension] += score.passed is True
    assert states == {
        "groundedness": Counter(scored=14),
        "relevance": Counter(scored=14),
        "safety": Counter(scored=14),
        "task_success": Counter(scored=13, errored=1),
        "completeness": Counter(scored=13, skipped=1),
    }
    assert passed == Counter(
        groundedness=sum(case["groundedness"] >= 0.5 for case in CASES),
        relevance=sum(case["relevance"] >= 0.5 for case in CASES),
        safety=13,
        task_success=sum(case["solved"] and case["item"] != FAILING_ITEM for case in CASES),
        completeness=sum(case["completeness"] >= 0.5 and case["item"] != SILENT_ITEM for case in CASES),
    )


def test_the_failed_judge_is_errored_on_exactly_its_case(mlflow: MlflowServer, run_id: str) -> None:
    run = one_run(mlflow, run_id)
    errored = [(case.item_id, score) for case in run.cases for score in case.scores if score.state == "errored"]
    assert [(item, score.metric, score.value, score.passed) for item, score in errored] == [
        (FAILING_ITEM, "task_success", None, None)
    ]
    assert errored[0][1].error == "judge endpoint unavailable"


def test_fetching_again_reads_the_same(mlflow: MlflowServer, run_id: str) -> None:
    first, second = one_run(mlflow, run_id), one_run(mlflow, run_id)
    assert first.raw_sha256 == second.raw_sha256
    assert first == second


def test_a_stored_cursor_and_no_look_back_still_reads_the_newest_run_only(mlflow: MlflowServer, run_id: str) -> None:
    cursor = fetched(mlflow)[-1].cursor
    again = [reading for batch in fetched(mlflow, cursor=cursor, lookback=timedelta(0)) for reading in batch.readings]
    assert len(again) == 1
    later = str(int(cursor) + 1)
    assert fetched(mlflow, cursor=later, lookback=timedelta(0)) == []


def test_a_late_judgement_and_a_late_metric_each_show_as_a_change(mlflow: MlflowServer) -> None:
    run_id = mlflow.evaluate(TAGS, name="changed later")
    before = one_run(mlflow, run_id)
    mlflow.judge_late(run_id, item="policy-00", metric="groundedness", value=1.0)
    judged = one_run(mlflow, run_id)
    assert judged.raw_sha256 != before.raw_sha256
    assert judged.finished_at == before.finished_at
    value = next(
        s.value for c in judged.cases if c.item_id == "policy-00" for s in c.scores if s.metric == "groundedness"
    )
    assert value == ONE
    mlflow.log_metric_late(run_id, "groundedness/mean", 0.2)
    averaged = one_run(mlflow, run_id)
    assert averaged.raw_sha256 not in {before.raw_sha256, judged.raw_sha256}
    assert averaged.cases == judged.cases
