"""How a gate judges: criteria and measurements in, a verdict with its reasons out. Pure.

A verdict is pass, fail, inconclusive or not_evaluated; what was not measured never passes. What we decided, so that
every verdict can be explained in one sentence:

* point: at n >= n_min the rate itself decides, so it passes or fails and is never inconclusive.
* lower_bound: pass when the one-sided 95 % Wilson lower bound meets the threshold, fail when the upper one misses it.
* upper_bound: pass when the one-sided 95 % Clopper-Pearson upper bound stays within the allowed defect rate, fail when
  the observed rate itself exceeds it at n >= n_min (too many defects were seen; no bound is needed to say so).
* below n_min: inconclusive, unless it certainly fails: a lower_bound already ruled out, or a rate that could not be met
  at n_min even if every case still to come went well.
* unscored cases (judge errors, skips): more than the policy allows fails; any at all turns a pass into inconclusive.
* repeated trials: a minimum counts different cases, and bounds what the trials are worth as independent ones.
* against the version released before, where the policy names a margin: the worse of both verdicts holds (`comparison`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from approvals import statistics
from approvals.comparison import Comparison, Paired, compare, not_compared
from approvals.gate_policies import (
    PATTERNS,
    Criterion,
    GatePolicy,
    PolicyError,
    load_policies,
    policy_digest,
)
from approvals.gate_words import cases, percent, title
from approvals.sampling import Measurement, related_judges, worst_slice
from approvals.statistics import Interval

__all__ = [
    "FAIL",
    "INCONCLUSIVE",
    "NOT_EVALUATED",
    "PASS",
    "PATTERNS",
    "Criterion",
    "CriterionVerdict",
    "GatePolicy",
    "GateVerdict",
    "Measurement",
    "Paired",
    "PolicyError",
    "judge",
    "load_policies",
    "policy_digest",
]

PASS, FAIL, INCONCLUSIVE, NOT_EVALUATED = "pass", "fail", "inconclusive", "not_evaluated"
# The gate is as good as its worst criterion, in this order.
WORST_FIRST = (FAIL, NOT_EVALUATED, INCONCLUSIVE, PASS)
# Beyond so many further cases, the advice is to improve the system rather than to go on measuring it.
WORTH_RUNNING = 2_000


@dataclass(frozen=True, slots=True)
class CriterionVerdict:
    """The verdict on one criterion. `value` is the pass or defect rate of `n` scored cases, low and high its bounds."""

    criterion: Criterion
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    explanation: str
    remedy: str
    measurement: Measurement | None
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types, floats to six places."""
        return {
            "criterion": {**asdict(self.criterion), "patterns": list(self.criterion.patterns)},
            "verdict": self.verdict,
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "n": self.n,
            "explanation": self.explanation,
            "remedy": self.remedy,
            "measurement": self.measurement.to_json() if self.measurement else None,
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The verdict of the gate: `allows` is what a release may rely on, `warnings` say what it knowingly accepts."""

    outcome: str
    criteria: tuple[CriterionVerdict, ...]
    allows: bool
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "outcome": self.outcome,
            "criteria": [verdict.to_json() for verdict in self.criteria],
            "allows": self.allows,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, before unscored cases are taken into account: the verdict, why, and what would change it."""

    verdict: str
    why: str
    remedy: str = ""


def judge(
    policy: GatePolicy,
    measurements: Mapping[str, Measurement],
    pattern: str,
    pairs: Mapping[str, Paired] | None = None,
    model: str = "",
) -> GateVerdict:
    """Judge a system of this pattern by the policy. `measurements` are keyed by dimension; others are ignored.

    `pairs`, keyed alike, say how it compares with the version released before; None where none was. `model` names the
    model judged.

    Raises ValueError for an unknown pattern, which would otherwise drop criteria in silence, and for a measurement
    filed under another dimension's name.
    """
    if pattern not in PATTERNS:
        raise ValueError(f"There is no pattern {pattern!r}; use one of {', '.join(PATTERNS)}.")
    for key, measurement in measurements.items():
        if key != measurement.dimension:
            raise ValueError(f"The measurement filed under {key!r} is of {measurement.dimension!r}; file it there.")
    pairs = pairs or {}
    criteria = tuple(
        _compared(
            _judge_criterion(criterion, measurements.get(criterion.dimension), policy.max_unscored),
            pairs.get(criterion.dimension),
            policy.baseline_margin,
        )
        for criterion in policy.criteria
        if criterion.applies_to(pattern)
    )
    outcome = min((each.verdict for each in criteria), key=WORST_FIRST.index, default=NOT_EVALUATED)
    tolerated = outcome == INCONCLUSIVE and policy.on_inconclusive == "warn"
    warnings = tuple(f"Not settled: {each.explanation}" for each in criteria if each.verdict == INCONCLUSIVE)
    warnings += tuple(_uncompared(policy, criteria, pairs))
    warnings += tuple(filter(None, (_weakest(each) for each in criteria)))
    judged = {each.criterion.dimension: each.measurement for each in criteria if each.measurement}
    warnings += tuple(related_judges(judged, model))
    if not criteria:
        warnings = ("No criterion of this policy applies, so nothing was judged; add criteria to the policy.",)
    return GateVerdict(outcome, criteria, outcome == PASS or tolerated, warnings)


def _compared(judged: CriterionVerdict, paired: Paired | None, margin: float | None) -> CriterionVerdict:
    """The worse of the verdict by itself and the verdict against the version released before."""
    if paired is None or margin is None or not paired.shared or judged.verdict == NOT_EVALUATED:
        return judged
    comparison = compare(paired, margin)
    return replace(
        judged,
        verdict=min(judged.verdict, comparison.verdict, key=WORST_FIRST.index),
        explanation=f"{judged.explanation} Compared {comparison.why}.",
        remedy=f"{judged.remedy} {comparison.remedy}".strip(),
        comparison=comparison,
    )


def _weakest(judged: CriterionVerdict) -> str:
    c = judged.criterion
    least = c.threshold if c.statistic == "pass_rate" else 1 - c.threshold
    return worst_slice(judged.measurement, least) if judged.measurement is not None else ""


def _uncompared(
    policy: GatePolicy, criteria: tuple[CriterionVerdict, ...], pairs: Mapping[str, Paired]
) -> Iterator[str]:
    for each in criteria if policy.baseline_margin is not None else ():
        paired = pairs.get(each.criterion.dimension)
        if paired is not None and not paired.shared and each.verdict != NOT_EVALUATED:
            yield not_compared(title(each.criterion.dimension), paired.baseline)


def _judge_criterion(criterion: Criterion, m: Measurement | None, max_unscored: float) -> CriterionVerdict:
    name = title(criterion.dimension)
    if m is None or m.total == 0:
        why = f"{name} was not measured."
        remedy = f"Run an evaluation that measures {name.lower()} on at least {cases(criterion.n_min)}."
        return CriterionVerdict(criterion, NOT_EVALUATED, None, None, None, 0, why, remedy, m)
    if m.unscored / m.total > max_unscored:
        why = (
            f"{name} has no score for {m.unscored} of {cases(m.total)} ({percent(m.unscored / m.total, max_unscored)})"
        )
        finding = Finding(FAIL, f"{why}, and at most {percent(max_unscored)} may lack one", _rerun(m))
    else:
        finding = _with_unscored(_judge_scored(criterion, m), m)
    value = _rate(criterion, m) if m.scored else None
    bounds = _bounds(criterion, m) if m.scored else None
    low, high = (bounds.low, bounds.high) if bounds else (None, None)
    why = f"{finding.why}."
    return CriterionVerdict(criterion, finding.verdict, value, low, high, m.scored, why, finding.remedy, m)


def _with_unscored(finding: Finding, m: Measurement) -> Finding:
    if not m.unscored:
        return finding
    verdict = INCONCLUSIVE if finding.verdict == PASS else finding.verdict
    unscored = f"{m.unscored} of {cases(m.total)} {'has' if m.unscored == 1 else 'have'} no score"
    why = f"{finding.why}; {unscored}" + (", so it is not settled" if finding.verdict == PASS else "")
    return Finding(verdict, why, f"{finding.remedy} {_rerun(m)}".strip())


def _judge_scored(criterion: Criterion, m: Measurement) -> Finding:
    if criterion.rule == "lower_bound":
        return _judge_lower_bound(criterion, m)
    if m.asked < criterion.n_min:
        return _judge_too_few(criterion, m)
    if criterion.rule == "upper_bound":
        return _judge_upper_bound(criterion, m)
    return _judge_point(criterion, m)


def _judge_too_few(c: Criterion, m: Measurement) -> Finding:
    missing = c.n_min - m.asked
    spoilt = _defects(m) * m.asked / m.scored
    least_bad = (c.n_min - spoilt) / c.n_min if c.statistic == "pass_rate" else spoilt / c.n_min
    if not _meets(c, least_bad):
        hope = f"even if the next {cases(missing)} went well, it would stay {_side(c, False)} {percent(c.threshold)}"
        return Finding(FAIL, f"{_counted(c, m)}; {hope}", "Improve the system and evaluate a new version.")
    return _too_few(c, m)


def _too_few(c: Criterion, m: Measurement) -> Finding:
    why = f"{_counted(c, m)}; at least {cases(c.n_min)} are needed to judge"
    return Finding(INCONCLUSIVE, why, f"Run {c.n_min - m.asked} more {_noun(c.n_min - m.asked)}.")


def _judge_point(c: Criterion, m: Measurement) -> Finding:
    passes = _meets(c, _rate(c, m))
    why = f"{_counted(c, m)}, {_side(c, passes)} {percent(c.threshold)}"
    return Finding(PASS if passes else FAIL, why, "" if passes else _point_remedy(c, m))


def _judge_lower_bound(c: Criterion, m: Measurement) -> Finding:
    bounds, required = _bounds(c, m), f"the required {percent(c.threshold)}"
    if bounds.high < c.threshold:
        why = f"{_counted(c, m)}; even the upper bound {percent(bounds.high, c.threshold)} is below {required}"
        return Finding(FAIL, why, _lower_bound_remedy(c, m))
    if m.asked < c.n_min:
        return _too_few(c, m)
    lower = f"{_counted(c, m)}; the lower bound {percent(bounds.low, c.threshold)}"
    if bounds.low >= c.threshold:
        return Finding(PASS, f"{lower} meets {required}")
    more = statistics.cases_needed(m.weighed_passes, m.weight, c.threshold)
    worth_it = more is not None and more <= WORTH_RUNNING
    settle = f"At this pass rate about {more} more {_noun(more)} would settle it. " if worth_it else ""
    return Finding(INCONCLUSIVE, f"{lower} does not yet meet {required}", settle + _lower_bound_remedy(c, m))


def _judge_upper_bound(c: Criterion, m: Measurement) -> Finding:
    bounds, allowed = _bounds(c, m), percent(c.threshold)
    if not _meets(c, _rate(c, m)):
        few = statistics.max_defects(c.threshold, m.scored) or 0
        return Finding(FAIL, f"{_counted(c, m)}, {_side(c, False)} {allowed}", _may_fail(few, m))
    upper = f"the upper bound {percent(bounds.high, c.threshold)}"
    if bounds.high <= c.threshold:
        return Finding(PASS, f"{_counted(c, m)}; {upper} is within the allowed {allowed}")
    more = statistics.clean_cases_needed(m.weight - m.weighed_passes, m.weight, c.threshold)
    remedy = f"Run {more} more {_noun(more)} without a failure." if more else "Improve the system and evaluate again."
    return Finding(INCONCLUSIVE, f"{_counted(c, m)}; {upper} is not yet within the allowed {allowed}", remedy)


def _point_remedy(c: Criterion, m: Measurement) -> str:
    if c.statistic == "pass_rate":
        enough = next(k for k in range(m.passed, m.scored + 1) if k / m.scored >= c.threshold)
        return _must_pass(enough, m)
    few = next(k for k in range(_defects(m), -1, -1) if k / m.scored <= c.threshold)
    return _may_fail(few, m)


def _lower_bound_remedy(c: Criterion, m: Measurement) -> str:
    if m.repeated:
        return "Run more different cases; further trials of the same ones tell little new."
    n = max(m.scored, c.n_min)
    enough = statistics.passes_needed(c.threshold, n)
    if enough is None:
        return "Run more cases; even if all of these passed, they would be too few."
    return _must_pass(enough, m) if n == m.scored else f"At least {enough} of {cases(n)} must pass."


def _must_pass(enough: int, m: Measurement) -> str:
    return f"At least {enough} of {cases(m.scored)} must pass, {enough - m.passed} more than now."


def _may_fail(few: int, m: Measurement) -> str:
    most = f"At most {few}" if few else "None"
    return f"{most} of {cases(m.scored)} may fail, {_defects(m) - few} fewer than now; mend what failed first."


def _rerun(m: Measurement) -> str:
    return f"Mend what kept {cases(m.unscored)} from being scored and run {'it' if m.unscored == 1 else 'them'} again."


def _counted(c: Criterion, m: Measurement) -> str:
    word, part = ("passed", m.passed) if c.statistic == "pass_rate" else ("failed", _defects(m))
    told = f"{title(c.dimension)} {word} in {part} of {cases(m.scored)} ({percent(_rate(c, m), c.threshold)})"
    if not m.repeated:
        return told
    return f"{told}, trials of {m.asked} different ones that are worth {cases(round(m.weight))} tried once"


def _side(c: Criterion, meets: bool) -> str:
    if c.statistic == "pass_rate":
        return "which meets the required" if meets else "below the required"
    return "within the allowed" if meets else "above the allowed"


def _noun(number: int | None) -> str:
    return "case" if number == 1 else "cases"


def _defects(m: Measurement) -> int:
    return m.scored - m.passed


def _rate(c: Criterion, m: Measurement) -> float:
    return (m.passed if c.statistic == "pass_rate" else _defects(m)) / m.scored


def _meets(c: Criterion, rate: float) -> bool:
    return rate >= c.threshold if c.statistic == "pass_rate" else rate <= c.threshold


def _bounds(c: Criterion, m: Measurement) -> Interval:
    """Return what is shown beside the rate: for a point rule the two-sided interval, else both one-sided bounds."""
    if c.rule == "lower_bound":
        return statistics.wilson(m.weighed_passes, m.weight, sided=1)
    defects = m.weight - m.weighed_passes
    if c.rule == "upper_bound":
        return Interval(
            statistics.clopper_pearson_lower(defects, m.weight), statistics.clopper_pearson_upper(defects, m.weight)
        )
    return statistics.wilson(m.weighed_passes if c.statistic == "pass_rate" else defects, m.weight)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
