"""Proving the daily sums: compared with the raw rows, differences told, and on request made anew."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import structlog
from django.db import connection, transaction

from evidence.actions import ledger
from usecases.models import UseCase

log = structlog.get_logger(__name__)
MOST = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A day of a use case whose stored sums are not those of its raw rows."""

    use_case_id: uuid.UUID
    reference: str
    day: date


# Only months that still have raw rows: of the others the sums are all there is.
_CHECK = f"""
WITH raw AS ({ledger.SUMS.format(where="WHERE u.day BETWEEN %(first)s AND %(last)s")}),
stored AS (SELECT {", ".join(ledger.SUM_COLUMNS)} FROM usage_day d
    WHERE d.day BETWEEN %(first)s AND %(last)s AND to_char(d.day, 'YYYYMM') = ANY(%(months)s))
SELECT different.use_case_id, c.number, different.day FROM (
    SELECT use_case_id, day FROM (TABLE raw EXCEPT ALL TABLE stored) missing
    UNION SELECT use_case_id, day FROM (TABLE stored EXCEPT ALL TABLE raw) extra
) different JOIN use_case c ON c.id = different.use_case_id ORDER BY different.day, c.number LIMIT %(most)s
"""  # noqa: S608  # nosec B608 (our own column names)


@transaction.atomic
def check_sums(first: date = date.min, last: date = date.max) -> list[Difference]:
    """The first 1,000 days whose stored sums differ from their raw rows; none when the ledger is whole."""
    with connection.cursor() as cursor:
        # One statement, so one snapshot: a delivery that arrives meanwhile is seen whole or not at all.
        cursor.execute("SET LOCAL statement_timeout = '1200s'; SET LOCAL work_mem = '64MB'")
        cursor.execute(
            "SELECT coalesce(array_agg(right(c.relname, 6)), '{}') FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'usage_record'::regclass"
        )
        months = cursor.fetchone()[0]
        cursor.execute(_CHECK, {"first": first, "last": last, "months": months, "most": MOST})
        found = [Difference(pk, f"UC-{number:04d}", day) for pk, number, day in cursor.fetchall()]
    if found:
        told = [f"{each.reference} {each.day}" for each in found[:20]]
        log.error("usage_sums_differ", days=len(found), first=told)
    return found


@transaction.atomic
def mend_sums(differences: Iterable[Difference]) -> int:
    """Make the sums of these days anew from their raw rows; how many days."""
    slices = {(each.use_case_id, each.day) for each in differences}
    keys = {use_case_id for use_case_id, _day in slices}
    list(UseCase.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk"))
    ledger.reroll(slices)
    return len(slices)
