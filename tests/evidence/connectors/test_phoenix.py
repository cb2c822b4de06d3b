"""The Phoenix connector against captured answers and a scripted server."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.errors import SchemaError
from evidence.connectors.labels import read_labels
from evidence.connectors.phoenix import PhoenixConnector
from evidence.connectors.phoenix_rows import ExperimentReader
from evidence.connectors.phoenix_usage import metadata_of
from evidence.connectors.transport import Limits, Transport
from evidence.readings import EvaluationRunReading, UsageReading
from tests.evidence.connectors.phoenix_answers import Phoenix, captured
from tests.evidence.connectors.servers import Server, serving

NONE, ONE = Decimal(0), Decimal(1)
MAPPINGS = (
    DimensionMapping("groundedness", "groundedness", NONE, ONE, "higher", Decimal("0.5")),
    DimensionMapping("relevance", "relevance", NONE, ONE, "higher", Decimal("0.8")),
    DimensionMapping("safety", "safety", NONE, ONE, "higher", kind="boolean"),
    DimensionMapping("flaky", "task_success", NONE, ONE, "higher", kind="boolean"),
)
LABELS = ["safety:safe=1", "safety:unsafe=0"]
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
EXPERIMENT = "RXhwZXJpbWVudDox"


@pytest.fixture
def phoenix() -> Phoenix:
    return Phoenix()


def read(phoenix: Phoenix, labels: Any = LABELS) -> tuple[EvaluationRunReading, list[str]]:
    reader = ExperimentReader("https://phoenix.example.org", {m.metric: m for m in MAPPINGS}, read_labels(labels))
    examples = {row["id"]: row for row in phoenix.examples["data"]["examples"]}
    reading, rejects = reader.read(phoenix.experiments[0], phoenix.rows, phoenix.datasets[0], examples)
    return reading, [reject.reason for reject in rejects]


def states(reading: EvaluationRunReading) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for case in reading.cases:
        for score in case.scores:
            found.setdefault(score.metric, Counter())[score.state] += 1
    return found


def fetched(server: Server, cursor: str = "", config: Any = None, now: datetime = NOW, **options: Any) -> list[Batch]:
    with Transport(allowed_internal=server.allowed, limits=Limits(total=20)) as http:
        config = {"base_url": server.url, "labels": LABELS, **(config or {})}
        session = Session(config=config, mappings=MAPPINGS, http=http, now=now)
        return list(PhoenixConnector().fetch(session, cursor, **options))


def runs(batches: list[Batch]) -> list[EvaluationRunReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, EvaluationRunReading)]


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def test_the_captured_experiment_says_what_it_was(phoenix: Phoenix) -> None:
    reading, rejects = read(phoenix)
    assert rejects == []
    assert (reading.external_id, reading.name, reading.use_case_key) == (
        EXPERIMENT, "gpt-4o-mini-prompt-v2", "UC-2026-0042",
    )  # fmt: skip
    assert (reading.model_name, reading.application_commit, reading.dataset_name) == (
        "gpt-4o-mini", "4be1c2a", "hr-golden-set",
    )  # fmt: skip
    assert reading.finished_at == datetime(2026, 11, 23, 8, 35, 10, 790370, tzinfo=UTC)
    assert reading.attributes == {"model": "gpt-4o-mini", "prompt_version": "hr-policy-answer@2"}


def test_a_failed_evaluator_is_errored_though_phoenix_s_mean_leaves_it_out(phoenix: Phoenix) -> None:
    reading, _ = read(phoenix)
    assert states(reading) == {
        "groundedness": Counter(scored=3),
        "relevance": Counter(scored=3),
        "safety": Counter(scored=3),
        "flaky": Counter(scored=2, errored=1),
    }
    errors = [score.error for case in reading.cases for score in case.scores if score.state == "errored"]
    assert errors == ["ValueError('judge down')"]


def test_a_word_without_a_number_is_a_failed_judge_never_a_guess(phoenix: Phoenix) -> None:
    reading, _ = read(phoenix, labels=[])
    assert states(reading)["safety"] == Counter(errored=3)
    phoenix.rows[0]["annotations"][-1]["label"] = "unsafe"
    values = [score.value for case in read(phoenix)[0].cases for score in case.scores if score.metric == "safety"]
    assert sorted(values) == [NONE, ONE, ONE]


def test_a_case_on_which_the_application_failed_is_errored_by_every_judge(phoenix: Phoenix) -> None:
    phoenix.rows[1] |= {"error": "TimeoutError()", "annotations": []}
    reading, _ = read(phoenix)
    failed = next(case for case in reading.cases if case.item_id == phoenix.rows[1]["example_id"])
    assert {score.state for score in failed.scores} == {"errored"}
    assert len(failed.scores) == 4
    assert failed.scores[0].error == "The application failed on this case: TimeoutError()"


def test_a_judge_that_said_nothing_is_skipped_and_an_unmapped_one_reported(phoenix: Phoenix) -> None:
    del phoenix.rows[0]["annotations"][1]
    phoenix.rows[0]["annotations"].append({"name": "tone", "score": 1})
    reading, rejects = read(phoenix)
    assert states(reading)["groundedness"] == Counter(scored=2, skipped=1)
    assert len(rejects) == 1
    assert "“tone” has no mapping" in rejects[0]


@pytest.mark.parametrize("odd", ["NaN", float("nan"), float("inf"), 1.7976931348623157e308, "n/a", {}, [], "7"])
def test_what_is_no_number_on_the_scale_is_errored(phoenix: Phoenix, odd: Any) -> None:
    phoenix.rows[0]["annotations"][1]["score"] = odd
    assert states(read(phoenix)[0])["groundedness"] == Counter(scored=2, errored=1)


def test_repetitions_are_trials_and_a_case_that_stands_twice_counts_once(phoenix: Phoenix) -> None:
    phoenix.rows.append({**phoenix.rows[0], "repetition_number": 2})
    reading, rejects = read(phoenix)
    assert (len(reading.cases), rejects) == (4, [])
    phoenix.rows.append(phoenix.rows[0])
    again, rejects = read(phoenix)
    assert again.cases == reading.cases
    assert "stands twice" in rejects[0]


def test_the_digest_changes_with_a_late_judgement_and_not_with_late_token_counts(phoenix: Phoenix) -> None:
    before = read(phoenix)[0].raw_sha256
    phoenix.rows.reverse()
    phoenix.rows[0]["prompt_token_count"] = 17
    phoenix.experiments[0]["updated_at"] = "2026-11-23T18:00:00+00:00"
    assert read(phoenix)[0].raw_sha256 == before
    phoenix.rows[0]["annotations"][0]["score"] = 0.5
    assert read(phoenix)[0].raw_sha256 != before


def test_items_are_named_and_kinds_told_by_the_examples(phoenix: Phoenix) -> None:
    phoenix.examples["data"]["examples"][0]["metadata"] = {
        "gatehouse.item": "leave",
        "gatehouse.item_kind": "Edge case",
    }
    cases = read(phoenix)[0].cases
    assert {case.item_id: case.item_kind for case in cases}["leave"] == "edge_case"
    assert Counter(case.item_kind for case in cases)["unspecified"] == 2


def test_experiments_are_read_over_all_pages_and_again_within_the_look_back(phoenix: Phoenix) -> None:
    phoenix.largest_page = 2
    phoenix.experiments = [
        {**phoenix.experiments[0], "id": f"e{number}", "updated_at": f"2026-11-{number:02}T08:00:00+00:00",
         "created_at": f"2026-11-{number:02}T07:00:00+00:00"}
        for number in range(1, 10)
    ]  # fmt: skip
    with serving(phoenix) as server:
        first = fetched(server)
        assert [run.external_id for run in runs(first)] == [f"e{number}" for number in range(1, 10)]
        again = fetched(server, cursor=first[-1].cursor, lookback=timedelta(days=2))
        assert [run.external_id for run in runs(again)] == ["e7", "e8", "e9"]
        assert fetched(server, cursor=first[3].cursor, lookback=timedelta(0))[0].readings[0] == runs(first)[3]


def test_an_experiment_that_has_not_run_to_its_end_waits(phoenix: Phoenix) -> None:
    phoenix.experiments[0]["missing_run_count"] = 2
    with serving(phoenix) as server:
        batch = fetched(server)[0]
    assert batch.readings == ()
    assert "2 cases have not run yet" in batch.rejects[0].reason


def test_usage_counts_model_calls_under_the_use_case_of_their_trace(phoenix: Phoenix) -> None:
    with serving(phoenix) as server:
        batches = fetched(server, config={"projects": ["hr-policy-assistant"], "usage_days": 2})
    found = usage(batches)
    assert [(each.use_case_key, each.model, each.provider, each.operation) for each in found] == [
        ("UC-2026-0042", "gpt-4o-mini", "azure", "chat")
    ]
    assert (found[0].requests, found[0].failed_requests) == (4, 1)
    # The sums that the server itself reports for that day.
    assert (found[0].input_tokens, found[0].cached_input_tokens, found[0].output_tokens) == (1606, 400, 206)
    assert (found[0].effective_cost, found[0].currency) == (None, "")
    assert [batch.covers for batch in batches[1:]] == [(each, each) for each in (NOW.date() - timedelta(1), NOW.date())]
    assert batches[-1].cursor.endswith("/2026-11-24")


def test_evaluation_is_no_usage(phoenix: Phoenix) -> None:
    config = {"projects": ["hr-policy-assistant"], "usage_days": 2, "left_out": ["prod"]}
    with serving(phoenix) as server:
        assert sum(each.requests or 0 for each in usage(fetched(server, config=config))) < 4
        assert usage(fetched(server)) == []  # no project was named
        for span in phoenix.spans["hr-policy-assistant"]:
            if span["span_kind"] == "CHAIN":
                span["span_kind"] = "EVALUATOR"
        assert usage(fetched(server, config=config | {"left_out": []})) == []


def test_a_call_after_midnight_belongs_to_the_use_case_of_the_trace_that_began_before(phoenix: Phoenix) -> None:
    for span in phoenix.spans["hr-policy-assistant"]:
        day = "22T23:59" if span["span_kind"] == "CHAIN" else "23T00:01"
        span["start_time"] = f"2026-11-{day}:00.000000+00:00"
    with serving(phoenix) as server:
        found = usage(fetched(server, config={"projects": ["hr-policy-assistant"], "usage_days": 3}))
    assert [(each.day.day, each.use_case_key, each.requests) for each in found] == [(23, "UC-2026-0042", 4)]


def test_spans_are_counted_once_over_all_pages(phoenix: Phoenix) -> None:
    phoenix.largest_page = 3
    with serving(phoenix) as server:
        found = usage(fetched(server, config={"projects": ["hr-policy-assistant"], "usage_days": 2}))
    assert [each.requests for each in found] == [4]


def test_a_project_that_is_gone_takes_no_stored_day_with_it(phoenix: Phoenix) -> None:
    with serving(phoenix) as server:
        batches = fetched(server, config={"projects": ["hr-policy-assistant", "gone"], "usage_days": 1})
    assert [reject.reference for batch in batches for reject in batch.rejects] == ["gone"]
    assert all(batch.covers is None for batch in batches)


@pytest.mark.parametrize(
    "attributes",
    [
        {"metadata.gatehouse.use_case": "UC-0001"},
        {"metadata": '{"gatehouse.use_case": "UC-0001"}'},
        {"metadata": {"gatehouse.use_case": "UC-0001"}},
    ],
)
def test_metadata_of_a_span_is_found_in_every_form(attributes: Any) -> None:
    assert metadata_of(attributes) == {"gatehouse.use_case": "UC-0001"}
    assert metadata_of({"metadata": "{"}) == {}


def checked(server: Server, **config: Any) -> list[tuple[str, bool]]:
    with Transport(allowed_internal=server.allowed) as http:
        result = PhoenixConnector().check(Session(config={"base_url": server.url, **config}, http=http))
    assert all(step.ok or step.mend for step in result.steps)
    return [(step.what, step.ok) for step in result.steps]


def test_a_check_goes_through_every_step_and_stops_at_what_is_wrong(phoenix: Phoenix) -> None:
    with serving(phoenix) as server:
        assert [ok for _, ok in checked(server)] == [True] * 5
        found = ("Find the configured datasets and projects", False)
        assert checked(server, datasets=["gone"])[-1] == found
        assert checked(server, projects=["gone"])[-1] == found
        assert checked(server, labels=["safe=1"])[-1] == ("Read the declared words", False)
        assert checked(server, base_url="")[-1] == ("Resolve the address", False)
        phoenix.version = ""
        assert checked(server)[-1] == ("Recognise Phoenix", False)


def test_discovery_counts_datasets_use_cases_and_metrics(phoenix: Phoenix) -> None:
    with serving(phoenix) as server, Transport(allowed_internal=server.allowed) as http:
        found = PhoenixConnector().discover(Session(config={"base_url": server.url}, http=http))
    assert [(each.kind, each.label, each.count) for each in found] == [
        ("experiment", "hr-golden-set", 1),
        ("use_case", "UC-2026-0042", 1),
        *(("metric", name, 3) for name in ("flaky", "groundedness", "relevance", "safety")),
    ]


def test_a_cursor_that_leads_back_ends_the_fetch(phoenix: Phoenix) -> None:
    phoenix.page = lambda rows, _query: {"data": rows, "next_cursor": "again"}  # type: ignore[method-assign]
    with serving(phoenix) as server, pytest.raises(SchemaError, match="same page for ever"):
        fetched(server)


def test_odd_shapes_inside_are_read_as_missing(phoenix: Phoenix) -> None:
    phoenix.experiments[0] |= {"metadata": "x", "created_at": 7}
    phoenix.rows[0] |= {"annotations": [None, {"name": 3, "score": []}], "error": {"code": 1}, "repetition_number": "x"}
    phoenix.examples = captured("dataset_examples") | {"data": []}
    with serving(phoenix) as server:
        reading = runs(fetched(server))[0]
    assert (reading.use_case_key, len(reading.cases)) == ("", 3)
    assert replace(reading, cases=()).version_digest == ""


@pytest.mark.parametrize(("secrets", "headers"), [({}, {}), ({"token": "k"}, {"Authorization": "Bearer k"})])
def test_a_key_becomes_a_header(secrets: Any, headers: Any) -> None:
    assert PhoenixConnector().request_headers({}, secrets) == headers
