"""The ledger's statements: rows are staged, merged by key in one go, and the sums of the touched days made anew."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection

KEY = (
    "use_case_id", "day", "source", "system_version_id", "environment", "team", "provider", "model", "operation",
    "currency",
)  # fmt: skip
FIGURES = (
    "requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens", "successful_outcomes",
    "list_cost", "billed_cost", "effective_cost",
)  # fmt: skip
VALUES = (*FIGURES, "cost_basis", "finality")
COLUMNS = (*KEY, *VALUES)
# From here on it pays to count the staged rows for the planner, and to sort and hash them in more memory.
MANY = 5_000

Slice = tuple[uuid.UUID, date]


@dataclass(slots=True)
class Merged:
    """How many rows were new, restated and withdrawn, by use case; and the days whose sums have to follow."""

    created: Counter[uuid.UUID] = field(default_factory=Counter)
    changed: Counter[uuid.UUID] = field(default_factory=Counter)
    removed: Counter[uuid.UUID] = field(default_factory=Counter)
    touched: set[Slice] = field(default_factory=set)


@contextmanager
def staging(columns: Sequence[str] = COLUMNS, options: str = "") -> Iterator[Any]:
    """An empty staging table, and the open COPY into it. A second recording in one transaction finds it again."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS staged_usage ON COMMIT DROP AS SELECT {', '.join(COLUMNS)}"  # noqa: S608  # nosec B608
            " FROM usage_record WITH NO DATA"
        )
        cursor.execute("TRUNCATE staged_usage")
        with cursor.copy(f"COPY staged_usage ({', '.join(columns)}) FROM STDIN {options}") as copy:
            yield copy


def merge(source: str, days: tuple[date, date] | None, covers: tuple[date, date] | None, rows: int) -> Merged:
    """Bring the staged rows of `source`, on `days` (first and last), into the ledger.

    What the source has for `covers` is all that it has there. The use cases concerned are locked by the caller, so
    nobody else writes their rows or sums meanwhile.
    """
    merged = Merged()
    with connection.cursor() as cursor:
        if rows > MANY:
            cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL statement_timeout = '300s'")
            cursor.execute("ANALYZE staged_usage")
        if covers:
            _withdraw(cursor, source, covers, merged)
        if days:
            _store(cursor, source, days, merged)
        reroll(merged.touched)
    return merged


def _same(names: Iterable[str]) -> str:
    """Nulls are equal here; only the version may be one."""
    return " AND ".join(
        f"s.{name} IS NOT DISTINCT FROM u.{name}" if name == "system_version_id" else f"s.{name} = u.{name}"
        for name in names
    )


def _withdraw(cursor: Any, source: str, covers: tuple[date, date], merged: Merged) -> None:
    """Rows of the covered days that the source no longer has."""
    statement = f"""
        DELETE FROM usage_record u WHERE u.source = %s AND u.day BETWEEN %s AND %s
        AND NOT EXISTS (SELECT FROM staged_usage s WHERE {_same(KEY)}) RETURNING u.use_case_id, u.day
    """  # noqa: S608  # nosec B608 (our own column names)
    cursor.execute(statement, [source, *covers])
    for use_case_id, day in cursor.fetchall():
        merged.removed[use_case_id] += 1
        merged.touched.add((use_case_id, day))


def _store(cursor: Any, source: str, days: tuple[date, date], merged: Merged) -> None:
    """Insert what is new and update what differs; a row that says the same is not touched at all."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM usage_record u WHERE u.source = %s AND u.day BETWEEN %s AND %s"
        " AND u.use_case_id IN (SELECT use_case_id FROM staged_usage))",
        [source, *days],
    )
    fresh = not cursor.fetchone()[0]
    staged = "(SELECT *, NULL::bigint AS old FROM staged_usage)" if fresh else "differing_usage"
    if not fresh:
        _compare(cursor, source, days)
    counts = f"""
        SELECT use_case_id, day, count(*) FILTER (WHERE old IS NULL), count(*) FILTER (WHERE old IS NOT NULL)
        FROM {staged} s GROUP BY use_case_id, day
    """  # noqa: S608  # nosec B608
    cursor.execute(counts)
    for use_case_id, day, created, changed in cursor.fetchall():
        merged.created[use_case_id] += created
        merged.changed[use_case_id] += changed
        merged.touched.add((use_case_id, day))
    if merged.changed.total():
        values = ", ".join(f"{name} = s.{name}" for name in VALUES)
        cursor.execute(
            f"UPDATE usage_record u SET {values}, changed_at = now() FROM differing_usage s"  # noqa: S608  # nosec B608
            " WHERE u.id = s.old AND u.day = s.day AND u.day BETWEEN %s AND %s",
            days,
        )
    if merged.created.total():
        columns = ", ".join(COLUMNS)
        cursor.execute(
            f"INSERT INTO usage_record ({columns}, received_at, changed_at)"  # noqa: S608  # nosec B608
            f" SELECT {columns}, now(), now() FROM {staged} s WHERE old IS NULL"
        )


def _compare(cursor: Any, source: str, days: tuple[date, date]) -> None:
    """`differing_usage`: the staged rows that are new, or say something else than the row `old`."""
    old, new = ", ".join(f"u.{name}" for name in VALUES), ", ".join(f"s.{name}" for name in VALUES)
    cursor.execute("DROP TABLE IF EXISTS differing_usage")
    cursor.execute(
        f"""
        CREATE TEMPORARY TABLE differing_usage ON COMMIT DROP AS
        SELECT s.*, u.id AS old FROM staged_usage s
        LEFT JOIN usage_record u ON {_same(KEY)} AND u.source = %s AND u.day BETWEEN %s AND %s
        WHERE u.id IS NULL OR ({new}) IS DISTINCT FROM ({old})
        """,  # noqa: S608  # nosec B608
        [source, *days],
    )


_GRAIN = "u.use_case_id, u.day, u.environment, u.currency"
_SUMMED = {**{name: f"u.{name}" for name in FIGURES}, "cost": "coalesce(u.effective_cost, u.billed_cost)"}
SUM_COLUMNS = (
    "use_case_id", "day", "environment", "currency", "rows", "provisional_rows", "allocated_rows",
    *(column for name in _SUMMED for column in (name, f"{name}_unknown")),
)  # fmt: skip
# The one place that says what a day's sum is: rolling, checking and the tests all ask this.
SUMS = f"""
SELECT {_GRAIN}, count(*) AS rows, count(*) FILTER (WHERE u.finality = 'provisional') AS provisional_rows,
    count(*) FILTER (WHERE u.cost_basis = 'allocated') AS allocated_rows,
    {", ".join(f"sum({told}) AS {name}, count(*) - count({told}) AS {name}_unknown" for name, told in _SUMMED.items())}
FROM usage_record u {{where}} GROUP BY {_GRAIN}
"""  # noqa: S608  # nosec B608


def reroll(slices: Iterable[Slice]) -> None:
    """Make the sums of these days of these use cases anew from their raw rows."""
    wanted = sorted(slices)
    if not wanted:
        return
    use_cases, days = [each[0] for each in wanted], [each[1] for each in wanted]
    sums = SUMS.format(
        where="JOIN unnest(%s::uuid[], %s::date[]) AS t(use_case_id, day)"
        " ON u.use_case_id = t.use_case_id AND u.day = t.day WHERE u.day BETWEEN %s AND %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM usage_day d USING unnest(%s::uuid[], %s::date[]) AS t(use_case_id, day)"
            " WHERE d.use_case_id = t.use_case_id AND d.day = t.day",
            [use_cases, days],
        )
        cursor.execute(
            f"INSERT INTO usage_day ({', '.join(SUM_COLUMNS)}) {sums}",  # nosec B608
            [use_cases, days, min(days), max(days)],
        )
