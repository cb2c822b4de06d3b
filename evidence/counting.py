"""How a run's cases become counts per dimension; pure. A judge that failed is counted as failed, never left out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from evidence.readings import CaseReading, Direction, ScoreReading

PLACES = Decimal("1e-9")
MOST_JUDGES = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """What the scored cases of one dimension were: how many items, of which kinds, judged by which models.

    `independent` is how many cases, tried once each, would tell as much: trials of one item resemble each other.
    `kinds` gives (scored, passed) by kind of item.
    """

    items: int
    independent: float
    kinds: Mapping[str, tuple[int, int]]
    judges: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "independent": round(self.independent, 3),
            "kinds": {kind: list(counts) for kind, counts in self.kinds.items()},
            "judges": list(self.judges),
        }


@dataclass(frozen=True, slots=True)
class DimensionCount:
    """One dimension of one run, over its cases (item and trial).

    `total` is every case of the run. `mean` is on the metrics' common scale; metrics on different scales are first
    brought to 0–1 with higher as better, and the scale says so.
    """

    dimension: str
    total: int
    scored: int
    errored: int
    skipped: int
    passed: int
    mean: Decimal | None
    scale_min: Decimal
    scale_max: Decimal
    direction: Direction
    sample: Sample


@dataclass(slots=True)
class _Tally:
    total: int
    scored: int = 0
    errored: int = 0
    passed: int = 0
    # Trials and passes by item, and by the item's kind.
    items: dict[str, tuple[int, int]] = field(default_factory=dict)
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)
    judges: set[str] = field(default_factory=set)
    scales: set[tuple[Decimal, Decimal, Direction]] = field(default_factory=set)
    # Sum and count of the values by scale: exact, whatever the number of cases.
    sums: dict[tuple[Decimal, Decimal, Direction], tuple[Decimal, int]] = field(default_factory=dict)

    def add(self, case: CaseReading, scores: Sequence[ScoreReading]) -> None:
        """All scores of one case on this dimension: one failed judge makes it errored; it passes if all pass."""
        self.judges.update(score.judge_name for score in scores if score.judge_kind == "llm" and score.judge_name)
        self.scales.update((score.scale_min, score.scale_max, score.direction) for score in scores)
        if any(score.state == "errored" for score in scores):
            self.errored += 1
            return
        judged = [score for score in scores if score.state == "scored"]
        if not judged:
            return
        passed = all(score.passed for score in judged)
        self.scored += 1
        self.passed += passed
        for held, key in ((self.items, case.item_id), (self.kinds, str(case.item_kind))):
            tried, good = held.get(key, (0, 0))
            held[key] = (tried + 1, good + passed)
        for score in judged:
            scale = (score.scale_min, score.scale_max, score.direction)
            total, count = self.sums.get(scale, (Decimal(0), 0))
            self.sums[scale] = (total + (score.value or Decimal(0)), count + 1)

    def counted(self, dimension: str) -> DimensionCount:
        low, high, direction = self._scale()
        return DimensionCount(
            dimension=dimension,
            total=self.total,
            scored=self.scored,
            errored=self.errored,
            skipped=self.total - self.scored - self.errored,
            passed=self.passed,
            mean=self._mean(),
            scale_min=low,
            scale_max=high,
            direction=direction,
            sample=Sample(
                items=len(self.items),
                independent=independent_cases(self.items.values()),
                kinds=dict(sorted(self.kinds.items())),
                judges=tuple(sorted(self.judges))[:MOST_JUDGES],
            ),
        )

    def _scale(self) -> tuple[Decimal, Decimal, Direction]:
        return next(iter(self.scales)) if len(self.scales) == 1 else (Decimal(0), Decimal(1), "higher")

    def _mean(self) -> Decimal | None:
        count = sum(number for _total, number in self.sums.values())
        if not count:
            return None
        if len(self.scales) == 1:
            total = next(iter(self.sums.values()))[0]
        else:
            total = sum((_normalised(scale, *told) for scale, told in self.sums.items()), Decimal(0))
        return (total / count).quantize(PLACES)


def _normalised(scale: tuple[Decimal, Decimal, Direction], total: Decimal, count: int) -> Decimal:
    """The sum of `count` values brought to 0–1 each, higher as better."""
    low, high, direction = scale
    part = (total - low * count) / (high - low)
    return part if direction == "higher" else count - part


def independent_cases(items: Collection[tuple[int, int]]) -> float:
    """How many cases tried once tell as much as these (trials, passes) of items tried several times.

    The variance of the pass rate with whole items as units, over that of as many independent cases, is the design
    effect; the number of cases is divided by it. Where all agree nothing varies, and each item counts once.
    """
    trials = sum(tried for tried, _passed in items)
    if trials == len(items):
        return float(trials)
    rate = sum(passed for _tried, passed in items) / trials
    if rate in (0, 1) or len(items) < 2:
        return float(len(items))
    between = sum((passed - tried * rate) ** 2 for tried, passed in items) * len(items) / (len(items) - 1)
    effect = between / (trials * rate * (1 - rate))
    return min(float(trials), max(1.0, trials / effect)) if effect > 0 else float(trials)


def count_dimensions(cases: Iterable[CaseReading]) -> list[DimensionCount]:
    """Counts of every dimension that any case was judged on, by name."""
    cases = list(cases)
    tallies: dict[str, _Tally] = {}
    for case in cases:
        by_dimension: dict[str, list[ScoreReading]] = {}
        for score in case.scores:
            by_dimension.setdefault(score.dimension, []).append(score)
        for dimension, scores in by_dimension.items():
            tallies.setdefault(dimension, _Tally(len(cases))).add(case, scores)
    return [tally.counted(dimension) for dimension, tally in sorted(tallies.items())]
