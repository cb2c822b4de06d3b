"""How a run's cases become counts per dimension; pure. A judge that failed is counted as failed, never left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from evidence.readings import CaseReading, Direction, ScoreReading

PLACES = Decimal("1e-9")


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


@dataclass(slots=True)
class _Tally:
    total: int
    scored: int = 0
    errored: int = 0
    passed: int = 0
    scales: set[tuple[Decimal, Decimal, Direction]] = field(default_factory=set)
    # Sum and count of the values by scale: exact, whatever the number of cases.
    sums: dict[tuple[Decimal, Decimal, Direction], tuple[Decimal, int]] = field(default_factory=dict)

    def add(self, scores: Sequence[ScoreReading]) -> None:
        """All scores of one case on this dimension: one failed judge makes it errored; it passes if all pass."""
        self.scales.update((score.scale_min, score.scale_max, score.direction) for score in scores)
        if any(score.state == "errored" for score in scores):
            self.errored += 1
            return
        judged = [score for score in scores if score.state == "scored"]
        if not judged:
            return
        self.scored += 1
        self.passed += all(score.passed for score in judged)
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


def count_dimensions(cases: Iterable[CaseReading]) -> list[DimensionCount]:
    """Counts of every dimension that any case was judged on, by name."""
    cases = list(cases)
    tallies: dict[str, _Tally] = {}
    for case in cases:
        by_dimension: dict[str, list[ScoreReading]] = {}
        for score in case.scores:
            by_dimension.setdefault(score.dimension, []).append(score)
        for dimension, scores in by_dimension.items():
            tallies.setdefault(dimension, _Tally(len(cases))).add(scores)
    return [tally.counted(dimension) for dimension, tally in sorted(tallies.items())]
