"""Bounds for pass and defect rates, and how many cases a bound needs. Pure, standard library only.

Wilson for pass rates, because it keeps its coverage near 100 %, where gates live; Clopper-Pearson for defects, because
it is exact for none or a few. Counts may be parts of cases, where cases are not independent. Confidence is always given
as a share, 0.95 unless said otherwise. With no case at all nothing is known, so every interval is 0 to 1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95
# Nobody collects more cases than this to satisfy a gate; beyond it the honest answer is "not at this rate".
MOST_CASES = 100_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a rate, as shares between 0 and 1."""

    low: float
    high: float


def wilson(passed: float, n: float, confidence: float = CONFIDENCE, sided: int = 2) -> Interval:
    """Return the Wilson score interval; with `sided=1` each bound alone holds with the given confidence."""
    _check_counts(passed, n)
    if n == 0:
        return Interval(0.0, 1.0)
    z = _z(confidence, sided)
    rate, spread = passed / n, z * z / n
    middle = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / n + spread / (4 * n)) / (1 + spread)
    # At the ends the formula gives exactly 0 and 1; rounding must not say otherwise.
    return Interval(0.0 if passed == 0 else max(0.0, middle - half), 1.0 if passed == n else min(1.0, middle + half))


def wilson_lower(passed: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided lower Wilson bound of a pass rate."""
    return wilson(passed, n, confidence, sided=1).low


def wilson_upper(passed: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided upper Wilson bound of a pass rate."""
    return wilson(passed, n, confidence, sided=1).high


@lru_cache(maxsize=4096)
def clopper_pearson_upper(defects: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided upper Clopper-Pearson bound: the rate at which so few defects would be rare."""
    _check_counts(defects, n)
    alpha = 1 - _share(confidence)
    if defects == n:
        return 1.0
    if defects == 0:
        return -math.expm1(math.log(alpha) / n)
    return _beta_quantile(confidence, defects + 1, n - defects)


@lru_cache(maxsize=4096)
def clopper_pearson_lower(defects: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided lower Clopper-Pearson bound: the rate at which so many defects would be rare."""
    _check_counts(defects, n)
    alpha = 1 - _share(confidence)
    if defects == 0:
        return 0.0
    if defects == n:
        return math.exp(math.log(alpha) / n)
    return _beta_quantile(alpha, defects, n - defects + 1)


def mcnemar_regression(worse: int, better: int) -> float:
    """Return the exact one-sided p-value that a candidate is worse than its baseline on the same cases.

    `worse` counts cases that only the baseline passed, `better` those that only the candidate passed (McNemar's
    discordant pairs); with no such pair there is no sign of a regression and the answer is 1.
    """
    _check_counts(worse, worse + better)
    if worse == 0:
        return 1.0
    return _regularised_beta(0.5, worse, better + 1)


def agresti_min_lower(worse: float, better: float, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided lower bound of (candidate - baseline) pass rate over `n` paired cases.

    Agresti and Min add half a case to each cell of the paired table, which keeps the bound honest when no pair
    disagrees, where a bootstrap would claim certainty. Parts of cases are taken, so that counts can be scaled up.
    """
    _check_counts(worse + better, n)
    if min(worse, better) < 0:
        raise ValueError("Counts of discordant pairs cannot be negative.")
    less, more, total = worse + 0.5, better + 0.5, n + 2
    gain = more - less
    spread = math.sqrt(less + more - gain * gain / total) / total
    return max(-1.0, gain / total - _z(confidence, 1) * spread)


def passes_needed(threshold: float, n: int, confidence: float = CONFIDENCE) -> int | None:
    """Return the fewest passes of `n` whose lower Wilson bound meets `threshold`; None when even all would not do."""
    _check_counts(0, n)
    _share(threshold, "threshold")
    found = _first(lambda passed: wilson_lower(passed, n, confidence) >= threshold, 0, n)
    return found if n else None


def max_defects(max_rate: float, n: int, confidence: float = CONFIDENCE) -> int | None:
    """Return the most defects of `n` whose upper bound stays within `max_rate`; None when even none would not do."""
    _check_counts(0, n)
    _share(max_rate, "max_rate")
    # More defects only raise the bound, so the answer lies just below the first count that breaks it.
    breaking = _first(lambda defects: clopper_pearson_upper(defects, n, confidence) > max_rate, 0, n)
    return n if breaking is None else (breaking - 1 if breaking else None)


def cases_needed(passed: float, n: float, threshold: float, confidence: float = CONFIDENCE) -> int | None:
    """Return about how many more cases, at the pass rate seen, until the lower Wilson bound could meet `threshold`.

    0 when it meets it already; None when the rate does not exceed the threshold, or only so narrowly that more than
    100,000 cases would be needed. Solved from the score test behind the bound: n >= z² t (1 - t) / (rate - t)².
    """
    _check_counts(passed, n)
    _share(threshold, "threshold")
    if n == 0 or passed / n <= threshold:
        return None
    if wilson_lower(passed, n, confidence) >= threshold:
        return 0
    z = _z(confidence, 1)
    total = math.ceil(z * z * threshold * (1 - threshold) / (passed / n - threshold) ** 2)
    return max(1, total - math.floor(n)) if total <= MOST_CASES else None


def clean_cases_needed(defects: float, n: float, max_rate: float, confidence: float = CONFIDENCE) -> int | None:
    """Return how many more cases without any defect until the upper bound stays within `max_rate`.

    0 when it does already; None when more than 100,000 cases would be needed.
    """
    _check_counts(defects, n)
    _share(max_rate, "max_rate")
    return _first(lambda more: clopper_pearson_upper(defects, n + more, confidence) <= max_rate, 0, MOST_CASES)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the first number in low..high for which `holds`, which once true stays true; None when it never is."""
    step = 1
    start = low
    while start + step < high and not holds(start + step):
        start, step = start + step, step * 2
    top = min(start + step, high)
    low = start if start == low else start + 1
    while low < top:
        middle = (low + top) // 2
        low, top = (low, middle) if holds(middle) else (middle + 1, top)
    return low if holds(low) else None


def _check_counts(part: float, n: float) -> None:
    if not 0 <= part <= n:
        raise ValueError(f"{part} of {n} cases is impossible; counts run from 0 to the number of cases.")


def _share(value: float, name: str = "confidence") -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; give a share between 0 and 1, such as 0.95.")
    return value


@lru_cache(maxsize=64)
def _z(confidence: float, sided: int) -> float:
    if sided not in (1, 2):
        raise ValueError("An interval is one-sided (1) or two-sided (2).")
    return NormalDist().inv_cdf(1 - (1 - _share(confidence)) / sided)


def _beta_quantile(share: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = share, by Newton steps kept inside a shrinking bracket."""
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(200):
        miss = _regularised_beta(x, a, b) - share
        low, high = (low, x) if miss > 0 else (x, high)
        slope = math.exp(_log_beta_kernel(x, a, b)) / (x * (1 - x))
        step = miss / slope if slope > 0 else math.inf
        following = x - step if low < x - step < high else (low + high) / 2
        if abs(following - x) <= 1e-15 * x or high - low <= 1e-16:
            return following
        x = following
    return x


def _log_beta_kernel(x: float, a: float, b: float) -> float:
    """Return log of x^a (1-x)^b / B(a, b)."""
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return a * math.log(x) + b * math.log1p(-x) - log_beta


def _regularised_beta(x: float, a: float, b: float) -> float:
    """Return I_x(a, b), the chance of at least a successes in a+b-1 trials at rate x."""
    if x > (a + 1) / (a + b + 2):  # the continued fraction converges fast only on this side of the mode
        return 1 - _regularised_beta(1 - x, b, a)
    return math.exp(_log_beta_kernel(x, a, b)) * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction of I_x(a, b) (Abramowitz and Stegun 26.5.8) by Lentz's method, as modified."""
    tiny = 1e-300
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for numerator in (even, odd):
            d = 1 / _away_from_zero(1 + numerator * d, tiny)
            c = _away_from_zero(1 + numerator / c, tiny)
            value *= c * d
        if abs(c * d - 1) < 3e-16:
            break
    return value


def _away_from_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
