"""From runs and output items of the evals interface (OpenAI, Azure AI Foundry) to evaluation runs: pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from evidence.connectors.base import DimensionMapping
from evidence.connectors.grader_rows import Graded, Grading, Item
from evidence.connectors.labels import Labels
from evidence.connectors.scoring import Judge, unmapped
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_ms
from evidence.connectors.tagging import count_of
from evidence.readings import (
    EvaluationRunReading,
    JudgeKind,
    Reject,
    canonical_digest,
    item_kind_or_unspecified,
    version_digest_or_empty,
)

Row = dict[str, Any]

UNFINISHED: Final = frozenset({"queued", "in_progress"})
COMPLETED: Final = "completed"
FAILED: Final = frozenset({"error", "errored", "failed_execution"})
USE_CASE_KEYS: Final = ("gatehouse.use_case", "use_case")
VERSION_KEY: Final = "gatehouse.version_digest"
ITEM_KEYS: Final = ("gatehouse.item_id", "item_id", "case_id", "id")
KIND_KEYS: Final = ("gatehouse.item_kind", "item_kind")
# The hosted service lengthens a grader's name by an id that changes with every evaluation.
_SUFFIX: Final = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class RunReader:
    """Reads the runs of one project; `use_case` is the key of runs that name none."""

    mappings: Mapping[str, DimensionMapping]
    labels: Labels
    use_case: str = ""

    def read(self, run: Row, evaluation: Row, items: list[Row]) -> tuple[EvaluationRunReading, list[Reject]]:
        """One completed run. `raw_sha256` leaves out what the application answered and was asked."""
        grading = Grading(self.mappings, self.labels)
        told = (mapping_of(run.get("metadata")), mapping_of(evaluation.get("metadata")))
        run_id = text_of(run.get("id"))
        digest = version_digest_or_empty(told[0].get(VERSION_KEY))
        rejects = []
        if told[0].get(VERSION_KEY) and not digest:
            reason = f"The metadata {VERSION_KEY} is no digest. Write the 64 hex digits of the system version's page."
            rejects.append(Reject(run_id, reason))
        ordered = sorted(items, key=lambda row: (item_id_of(row), text_of(row.get("id"))))
        reading = EvaluationRunReading(
            external_id=run_id,
            name=first_text(run.get("name"), evaluation.get("name"), run_id),
            url=text_of(run.get("report_url")),
            started_at=moment_of(run),
            finished_at=max(filter(None, map(moment_of, [run, *items])), default=None),
            use_case_key=first_text(*(place.get(key) for place in told for key in USE_CASE_KEYS), self.use_case),
            version_digest=digest,
            dataset_name=first_text(told[0].get("dataset"), evaluation.get("name")),
            dataset_version=text_of(told[0].get("dataset_version")),
            dataset_digest="",
            model_name=_model(run),
            application_commit=text_of(told[0].get("git_sha")),
            environment=first_text(told[0].get("gatehouse.environment"), told[0].get("environment")),
            cases=grading.cases(map(_item, ordered)),
            raw_sha256=canonical_digest({"run": [run_id, told[0]], "items": [_facts(row) for row in ordered]}),
        )
        return reading, rejects + [unmapped(run_id, metric) for metric in grading.unknown]


def moment_of(row: Row) -> datetime | None:
    """When a run or item was made: seconds since the epoch."""
    value = row.get("created_at")
    seconds = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return time_of_ms(round(value * 1000)) if seconds else None  # type: ignore[operator]


def made_ms(row: Row) -> int:
    made = moment_of(row)
    return round(made.timestamp() * 1000) if made else 0


def counted(run: Row) -> int | None:
    """How many items the run says it has; None when it does not say."""
    told = mapping_of(run.get("result_counts")).get("total")
    return count_of(told) if isinstance(told, int) and not isinstance(told, bool) else None


def item_id_of(row: Row) -> str:
    """The item's own name in the data set, the same from run to run; its place there where it has none."""
    told = mapping_of(row.get("datasource_item"))
    nested = mapping_of(told.get("item"))
    names = (place.get(key) for place in (told, nested) for key in ITEM_KEYS)
    return first_text(*names, row.get("datasource_item_id"), row.get("id"))


def metric_of(result: Row) -> str:
    """The metric where a grader has several, else the grader's name without the id behind it."""
    return _SUFFIX.sub("", first_text(result.get("metric"), result.get("name")))


def _item(row: Row) -> Item:
    told = mapping_of(row.get("datasource_item"))
    places = (told, mapping_of(told.get("item")))
    kind = next((place[key] for place in places for key in KIND_KEYS if key in place), None)
    failed = _failure(mapping_of(row.get("sample")))
    if not failed and text_of(row.get("status")).lower() in FAILED and not row.get("results"):
        failed = "it ended with an error"
    answers = tuple(_graded(result) for result in rows_of(row.get("results")))
    return Item(item_id_of(row), item_kind_or_unspecified(kind), answers, failed)


def _graded(result: Row) -> Graded:
    status = text_of(result.get("status")).lower()
    error = _failure(mapping_of(result.get("sample"))) or text_of(mapping_of(result.get("error")).get("message"))
    if not error and status in FAILED:
        error = "The grader failed."
    number, label = result.get("score"), result.get("label")
    if label is None and number is None and isinstance(result.get("passed"), bool):
        number = result["passed"]
    kind: JudgeKind = "llm" if "model" in text_of(result.get("type")) or "model" in result else "code"
    judge = Judge(kind, first_text(result.get("model"), result.get("name")))
    return Graded(metric_of(result), number, label, error, judge)


def _failure(sample: Mapping[str, Any]) -> str:
    error = sample.get("error")
    told = mapping_of(error)
    return first_text(told.get("message"), told.get("code"), error)


def _model(run: Row) -> str:
    used = rows_of(run.get("per_model_usage"))
    return first_text(
        run.get("model"), mapping_of(run.get("data_source")).get("model"), used[0].get("model_name") if used else ""
    )


def _facts(row: Row) -> Row:
    kept: Iterable[Row] = rows_of(row.get("results"))
    names = ("name", "metric", "score", "label", "passed", "status", "threshold")
    results = sorted(
        (
            {name: each.get(name) for name in names} | {"error": _failure(mapping_of(each.get("sample")))}
            for each in kept
        ),
        key=str,
    )
    return {"item": item_id_of(row), "status": row.get("status"), "results": results}
