"""From the answers of graders to scored cases: a grader that failed counts as failed, whatever the source sums up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from evidence.connectors.base import DimensionMapping
from evidence.connectors.labels import Labels, worth
from evidence.connectors.scoring import Judge, score, with_gaps_filled
from evidence.connectors.shapes import text_of
from evidence.readings import CaseReading, ItemKind, ScoreReading

BY_CODE: Final = Judge()
NO_ANSWER: Final = "The grader gave neither a score nor a label."


@dataclass(frozen=True, slots=True)
class Graded:
    """One grader's answer: a score, or a label where there is none, or why it failed."""

    metric: str
    score: object = None
    label: object = None
    error: str = ""
    judge: Judge = BY_CODE


@dataclass(frozen=True, slots=True)
class Item:
    """One case with its answers; `error` says why the application itself failed on it, so that nobody could grade."""

    id: str
    kind: ItemKind = "unspecified"
    answers: tuple[Graded, ...] = ()
    error: str = ""


@dataclass(slots=True)
class Grading:
    """Reads items with the declared mappings; metrics without one are remembered in `unknown`."""

    mappings: Mapping[str, DimensionMapping]
    labels: Labels
    unknown: dict[str, None] = field(default_factory=dict)

    def cases(self, items: Iterable[Item]) -> tuple[CaseReading, ...]:
        """The cases in the items' order; trials of one item count from 1."""
        judged = [(item, self._scores(item)) for item in items]
        known = {found.metric: found for _, scores in judged for found in scores}
        trials: Counter[str] = Counter()
        cases = []
        for item, scores in judged:
            trials[item.id] += 1
            missing = known.keys() - {found.metric for found in scores} if item.error else set()
            failed = [self._failed(known[metric], item.error) for metric in missing]
            ordered = sorted([*scores, *failed], key=lambda found: found.metric)
            cases.append(CaseReading(item.id, item.kind, trials[item.id], tuple(ordered)))
        return with_gaps_filled(cases)

    def _scores(self, item: Item) -> list[ScoreReading]:
        found: dict[str, ScoreReading] = {}
        for answer in item.answers:
            mapping = self.mappings.get(answer.metric)
            if mapping is None:
                self.unknown.setdefault(answer.metric)
                continue
            raw = answer.score
            if raw is None and answer.label is not None:
                raw = worth(self.labels, answer.metric, answer.label)
            error = answer.error or (
                NO_ANSWER if raw is None or (text_of(raw) == "" and not isinstance(raw, bool)) else ""
            )
            fresh = score(mapping, raw, judge=answer.judge, error=error)
            before = found.get(answer.metric)
            # Two answers of one name on one case: a failed one is not hidden by the other.
            if before is None or before.state != "errored":
                found[answer.metric] = fresh
        return list(found.values())

    def _failed(self, like: ScoreReading, error: str) -> ScoreReading:
        judge = Judge(like.judge_kind, like.judge_name, like.judge_version)
        words = f"The application failed on this case: {error}"
        return score(self.mappings[like.metric], None, judge=judge, error=words)
