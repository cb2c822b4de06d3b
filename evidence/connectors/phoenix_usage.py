"""From Phoenix's spans to usage by day: calls and tokens of models, under the use case their trace names; pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from evidence.connectors.phoenix_rows import USE_CASE_KEYS, VERSION_KEY
from evidence.connectors.progress import finality_of
from evidence.connectors.shapes import first_text, mapping_of, text_of
from evidence.connectors.tagging import count_of
from evidence.numbers import to_decimal_or_none
from evidence.readings import UsageReading, version_digest_or_empty

CALLS = frozenset({"LLM", "EMBEDDING"})
ENVIRONMENT_KEYS = ("gatehouse.environment", "environment")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """What any span of a trace says about all of it: the root names the use case, the calls below it do not."""

    use_case: str = ""
    version: str = ""
    environment: str = ""
    left_out: bool = False

    def plus(self, other: "TraceFacts") -> "TraceFacts":
        return TraceFacts(
            self.use_case or other.use_case,
            self.version or other.version,
            self.environment or other.environment,
            self.left_out or other.left_out,
        )


Key = tuple[str, str, str, str, str, str]  # use case, version, environment, provider, model, operation


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    failed: int = 0
    inputs: int = 0
    cached: int = 0
    outputs: int = 0
    cost: Decimal | None = None


@dataclass(slots=True)
class DayOfUse:
    """Adds up the model calls of one day; `left_out` are the tags of traffic that is no use, such as evaluation.

    `before` carries what traces that began the day before said of themselves.
    """

    day: date
    now: datetime
    left_out: frozenset[str]
    before: Mapping[str, TraceFacts] = field(default_factory=dict)
    facts: dict[str, TraceFacts] = field(default_factory=dict)
    calls: list[tuple[str, str, Row]] = field(default_factory=list)

    def add(self, project: str, spans: Iterable[Row]) -> None:
        for span in spans:
            trace = text_of(mapping_of(span.get("context")).get("trace_id"))
            attributes = mapping_of(span.get("attributes"))
            told = self._told(span, attributes)
            self.facts[trace] = told.plus(self.facts.get(trace, TraceFacts()))
            if text_of(span.get("span_kind")) in CALLS:  # nothing of a prompt is kept
                kept = {name: value for name, value in attributes.items() if name in _KEPT}
                call = {"kind": text_of(span.get("span_kind")), "status": text_of(span.get("status_code")), **kept}
                self.calls.append((project, trace, call))

    def readings(self) -> tuple[UsageReading, ...]:
        sums: dict[Key, _Sum] = {}
        for project, trace, call in self.calls:
            told = self.facts[trace].plus(self.before.get(trace, TraceFacts()))
            if told.left_out:
                continue
            key = (
                told.use_case or project,
                told.version,
                told.environment,
                text_of(call.get("llm.provider")),
                text_of(call.get("llm.model_name")) or text_of(call.get("embedding.model_name")),
                "embedding" if call["kind"] == "EMBEDDING" else "chat",
            )
            _add(sums.setdefault(key, _Sum()), call)
        return tuple(self._reading(key, found) for key, found in sorted(sums.items()))

    def _told(self, span: Row, attributes: Row) -> TraceFacts:
        tags = attributes.get("tag.tags")
        names = {text_of(tag).lower() for tag in tags} if isinstance(tags, list) else set()
        told = metadata_of(attributes)
        environment = first_text(*(told.get(key) for key in ENVIRONMENT_KEYS))
        judge = text_of(span.get("span_kind")) == "EVALUATOR"
        return TraceFacts(
            use_case=first_text(*(told.get(key) for key in USE_CASE_KEYS)),
            version=version_digest_or_empty(told.get(VERSION_KEY)),
            environment=environment,
            left_out=judge or bool(names & self.left_out) or environment.lower() in self.left_out,
        )

    def _reading(self, key: Key, found: _Sum) -> UsageReading:
        use_case, version, environment, provider, model, operation = key
        return UsageReading(
            day=self.day,
            use_case_key=use_case,
            version_digest=version,
            environment=environment,
            team="",
            provider=provider,
            model=model,
            operation=operation,
            requests=found.requests,
            failed_requests=found.failed,
            input_tokens=found.inputs,
            cached_input_tokens=min(found.cached, found.inputs),
            output_tokens=found.outputs,
            billed_cost=None,
            effective_cost=found.cost,
            currency="USD" if found.cost is not None else "",
            cost_basis="estimated",
            finality=finality_of(self.day, self.now),
        )


_KEPT = frozenset(
    {
        "llm.provider",
        "llm.model_name",
        "embedding.model_name",
        "llm.token_count.prompt",
        "llm.token_count.completion",
        "llm.token_count.prompt_details.cache_read",
        "llm.cost.total",
    }
)


def metadata_of(attributes: Row) -> Row:
    """A span's metadata, which comes flattened into the attributes or as one JSON text, depending on who sent it."""
    written = attributes.get("metadata")
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            written = None
    prefix = "metadata."
    flat = {name.removeprefix(prefix): value for name, value in attributes.items() if name.startswith(prefix)}
    return {**mapping_of(written), **flat}


def _add(found: _Sum, call: Row) -> None:
    found.requests += 1
    found.failed += call["status"] == "ERROR"
    found.inputs += count_of(call.get("llm.token_count.prompt"))
    found.cached += count_of(call.get("llm.token_count.prompt_details.cache_read"))
    found.outputs += count_of(call.get("llm.token_count.completion"))
    cost = to_decimal_or_none(call.get("llm.cost.total"))
    if cost is not None and cost >= 0:
        found.cost = (found.cost or Decimal(0)) + cost
