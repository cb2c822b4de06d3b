"""Any table of scores, as CSV, JSON lines or a JSON list of objects, read by the columns named on the connector's page.

An empty cell is an item nobody judged (skipped); anything else that is no number is a judge that failed. Columns that
hold numbers and are not mapped are named, never dropped in silence.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.base import Answer, FileRun, Item, bounded
from evidence.connectors.formats.content import Content
from evidence.connectors.shapes import text_of
from evidence.connectors.told import Columns, Told
from evidence.numbers import to_decimal_or_none
from evidence.readings import Reject

MOST_METRICS = 500


class Table:
    key: ClassVar[str] = "table"
    title: ClassVar[str] = "Table (CSV, JSON lines)"

    def sniff(self, content: Content) -> bool:
        return content.first is not None and bool(content.first)

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        columns = told.columns
        _require_columns(content, columns)
        rejects: list[Reject] = []
        rows: list[tuple[str, dict[str, Any]]] = []
        for where, row in content.rows():
            if isinstance(row, Reject):
                rejects.append(row)
            else:
                rows.append((where, row))
        metrics = _metrics([row for _where, row in rows], columns, told)
        yield FileRun(
            items=bounded(_items(rows, metrics, columns, rejects)), rows=[row for _, row in rows], rejects=rejects
        )


def _require_columns(content: Content, columns: Columns) -> None:
    there = content.header or tuple(content.first or ())
    shown = ", ".join(there)[:300]
    if not columns.item:
        mend = f"Name the item column in the connector's settings, or as item_column. There are: {shown}."
        raise SchemaError("Nobody said which column names the item.", mend=mend)
    for name in (columns.item, columns.kind, columns.trial):
        if name and name not in there:
            raise SchemaError(f"There is no column “{name[:80]}”.", mend=f"There are: {shown}.")
    if len(set(there)) != len(there):
        raise SchemaError("A column stands twice in the header.", mend="Name each column once.")


def _metrics(rows: list[dict[str, Any]], columns: Columns, told: Told) -> list[str]:
    """The columns that hold a number anywhere, and those the mapping names whatever they hold."""
    found: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if name not in found and (name in told.metrics or to_decimal_or_none(value, boolean=True) is not None):
                found[name] = None
    own = {columns.item, columns.kind, columns.trial, ""}
    return [name for name in found if name not in own][:MOST_METRICS]


def _items(
    rows: list[tuple[str, dict[str, Any]]], metrics: list[str], columns: Columns, rejects: list[Reject]
) -> Iterator[Item]:
    for where, row in rows:
        trial = to_decimal_or_none(row.get(columns.trial)) if columns.trial else None
        if columns.trial and (trial is None or trial != int(trial) or not 1 <= trial <= 10_000):
            rejects.append(Reject(where, f"“{columns.trial}” is a whole number from 1."))
            continue
        answers = {metric: _answer(row.get(metric)) for metric in metrics}
        number = int(trial) if trial is not None else None
        yield Item(where, text_of(row.get(columns.item)), answers, row.get(columns.kind, ""), number)


def _answer(value: object) -> Answer:
    if value is None or (isinstance(value, str) and not value.strip()):
        return Answer(skipped=True)
    return Answer(value)
