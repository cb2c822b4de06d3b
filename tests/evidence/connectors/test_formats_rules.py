"""What holds for every format: order does not matter, failures never help, nothing crashes, nothing is too large."""

import copy
import gzip
import io
import json
import random
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.connectors import file_source
from evidence.connectors.errors import ConnectorError, Refused, SchemaError
from evidence.connectors.evaluation_file import read_file
from evidence.connectors.formats import base
from evidence.connectors.formats.assembling import survey
from tests.evidence.connectors.files import PAYLOADS, counted, mapped, read, session, states, unmapped

RULES = (
    mapped("groundedness"), mapped("Groundedness"), mapped("groundedness.groundedness"), mapped("match"),
    mapped("acc,none"), mapped("exact_match"), mapped("score"),
)  # fmt: skip
CSV = "id,kind,score,note\nq-1,edge_case,0.9,fine\nq-2,,0.2,\nq-3,unsafe_prompt,,\nq-4,,NaN,\nq-5,,inf,\nq-6,,high,\n"


def rows_in(name: str) -> tuple[Any, list[Any]]:
    """(the file's value, the list of its rows inside it)."""
    whole = json.loads((PAYLOADS / name).read_text())
    place = {"promptfoo": ("results", "results"), "deepeval": ("testCases",), "inspect": ("samples",)}
    inner = whole
    for key in place.get(name.split("/")[0], ("rows",)):
        inner = inner[key]
    return whole, inner


FILES = ("promptfoo/results.json", "deepeval/test_run.json", "azure_ai_evaluation/evaluate_output_with_failures.json",
         "inspect/log.json")  # fmt: skip
LINES = ("promptfoo/results.jsonl", "lm_eval/samples_leave.jsonl", "ragas/result.jsonl")


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(FILES), st.randoms(use_true_random=False))
def test_the_order_of_a_file_s_rows_changes_no_count(name: str, chance: random.Random) -> None:
    before = [counted(run) for run in read((PAYLOADS / name), *RULES)[0]]
    whole, rows = rows_in(name)
    chance.shuffle(rows)
    assert [counted(run) for run in read(whole, *RULES)[0]] == before


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(LINES), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_count(name: str, chance: random.Random) -> None:
    lines = (PAYLOADS / name).read_text().splitlines()
    before = [counted(run) for run in read((PAYLOADS / name), *RULES)[0]]
    chance.shuffle(lines)
    assert [counted(run) for run in read("\n".join(lines).encode(), *RULES)[0]] == before


BROKEN: dict[str, dict[str, Any]] = {
    "promptfoo": {
        "promptIdx": 0, "testCase": {"assert": [{"metric": "groundedness", "type": "equals"}]}, "gradingResult": None,
        "failureReason": 2, "error": "no answer", "vars": {"question": "new"}, "success": False,
    },
    "deepeval": {"name": "new", "metricsData": [{"name": "Groundedness", "error": "no answer"}]},
    "azure_ai_evaluation": {"inputs.case_id": "new", "outputs.groundedness.groundedness": float("nan")},
    "inspect": {"id": "new", "epoch": 1, "scores": {}, "error": {"message": "no answer"}},
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("times", [1, 5])
def test_an_errored_row_never_raises_a_pass_rate(name: str, times: int) -> None:
    before = counted(read(PAYLOADS / name, *RULES)[0][0])["groundedness"]
    whole, rows = rows_in(name)
    broken = BROKEN[name.split("/")[0]]
    rows += [copy.deepcopy(broken) | ({"epoch": number} if "epoch" in broken else {}) for number in range(1, times + 1)]
    after = counted(read(whole, *RULES)[0][0])["groundedness"]
    total, scored, errored, skipped, passed = before
    assert after == (total + times, scored, errored + times, skipped, passed)
    assert passed / (total + times) <= passed / total


CELLS = st.sampled_from(["0.9", "0.1", "", "NaN", "inf", "high", "2", "-1", "1e-3", "0,9", "１", "1_0"])


@settings(deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_every_cell_of_a_table_is_scored_errored_or_skipped(cells: list[str], chance: random.Random) -> None:
    lines = [f'q-{number},"{cell}",1' for number, cell in enumerate(cells)]
    (run,), rejects, kind = read(("id,score,other\n" + "\n".join(lines)).encode(), mapped("score"), item="id")
    assert kind == "table"
    assert unmapped(rejects) == ["other"]
    total, scored, errored, skipped, passed = counted(run).get("groundedness", (len(cells), 0, 0, len(cells), 0))
    good = [cell for cell in cells if cell in ("0.9", "0.1", "1e-3")]
    assert (total, scored, skipped) == (len(cells), len(good), cells.count(""))
    assert errored == len(cells) - len(good) - cells.count("")
    assert passed == cells.count("0.9")
    chance.shuffle(lines)
    again = read(("id,score,other\n" + "\n".join(lines)).encode(), mapped("score"), item="id")[0][0]
    assert counted(again) == counted(run)


def test_a_table_is_read_by_its_mapped_columns() -> None:
    (run,), rejects, _ = read(CSV.encode(), mapped("score"), item="id", kind="kind")
    assert counted(run) == {"groundedness": (6, 2, 3, 1, 1)}
    assert [case.item_kind for case in run.cases][:3] == ["edge_case", "unspecified", "unsafe_prompt"]
    assert rejects == []
    assert run.external_id == "results.json 2026-11-20T08:00:00+00:00"


def test_the_same_table_in_other_clothes_is_read_alike() -> None:
    rows = [dict(zip(("id", "kind", "score", "note"), line.split(","), strict=True)) for line in CSV.split("\n")[1:7]]
    forms = [
        CSV.replace(",", ";").encode(), CSV.replace("\n", "\r\n").encode("utf-8-sig"), gzip.compress(CSV.encode()),
        json.dumps(rows).encode(), "\n".join(json.dumps(row) for row in rows).encode(),
    ]  # fmt: skip
    for data in forms:
        (run,), _, kind = read(data, mapped("score"), item="id", kind="kind")
        assert (kind, counted(run)) == ("table", {"groundedness": (6, 2, 3, 1, 1)})


@pytest.mark.parametrize(
    ("data", "item", "words"),
    [
        (CSV, "", "There are: id, kind, score, note"),
        (CSV, "name", "no column “name”"),
        (CSV.replace("note", "score"), "id", "stands twice"),
    ],
)
def test_a_table_without_its_item_column_says_what_there_is(data: str, item: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        read(data.encode(), mapped("score"), item=item)


def test_a_bad_line_is_named_by_its_number_and_the_others_are_read() -> None:
    data = 'id,score\nq-1,0.9\n"q\n2",0.8\nq-3,1,1\n,0.9\n'
    (run,), rejects, _ = read(data.encode(), mapped("score"), item="id")
    assert counted(run) == {"groundedness": (2, 2, 0, 0, 2)}
    assert [(each.reference, each.reason.split(".")[0]) for each in rejects] == [
        ("line 5", "The line has 3 cells, the header 2"),
        ("line 6", "The row names no item"),
    ]


def test_an_item_judged_again_is_another_trial() -> None:
    (run,), _, _ = read(b"id,score\nq-1,0.9\nq-1,0.1\n", mapped("score"), item="id")
    assert [(case.item_id, case.trial) for case in run.cases] == [("q-1", 1), ("q-1", 2)]


@pytest.mark.parametrize("name", FILES)
def test_replay_is_equal_and_a_changed_file_differs(name: str) -> None:
    first = [run.raw_sha256 for run in read(PAYLOADS / name, *RULES)[0]]
    whole, rows = rows_in(name)
    assert [run.raw_sha256 for run in read(whole, *RULES)[0]] == first
    rows[0], rows[-1] = rows[-1], rows[0]
    changed = read(whole, *RULES, file_name=(PAYLOADS / name).name)[0]
    assert [run.external_id for run in changed] == [run.external_id for run in read(PAYLOADS / name, *RULES)[0]]
    assert [run.raw_sha256 for run in changed] != first


def test_what_is_said_with_the_upload_finds_the_use_case_and_the_version() -> None:
    (run,), _, _ = read(
        PAYLOADS / "deepeval/test_run.json", mapped("Groundedness"), use_case="UC-0007", version="sha256:" + "ab" * 32,
        environment="test",
    )  # fmt: skip
    assert (run.use_case_key, run.version_digest, run.environment) == ("UC-0007", "ab" * 32, "test")
    assert run.attributes["format"] == "deepeval"
    assert len(run.attributes["file_sha256"]) == 64


def test_a_survey_shows_what_a_mapping_has_to_cover() -> None:
    (run,) = read_file(session(CSV.encode(), item="id", kind="kind")).runs()
    (seen,) = survey(run)
    assert (seen.metric, seen.numbers, seen.failed, seen.skipped) == ("score", 2, 3, 1)
    assert (seen.lowest, seen.highest, list(seen.words)) == (Decimal("0.2"), Decimal("0.9"), ["NaN", "inf", "high"])
    (run,) = read_file(session(PAYLOADS / "deepeval/test_run.json")).runs()
    flaky, grounded = survey(run)
    assert (flaky.metric, flaky.failed, grounded.thresholds) == ("Flaky", 1, {Decimal("0.8")})


def test_bombs_depth_archives_and_too_many_cases_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = b'{"evalId": ' + b"[" * 100 + b"]" * 100 + b"}"
    with pytest.raises(SchemaError, match="nested too deeply"):
        read(deep)
    with pytest.raises(SchemaError, match="nested too deeply"):
        read(b"[" * 200_000 + b"]" * 200_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("header.json", "{}")
    with pytest.raises(SchemaError, match="--log-format json"):
        read(packed.getvalue())
    with pytest.raises(Refused, match="More than 100 MB"):
        read(gzip.compress(b"0" * (file_source.LARGEST_FILE + 1)))
    monkeypatch.setattr(base, "MOST_CASES", 1)
    with pytest.raises(SchemaError, match="more than 1 cases"):
        read(b"id,score\nq-1,1\nq-2,1\n", mapped("score"), item="id")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(FILES), st.integers(0, 10_000), ANYTHING)
def test_no_damage_to_a_file_crashes_its_reading(name: str, place: int, value: object) -> None:
    """Any one value inside the file is replaced by anything."""
    whole = json.loads((PAYLOADS / name).read_text())
    places: list[tuple[Any, Any]] = []
    level = [whole]
    while level:
        outer = level.pop()
        for key in list(outer) if isinstance(outer, dict) else range(len(outer)):
            places.append((outer, key))
            if isinstance(outer[key], dict | list):
                level.append(outer[key])
    outer, key = places[place % len(places)]
    outer[key] = value
    try:
        runs, _, _ = read(whole, *RULES)
    except ConnectorError as error:
        assert error.mend
    else:
        for run in runs:
            metrics = {score.metric for case in run.cases for score in case.scores}
            assert states(run).total() == len(metrics) * len(run.cases)
