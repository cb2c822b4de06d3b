"""What cells mean: words, three ways to say nothing, dates, keys; published recodings are the judge."""

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.usecases.importing.files import RECODINGS
from usecases.importing.dates import dated, order_of
from usecases.importing.mapping import ColumnMapping, faults, suggested
from usecases.importing.readings import SourceRow, Table, Way
from usecases.importing.rows import said
from usecases.importing.words import clean, several, vocabulary, word_key

FIELDS = {"development_stage": "reported_stage", "is_high_impact": "reported_impact"}
# Not the same word written otherwise, but another answer that was put right by hand.
ANOTHER_ANSWER = {"Initiated"}


@pytest.mark.parametrize(
    ("written", "order", "text", "precision"),
    [
        ("2025-09-08 00:00:00", "", "2025-09-08", "day"),
        ("Jan-24", "", "2024-01", "month"),
        ("01/2025", "", "2025-01", "month"),
        ("09/24/2024 12:00:00 AM", "", "2024-09-24", "day"),
        ("4/16/2025 0:00", "", "2025-04-16", "day"),
        ("3/4/2025", "month_first", "2025-03-04", "day"),
        ("3/4/2025", "day_first", "2025-04-03", "day"),
        ("3/4/2025", "", "2025", "year"),
        ("2019", "", "2019", "year"),
        ("January 15, 2024", "", "2024-01-15", "day"),
        ("15 March 2024", "", "2024-03-15", "day"),
        ("31.12.2024", "", "2024-12-31", "day"),
    ],
)
def test_a_date_is_as_precise_as_it_was_written(written: str, order: str, text: str, precision: str) -> None:
    found = dated(written, order)  # type: ignore[arg-type]
    assert found is not None
    assert (found.text, found.precision) == (text, precision)


@pytest.mark.parametrize("written", ["Ongoing", "Q4FY25", "7/15/1905", "10/12023", "2024-13-01", "32.12.2024", ""])
def test_what_is_no_date_is_not_made_one(written: str) -> None:
    assert dated(written) is None


@settings(deadline=None)
@given(st.dates(min_value=date(1950, 1, 1), max_value=date(2100, 12, 31)))
def test_every_day_is_read_in_every_unmistakable_form(day: date) -> None:
    for written in (
        day.isoformat(),
        f"{day.isoformat()} 00:00:00",
        day.strftime("%d %B %Y"),
        day.strftime("%B %d, %Y"),
    ):
        found = dated(written)
        assert found is not None
        assert found.text == day.isoformat()


def test_a_column_says_itself_whether_the_day_comes_first() -> None:
    assert order_of(["1/2/2024", "25/2/2024"]) == "day_first"
    assert order_of(["1/2/2024", "2/25/2024 10:00"]) == "month_first"
    assert order_of(["1/2/2024"]) == order_of(["25/2/2024", "2/25/2024"]) == ""


@pytest.mark.parametrize(
    ("raw", "state"), [("N/A", "not_applicable"), ("TBD", "unknown"), ("Unknown", "unknown"), (" ", "unanswered"),
                       ("-", "unanswered"), ("Not Applicable.", "not_applicable")],
)  # fmt: skip
def test_the_three_ways_of_saying_nothing_are_told_apart(raw: str, state: str) -> None:
    cell = vocabulary().cell(raw)
    assert (cell.state, cell.value, cell.raw) == (state, "", raw)


@pytest.mark.parametrize(
    "raw", ["Rights-Impacting\n", "Safety-impacting", "SAFETY-IMPACTING ", "Both", "a) High-impact"]
)
def test_words_are_matched_without_case_and_outer_spaces(raw: str) -> None:
    assert vocabulary().coded("reported_impact", raw).value == "high"


@pytest.mark.parametrize("path", RECODINGS, ids=lambda path: path.stem)
def test_published_recodings_of_a_word_mean_the_same_as_the_word(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        pairs = [row for row in csv.DictReader(file) if row["column"] in FIELDS]
    assert len(pairs) > 10
    for row in pairs:
        if row["original_value"] in ANOTHER_ANSWER:
            continue
        field = FIELDS[row["column"]]
        assert (
            vocabulary().coded(field, row["original_value"]).value == vocabulary().coded(field, row["new_value"]).value
        )
        assert vocabulary().coded(field, row["new_value"]).known


def test_the_users_own_word_comes_first_and_can_leave_a_word_as_it_stands() -> None:
    own = {word_key("Live"): "retired", word_key("Pilot"): ""}
    assert vocabulary().coded("reported_stage", "live", own).value == "retired"
    assert vocabulary().coded("reported_stage", "Pilot", own).state == "unrecognised"


@pytest.mark.parametrize(
    ("raw", "values"),
    [("['b) Sex', 'c) Age']", ["b) Sex", "c) Age"]), ('["Other"]', ["Other"]), ("a; b\nc", ["a", "b", "c"]),
     ("[]", []), ("[not a list", ["[not a list"]), ("__import__('os')", ["__import__('os')"])],
)  # fmt: skip
def test_cells_of_several_values_are_taken_apart(raw: str, values: list[str]) -> None:
    assert list(several(raw)) == values


@settings(deadline=None)
@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_key_of_a_word_is_its_own_key_or_gone_on_to_less(text: str) -> None:
    assert len(word_key(word_key(text))) <= len(word_key(text))


def made(*rows: tuple[str, ...]) -> Table:
    headers = ("agency", "id", "name", "unit")
    return Table(Way(), headers, tuple(SourceRow(n, cells) for n, cells in enumerate(rows, start=2)))


MAPPING = ColumnMapping({0: "organisation", 1: "external_id", 2: "title", 3: "unit"})
CELLS = st.sampled_from(["", "1", "2", "A", "a ", "B"])


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=12), st.randoms())
def test_every_row_has_a_key_of_its_own_and_order_changes_no_key(rows, random) -> None:
    keys = sorted(row.keys[0] for row in said(made(*rows), MAPPING))
    assert len(set(keys)) == len(rows)
    random.shuffle(rows)
    assert sorted(row.keys[0] for row in said(made(*rows), MAPPING)) == keys


def test_a_mapping_names_fields_and_columns_that_exist_and_single_fields_once() -> None:
    assert faults(ColumnMapping({0: "title", 1: "topic", 2: "topic"}), 3) == []
    wrong = faults(ColumnMapping({0: "title", 1: "title", 9: "nonsense"}), 3)
    assert len(wrong) == 3
    assert suggested(["ID", "Use case name", "Is the AI use case high-impact?", "Colour"]) == {
        0: "external_id", 1: "title", 2: "reported_impact",
    }  # fmt: skip
