"""From LiteLLM's daily activity, spend logs and callback payloads to usage readings: pure, and without any prompt."""

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from evidence.connectors.progress import finality_of
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.connectors.tagging import (
    ENVIRONMENT_PREFIXES,
    USE_CASE_PREFIX,
    VERSION_PREFIX,
    cost_of,
    count_of,
    tagged,
)
from evidence.readings import Reject, UsageReading, version_digest_or_empty

CURRENCY: Final = "USD"  # LiteLLM counts in dollars of its own price table: an estimate
USE_CASE_KEYS: Final = ("gatehouse.use_case", "use_case", "use_case_id")
VERSION_KEYS: Final = ("gatehouse.version_digest", "version_digest")
ENVIRONMENT_KEYS: Final = ("gatehouse.environment", "environment")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted; adding two never rounds."""

    requests: int = 0
    failed: int = 0
    inputs: int = 0
    cached: int = 0
    outputs: int = 0
    cost: Decimal = Decimal(0)

    def plus(self, other: "Figures") -> "Figures":
        return Figures(
            self.requests + other.requests,
            self.failed + other.failed,
            self.inputs + other.inputs,
            self.cached + other.cached,
            self.outputs + other.outputs,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """To what the figures of a day belong."""

    use_case: str = ""
    version: str = ""
    environment: str = ""
    team: str = ""
    provider: str = ""
    model: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model, without its words; `id` is the same however often it is delivered."""

    id: str
    at: datetime
    place: Place
    figures: Figures
    tags: frozenset[str]

    def left_out(self, names: Set[str]) -> bool:
        """Whether the call is tagged, or runs in an environment, that does not count as use; `names` in lower case."""
        return bool(self.tags & names) or self.place.environment.lower() in names


@dataclass(slots=True)
class Activity:
    """The activity of one day and one key, merged over its pages: a page is not a day."""

    day: date
    total: Figures = field(default_factory=Figures)
    models: dict[str, Figures] = field(default_factory=dict)
    providers: set[str] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)

    def add(self, reply: Mapping[str, Any]) -> None:
        for row in rows_of(reply.get("results")):
            if text_of(row.get("date"))[:10] != self.day.isoformat():
                continue
            self.total = self.total.plus(figures_of(mapping_of(row.get("metrics"))))
            parts = mapping_of(row.get("breakdown"))
            for model, part in mapping_of(parts.get("models")).items():
                found = figures_of(mapping_of(mapping_of(part).get("metrics")))
                self.models[model] = self.models.get(model, Figures()).plus(found)
            self.providers.update(filter(None, mapping_of(parts.get("providers"))))
            self.entities.update(filter(None, mapping_of(parts.get("entities"))))

    def readings(self, use_case: str, team: str, now: datetime) -> tuple[list[UsageReading], list[Reject]]:
        """One reading per model; one for the whole day where the models do not add up to it."""
        if self.total == Figures():
            return [], []
        summed = Figures()
        for found in self.models.values():
            summed = summed.plus(found)
        counts = [(each.requests, each.inputs, each.outputs) for each in (summed, self.total)]
        if counts[0] == counts[1] and abs(summed.cost - self.total.cost) < Decimal("1e-9"):
            places = {Place(use_case, "", "", team, *self._named(name)): each for name, each in self.models.items()}
            return [reading_of(self.day, place, each, now) for place, each in sorted(places.items())], []
        reason = "The models do not add up to the day, so it was recorded as a whole, without models."
        whole = reading_of(self.day, Place(use_case, "", "", team), self.total, now)
        return [whole], [Reject(f"{self.day} {use_case}", reason)]

    def _named(self, model: str) -> tuple[str, str]:
        """(provider, model): the provider before the slash, or the only one the day knows."""
        before, _, after = model.partition("/")
        if after and (not self.providers or before in self.providers):
            return before, after
        return (next(iter(self.providers)) if len(self.providers) == 1 else ""), model


def figures_of(metrics: Mapping[str, Any]) -> Figures:
    return Figures(
        requests=count_of(metrics.get("api_requests")),
        failed=count_of(metrics.get("failed_requests")),
        inputs=count_of(metrics.get("prompt_tokens")),
        cached=count_of(metrics.get("cache_read_input_tokens")),
        outputs=count_of(metrics.get("completion_tokens")),
        cost=cost_of(metrics.get("spend")),
    )


def call_of(row: Mapping[str, Any], prefix: str = USE_CASE_PREFIX) -> Call | None:
    """One row of the spend logs or of a callback; None when it names neither itself nor its time."""
    told = _object(row.get("metadata"))
    ident = first_text(row.get("litellm_call_id"), row.get("request_id"), row.get("id"))
    at = _moment(row.get("startTime"))
    if not ident or at is None:
        return None
    tags = tags_of(row)
    notes = {**mapping_of(told.get("requester_metadata")), **mapping_of(told.get("spend_logs_metadata"))}
    failed = text_of(row.get("status")) == "failure"
    usage = {**mapping_of(told.get("additional_usage_values")), **mapping_of(told.get("usage_object"))}
    details = mapping_of(usage.get("prompt_tokens_details"))
    inputs = count_of(row.get("prompt_tokens"))
    return Call(
        id=ident,
        at=at,
        place=Place(
            use_case=first_text(tagged(tags, prefix), *(notes.get(key) for key in USE_CASE_KEYS)),
            version=next((v for v in _versions(tags, notes) if v), ""),
            environment=first_text(
                *(tagged(tags, prefix) for prefix in ENVIRONMENT_PREFIXES),
                *(notes.get(key) for key in ENVIRONMENT_KEYS),
            ),
            team=first_text(row.get("team_id"), told.get("user_api_key_team_id")),
            provider=text_of(row.get("custom_llm_provider")),
            model=_model(row),
            operation=text_of(row.get("call_type")),
        ),
        figures=Figures(
            requests=1,
            failed=int(failed),
            inputs=inputs,
            cached=min(
                count_of(first_text(details.get("cached_tokens"), usage.get("cache_read_input_tokens"))), inputs
            ),
            outputs=count_of(row.get("completion_tokens")),
            cost=cost_of(row.get("spend") if "spend" in row else row.get("response_cost")),
        ),
        tags=frozenset(tag.lower() for tag in tags),
    )


def summed(calls: Iterable[Call], now: datetime) -> list[UsageReading]:
    """The calls added up by day and place."""
    sums: dict[tuple[date, Place], Figures] = {}
    for call in calls:
        key = (call.at.date(), call.place)
        sums[key] = sums.get(key, Figures()).plus(call.figures)
    return [
        reading_of(day, place, figures, now) for (day, place), figures in sorted(sums.items(), key=lambda each: each[0])
    ]


def reading_of(day: date, place: Place, figures: Figures, now: datetime) -> UsageReading:
    return UsageReading(
        day=day,
        use_case_key=place.use_case,
        version_digest=place.version,
        environment=place.environment,
        team=place.team,
        provider=place.provider,
        model=place.model,
        operation=place.operation,
        requests=figures.requests,
        failed_requests=figures.failed,
        input_tokens=figures.inputs,
        cached_input_tokens=figures.cached,
        output_tokens=figures.outputs,
        billed_cost=None,
        effective_cost=figures.cost,
        currency=CURRENCY,
        cost_basis="estimated",
        finality=finality_of(day, now),
    )


def tags_of(row: Mapping[str, Any]) -> list[str]:
    """The tags of a request: a list, or a list written as text. LiteLLM adds the caller's program to them."""
    tags = row.get("request_tags")
    if isinstance(tags, str):
        tags = _parsed(tags)
    return [text for text in map(text_of, tags) if text] if isinstance(tags, list) else []


def _versions(tags: list[str], notes: Mapping[str, Any]) -> list[str]:
    written = [tagged(tags, VERSION_PREFIX), *(notes.get(key) for key in VERSION_KEYS)]
    return [version_digest_or_empty(value) for value in written]


def _model(row: Mapping[str, Any]) -> str:
    """Without the provider before the slash, which stands in a field of its own."""
    model, provider = text_of(row.get("model")), text_of(row.get("custom_llm_provider"))
    return model.removeprefix(f"{provider}/") if provider else model


def _moment(value: object) -> datetime | None:
    """Seconds since the epoch or an ISO text, as an aware time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    return time_of_text(value)


def _object(value: object) -> Row:
    return mapping_of(_parsed(value) if isinstance(value, str) else value)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
