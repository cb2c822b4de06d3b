"""Recording many usage rows at once: looked up by key, day and target once each, then copied as columns."""

import uuid
from datetime import date
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evidence import policies
from evidence.actions import ledger
from evidence.actions.months import Calendar
from evidence.actions.usage import Resolve, UsageCounts, settle
from evidence.connectors.usage_table import COSTS, COUNTS, ROW, TEXTS, WORDS, as_copied, without_repeats
from evidence.readings import Reject, UsageReading
from portal.access import require
from portal.actors import Actor
from usecases.models import UseCase

if TYPE_CHECKING:
    import polars

_COLUMNS = ["use_case_id", "day", "source", "system_version_id", *TEXTS, "currency", *COUNTS, *COSTS, *WORDS]
# Only these may be null, so only there nothing means null: a text of nothing is an empty text.
_OPTIONS = f"(FORMAT csv, NULL '', FORCE_NOT_NULL ({', '.join(TEXTS)}, currency))"


@transaction.atomic
def record_usage_table(*, actor: Actor, table: "polars.DataFrame", source: str, resolve: Resolve) -> UsageCounts:
    """Store rows that the sieve of `usage_table` let through; as `record_usage`, which says what that means.

    `resolve` must know different keys as different targets, as our own references are.
    """
    table, repeats = without_repeats(table)
    words = _("The same key stands in row %(row)s already.")
    rejected = [Reject(str(row), words % {"row": first}) for row, first in repeats]
    table, late = _on_open_days(table)
    table, targets, unknown = _resolved(actor, table, resolve)
    rejected = sorted([*rejected, *late, *unknown], key=lambda each: int(each.reference))
    if not table.height:
        return UsageCounts(rejected=tuple(rejected))
    with ledger.staging(_COLUMNS, _OPTIONS) as copy:
        for piece in as_copied(_with_source(table, source), _COLUMNS):
            copy.write(piece)
    first, last = str(table["day"].min()), str(table["day"].max())
    days = date.fromisoformat(first), date.fromisoformat(last)
    return settle(actor, source, targets, days, table.height, None, rejected)


def _on_open_days(table: "polars.DataFrame") -> tuple["polars.DataFrame", list[Reject]]:
    import polars

    calendar, closed = Calendar(), {}
    for day in sorted(table["day"].unique().to_list()):
        try:
            calendar.require_open(date.fromisoformat(day))
        except ValidationError as error:
            closed[day] = " ".join(error.messages)
    if not closed:
        return table, []
    shut = polars.col("day").is_in(list(closed))
    rows = table.filter(shut).select(ROW, "day").iter_rows()
    return table.filter(~shut), [Reject(str(row), closed[day]) for row, day in rows]


def _resolved(
    actor: Actor, table: "polars.DataFrame", resolve: Resolve
) -> tuple["polars.DataFrame", dict[uuid.UUID, UseCase], list[Reject]]:
    """The table with the ids of its targets, what it is about, and the rows that are about nothing we know."""
    import polars

    found: list[tuple[str, str, str | None, str | None, str]] = []
    targets: dict[uuid.UUID, UseCase] = {}
    for key, version in table.select("use_case", "version").unique().sort("use_case", "version").iter_rows():
        try:
            target = resolve(_question(key, version))
        except ValidationError as error:
            found.append((key, version, None, None, " ".join(error.messages)))
            continue
        if target.use_case.pk not in targets:
            require(policies.may_push_evidence(actor, target.use_case))
            targets[target.use_case.pk] = target.use_case
        found.append((key, version, str(target.use_case.pk), str(target.version.pk) if target.version else None, ""))
    names = ["use_case", "version", "use_case_id", "system_version_id", "reason"]
    answers = polars.DataFrame(found, schema=dict.fromkeys(names, polars.String), orient="row")
    joined = table.join(answers, on=["use_case", "version"], how="left", maintain_order="left")
    unknown = joined.filter(polars.col("use_case_id").is_null()).select(ROW, "reason").iter_rows()
    rejected = [Reject(str(row), reason) for row, reason in unknown]
    # In the order of the ledger's key, so that its index grows page by page.
    known = joined.filter(polars.col("use_case_id").is_not_null()).sort("use_case_id", "day")
    return known, targets, rejected


def _with_source(table: "polars.DataFrame", source: str) -> "polars.DataFrame":
    import polars

    return table.with_columns(polars.lit(source).alias("source"))


def _question(key: str, version: str) -> UsageReading:
    """What a resolver needs to know of all the rows of this key and version."""
    return UsageReading(
        day=date.min, use_case_key=key, version_digest=version, environment="", team="", provider="", model="",
        operation="", requests=None, failed_requests=None, input_tokens=None, cached_input_tokens=None,
        output_tokens=None, billed_cost=None, effective_cost=None, currency="", cost_basis="estimated",
        finality="provisional",
    )  # fmt: skip
