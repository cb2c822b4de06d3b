"""From cases to counts per dimension."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from evidence.connectors.scoring import with_gaps_filled
from evidence.counting import count_dimensions
from tests.evidence.scenes import BROKEN, case

RAW = st.sampled_from(["0", "0.4", "0.6", "0.7", "1", BROKEN])


def test_a_judge_that_failed_is_counted_as_failed_and_not_left_out_of_the_total() -> None:
    (count,) = count_dimensions([case("a", grounded="0.9"), case("b", grounded=BROKEN), case("c", grounded="0.2")])
    assert (count.total, count.scored, count.errored, count.skipped, count.passed) == (3, 2, 1, 0, 1)
    assert count.mean == Decimal("0.55")


def test_a_case_passes_a_dimension_only_when_all_its_metrics_pass() -> None:
    (count,) = count_dimensions([case("a", grounded="0.9", faithful="0.9"), case("b", grounded="0.9", faithful="0.4")])
    assert (count.scored, count.passed) == (2, 1)


def test_one_failed_metric_makes_the_case_errored_on_its_dimension() -> None:
    (count,) = count_dimensions([case("a", grounded="0.9", faithful=BROKEN)])
    assert (count.total, count.scored, count.errored, count.passed) == (1, 0, 1, 0)


def test_a_case_that_nobody_judged_on_a_dimension_is_skipped() -> None:
    counts = count_dimensions(with_gaps_filled([case("a", grounded="0.9", toxic="1"), case("b", grounded="0.9")]))
    assert {c.dimension: (c.total, c.scored, c.skipped) for c in counts} == {
        "groundedness": (2, 2, 0),
        "safety": (2, 1, 1),
    }


def test_trials_of_one_item_are_cases_of_their_own() -> None:
    (count,) = count_dimensions([case("a", trial=1, grounded="0.9"), case("a", trial=2, grounded="0.1")])
    assert (count.total, count.scored, count.passed) == (2, 2, 1)


def test_lower_is_better_passes_below_the_threshold_and_keeps_its_own_scale() -> None:
    (count,) = count_dimensions([case("a", toxic="2"), case("b", toxic="3")])
    assert (count.passed, count.mean, count.scale_max, count.direction) == (1, Decimal("2.5"), 7, "lower")


@given(st.lists(st.tuples(RAW, RAW), min_size=1, max_size=12))
def test_scored_errored_and_skipped_always_add_up_and_passes_fit(pairs: list[tuple[str, str]]) -> None:
    cases = [case(f"q{number}", grounded=one, faithful=two) for number, (one, two) in enumerate(pairs)]
    (count,) = count_dimensions(cases)
    assert count.total == len(pairs) == count.scored + count.errored + count.skipped
    assert 0 <= count.passed <= count.scored
    assert count.errored == sum(BROKEN in pair for pair in pairs)
