"""From Langfuse's runs, items and scores to evaluation runs, and from its metrics to usage: pure, for both dialects."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from evidence.connectors.base import DimensionMapping
from evidence.connectors.labels import Labels, worth
from evidence.connectors.progress import finality_of
from evidence.connectors.scoring import Judge, score, unmapped, with_gaps_filled
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.connectors.tagging import ENVIRONMENT_PREFIXES, VERSION_PREFIX, count_of, tagged
from evidence.numbers import to_decimal_or_none
from evidence.readings import (
    CaseReading,
    EvaluationRunReading,
    JudgeKind,
    Reject,
    ScoreReading,
    UsageReading,
    canonical_digest,
    item_kind_or_unspecified,
    version_digest_or_empty,
)

Dialect = Literal["v3", "v4"]
Row = dict[str, Any]

USE_CASE_KEYS: Final = ("gatehouse.use_case", "governance.use_case_id", "use_case")
VERSION_KEY: Final = "gatehouse.version_digest"
JUDGE_KINDS: Final[Mapping[str, JudgeKind]] = {"EVAL": "llm", "ANNOTATION": "human"}
WORDS_ONLY: Final = frozenset({"TEXT", "CORRECTION"})  # remarks, no judgements
CURRENCY: Final = "USD"


@dataclass(frozen=True, slots=True)
class Item:
    """One case of a run as both dialects know it; `facts` count for the digest."""

    id: str
    started_at: datetime | None
    ended_at: datetime | None
    metadata: Mapping[str, Any]
    error: str
    scores: tuple[Row, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A dataset run or experiment with all its cases."""

    id: str
    name: str
    url: str
    metadata: Mapping[str, Any]
    dataset: Mapping[str, Any]
    items: tuple[Item, ...]
    environment: str = ""


@dataclass(slots=True)
class RunReader:
    """Reads the runs of one project; `use_case` is the key of runs that name none."""

    mappings: Mapping[str, DimensionMapping]
    labels: Labels
    use_case: str = ""
    unknown: dict[str, None] = field(default_factory=dict)

    def read(self, run: Run) -> tuple[EvaluationRunReading, list[Reject]]:
        self.unknown = {}
        items = sorted(
            run.items, key=lambda item: (item.id, str(item.started_at), json.dumps(item.facts, sort_keys=True))
        )
        told = run.metadata
        places = (told, mapping_of(run.dataset.get("metadata")))
        digest = version_digest_or_empty(told.get(VERSION_KEY))
        rejects = []
        if told.get(VERSION_KEY) and not digest:
            reason = f"The metadata {VERSION_KEY} is no digest. Write the 64 hex digits of the system version's page."
            rejects.append(Reject(run.id, reason))
        starts = [item.started_at for item in items if item.started_at]
        ends = [item.ended_at for item in items if item.ended_at]
        reading = EvaluationRunReading(
            external_id=run.id,
            name=run.name or run.id,
            url=run.url,
            started_at=min(starts, default=None),
            finished_at=max(ends, default=None),
            use_case_key=first_text(*(place.get(key) for place in places for key in USE_CASE_KEYS), self.use_case),
            version_digest=digest,
            dataset_name=first_text(run.dataset.get("name"), run.dataset.get("id")),
            dataset_version="",
            dataset_digest="",
            model_name=text_of(told.get("model")),
            application_commit=text_of(told.get("git_sha")),
            environment=first_text(told.get("gatehouse.environment"), told.get("environment"), run.environment),
            cases=self._cases(items),
            raw_sha256=canonical_digest(
                {"run": [run.id, run.name, dict(told)], "items": [[dict(i.facts), _settled(i.scores)] for i in items]}
            ),
        )
        return reading, rejects + [unmapped(run.id, metric) for metric in self.unknown]

    def _cases(self, items: Iterable[Item]) -> tuple[CaseReading, ...]:
        judged = [(item, self._scores(item)) for item in items]
        # A case on which the application itself failed was judged by nobody; every judge of the others is missing.
        known = {found.metric: found for _, scores in judged for found in scores}
        trials: Counter[str] = Counter()
        cases = []
        for item, scores in judged:
            trials[item.id] += 1
            kind = item_kind_or_unspecified(item.metadata.get("gatehouse.item_kind", item.metadata.get("item_kind")))
            missing = known.keys() - {found.metric for found in scores} if item.error else set()
            failed = [self._failed(known[metric], item.error) for metric in missing]
            ordered = sorted([*scores, *failed], key=lambda found: found.metric)
            cases.append(CaseReading(item.id, kind, trials[item.id], tuple(ordered)))
        return with_gaps_filled(cases)

    def _scores(self, item: Item) -> list[ScoreReading]:
        scores: dict[str, ScoreReading] = {}
        for row in sorted(item.scores, key=_age):
            metric, data_type = text_of(row.get("name")), text_of(row.get("dataType"))
            if data_type in WORDS_ONLY:
                continue
            mapping = self.mappings.get(metric)
            if mapping is None:
                self.unknown.setdefault(metric)
                continue
            kind = JUDGE_KINDS.get(text_of(row.get("source")), "code")
            # The latest score of a name counts.
            scores[metric] = score(mapping, self._raw(metric, data_type, row), judge=Judge(kind, *_judge(row)))
        return list(scores.values())

    def _raw(self, metric: str, data_type: str, row: Row) -> object:
        """The value; of a category its word alone, because the older dialect writes 0 for what has no number."""
        if data_type == "CATEGORICAL":
            return worth(self.labels, metric, first_text(row.get("stringValue"), row.get("value")))
        return row.get("value")

    def _failed(self, like: ScoreReading, error: str) -> ScoreReading:
        judge = Judge(like.judge_kind, like.judge_name, like.judge_version)
        return score(
            self.mappings[like.metric], None, judge=judge, error=f"The application failed on this case: {error}"
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """How tags of production use are read: the prefix of a use case, and which tags are no use."""

    prefix: str
    left_out: frozenset[str]
    fallback: str

    def use_case(self, tags: Iterable[str]) -> str:
        return tagged(tags, self.prefix) or self.fallback


def usage_of_metrics(rows: Iterable[Row], day: date, keys: Keys, now: datetime) -> list[UsageReading]:
    """Usage of one day from rows grouped by model, environment, level and tags (newer dialect)."""
    sums: dict[tuple[str, str, str, str], _Figures] = {}
    for row in rows:
        tags = _tags(row.get("tags"))
        environment = first_text(row.get("environment"), *(tagged(tags, prefix) for prefix in ENVIRONMENT_PREFIXES))
        if {tag.lower() for tag in tags} & keys.left_out or environment.lower() in keys.left_out:
            continue
        version = version_digest_or_empty(tagged(tags, VERSION_PREFIX))
        place = (keys.use_case(tags), version, environment, text_of(row.get("providedModelName")))
        found = sums.setdefault(place, _Figures(failed=0))
        count = count_of(row.get("count_count"))
        found.requests += count
        found.failed = (found.failed or 0) + (count if text_of(row.get("level")) == "ERROR" else 0)
        found.add(row.get("sum_inputTokens"), row.get("sum_outputTokens"), row.get("sum_totalCost"))
    return [found.reading(day, now, *place) for place, found in sorted(sums.items(), key=lambda each: each[0])]


def usage_of_daily(row: Row, day: date, use_case: str, environment: str, now: datetime) -> list[UsageReading]:
    """Usage of one day by model (older dialect, which knows neither failures nor tags)."""
    sums: dict[str, _Figures] = {}
    for told in rows_of(row.get("usage")):
        found = sums.setdefault(text_of(told.get("model")), _Figures())
        found.requests += count_of(told.get("countObservations"))
        found.add(told.get("inputUsage"), told.get("outputUsage"), told.get("totalCost"))
    return [found.reading(day, now, use_case, "", environment, model) for model, found in sorted(sums.items())]


@dataclass(slots=True)
class _Figures:
    """Adds up one place of one day; `failed` stays None where the source does not say."""

    requests: int = 0
    failed: int | None = None
    inputs: int = 0
    outputs: int = 0
    cost: Decimal | None = None

    def add(self, inputs: object, outputs: object, cost: object) -> None:
        self.inputs += count_of(inputs)
        self.outputs += count_of(outputs)
        amount = to_decimal_or_none(cost)
        if amount is not None and amount >= 0:
            self.cost = (self.cost or Decimal(0)) + amount

    def reading(
        self, day: date, now: datetime, use_case: str, version: str, environment: str, model: str
    ) -> UsageReading:
        return UsageReading(
            day=day,
            use_case_key=use_case,
            version_digest=version,
            environment=environment,
            team="",
            provider="",
            model=model,
            operation="",
            requests=self.requests,
            failed_requests=self.failed,
            input_tokens=self.inputs,
            cached_input_tokens=None,
            output_tokens=self.outputs,
            billed_cost=None,
            effective_cost=self.cost,
            currency=CURRENCY if self.cost is not None else "",
            cost_basis="estimated",
            finality=finality_of(day, now),
        )


def changed_ms(row: Row) -> int:
    """When a run was last active, in milliseconds; scores that come later move nothing."""
    times = [time_of_text(row.get(name)) for name in ("createdAt", "updatedAt", "startTime", "endTime")]
    return max((round(time.timestamp() * 1000) for time in times if time), default=0)


def _tags(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [text for text in map(text_of, found) if text]


def _judge(row: Row) -> tuple[str, str]:
    told = mapping_of(row.get("metadata"))
    return first_text(told.get("judge"), told.get("model"), row.get("configId")), text_of(told.get("version"))


def _age(row: Row) -> tuple[str, str, str]:
    return text_of(row.get("timestamp")), text_of(row.get("updatedAt")), text_of(row.get("id"))


def _settled(scores: Iterable[Row]) -> list[str]:
    kept = ({key: value for key, value in row.items() if key not in {"updatedAt", "trace"}} for row in scores)
    return sorted(json.dumps(row, sort_keys=True) for row in kept)
