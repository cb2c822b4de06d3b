"""From Log Analytics tables and platform metrics to usage, and from evaluation events to runs: pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from evidence.connectors.base import DimensionMapping
from evidence.connectors.errors import SchemaError
from evidence.connectors.grader_rows import Graded, Grading, Item
from evidence.connectors.labels import Labels
from evidence.connectors.progress import bounds, finality_of
from evidence.connectors.scoring import Judge, unmapped
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.numbers import to_decimal_or_none
from evidence.readings import (
    EvaluationRunReading,
    Reject,
    UsageReading,
    canonical_digest,
    item_kind_or_unspecified,
    version_digest_or_empty,
)

PROVIDER: Final = "azure"
SETTLE: Final = timedelta(days=2)
USE_CASE_KEYS: Final = ("gatehouse.use_case", "governance.use_case.id", "use_case")
VERSION_KEY: Final = "gatehouse.version_digest"
ITEM_KEYS: Final = ("gatehouse.item_id", "gen_ai.response.id", "gen_ai.conversation.id")

Row = dict[str, Any]
Place = tuple[str, str, str, str]  # use case, version, team, model


@dataclass(slots=True)
class Figures:
    """What is counted at one place; None where nothing was told."""

    requests: int | None = None
    failed: int | None = None
    inputs: int | None = None
    cached: int | None = None
    outputs: int | None = None


@dataclass(slots=True)
class Usage:
    """Adds up one day; slices of it only add."""

    day: date
    places: dict[Place, Figures] = field(default_factory=dict)

    def at(self, *place: str) -> Figures:
        use_case, version, team, model = place
        return self.places.setdefault((use_case, version, team, model), Figures())

    def readings(self, now: datetime) -> tuple[UsageReading, ...]:
        return tuple(self._reading(place, now) for place in sorted(self.places))

    def _reading(self, place: Place, now: datetime) -> UsageReading:
        use_case, version, team, model = place
        found = self.places[place]
        return UsageReading(
            day=self.day,
            use_case_key=use_case,
            version_digest=version,
            environment="",
            team=team,
            provider=PROVIDER,
            model=model,
            operation="",
            requests=found.requests,
            failed_requests=found.failed,
            input_tokens=found.inputs,
            cached_input_tokens=found.cached,
            output_tokens=found.outputs,
            billed_cost=None,
            effective_cost=None,
            currency="",
            cost_basis="estimated",
            finality=finality_of(self.day, now, SETTLE),
        )


def table_of(reply: Mapping[str, Any], *needed: str) -> list[Row]:
    """The rows of a query's first table by column name; SchemaError when a needed column is missing."""
    table = next(iter(rows_of(reply.get("tables"))), {})
    names = [text_of(column.get("name")) for column in rows_of(table.get("columns"))]
    rows = table.get("rows")
    missing = [name for name in needed if name not in names]
    if not isinstance(rows, list) or missing:
        raise drifted(f"no column {', '.join(missing)}" if missing else "no rows")
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise drifted("a row that is not as wide as its columns")
    return [dict(zip(names, row, strict=True)) for row in rows]


GATEWAY_COLUMNS: Final = (
    "UseCase", "Version", "Product", "Subscription", "Deployment", "Model",
    "Requests", "Failed", "Prompt", "Completion",
)  # fmt: skip


def add_gateway(usage: Usage, rows: Iterable[Row], by: str) -> None:
    """Requests of the gateway; the header names the use case, else the column `by`."""
    for row in rows:
        use_case = first_text(row["UseCase"], row[by])
        version = version_digest_or_empty(row["Version"])
        found = usage.at(use_case, version, text_of(row["Subscription"]), first_text(row["Model"], row["Deployment"]))
        found.requests = plus(found.requests, row["Requests"])
        found.failed = plus(found.failed, row["Failed"])
        found.inputs = plus(found.inputs, row["Prompt"])
        found.outputs = plus(found.outputs, row["Completion"])


def add_metrics(usage: Usage, reply: Mapping[str, Any]) -> None:
    """Hours of platform metrics, summed to the day; SchemaError for a metric that was not answered whole."""
    for metric in rows_of(reply.get("value")):
        name, code = text_of(mapping_of(metric.get("name")).get("value")), text_of(metric.get("errorCode"))
        if code not in ("", "Success"):
            said = text_of(metric.get("errorMessage"))[:200]
            raise SchemaError(f"Azure answered {name} only in part ({code}). {said}".strip(), mend="Try again later.")
        for series in rows_of(metric.get("timeseries")):
            told = {
                text_of(mapping_of(each.get("name")).get("value")).lower(): text_of(each.get("value"))
                for each in rows_of(series.get("metadatavalues"))
            }
            total = _total(usage.day, rows_of(series.get("data")))
            if total is not None:
                _count(usage, name, told, total)


def _count(usage: Usage, name: str, told: Mapping[str, str], total: int) -> None:
    deployment = told.get("modeldeploymentname", "")
    found = usage.at(deployment, "", "", deployment)
    if name == "AzureOpenAIRequests":
        status = told.get("statuscode", "")
        found.requests = plus(found.requests, total)
        found.failed = plus(found.failed, total if status[:1] in ("4", "5") else 0)
    elif name == "ProcessedPromptTokens":
        found.inputs = plus(found.inputs, total)
    elif name == "GeneratedTokens":
        found.outputs = plus(found.outputs, total)


def _total(day: date, hours: Iterable[Row]) -> int | None:
    """The sum of a day's hours, each once; None when none has a value."""
    start, end = bounds(day)
    found: dict[datetime, int] = {}
    for hour in hours:
        at, value = time_of_text(hour.get("timeStamp")), hour.get("total")
        if at is None:
            raise drifted("an hour without a time")
        if start <= at < end and value is not None:
            found[at] = plus(None, value) or 0
    return sum(found.values()) if found else None


@dataclass(frozen=True, slots=True)
class EventReader:
    """Reads `gen_ai.evaluation.result` events of one run; `use_case` is the key of runs that name none."""

    mappings: Mapping[str, DimensionMapping]
    labels: Labels
    use_case: str = ""

    def read(self, run_id: str, rows: Iterable[Row]) -> tuple[EvaluationRunReading, list[Reject]]:
        grading = Grading(self.mappings, self.labels)
        events = sorted((_event(row) for row in rows), key=lambda event: (event["item"], event["at"], event["metric"]))
        events = [event for number, event in enumerate(events) if number == 0 or event != events[number - 1]]
        notes: dict[str, Any] = {}
        for event in events:
            notes.update(event["notes"])
        times = [at for at in (time_of_text(event["at"]) for event in events) if at]
        digest = version_digest_or_empty(notes.get(VERSION_KEY))
        kept = [{name: value for name, value in event.items() if name != "notes"} for event in events]
        reading = EvaluationRunReading(
            external_id=run_id,
            name=first_text(notes.get("gatehouse.run_name"), run_id),
            url="",
            started_at=min(times, default=None),
            finished_at=max(times, default=None),
            use_case_key=first_text(*(notes.get(key) for key in USE_CASE_KEYS), self.use_case),
            version_digest=digest,
            dataset_name=text_of(notes.get("dataset")),
            dataset_version="",
            dataset_digest="",
            model_name=first_text(notes.get("gen_ai.request.model"), notes.get("model")),
            application_commit=text_of(notes.get("git_sha")),
            environment=first_text(notes.get("gatehouse.environment"), notes.get("environment")),
            cases=grading.cases(_items(events)),
            raw_sha256=canonical_digest({"run": run_id, "version": digest, "events": kept}),
        )
        return reading, [unmapped(run_id, metric) for metric in grading.unknown]


def _event(row: Row) -> Row:
    """One event without the words of the application and the grader's explanation."""
    told = _object(row.get("Properties"))
    notes = {**_object(told.get("internal_properties")), **told}
    metric = text_of(notes.get("gen_ai.evaluation.name"))
    return {
        "item": first_text(*(notes.get(key) for key in ITEM_KEYS), row.get("OperationId")),
        "at": text_of(row.get("TimeGenerated")),
        "metric": metric,
        "score": notes.get("gen_ai.evaluation.score.value"),
        "label": notes.get("gen_ai.evaluation.score.label"),
        "error": text_of(notes.get("error.type")),
        "kind": text_of(notes.get("gatehouse.item_kind")),
        "notes": notes,
    }


def _items(events: Iterable[Row]) -> list[Item]:
    """Items with their trials: the second answer of a grader on one item opens the second trial."""
    trials: dict[tuple[str, int], dict[str, Row]] = {}
    for event in events:
        number = 0
        while event["metric"] in trials.setdefault((event["item"], number), {}):
            number += 1
        trials[event["item"], number][event["metric"]] = event
    return [
        Item(
            item,
            item_kind_or_unspecified(next((each["kind"] for each in found.values() if each["kind"]), None)),
            tuple(
                Graded(metric, each["score"], each["label"], each["error"], Judge("llm", metric))
                for metric, each in sorted(found.items())
            ),
        )
        for (item, _), found in sorted(trials.items())
    ]


def plus(before: int | None, value: object) -> int | None:
    """A count added; unknown stays unknown, and SchemaError for what is no count."""
    if value is None:
        return before
    number = to_decimal_or_none(value)
    if number is None or isinstance(value, bool) or not 0 <= number < 10**15:
        raise drifted("a count that is none")
    return (before or 0) + int(number)


def drifted(what: str) -> SchemaError:
    mend = "Check the address and the diagnostic settings; nothing of this period was stored."
    return SchemaError(f"Azure Monitor answered with {what}.", mend=mend)


def _object(value: object) -> Row:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return mapping_of(value)
