"""The portal's own evaluation file: what is read, what is rejected, and what never crashes."""

import copy
import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.errors import SchemaError
from evidence.connectors.evaluation_file import EvaluationFileConnector
from evidence.connectors.formats.own import parse_run
from evidence.readings import EvaluationRunReading

RUN: dict[str, Any] = {
    "external_id": "nightly-17",
    "name": "Nightly",
    "started_at": "2026-11-23T08:00:00+01:00",
    "finished_at": "2026-11-23T08:32:08Z",
    "use_case": "UC-0001",
    "version_digest": "sha256:" + "ab" * 32,
    "environment": "staging",
    "model": "made-up-model",
    "commit": "4be1c2a",
    "dataset": {"name": "golden", "version": "3", "digest": "ded609f1"},
    "metrics": {
        "groundedness": {
            "dimension": "groundedness",
            "scale_min": 0,
            "scale_max": 1,
            "direction": "higher",
            "threshold": 0.7,
            "judge": {"kind": "llm", "name": "judge-model", "version": "7"},
        },
        "toxicity": {"dimension": "safety", "scale_min": 0, "scale_max": 7, "direction": "lower", "threshold": 3},
        "solved": {"scale_min": 0, "scale_max": 1, "direction": "higher", "kind": "boolean"},
    },
    "cases": [
        {"item": "q-1", "kind": "edge_case", "scores": {"groundedness": 0.9, "toxicity": 3, "solved": "yes"}},
        {"item": "q-2", "trial": 2, "scores": {"groundedness": {"error": "judge timed out"}, "toxicity": 4}},
        {"item": "q-3", "scores": {"groundedness": {"value": 0.1, "judge": {"kind": "human"}}, "solved": False}},
    ],
    "attributes": {"pipeline": "42"},
}


@pytest.fixture
def run() -> dict[str, Any]:
    return copy.deepcopy(RUN)


def read(document: object, *mappings: DimensionMapping) -> tuple[EvaluationRunReading, list[str]]:
    reading, rejects = parse_run(document, {mapping.metric: mapping for mapping in mappings})
    assert reading is not None
    return reading, [reject.reason for reject in rejects]


def batches(source: bytes | Path) -> list[Batch]:
    return list(EvaluationFileConnector().fetch(Session(source=source), ""))


def test_a_run_is_read_whole(run: Any) -> None:
    reading, rejects = read(run)
    assert rejects == []
    assert (reading.external_id, reading.name, reading.use_case_key) == ("nightly-17", "Nightly", "UC-0001")
    assert reading.started_at == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    assert (reading.version_digest, reading.environment) == ("ab" * 32, "staging")
    assert (reading.dataset_name, reading.dataset_version, reading.dataset_digest) == ("golden", "3", "ded609f1")
    assert (reading.model_name, reading.application_commit) == ("made-up-model", "4be1c2a")
    assert [(case.item_id, case.item_kind, case.trial) for case in reading.cases] == [
        ("q-1", "edge_case", 1),
        ("q-2", "unspecified", 2),
        ("q-3", "unspecified", 1),
    ]
    table = {(case.item_id, score.dimension): (score.state, score.value, score.passed)
             for case in reading.cases for score in case.scores}  # fmt: skip
    assert table == {
        ("q-1", "groundedness"): ("scored", Decimal("0.9"), True),
        ("q-1", "safety"): ("scored", Decimal(3), True),
        ("q-1", "solved"): ("scored", Decimal(1), True),
        ("q-2", "groundedness"): ("errored", None, None),
        ("q-2", "safety"): ("scored", Decimal(4), False),
        ("q-2", "solved"): ("skipped", None, None),
        ("q-3", "groundedness"): ("scored", Decimal("0.1"), False),
        ("q-3", "safety"): ("skipped", None, None),
        ("q-3", "solved"): ("scored", Decimal(0), False),
    }
    judges = [score.judge_kind for case in reading.cases for score in case.scores if score.metric == "groundedness"]
    assert judges == ["llm", "llm", "human"]
    assert reading.attributes == {"pipeline": "42"}


def test_the_connector_s_page_takes_precedence_over_the_file(run: Any) -> None:
    strict = DimensionMapping("groundedness", "faithfulness", Decimal(0), Decimal(1), "higher", Decimal("0.95"))
    reading, _ = read(run, strict)
    score = next(score for score in reading.cases[0].scores if score.metric == "groundedness")
    assert (score.dimension, score.threshold, score.passed) == ("faithfulness", Decimal("0.95"), False)


@pytest.mark.parametrize(
    "rule",
    [
        None,
        {},
        {"scale_min": 0, "scale_max": 1},
        {"scale_min": 0, "direction": "higher"},
        {"scale_min": 1, "scale_max": 0, "direction": "higher"},
        {"scale_min": 0, "scale_max": 1, "direction": "up"},
        {"scale_min": 0, "scale_max": 1, "direction": ["higher"]},
        {"scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 2},
        {"scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": "high"},
        {"scale_min": 0, "scale_max": 1, "direction": "higher", "kind": "stars"},
    ],
)
def test_scale_and_direction_are_never_guessed(run: Any, rule: Any) -> None:
    run["metrics"]["groundedness"] = rule
    reading, rejects = read(run)
    assert not [score for case in reading.cases for score in case.scores if score.metric == "groundedness"]
    assert any("“groundedness” has no mapping" in reason for reason in rejects)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"external_id": " "}, "external_id"),
        ({"finished_at": None}, "finished_at"),
        ({"finished_at": "yesterday"}, "finished_at"),
        ({"cases": []}, "“cases” is a list"),
        ({"cases": {"item": "q"}}, "“cases” is a list"),
    ],
)
def test_what_is_no_finished_run_is_rejected_whole(run: Any, change: Any, words: str) -> None:
    reading, rejects = parse_run(run | change, {})
    assert reading is None
    assert [words in reject.reason for reject in rejects] == [True]


@pytest.mark.parametrize(
    ("case", "words", "kept"),
    [
        ({"scores": {}}, "names no item", 3),
        ({"item": "q-4", "trial": 0}, "whole number from 1", 3),
        ({"item": "q-4", "trial": True}, "whole number from 1", 3),
        ({"item": "q-1"}, "occurs twice", 3),
        ({"item": "q-4", "kind": "strange"}, "no kind", 4),
        ("text", "names no item", 3),
    ],
)
def test_a_bad_case_is_named_and_the_others_are_read(run: Any, case: Any, words: str, kept: int) -> None:
    run["cases"].append(case)
    reading, rejects = parse_run(run, {}, reference="line 3")
    assert reading is not None
    assert len(reading.cases) == kept
    assert [(reject.reference, words in reject.reason) for reject in rejects] == [("line 3 case 4", True)]


def test_replay_is_equal_and_any_change_differs(run: Any) -> None:
    before = read(run)[0].raw_sha256
    assert read(json.loads(json.dumps(run, sort_keys=True)))[0].raw_sha256 == before
    run["cases"][2]["scores"]["groundedness"]["value"] = 0.11
    assert read(run)[0].raw_sha256 != before


def test_one_run_many_runs_and_one_run_per_line_read_alike(run: Any, tmp_path: Path) -> None:
    second = run | {"external_id": "nightly-18"}
    forms = (
        json.dumps([run, second]).encode(),
        f"{json.dumps(run)}\n\n{json.dumps(second)}\n".encode(),
        gzip.compress(f"{json.dumps(run)}\n{json.dumps(second)}".encode()),
    )
    for data in forms:
        (tmp_path / "runs").write_bytes(data)
        for source in (data, tmp_path / "runs"):
            found = [reading for batch in batches(source) for reading in batch.readings]
            assert [getattr(reading, "external_id", "") for reading in found] == ["nightly-17", "nightly-18"]
    assert len(batches(json.dumps(run).encode("utf-8-sig"))) == 1


def test_a_bad_line_is_named_and_the_others_are_read(run: Any) -> None:
    found = batches(f"{json.dumps(run)}\n{{cut\n7\n{json.dumps(run)}".encode())
    assert [len(batch.readings) for batch in found] == [1, 0, 0, 1]
    assert found[1].rejects[0].reference == "line 2"
    assert all(reject.reference.startswith("line 3") for reject in found[2].rejects)


@pytest.mark.parametrize("data", [b"", b"   ", b"garbage", b"\xff\xfe", b"7", b"<html>", b"[" * 100_000, b'{"a": '])
def test_what_is_no_evaluation_file_yields_no_reading(data: bytes) -> None:
    try:
        found = batches(data)
    except SchemaError as error:
        assert error.mend
    else:
        assert [batch.readings for batch in found] == [()] * len(found)
        assert all(batch.rejects for batch in found)


def test_discovery_and_check_see_the_runs(run: Any) -> None:
    session = Session(source=json.dumps([run, run | {"use_case": "UC-0002"}, run]).encode())
    found = EvaluationFileConnector().discover(session)
    assert [(entry.key, entry.count) for entry in found] == [("UC-0001", 2), ("UC-0002", 1)]
    assert EvaluationFileConnector().check(session).steps[0].detail == "3 runs"
    assert not EvaluationFileConnector().check(Session(source=b"garbage")).ok


def test_text_a_database_cannot_hold_is_cleaned(run: Any) -> None:
    run["name"] = "A\x00B\ud800"
    assert read(run)[0].name == "AB?"


KEYS = (
    *RUN, "item", "trial", "kind", "scores", "groundedness", "value", "error", "judge", "version", "dimension",
    "scale_min", "scale_max", "direction", "threshold",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON, JSON, JSON)
def test_no_document_crashes_and_every_score_is_accounted_for(metrics: object, cases: object, dataset: object) -> None:
    rows = [*RUN["cases"], cases]
    document = RUN | {
        "metrics": metrics if isinstance(metrics, dict) else RUN["metrics"],
        "cases": rows,
        "dataset": dataset,
    }
    reading, _ = parse_run(document, {})
    assert reading is not None
    states = Counter(score.state for case in reading.cases for score in case.scores)
    metrics_seen = {score.metric for case in reading.cases for score in case.scores}
    assert states.total() == len(metrics_seen) * len(reading.cases)
