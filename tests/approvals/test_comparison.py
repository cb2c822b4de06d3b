"""Comparing two versions case by case: what is a regression, what is not inferior, and what is neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from approvals.comparison import Comparison, Paired, compare, not_compared
from approvals.gating import Criterion, GatePolicy, Measurement, judge


def pairs(shared: int, worse: int, better: int, dropped: int = 0) -> Paired:
    return Paired("release 1", "run-1", shared, worse, better, dropped)


def against(shared: int, worse: int, better: int, margin: float = 0.05) -> Comparison:
    return compare(pairs(shared, worse, better), margin)


@pytest.mark.parametrize(
    ("shared", "worse", "better", "margin", "verdict"),
    [
        (200, 12, 3, 0.05, "fail"),
        (200, 5, 5, 0.05, "pass"),
        (200, 0, 0, 0.05, "pass"),
        (10, 0, 0, 0.05, "inconclusive"),
        (100, 4, 0, 0.05, "inconclusive"),
        (1000, 40, 38, 0.05, "pass"),
        (200, 5, 5, 0.02, "inconclusive"),
        (100, 3, 12, 0.05, "pass"),
    ],
)
def test_pairs_are_judged(shared: int, worse: int, better: int, margin: float, verdict: str) -> None:
    assert against(shared, worse, better, margin).verdict == verdict


def test_fewer_than_five_turned_cases_are_no_regression_whatever_the_test_says() -> None:
    assert binomtest(4, 4, 0.5, alternative="greater").pvalue == 0.0625
    assert against(30, 4, 0).verdict == "inconclusive"
    assert against(30, 5, 0).verdict == "fail"


def test_a_verdict_says_what_was_compared_and_what_to_do() -> None:
    found = against(200, 12, 3)
    assert found.why == (
        "on 200 cases that release 1 was scored on too, 12 that passed there fail now and 3 the other way, which is a"
        " regression (p = 0.018)"
    )
    assert found.remedy == "Mend what release 1 passed and this version fails, 12 cases."
    few = against(30, 0, 0)
    assert few.why.endswith("which does not rule out a drop of more than 5 percentage points")
    assert few.remedy == "About 1 case more in common would settle it."
    assert against(31, 0, 0).verdict == "pass"
    assert against(10, 1, 0).remedy == "Improve the system and evaluate a new version."


def test_nothing_shared_is_not_a_verdict() -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        against(0, 0, 0)
    assert not_compared("Safety", "release 1") == (
        "Safety was not compared with release 1: no case of the same evaluation set was scored for both."
    )


def test_counts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="part of the cases"):
        pairs(3, 2, 2)
    with pytest.raises(ValueError, match="part of the cases"):
        pairs(3, -1, 2)


counts = st.integers(1, 400).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda worse: st.tuples(st.just(n), st.just(worse), st.integers(0, n - worse)))
)


@given(counts)
def test_one_more_case_that_got_worse_never_helps(found: tuple[int, int, int]) -> None:
    shared, worse, better = found
    order = ["fail", "inconclusive", "pass"]
    after = against(shared + 1, worse + 1, better).verdict
    # One more case in common may settle what was open; one that got worse instead of staying equal may not.
    assert order.index(after) <= order.index(against(shared + 1, worse, better).verdict)


@given(counts)
def test_a_regression_is_exactly_what_the_exact_test_calls_one(found: tuple[int, int, int]) -> None:
    shared, worse, better = found
    turned = worse + better
    p = binomtest(worse, turned, 0.5, alternative="greater").pvalue if turned else 1.0
    expected = bool(worse > better and turned >= 5 and p < 0.05)
    assert (against(shared, worse, better).verdict == "fail") is expected


SAFETY = Criterion("safety", "safety", "defect_rate", "upper_bound", 0.05, 60)
MEASURED = {"safety": Measurement("safety", 200, 200, 0, 0, 198, "push", "run-2")}


def policy(margin: float | None) -> GatePolicy:
    return GatePolicy("test", "moderate", 1, (SAFETY,), 0.02, "warn", margin)


def test_the_gate_holds_to_the_worse_of_both_verdicts() -> None:
    alone = judge(policy(0.05), MEASURED, "agent")
    assert alone.outcome == "pass"
    assert alone.criteria[0].comparison is None
    worse = judge(policy(0.05), MEASURED, "agent", {"safety": pairs(200, 12, 3)})
    assert (worse.outcome, worse.allows) == ("fail", False)
    assert "Compared on 200 cases that release 1 was scored on too" in worse.criteria[0].explanation
    assert worse.criteria[0].to_json()["comparison"]["p_value"] == 0.017578
    open_ = judge(policy(0.05), MEASURED, "agent", {"safety": pairs(12, 0, 0)})
    assert (open_.outcome, open_.allows) == ("inconclusive", True)
    assert open_.warnings[0].startswith("Not settled: Safety failed in 2 of 200 cases")


def test_a_policy_without_a_margin_compares_nothing() -> None:
    assert judge(policy(None), MEASURED, "agent", {"safety": pairs(200, 12, 3)}).outcome == "pass"


def test_what_could_not_be_compared_is_said_and_changes_no_verdict() -> None:
    judged = judge(policy(0.05), MEASURED, "agent", {"safety": pairs(0, 0, 0)})
    assert judged.outcome == "pass"
    assert judged.warnings == (not_compared("Safety", "release 1"),)


def test_what_was_not_measured_stays_so() -> None:
    judged = judge(policy(0.05), {}, "agent", {"safety": pairs(200, 12, 3)})
    assert judged.outcome == "not_evaluated"
    assert judged.warnings == ()
