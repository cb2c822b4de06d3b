"""MLflow's captured answers read into runs, cases and scores."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evidence.connectors.base import DimensionMapping
from evidence.connectors.mlflow_rows import RunReader
from evidence.readings import EvaluationRunReading
from tests.evidence.connectors.answers import captured
from tests.evidence.connectors.mlflow_mappings import MAPPINGS, ONE, RUN


@pytest.fixture
def run() -> dict[str, Any]:
    return captured("runs_search_by_tag")["runs"][0]


@pytest.fixture
def traces() -> list[dict[str, Any]]:
    return captured("traces_search_v3_by_run")["traces"]


def read(run: Any, traces: Any, mappings: tuple[DimensionMapping, ...] = MAPPINGS) -> tuple[EvaluationRunReading, Any]:
    reader = RunReader("https://mlflow.example.org", {mapping.metric: mapping for mapping in mappings})
    return reader.read(run, traces)


def totals(reading: EvaluationRunReading) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for case in reading.cases:
        for score in case.scores:
            found.setdefault(score.dimension, Counter())[score.state] += 1
    return found


def test_a_captured_run_is_read_whole(run: Any, traces: Any) -> None:
    reading, rejects = read(run, traces)
    assert rejects == []
    assert (reading.external_id, reading.name) == (RUN, "eval-gpt-4o-mini-prompt-v2")
    assert (reading.use_case_key, reading.environment) == ("UC-2026-0042", "staging")
    assert (reading.model_name, reading.application_commit) == ("gpt-4o-mini", "4be1c2a")
    assert (reading.dataset_name, reading.dataset_digest, reading.version_digest) == ("hr-golden-set", "ded609f1", "")
    assert reading.finished_at == datetime(2026, 11, 23, 8, 32, 8, 68000, UTC)
    assert reading.url == f"https://mlflow.example.org/#/experiments/1/evaluation-runs?selectedRunUuid={RUN}"
    assert len(reading.cases) == 6
    assert {case.trial for case in reading.cases} == {1}
    assert reading.attributes["prompt_uri"] == "prompts:/hr-policy-answer/2"


def test_the_failed_judge_is_errored_on_its_case_though_the_run_s_mean_says_one(run: Any, traces: Any) -> None:
    means = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert means["flaky/mean"] == 1.0
    reading, _ = read(run, traces)
    assert totals(reading)["robustness"] == Counter(scored=5, errored=1)
    assert all(counts == Counter(scored=6) for name, counts in totals(reading).items() if name != "robustness")
    errors = [score for case in reading.cases for score in case.scores if score.state == "errored"]
    assert [(score.value, score.passed, score.error) for score in errors] == [
        (None, None, "judge endpoint unavailable")
    ]


def test_scores_keep_scale_judge_and_threshold(run: Any, traces: Any) -> None:
    reading, _ = read(run, traces)
    scores = {score.metric: score for score in reading.cases[0].scores}
    grounded, safe = scores["groundedness"], scores["safety"]
    assert (grounded.value, grounded.passed, grounded.judge_name) == (ONE, True, "token-overlap@1")
    assert grounded.judge_version.startswith("sha256:501b764f")
    assert (safe.value, safe.passed, safe.judge_kind) == (ONE, True, "code")
    assert (scores["coherence"].value, scores["coherence"].scale_max) == (Decimal("5.0"), Decimal(5))
    assert scores["completeness"].passed is None


def test_prompts_and_answers_are_not_kept(run: Any, traces: Any) -> None:
    reading, _ = read(run, traces)
    assert "harassment" in json.dumps(traces)
    assert "harassment" not in repr(reading)
    assert "hotline" not in repr(reading)


def test_expectations_people_wrote_are_no_scores(run: Any, traces: Any) -> None:
    mapping = DimensionMapping("expected_facts", "correctness", Decimal(0), ONE, "higher")
    reading, _ = read(run, traces, (mapping,))
    assert all(case.scores == () for case in reading.cases)


def test_a_metric_without_a_mapping_is_named_once(run: Any, traces: Any) -> None:
    reading, rejects = read(run, traces, MAPPINGS[1:])
    assert [(reject.reference, "“groundedness”" in reject.reason) for reject in rejects] == [(RUN, True)]
    assert "Map it on the connector's page" in rejects[0].reason
    assert "groundedness" not in totals(reading)


def test_a_value_off_its_declared_scale_is_errored_and_not_clipped(run: Any, traces: Any) -> None:
    mapping = DimensionMapping("coherence", "coherence", Decimal(0), ONE, "higher", Decimal("0.5"))
    reading, _ = read(run, traces, (mapping,))
    assert totals(reading) == {"coherence": Counter(errored=6)}
    assert "outside the declared scale 0–1" in reading.cases[0].scores[0].error


@pytest.mark.parametrize("value", [None, "NaN", 1.7976931348623157e308, "maybe", [], float("nan"), float("inf")])
def test_a_judgement_that_is_no_number_is_errored(run: Any, traces: Any, value: object) -> None:
    judgement(traces[0], "groundedness")["feedback"]["value"] = value
    reading, _ = read(run, traces)
    assert totals(reading)["groundedness"] == Counter(scored=5, errored=1)


def test_a_case_a_judge_passed_over_is_skipped_and_stays_in_the_count(run: Any, traces: Any) -> None:
    traces[2]["assessments"] = [row for row in traces[2]["assessments"] if row["assessment_name"] != "safety"]
    traces[3]["assessments"] = []
    reading, _ = read(run, traces)
    assert totals(reading)["safety"] == Counter(scored=4, skipped=2)
    assert totals(reading)["relevance"] == Counter(scored=5, skipped=1)


def test_a_later_judgement_supersedes_an_earlier_one_and_an_invalid_one_counts_for_nothing(
    run: Any, traces: Any
) -> None:
    first = judgement(traces[0], "relevance")
    later = copy.deepcopy(first) | {"assessment_id": "a-later", "last_update_time": "2026-11-24T00:00:00Z"}
    later["feedback"] = {"value": 0.9}
    withdrawn = copy.deepcopy(later) | {"assessment_id": "a-w", "last_update_time": "2026-11-25T00:00:00Z"}
    withdrawn |= {"valid": False, "feedback": {"value": 0.1}}
    traces[0]["assessments"] = [withdrawn, later, *traces[0]["assessments"]]
    reading, _ = read(run, traces)
    values = Counter(score.value for case in reading.cases for score in case.scores if score.metric == "relevance")
    assert (values[Decimal("0.9")], values[Decimal("0.1")], values.total()) == (1, 0, 6)


def test_judgements_of_another_run_on_the_same_traces_are_ignored(run: Any, traces: Any) -> None:
    before, _ = read(run, traces)
    other = copy.deepcopy(judgement(traces[0], "relevance"))
    other["metadata"]["mlflow.assessment.sourceRunId"] = "another"
    other["feedback"] = {"value": 0.0}
    traces[0]["assessments"].append(other)
    assert read(run, traces)[0] == before


def test_a_judge_that_answers_with_an_object_has_one_metric_per_field(run: Any, traces: Any) -> None:
    judgement(traces[0], "safety")["feedback"] = {"value": {"violence": 2.0, "hate": 0}}
    mapping = DimensionMapping("safety.violence", "safety", Decimal(0), Decimal(7), "lower", Decimal(3))
    reading, rejects = read(run, traces, (mapping,))
    scores = [score for case in reading.cases for score in case.scores]
    assert {score.metric for score in scores} == {"safety.violence"}
    assert [(score.value, score.passed) for score in scores if score.state == "scored"] == [(Decimal("2.0"), True)]
    assert any("“safety.hate”" in reject.reason for reject in rejects)


def test_items_are_named_by_tag_by_record_or_by_their_request(run: Any, traces: Any) -> None:
    traces[0]["tags"] |= {"gatehouse.item": "q-1", "gatehouse.item_kind": "Edge case"}
    traces[1]["trace_metadata"]["dataset_record_id"] = "dr-2"
    traces[1]["tags"]["gatehouse.item_kind"] = "odd"
    traces[3]["request_preview"] = traces[2]["request_preview"]
    traces[3]["trace_metadata"]["mlflow.traceInputs"] = traces[2]["trace_metadata"]["mlflow.traceInputs"]
    reading, rejects = read(run, traces)
    items = {(case.item_id, case.item_kind, case.trial) for case in reading.cases}
    assert ("q-1", "edge_case", 1) in items
    assert ("dr-2", "unspecified", 1) in items
    assert [reject.reference for reject in rejects] == [traces[1]["trace_id"]]
    repeated = Counter(case.item_id for case in reading.cases).most_common(1)[0]
    assert repeated[0].startswith("request-")
    assert {case.trial for case in reading.cases if case.item_id == repeated[0]} == {1, 2}
    assert read(run, list(reversed(traces)))[0].cases == reading.cases


def test_a_judge_s_own_trace_is_no_case(run: Any, traces: Any) -> None:
    traces[5]["tags"]["mlflow.trace.sourceScorer"] = "safety"
    assert len(read(run, traces)[0].cases) == 5


@pytest.mark.parametrize(("written", "digest", "count"), [("sha256:" + "ab" * 32, "ab" * 32, 0), ("v1.2", "", 1)])
def test_a_version_digest_is_read_or_rejected(run: Any, traces: Any, written: str, digest: str, count: int) -> None:
    run["data"]["tags"].append({"key": "gatehouse.version_digest", "value": written})
    reading, rejects = read(run, traces)
    assert (reading.version_digest, len(rejects)) == (digest, count)


def test_our_own_tag_wins_over_the_other_and_an_experiment_s_tag_helps_out(run: Any, traces: Any) -> None:
    run["data"]["tags"].append({"key": "gatehouse.use_case", "value": "UC-0007"})
    assert read(run, traces)[0].use_case_key == "UC-0007"
    run["data"]["tags"] = []
    experiment = captured("experiments_search")["experiments"][0]
    reader = RunReader("https://mlflow.example.org", {}, {"1": experiment})
    assert reader.read(run, traces)[0].use_case_key == "UC-2026-0042"
    assert read(run, traces)[0].use_case_key == ""


def test_replay_is_equal_whatever_the_order_and_wherever_it_is_stored(run: Any, traces: Any) -> None:
    before, _ = read(run, traces)
    shuffled = list(reversed(copy.deepcopy(traces)))
    for trace in shuffled:
        trace["assessments"].reverse()
        trace["tags"]["mlflow.artifactLocation"] = "s3://moved"
        trace["trace_metadata"]["mlflow.trace.sizeBytes"] = "1"
    moved = copy.deepcopy(run)
    moved["info"]["artifact_uri"] = "s3://moved"
    moved["data"]["metrics"].reverse()
    moved["data"]["tags"].reverse()
    assert read(moved, shuffled)[0].raw_sha256 == before.raw_sha256


def changes() -> Iterator[Any]:
    yield "a score", lambda run, traces: judgement(traces[0], "relevance")["feedback"].update(value=0.41)
    yield "a rationale", lambda run, traces: judgement(traces[0], "relevance").update(rationale="rewritten")
    yield "a judgement withdrawn", lambda run, traces: judgement(traces[0], "relevance").update(valid=False)
    yield "a judgement deleted", lambda run, traces: traces[0]["assessments"].remove(judgement(traces[0], "relevance"))
    yield "a case deleted", lambda run, traces: traces.pop()
    yield "an answer", lambda run, traces: traces[0].update(response_preview="rewritten")
    yield "a case's tag", lambda run, traces: traces[0]["tags"].update(team="other")
    yield "a run's mean", lambda run, traces: run["data"]["metrics"][0].update(value=0.2)
    yield "a run's tag", lambda run, traces: run["data"]["tags"][0].update(value="other")
    yield "a parameter", lambda run, traces: run["data"]["params"].pop()
    yield "the data set", lambda run, traces: run["inputs"]["dataset_inputs"][0]["dataset"].update(digest="0")
    yield "the name", lambda run, traces: run["info"].update(run_name="other")


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in changes()])
def test_any_change_gives_another_digest(run: Any, traces: Any, change: Any) -> None:
    before, _ = read(run, traces)
    change(run, traces)
    assert read(run, traces)[0].raw_sha256 != before.raw_sha256


def judgement(trace: Any, name: str) -> Any:
    return next(row for row in trace["assessments"] if row["assessment_name"] == name)
