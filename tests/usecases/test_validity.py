"""How long something counts: pure rules about days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usecases.validity import WARNINGS, due_warning, is_stale, lowered, raised, term

TODAY = date(2026, 11, 24)
SCALE = ("public", "internal", "confidential", "restricted")
DELICACY = st.tuples(st.sampled_from(SCALE), st.booleans())


@pytest.mark.parametrize(
    ("days", "expected"), [(None, "open"), (-1, "lapsed"), (0, "ending"), (30, "ending"), (31, "running")]
)
def test_the_last_day_counts_and_the_day_after_does_not(days, expected):
    until = None if days is None else TODAY + timedelta(days=days)
    assert term(until, TODAY) == expected


@pytest.mark.parametrize(
    ("left", "told", "expected"),
    [
        (31, None, None),
        (30, None, 30),
        (30, 30, None),
        (8, 30, None),
        (7, 30, 7),
        (7, None, 7),
        (0, 7, None),
        (-1, 7, 0),
        (-90, None, 0),
        (-1, 0, None),
    ],
)
def test_the_end_is_announced_thirty_and_seven_days_ahead_and_on_lapsing(left, told, expected):
    assert due_warning(TODAY + timedelta(days=left), TODAY, told) == expected
    assert due_warning(None, TODAY, told) is None


@given(st.lists(st.integers(-60, 90), min_size=1, max_size=40))
def test_no_warning_is_given_twice_whatever_days_are_looked_at(days):
    told, given_so_far = None, []
    for left in sorted(days, reverse=True):
        for _again in range(2):
            warning = due_warning(TODAY + timedelta(days=left), TODAY, told)
            if warning is not None:
                told = warning
                given_so_far.append(warning)
    assert len(given_so_far) == len(set(given_so_far)) <= len(WARNINGS)
    assert given_so_far == sorted(given_so_far, reverse=True)
    assert (0 in given_so_far) == (min(days) < 0)


def test_a_promise_of_freshness_is_broken_when_it_is_not_kept_and_never_without_one():
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert not is_stale(None, None, now)
    assert is_stale(24, None, now)
    assert not is_stale(24, now - timedelta(hours=24), now)
    assert is_stale(24, now - timedelta(hours=24, seconds=1), now)


@given(DELICACY, DELICACY)
def test_data_become_more_delicate_exactly_when_going_back_makes_them_less(before, after):
    assert raised(SCALE, before, after) == lowered(SCALE, after, before)
    assert raised(SCALE, before, after) or lowered(SCALE, before, after) or before == after
    assert not raised(SCALE, before, before)
