"""Ragas results: `result.to_pandas()` as JSON lines, CSV or JSON records, or `{"scores": […]}` as JSON.

Ragas defines no file, no id and no time. Its own columns are the sample's (`SingleTurnSample`, `MultiTurnSample`); all
others are metrics, and an empty or NaN one is a judge that failed (`raise_exceptions=False`). Most metrics run from 0
to 1, rubrics from 1 to 5, so they want a mapping. An item is named by the item column, else by its question.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from evidence.connectors.formats.base import Answer, FileRun, Item, bounded, identity
from evidence.connectors.formats.content import Content, rows_of_list
from evidence.connectors.shapes import mapping_of, text_of
from evidence.connectors.told import Told
from evidence.readings import Reject

SAMPLE: Final = frozenset({
    "user_input", "retrieved_contexts", "reference_contexts", "retrieved_context_ids", "reference_context_ids",
    "response", "multi_responses", "reference", "rubrics", "rubric", "reference_tool_calls", "reference_topics",
    "persona_name", "query_style", "query_length", "synthesizer_name",
})  # fmt: skip


class Ragas:
    key: ClassVar[str] = "ragas"
    title: ClassVar[str] = "Ragas"

    def sniff(self, content: Content) -> bool:
        scores = mapping_of(content.value).get("scores")
        if isinstance(scores, list):
            return bool(scores) and all(isinstance(each, dict) for each in scores)
        columns = mapping_of(content.first).keys()
        return "user_input" in columns and bool(columns & (SAMPLE - {"user_input"}))

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        scores = mapping_of(content.value).get("scores")
        source = rows_of_list(scores, "score") if isinstance(scores, list) else content.rows()
        rejects: list[Reject] = []
        rows: list[tuple[str, dict[str, Any]]] = []
        for where, row in source:
            if isinstance(row, Reject):
                rejects.append(row)
            else:
                rows.append((where, row))
        metrics = {name: None for _where, row in rows for name in row if name and _is_metric(name, told)}
        yield FileRun(
            items=bounded(_item(where, row, list(metrics), told) for where, row in rows),
            rows=[row for _where, row in rows],
            rejects=rejects,
        )


def _is_metric(name: str, told: Told) -> bool:
    return name not in SAMPLE | {told.columns.item, told.columns.kind, told.columns.trial}


def _item(where: str, row: dict[str, Any], metrics: list[str], told: Told) -> Item:
    sample = [row.get("user_input"), row.get("reference")]
    name = text_of(row.get(told.columns.item)) if told.columns.item else ""
    if not name:
        name = identity(sample) if sample[0] else where
    return Item(where, name, {metric: _answer(row.get(metric)) for metric in metrics}, row.get(told.columns.kind, ""))


def _answer(value: object) -> Answer:
    if value is None or value == "":
        return Answer(error="Ragas wrote no score: the metric failed on this sample.")
    return Answer(value)
