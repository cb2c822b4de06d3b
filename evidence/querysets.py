"""Reading evidence: what counts now, how it came about over time, what it cost. Always of one use case in sight."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone

from evidence.models import (
    Connector,
    EvaluationDimension,
    EvaluationRun,
    EvaluationScore,
    SyncRun,
    UsageRecord,
)
from portal.actors import Actor
from usecases.models import SystemVersion, UseCase


def current_runs(use_case: UseCase) -> QuerySet[EvaluationRun]:
    """The newest revision of every run of the use case, newest first, with counts and version."""
    dimensions = Prefetch("dimensions", queryset=EvaluationDimension.objects.order_by("dimension"))
    return (
        EvaluationRun.objects.filter(use_case=use_case, is_current=True)
        .select_related("system_version")
        .prefetch_related(dimensions)
        .order_by("-finished_at", "-id")
    )


def current_runs_of(version: SystemVersion) -> QuerySet[EvaluationRun]:
    """The same of one version."""
    return EvaluationRun.objects.filter(system_version=version, is_current=True).order_by("-finished_at", "-id")


def runs_visible_to(actor: Actor) -> QuerySet[EvaluationRun]:
    """Runs (every revision) of the use cases the actor may know of."""
    return EvaluationRun.objects.filter(use_case_id__in=UseCase.objects.visible_to(actor).values("id"))


def get_visible_run(actor: Actor, pk: uuid.UUID) -> EvaluationRun:
    """One run of a use case the actor may know of, or 404."""
    its_own = UseCase.objects.filter(id__in=EvaluationRun.objects.filter(pk=pk).values("use_case_id"))
    runs = EvaluationRun.objects.filter(pk=pk, use_case_id__in=its_own.visible_to(actor).values("id"))
    found = runs.select_related("use_case", "system_version").prefetch_related("dimensions").first()
    if found is None:
        raise Http404
    return found


def runs_on_set(actor: Actor, name: str, version: str) -> QuerySet[EvaluationRun]:
    """The current runs on the evaluation set of this name, any version when none is given, newest first."""
    found = runs_visible_to(actor).filter(dataset_name=name, is_current=True)
    if version:
        found = found.filter(dataset_version=version)
    return found.select_related("use_case", "system_version").order_by("-finished_at", "-id")


def cases_by_kind(run: EvaluationRun) -> dict[str, int]:
    """How many cases of each kind the run judged."""
    kinds = EvaluationScore.objects.filter(run=run).values_list("item_kind")
    return dict(kinds.annotate(cases=Count("item_id", distinct=True)).values_list("item_kind", "cases"))


def usage_visible_to(actor: Actor) -> QuerySet[UsageRecord]:
    """Usage of the use cases the actor may know of."""
    return UsageRecord.objects.filter(use_case_id__in=UseCase.objects.visible_to(actor).values("id"))


def latest_dimensions(version: SystemVersion) -> list[EvaluationDimension]:
    """The newest current reading of each dimension of the version, with its run, by dimension."""
    return list(
        EvaluationDimension.objects.filter(run__system_version=version, run__is_current=True)
        .select_related("run")
        .order_by("dimension", "-run__finished_at", "-run_id")
        .distinct("dimension")
    )


def score_series(use_case: UseCase, most: int = 600) -> list[EvaluationDimension]:
    """Every dimension of the newest current runs, oldest first, with run and version: what a chart is drawn from."""
    newest = (
        EvaluationDimension.objects.filter(run__use_case=use_case, run__is_current=True)
        .select_related("run__system_version")
        .order_by("-run__finished_at", "-run_id", "dimension")[:most]
    )
    return sorted(newest, key=lambda row: (row.run.finished_at, row.run_id, row.dimension))


@dataclass(frozen=True, slots=True)
class DailyUse:
    """One day of one currency ("" where no cost is known); None means not reported, never zero.

    A figure is the sum of what was reported; `without_…` counts the rows that do not report it.
    """

    day: date
    currency: str
    cost: Decimal | None
    tokens: int | None
    requests: int | None
    failed_requests: int | None
    outcomes: int | None
    list_cost: Decimal | None = None
    billed_cost: Decimal | None = None
    effective_cost: Decimal | None = None
    rows: int = 0
    provisional_rows: int = 0
    allocated_rows: int = 0
    without_cost: int = 0
    without_tokens: int = 0
    without_requests: int = 0


_DAILY_USE = """
SELECT day, currency, sum(cost), sum(input_tokens), sum(output_tokens), sum(requests), sum(failed_requests),
    sum(successful_outcomes), sum(list_cost), sum(billed_cost), sum(effective_cost), sum(rows)::bigint,
    sum(provisional_rows)::bigint, sum(allocated_rows)::bigint, sum(cost_unknown)::bigint,
    sum(greatest(input_tokens_unknown, output_tokens_unknown))::bigint, sum(requests_unknown)::bigint
FROM usage_day WHERE use_case_id = %s AND day > %s GROUP BY day, currency ORDER BY day, currency
"""


def daily_use(use_case: UseCase, days: int = 90) -> list[DailyUse]:
    """Effective cost (billed where that is all there is), tokens and requests per day and currency, oldest first.

    Read from the daily sums alone: raw rows may be many, or gone.
    """
    since = timezone.now().date() - timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(_DAILY_USE, [use_case.pk, since])
        return [_daily_use(*row) for row in cursor.fetchall()]


def _daily_use(day: date, currency: str, cost: Decimal | None, *rest: Any) -> DailyUse:
    inputs, outputs, requests, failed, outcomes = (_whole(number) for number in rest[:5])
    return DailyUse(day, currency, cost, known_sum([inputs, outputs]), requests, failed, outcomes, *rest[5:])


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else int(number)


def known_sum(numbers: Iterable[int | None]) -> int | None:
    """The sum of what is known; None when nothing is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class CostTotal:
    """What a period cost in one currency. `per_outcome` is None without outcomes: never infinity, never zero."""

    currency: str
    cost: Decimal
    outcomes: int | None

    @property
    def per_outcome(self) -> Decimal | None:
        return self.cost / self.outcomes if self.outcomes else None


def cost_totals(use: Iterable[DailyUse]) -> list[CostTotal]:
    """Totals by currency; amounts of different currencies are never added.

    Outcomes often come from another source than the bill and name no currency, so those of all rows are set against
    the cost when it is in one currency only.
    """
    rows = list(use)
    costs: dict[str, Decimal] = {}
    for row in rows:
        if row.cost is not None:
            costs[row.currency] = costs.get(row.currency, Decimal(0)) + row.cost
    outcomes = known_sum(row.outcomes for row in rows) if len(costs) == 1 else None
    return [CostTotal(currency, cost, outcomes) for currency, cost in sorted(costs.items())]


def sync_runs(connector: Connector) -> QuerySet[SyncRun]:
    """The connector's runs, newest first."""
    return SyncRun.objects.filter(connector=connector).select_related("requested_by").order_by("-queued_at", "-id")


def last_runs(connectors: Iterable[Connector], most: int = 24) -> dict[uuid.UUID, list[SyncRun]]:
    """The newest runs of each connector, oldest first, in one query."""
    found: dict[uuid.UUID, list[SyncRun]] = {connector.pk: [] for connector in connectors}
    if not found:
        return found
    statement = """
        SELECT r.* FROM unnest(%s::uuid[]) AS c(id) CROSS JOIN LATERAL (
            SELECT * FROM sync_run WHERE connector_id = c.id ORDER BY queued_at DESC, id DESC LIMIT %s
        ) r
    """
    for run in SyncRun.objects.raw(statement, [list(found), most]):
        found[run.connector_id].append(run)
    return {pk: sorted(runs, key=lambda run: (run.queued_at, run.pk)) for pk, runs in found.items()}
