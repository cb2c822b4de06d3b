"""Whether a version got worse than the one released before it, on the cases that both were asked. Pure.

A pass rate that meets its threshold may still hide that what worked yesterday fails today. So both versions are
compared case by case, on the same evaluation set:

* regression: more cases turned from pass to fail than the other way, at least five cases turned at all, and the exact
  one-sided McNemar test gives this less than a 5 % chance of being luck. It fails.
* not inferior: the one-sided 95 % lower bound (Agresti-Min) of the difference stays above minus the tier's margin. It
  passes.
* neither: inconclusive, never silently passed.

A case that was tried several times counts once, as passed when more than half of its trials did: trials of one case are
not independent, and counting each would claim a certainty that is not there.
"""

from dataclasses import dataclass
from typing import Any

from approvals import statistics
from approvals.gate_words import cases, percent

PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"
ALPHA = 0.05
# Fewer turned cases than this cannot be told from luck, whatever the test says.
MIN_TURNED = 5
WORTH_RUNNING = 2_000


@dataclass(frozen=True, slots=True)
class Paired:
    """Both versions on the cases of one dimension that both were scored on.

    `worse` passed only in the baseline, `better` only in the candidate; `dropped` counts cases that only one of them
    was scored on. `baseline` names the released one, `reference` its evaluation run.
    """

    baseline: str
    reference: str
    shared: int
    worse: int
    better: int
    dropped: int

    def __post_init__(self) -> None:
        """Refuse counts that contradict each other."""
        if min(self.worse, self.better, self.dropped) < 0 or self.worse + self.better > self.shared:
            raise ValueError("Cases that turned are part of the cases both were scored on.")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What follows from the pairs: `low` bounds the difference in pass rate (candidate - baseline) from below."""

    paired: Paired
    margin: float
    verdict: str
    p_value: float
    low: float
    why: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types, floats to six places."""
        paired = self.paired
        return {
            "baseline": paired.baseline,
            "reference": paired.reference,
            "shared": paired.shared,
            "worse": paired.worse,
            "better": paired.better,
            "dropped": paired.dropped,
            "margin": self.margin,
            "verdict": self.verdict,
            "p_value": round(self.p_value, 6),
            "low": round(self.low, 6),
            "explanation": self.why,
        }


def compare(paired: Paired, margin: float) -> Comparison:
    """Judge the pairs; `margin` is the drop in pass rate that is still acceptable, as a share.

    Raises ValueError when no case was shared: nothing was compared, and that is not a verdict.
    """
    if paired.shared == 0:
        raise ValueError("Without a case that both were scored on there is nothing to compare.")
    p_value = statistics.mcnemar_regression(paired.worse, paired.better)
    low = statistics.agresti_min_lower(paired.worse, paired.better, paired.shared)
    told = _told(paired)
    turned = paired.worse + paired.better
    if paired.worse > paired.better and turned >= MIN_TURNED and p_value < ALPHA:
        why = f"{told}, which is a regression (p = {p_value:.2g})"
        remedy = f"Mend what {paired.baseline} passed and this version fails, {cases(paired.worse)}."
        return Comparison(paired, margin, FAIL, p_value, low, why, remedy)
    allowed = f"a drop of more than {_points(margin)}"
    if low > -margin:
        return Comparison(paired, margin, PASS, p_value, low, f"{told}, which rules out {allowed}")
    return Comparison(
        paired, margin, INCONCLUSIVE, p_value, low, f"{told}, which does not rule out {allowed}", _more(paired, margin)
    )


def not_compared(name: str, baseline: str) -> str:
    """The sentence where no case was shared."""
    return f"{name} was not compared with {baseline}: no case of the same evaluation set was scored for both."


def _told(paired: Paired) -> str:
    return (
        f"on {cases(paired.shared)} that {paired.baseline} was scored on too, {paired.worse} that passed there"
        f" {'fails' if paired.worse == 1 else 'fail'} now and {paired.better} the other way"
    )


def _points(margin: float) -> str:
    return percent(margin).replace(" %", " percentage points")


def _more(paired: Paired, margin: float) -> str:
    """About how many more shared cases would settle it, if they turn as often as those seen did."""
    for more in range(1, WORTH_RUNNING + 1):
        n = paired.shared + more
        worse = paired.worse * n / paired.shared
        better = min(paired.better * n / paired.shared, n - worse)  # rounding must not make more of them than cases
        if statistics.agresti_min_lower(worse, better, n) > -margin:
            return f"About {cases(more)} more in common would settle it."
    return "Improve the system and evaluate a new version."
