"""The cursor of sources that have both runs and usage."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.connectors.errors import SchemaError
from evidence.connectors.progress import Progress, finality_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = NOW.date()


@given(st.integers(0, 10**15 - 1), st.none() | st.integers(1, 3_000_000).map(date.fromordinal))
def test_what_is_written_is_read_again(runs: int, usage: date | None) -> None:
    assert Progress.of(Progress(runs, usage).text()) == Progress(runs, usage)


@pytest.mark.parametrize("cursor", ["page-2", "17", "17/yesterday", "17/2026-13-01", "-1/", "17/2026-11-23/"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(SchemaError, match="cursor"):
        Progress.of(cursor)


def test_the_first_visit_reads_as_many_days_as_asked_and_the_next_looks_back() -> None:
    assert list(Progress().days(NOW, timedelta(days=7), 3)) == [date(2026, 11, 21), date(2026, 11, 22), TODAY]
    assert list(Progress(usage=TODAY).days(NOW, timedelta(days=1), 90)) == [date(2026, 11, 22), TODAY]
    assert next(Progress(usage=date(2026, 11, 20)).days(NOW, timedelta(0), 90)) == date(2026, 11, 20)
    assert list(Progress(usage=date(2027, 1, 1)).days(NOW, timedelta(0), 90)) == [TODAY]


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_runs_never_move_the_cursor_back_nor_beyond_now(before: int, reached: int) -> None:
    now_ms = round(NOW.timestamp() * 1000)
    after = Progress(before).read_runs(reached, NOW).runs
    assert before <= after <= max(before, now_ms)


def test_a_day_is_final_two_days_after_it_ended() -> None:
    assert finality_of(date(2026, 11, 20), NOW) == "final"
    assert finality_of(date(2026, 11, 21), NOW) == "provisional"
