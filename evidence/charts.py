"""Figures of one use case's evidence, and the same numbers as rows for the table beside them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from evidence.choices import Dimension
from evidence.models import EvaluationDimension
from evidence.querysets import DailyUse, known_sum
from portal.charts import Marker, Series, daily_cost_and_tokens, scores_over_time
from usecases.models import Fact, UseCase


def pass_rate(row: EvaluationDimension) -> float | None:
    """Share of all cases that pass; None unless every case was scored would hide failed judges, so they count."""
    return row.passed / row.total if row.total else None


def thresholds_of(use_case: UseCase) -> dict[str, float]:
    """Required pass rates by dimension, as the gate's criteria were written down; empty while there are none."""
    fact = Fact.objects.filter(use_case=use_case, name="gate_criteria", until__isnull=True).first()
    told = fact.value.get("thresholds", {}) if fact is not None and isinstance(fact.value, dict) else {}
    found: dict[str, float] = {}
    for dimension, threshold in told.items():
        try:
            found[str(dimension)] = float(Decimal(str(threshold)))
        except InvalidOperation:
            continue
    return found


def scores_figure(rows: list[EvaluationDimension], dimension: str, thresholds: dict[str, float]) -> dict[str, Any]:
    """Pass rates over time, one line per dimension or one dimension with what is required; new versions are marked."""
    chosen = [row for row in rows if dimension in ("", row.dimension)]
    names = sorted({row.dimension for row in chosen})
    series = [
        Series(
            str(Dimension(name).label),
            [(row.run.finished_at, pass_rate(row)) for row in chosen if row.dimension == name],
        )
        for name in names
    ]
    return scores_over_time(series, thresholds.get(dimension), version_markers(chosen))


def version_markers(rows: list[EvaluationDimension]) -> list[Marker]:
    """Where another version was measured than before; the first needs no mark."""
    markers: list[Marker] = []
    before = None
    for row in rows:
        version = row.run.system_version
        if before is not None and version.number != before:
            markers.append(Marker(row.run.finished_at, _("version %(label)s") % {"label": version.label}))
        before = version.number
    return markers[-6:]


@dataclass(frozen=True, slots=True)
class CostDays:
    """Days of one currency, for the chart and its table."""

    currency: str
    days: list[date]
    cost: list[Decimal | None]
    tokens: list[int | None]


def cost_days(use: list[DailyUse], currency: str = "") -> CostDays:
    """Cost in one currency (the first that has any, unless named) and all tokens, by day."""
    currencies = sorted({row.currency for row in use if row.cost is not None})
    chosen = currency if currency in currencies else next(iter(currencies), "")
    days = sorted({row.day for row in use})
    cost: dict[date, Decimal] = {}
    tokens: dict[date, int | None] = {}
    for row in use:
        tokens[row.day] = known_sum([tokens.get(row.day), row.tokens])
        if row.cost is not None and row.currency == chosen:
            cost[row.day] = cost.get(row.day, Decimal(0)) + row.cost
    return CostDays(chosen, days, [cost.get(day) for day in days], [tokens[day] for day in days])


def cost_figure(told: CostDays) -> dict[str, Any]:
    cost = [None if amount is None else float(amount) for amount in told.cost]
    return daily_cost_and_tokens(told.days, cost, told.tokens, told.currency or _("not known"))
