"""Usage: ingest beside a bare COPY and upsert of the same rows; the cost page's sums beside the raw aggregate."""

import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from evidence.actions import ledger
from evidence.actions.months import make_month
from evidence.actions.sums import check_sums
from evidence.actions.usage import Target
from evidence.actions.usage_tables import record_usage_table
from evidence.connectors import usage_table
from evidence.models import UsageDay, UsageRecord
from evidence.querysets import cost_totals, daily_use
from portal.actors import worker
from tests.bench.population import analyse, fill_register
from tests.bench.table import above, below, publish
from tests.cast import Cast
from tests.databases import as_owner
from usecases.models import UseCase

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
# What a shared machine does in minutes; on a quiet one raise them to 1_000_000, 100_000, 10_000_000.
ROWS, FEW, MANY = 200_000, 100_000, 1_000_000
USE_CASES, DAYS = 100, 30
WORKER = worker("connector")
FIRST = date(2026, 10, 1)

_BARE = """
DROP TABLE IF EXISTS bare_usage;
CREATE TABLE bare_usage (LIKE usage_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
CREATE SEQUENCE IF NOT EXISTS bare_usage_id;
ALTER TABLE bare_usage ALTER id SET DEFAULT nextval('bare_usage_id'), ADD PRIMARY KEY (id),
    ADD UNIQUE NULLS NOT DISTINCT
        (source, day, use_case_id, system_version_id, environment, team, provider, model, operation, currency),
    ADD FOREIGN KEY (use_case_id) REFERENCES use_case (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (system_version_id) REFERENCES system_version (id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX ON bare_usage (use_case_id, day);
GRANT USAGE ON SEQUENCE bare_usage_id TO gatehouse_app;
"""
_COLUMNS = ", ".join(ledger.COLUMNS)
_UPSERT = f"""
INSERT INTO bare_usage AS u ({_COLUMNS}, received_at, changed_at) SELECT {_COLUMNS}, now(), now() FROM staged_bare
ON CONFLICT ({", ".join(ledger.KEY)}) DO UPDATE SET {", ".join(f"{n} = EXCLUDED.{n}" for n in ledger.VALUES)},
    changed_at = now()
WHERE ({", ".join(f"u.{n}" for n in ledger.VALUES)}) IS DISTINCT FROM ({", ".join(f"EXCLUDED.{n}" for n in ledger.VALUES)})
"""  # noqa: E501


def rows(use_cases: list[UseCase], wanted: int) -> Iterator[dict[str, Any]]:
    """As a gateway tells them: day by day, every use case with its models and teams."""
    each = wanted // (len(use_cases) * DAYS)
    for day in range(DAYS):
        for use_case in use_cases:
            for number in range(each):
                yield {
                    "use_case": use_case.reference, "day": (FIRST + timedelta(day)).isoformat(),
                    "environment": "production", "team": f"team-{number % 40}", "provider": "azure",
                    "model": f"gpt-4o-{number // 40}", "operation": "chat", "requests": 10 + number,
                    "failed_requests": number % 10, "input_tokens": 5000 + number, "cached_input_tokens": number,
                    "output_tokens": 800 + day, "effective_cost": f"{number % 97}.{day:02d}5", "currency": "EUR",
                    "cost_basis": "billed", "finality": "provisional",
                }  # fmt: skip


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare(body: bytes) -> None:
    """The yardstick: rows already checked, resolved and written as COPY wants them, into a table of the same rules."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            f"CREATE TEMPORARY TABLE staged_bare ON COMMIT DROP AS SELECT {_COLUMNS} FROM bare_usage WITH NO DATA"
        )
        with cursor.copy(f"COPY staged_bare ({_COLUMNS}) FROM STDIN") as copy:
            copy.write(body)
        cursor.execute(_UPSERT)


def copied(use_cases: list[UseCase], found: list[dict[str, Any]]) -> bytes:
    keys = {use_case.reference: str(use_case.pk) for use_case in use_cases}
    fixed = {"source": "bench", "system_version_id": r"\N", "list_cost": r"\N", "billed_cost": r"\N"}
    lines = []
    for row in found:
        told = {**fixed, "successful_outcomes": r"\N", "use_case_id": keys[row["use_case"]], **row}
        lines.append("\t".join(str(told[name]) for name in ledger.COLUMNS))
    return ("\n".join(lines) + "\n").encode()


def emptied() -> None:
    with as_owner() as owner:
        owner.execute("TRUNCATE usage_record, usage_day")
        owner.execute(_BARE)
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON bare_usage TO gatehouse_app")


def bodies(found: list[dict[str, Any]]) -> dict[str, Callable[[], Any]]:
    """Each format as it comes, read and looked through."""
    import io

    import polars

    frame = polars.DataFrame(found)
    parquet, text = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_csv(text)
    lines = [json.dumps(row).encode() for row in found]
    array = json.dumps(found).encode()
    from portal.api.parsers import loads

    return {
        "CSV": lambda: usage_table.read_csv(text.getvalue(), ROWS),
        "Parquet": lambda: usage_table.read_parquet_rows(parquet.getvalue(), ROWS),
        "NDJSON": lambda: usage_table.read_ndjson(lines),
        "JSON array": lambda: usage_table.read_rows(loads(array)),
    }


def ingest(read: Callable[[], Any], use_cases: dict[str, UseCase]) -> None:
    table, doubtful = usage_table.sift(read())
    assert doubtful.height == 0
    record_usage_table(
        actor=WORKER, table=table, source="bench", resolve=lambda reading: Target(use_cases[reading.use_case_key])
    )


def test_ingest_is_no_slower_than_a_bare_copy_and_upsert(committed_cast: Cast) -> None:
    fill_register(committed_cast, USE_CASES)
    use_cases = list(UseCase.objects.order_by("number"))
    by_reference = {use_case.reference: use_case for use_case in use_cases}
    found = list(rows(use_cases, ROWS))
    body, formats = copied(use_cases, found), bodies(found)
    wanted, found = len(found), []
    make_month(FIRST)
    table = []
    for name, read in formats.items():
        emptied()
        yardstick = wanted / timed(lambda: bare(body))
        rate = wanted / timed(lambda read=read: ingest(read, by_reference))  # type: ignore[misc]
        again = wanted / timed(lambda: bare(body))
        replay = wanted / timed(lambda read=read: ingest(read, by_reference))  # type: ignore[misc]
        assert UsageRecord.objects.count() == wanted
        goal, replay_goal = (0.4, 0.4) if name == "JSON array" else (1.0, 1.2)
        table.append(above(f"{name}: new rows", rate, "rows/s", f"bare, {yardstick:.0f}/s", yardstick, goal))
        table.append(above(f"{name}: unchanged", replay, "rows/s", f"bare, {again:.0f}/s", again, replay_goal))
    assert check_sums() == []
    publish(table)
    assert [row.name for row in table if not row.holds] == []


_FILL = """
INSERT INTO usage_record (use_case_id, source, day, environment, team, provider, model, operation, requests,
    failed_requests, input_tokens, cached_input_tokens, output_tokens, effective_cost, currency, cost_basis, finality,
    received_at, changed_at)
SELECT (%(cases)s::uuid[])[1 + n %% %(count)s], 'bench', %(day)s, 'production', 'team-' || n / %(count)s %% 40, 'azure',
    'gpt-4o-' || n / %(count)s / 40, 'chat', 10, 1, 5000, 100, 800, 0.125, 'EUR', 'billed', 'final', now(), now()
FROM generate_series(0, %(rows)s - 1) AS n
"""
_ROLL = f"INSERT INTO usage_day ({', '.join(ledger.SUM_COLUMNS)}) {ledger.SUMS.format(where='')}"
_RAW = """
SELECT day, currency, sum(coalesce(effective_cost, billed_cost)), sum(input_tokens + output_tokens), sum(requests),
    sum(failed_requests), sum(successful_outcomes)
FROM usage_record WHERE use_case_id = %s AND day > %s GROUP BY day, currency ORDER BY day, currency
"""
_SPAN = 90


def fill(cases: list[uuid.UUID], last: date, wanted: int) -> None:
    emptied()
    for number in range(_SPAN):
        day = last - timedelta(_SPAN - 1 - number)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            make_month(day)
            cursor.execute(_FILL, {"cases": cases, "count": len(cases), "day": day, "rows": wanted // _SPAN})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(_ROLL)
    analyse()


def raw(use_case: UseCase, since: date) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_RAW, [use_case.pk, since])
        return cursor.fetchall()


def median(work: Callable[[], Any], rounds: int = 21) -> float:
    work()
    return statistics.median(timed(work) for _ in range(rounds)) * 1000


def test_many_rows_cost_the_page_nothing_and_a_changed_day_little(committed_cast: Cast) -> None:
    fill_register(committed_cast, USE_CASES)
    use_cases = list(UseCase.objects.order_by("number"))
    cases, last = [use_case.pk for use_case in use_cases], date.today()
    asked = use_cases[7]
    fill(cases, last, FEW)
    small = median(lambda: cost_totals(daily_use(asked)))
    fill(cases, last, MANY)
    large = median(lambda: cost_totals(daily_use(asked)))
    aggregate = median(lambda: raw(asked, last - timedelta(90)), 5)
    assert UsageDay.objects.filter(use_case=asked).count() == _SPAN
    one = median(lambda: _rerolled([(asked.pk, last - timedelta(9))]), 7)
    rows = [
        below(f"cost page's sums, {MANY:,} rows", large, "ms", "the same over 100,000", small, 1.5),
        # Fifty at ten million rows; the raw aggregate grows with them, the sums do not.
        above("raw aggregate of the same days", aggregate, "ms", "the sums", large, 50 * MANY / 10_000_000),
        below("making one day of one use case anew", one, "ms", "100 ms", 100, 1.0),
    ]
    publish(rows)
    assert [row.name for row in rows if not row.holds] == []


def _rerolled(slices: list[ledger.Slice]) -> None:
    with transaction.atomic():
        ledger.reroll(slices)
