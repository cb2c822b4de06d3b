"""Our bounds against known values, against scipy and statsmodels, and against what every bound must obey."""

import math
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest
from statsmodels.stats.proportion import proportion_confint

from approvals import statistics

VECTORS = yaml.safe_load((Path(__file__).parent / "data" / "statistics_vectors.yaml").read_text(encoding="utf-8"))
CLOSE = 1e-6

counts = st.integers(0, 600).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.integers(1, 99).map(lambda percent: percent / 100)


def rows(name):
    return [pytest.param(row, id="-".join(str(value) for value in row.values())) for row in VECTORS[name]]


@pytest.mark.parametrize("row", rows("wilson_two_sided_95"))
def test_the_two_sided_wilson_interval_matches_the_known_value(row):
    found = statistics.wilson(row["k"], row["n"])
    assert (found.low, found.high) == pytest.approx((row["lo"], row["hi"]), abs=CLOSE)


@pytest.mark.parametrize("row", rows("wilson_one_sided_95_lower"))
def test_the_one_sided_wilson_bound_matches_the_known_value(row):
    assert statistics.wilson_lower(row["k"], row["n"]) == pytest.approx(row["lower"], abs=CLOSE)


@pytest.mark.parametrize("row", rows("clopper_pearson_one_sided_95_upper"))
def test_the_clopper_pearson_bound_matches_the_known_value(row):
    assert statistics.clopper_pearson_upper(row["k"], row["n"]) == pytest.approx(row["upper"], abs=CLOSE)


@pytest.mark.parametrize("row", rows("zero_failures_needed"))
def test_the_cases_needed_without_a_failure_match_the_known_value(row):
    assert statistics.clean_cases_needed(0, 0, row["max_rate"]) == row["n_exact_95"]


@pytest.mark.parametrize("row", rows("mcnemar_exact"))
def test_the_exact_mcnemar_test_matches_the_known_value(row):
    found = statistics.mcnemar_regression(row["b_base_pass_cand_fail"], row["c_base_fail_cand_pass"])
    assert found == pytest.approx(row["p_one_sided_regression"], abs=CLOSE)


@pytest.mark.parametrize("row", rows("agresti_min_one_sided_95_lower"))
def test_the_agresti_min_bound_matches_the_known_value(row):
    found = statistics.agresti_min_lower(worse=row["b"], better=row["c"], n=row["n"])
    assert found == pytest.approx(row["lower"], abs=CLOSE)


@pytest.mark.parametrize("row", rows("min_passes_for_wilson_lower_bound"))
def test_the_passes_needed_match_the_known_value(row):
    assert statistics.passes_needed(row["threshold"], row["n"]) == row["min_passes"]


@pytest.mark.parametrize("row", rows("max_defects_for_upper_bound"))
def test_the_most_defects_match_the_known_value(row):
    assert statistics.max_defects(row["max_rate"], row["n"]) == row["max_defects"]


def random_counts(seed, repeat, most):
    """Counts spread over every magnitude of n, with few defects as likely as many."""
    dice = random.Random(seed)
    for _ in range(repeat):
        n = int(10 ** dice.uniform(0, math.log10(most)))
        yield min(n, int(n * dice.random() ** dice.choice([1, 4, 8]))), n


def test_wilson_agrees_with_statsmodels_for_random_counts_and_confidences():
    for passed, n in random_counts(seed=7, repeat=400, most=100_000):
        for confidence in (0.8, 0.95, 0.999):
            low, high = proportion_confint(passed, n, alpha=1 - confidence, method="wilson")
            found = statistics.wilson(passed, n, confidence)
            assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_clopper_pearson_agrees_with_scipy_up_to_a_hundred_thousand_cases():
    for defects, n in random_counts(seed=11, repeat=400, most=100_000):
        upper = 1.0 if defects == n else beta.ppf(0.95, defects + 1, n - defects)
        lower = 0.0 if defects == 0 else beta.ppf(0.05, defects, n - defects + 1)
        assert statistics.clopper_pearson_upper(defects, n) == pytest.approx(upper, abs=1e-9)
        assert statistics.clopper_pearson_lower(defects, n) == pytest.approx(lower, abs=1e-9)


def test_the_exact_mcnemar_test_agrees_with_the_binomial_test_of_scipy():
    dice = random.Random(13)
    for _ in range(200):
        worse, better = dice.randint(0, 500), dice.randint(1, 500)
        expected = binomtest(worse, worse + better, 0.5, alternative="greater").pvalue
        assert statistics.mcnemar_regression(worse, better) == pytest.approx(expected, abs=1e-9)


@given(counts, shares)
def test_bounds_always_enclose_the_rate_and_stay_within_zero_and_one(count, confidence):
    part, n = count
    rate = part / n if n else 0.5
    wilson = statistics.wilson(part, n, max(confidence, 0.5))
    assert 0 <= wilson.low <= rate + 1e-12
    assert rate - 1e-12 <= wilson.high <= 1
    if n:
        assert 0 <= statistics.clopper_pearson_lower(part, n) <= rate <= statistics.clopper_pearson_upper(part, n) <= 1


@given(counts)
def test_one_more_pass_never_lowers_a_bound(count):
    passed, n = count
    before, after = statistics.wilson(passed, n), statistics.wilson(passed + 1, n + 1)
    assert after.low >= before.low - 1e-12
    assert after.high >= before.high - 1e-12
    assert statistics.clopper_pearson_upper(n - passed, n + 1) <= statistics.clopper_pearson_upper(n - passed, n)


@given(counts)
def test_one_more_defect_never_lowers_the_defect_bounds(count):
    defects, n = count
    assert statistics.clopper_pearson_upper(defects + 1, n + 1) >= statistics.clopper_pearson_upper(defects, n)
    assert statistics.clopper_pearson_lower(defects + 1, n + 1) >= statistics.clopper_pearson_lower(defects, n)


@given(st.integers(0, 2000), shares)
def test_the_passes_needed_are_enough_and_one_fewer_is_not(n, threshold):
    needed = statistics.passes_needed(threshold, n)
    if needed is None:
        assert n == 0 or statistics.wilson_lower(n, n) < threshold
    else:
        assert statistics.wilson_lower(needed, n) >= threshold
        assert needed == 0 or statistics.wilson_lower(needed - 1, n) < threshold


@given(st.integers(0, 800), shares)
@settings(deadline=None)
def test_the_most_defects_are_allowed_and_one_more_is_not(n, max_rate):
    most = statistics.max_defects(max_rate, n)
    if most is None:
        assert statistics.clopper_pearson_upper(0, n) > max_rate
    else:
        assert statistics.clopper_pearson_upper(most, n) <= max_rate
        assert most == n or statistics.clopper_pearson_upper(most + 1, n) > max_rate


@given(counts, shares)
def test_the_cases_needed_settle_the_bound_at_the_rate_seen_and_one_fewer_would_not(count, threshold):
    passed, n = count
    more = statistics.cases_needed(passed, n, threshold)
    if more is None:
        assert n == 0 or passed / n <= threshold
    elif more == 0:
        assert statistics.wilson_lower(passed, n) >= threshold
    else:
        # At an unchanged rate the passes are rarely a whole number, so the bound is read off its formula.
        assert bound_at(passed / n, n + more) >= threshold - 1e-9
        assert bound_at(passed / n, n + more - 1) < threshold + 1e-9


def bound_at(rate, n):
    """Return the one-sided 95 % Wilson lower bound for a rate that need not be a whole number of cases."""
    z = 1.6448536269514722
    return (rate + z * z / (2 * n) - z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))) / (1 + z * z / n)


@given(st.integers(0, 12), st.integers(0, 400), st.integers(1, 30))
@settings(deadline=None)
def test_the_clean_cases_needed_are_enough_and_one_fewer_is_not(defects, clean, percent):
    n, max_rate = defects + clean, percent / 100
    more = statistics.clean_cases_needed(defects, n, max_rate)
    assert statistics.clopper_pearson_upper(defects, n + more) <= max_rate
    assert more == 0 or statistics.clopper_pearson_upper(defects, n + more - 1) > max_rate


def test_a_goal_beyond_a_hundred_thousand_cases_has_no_number():
    assert statistics.cases_needed(85_001, 100_000, 0.85) is None
    assert statistics.clean_cases_needed(0, 0, 0.000_02) is None


def test_without_any_case_nothing_is_known():
    assert statistics.wilson(0, 0) == statistics.Interval(0.0, 1.0)
    assert statistics.clopper_pearson_upper(0, 0) == 1.0
    assert statistics.clopper_pearson_lower(0, 0) == 0.0
    assert statistics.passes_needed(0.5, 0) is None
    assert statistics.max_defects(0.5, 0) is None
    assert statistics.cases_needed(0, 0, 0.5) is None


def test_no_disagreeing_pair_is_no_sign_of_a_regression_and_no_certainty_either():
    assert statistics.mcnemar_regression(0, 0) == 1.0
    assert statistics.agresti_min_lower(0, 0, 100) < 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.wilson(11, 10), "11 of 10 cases is impossible"),
        (lambda: statistics.wilson(-1, 10), "-1 of 10 cases is impossible"),
        (lambda: statistics.clopper_pearson_upper(3, 2), "3 of 2 cases is impossible"),
        (lambda: statistics.clopper_pearson_lower(-1, 2), "-1 of 2 cases is impossible"),
        (lambda: statistics.mcnemar_regression(-1, 4), "-1 of 3 cases is impossible"),
        (lambda: statistics.mcnemar_regression(4, -1), "4 of 3 cases is impossible"),
        (lambda: statistics.agresti_min_lower(6, 5, 10), "11 of 10 cases is impossible"),
        (lambda: statistics.agresti_min_lower(-1, 5, 10), "cannot be negative"),
        (lambda: statistics.wilson(1, 2, confidence=95), "confidence is 95; give a share"),
        (lambda: statistics.wilson(1, 2, sided=3), "one-sided (1) or two-sided (2)"),
        (lambda: statistics.passes_needed(1.0, 10), "threshold is 1.0; give a share"),
        (lambda: statistics.max_defects(0.0, 10), "max_rate is 0.0; give a share"),
        (lambda: statistics.passes_needed(0.5, -1), "0 of -1 cases is impossible"),
    ],
)
def test_impossible_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError) as refusal:
        call()
    assert message in str(refusal.value)
