"""From cases to counts per dimension."""

import random
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from evidence.connectors.scoring import with_gaps_filled
from evidence.counting import count_dimensions, independent_cases
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


def test_the_sample_tells_items_kinds_and_judges() -> None:
    cases = [case("a", trial=1, grounded="0.9"), case("a", trial=2, grounded="0.1"), case("b", grounded=BROKEN)]
    (count,) = count_dimensions(cases)
    assert count.sample.items == 1
    assert count.sample.kinds == {cases[0].item_kind: (2, 1)}
    assert count.sample.to_json()["kinds"] == {cases[0].item_kind: [2, 1]}


def test_cases_tried_once_are_all_independent() -> None:
    assert independent_cases([(1, 1), (1, 0), (1, 1)]) == 3


def test_trials_that_always_agree_count_once() -> None:
    assert independent_cases([(4, 4), (4, 4), (4, 4)]) == 3
    assert independent_cases([(4, 4)] * 45 + [(4, 0)] * 5) == pytest.approx(49)


def test_trials_that_agree_no_more_than_chance_all_count() -> None:
    assert independent_cases([(2, 1)] * 50) == 100


def test_the_design_effect_is_that_of_a_cluster_robust_error() -> None:
    """Against the sandwich estimator of statsmodels, with items as clusters."""
    dice = random.Random(3)
    items = [(4, sum(dice.random() < share for _ in range(4))) for share in [dice.betavariate(4, 1) for _ in range(60)]]
    passes = [int(trial < good) for tried, good in items for trial in range(tried)]
    groups = [number for number, (tried, _good) in enumerate(items) for _ in range(tried)]
    model = OLS(np.array(passes, float), np.ones(len(passes)))
    robust = model.fit(cov_type="cluster", cov_kwds={"groups": np.array(groups), "use_correction": False})
    rate, n = sum(passes) / len(passes), len(passes)
    effect = robust.bse[0] ** 2 * len(items) / (len(items) - 1) / (rate * (1 - rate) / n)
    assert independent_cases(items) == pytest.approx(n / effect)


@given(st.lists(st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=40))
def test_independent_cases_lie_between_one_and_all_trials(items: list[tuple[int, int]]) -> None:
    assert 1 <= independent_cases(items) <= sum(tried for tried, _passed in items)
