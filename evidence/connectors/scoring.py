"""From a judge's raw answer to a score: on a declared scale, or errored with a reason, never guessed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from evidence.connectors.base import DimensionMapping
from evidence.numbers import to_decimal_or_none
from evidence.readings import CaseReading, JudgeKind, Reject, ScoreReading, ScoreState

LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Judge:
    """Who or what judged."""

    kind: JudgeKind = "code"
    name: str = ""
    version: str = ""


def score(mapping: DimensionMapping, raw: object, *, judge: Judge, error: str = "") -> ScoreReading:
    """The score a judge gave as `raw`, or an errored one when it failed, gave no number, or left its scale."""
    if error:
        return _reading(mapping, judge, "errored", error=_short(error))
    value = to_decimal_or_none(raw, boolean=mapping.kind == "boolean")
    if value is None:
        seen = "no value" if raw is None else f"“{_short(str(raw), 40)}”, which is not a number"
        return _reading(mapping, judge, "errored", error=f"The judge returned {seen}.")
    if not mapping.scale_min <= value <= mapping.scale_max:
        scale = f"{mapping.scale_min}–{mapping.scale_max}"
        return _reading(mapping, judge, "errored", error=f"The value {value} lies outside the declared scale {scale}.")
    return _reading(mapping, judge, "scored", value=value, passed=_passed(mapping, value))


def skipped(like: ScoreReading) -> ScoreReading:
    """The score of a case on which this judge said nothing, though it judged others."""
    return replace(like, value=None, state="skipped", error="", passed=None)


def with_gaps_filled(cases: Iterable[CaseReading]) -> tuple[CaseReading, ...]:
    """The cases, each with a score for every metric any of them has; what was missing is skipped, not absent.

    Aggregates of sources leave such cases out and look better for it; here they stay in the count.
    """
    cases = tuple(cases)
    known: dict[str, ScoreReading] = {}
    for case in cases:
        for found in case.scores:
            known.setdefault(found.metric, found)
    return tuple(_filled(case, known) for case in cases)


def _filled(case: CaseReading, known: dict[str, ScoreReading]) -> CaseReading:
    present = {found.metric: found for found in case.scores}
    scores = (present.get(metric) or skipped(like) for metric, like in sorted(known.items()))
    return replace(case, scores=tuple(scores))


def unmapped(reference: str, metric: str) -> Reject:
    """The reject for a metric without a mapping: named, never silently dropped."""
    return Reject(
        reference,
        f"The metric “{metric}” has no mapping, so its scores were left out. Map it on the connector's page: "
        "dimension, scale and whether higher or lower is better.",
    )


def _passed(mapping: DimensionMapping, value: Decimal) -> bool | None:
    threshold = mapping.threshold
    if threshold is None:
        if mapping.kind == "numeric":
            return None
        threshold = mapping.scale_max if mapping.direction == "higher" else mapping.scale_min
    return value >= threshold if mapping.direction == "higher" else value <= threshold


def _reading(
    mapping: DimensionMapping,
    judge: Judge,
    state: ScoreState,
    *,
    value: Decimal | None = None,
    error: str = "",
    passed: bool | None = None,
) -> ScoreReading:
    return ScoreReading(
        metric=mapping.metric,
        dimension=mapping.dimension,
        value=value,
        state=state,
        error=error,
        judge_kind=judge.kind,
        judge_name=judge.name,
        judge_version=judge.version,
        scale_min=mapping.scale_min,
        scale_max=mapping.scale_max,
        direction=mapping.direction,
        threshold=mapping.threshold,
        passed=passed,
    )


def _short(text: str, length: int = LONGEST_ERROR) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
