"""Finding data sources: filters, orders, pages by keyset, and what of it needs somebody. Reads, never writes."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.actors import Actor
from portal.models import BusinessUnit, User
from usecases.choices import DataClass, DataUseState
from usecases.models import DataSource, DataUse, UseCase
from usecases.validity import SOON

FOREVER = date(9999, 12, 31)
ATTENTION = (
    ("lapsed", _("Lapsed, or to be confirmed again")),
    ("ending", _("Ends within thirty days")),
    ("stale", _("Refresh overdue")),
    ("uncertified", _("Never certified")),
)
Sources = QuerySet[DataSource]


@dataclass(frozen=True)
class Order:
    """What the catalogue is ordered by: an expression that is never null, and how its value reads in an address."""

    key: Any
    read: Callable[[str], Any]


ORDERS = {
    "name": Order(F("name"), str),
    "owner": Order(F("owner__name"), str),
    "classification": Order(
        Case(
            *(When(classification=value, then=Value(rank)) for rank, value in enumerate(DataClass.values)),
            default=Value(0),
            output_field=IntegerField(),
        ),
        int,
    ),
    "certified": Order(Coalesce("certified_until", Value(FOREVER)), date.fromisoformat),
}


def visible_uses(actor: Actor) -> QuerySet[DataUse]:
    """The uses this person may know of: those of the use cases they may see. Others leave no trace, not in a number."""
    living = DataUse.objects.exclude(state=DataUseState.ENDED)
    return living.filter(use_case_id__in=UseCase.objects.visible_to(actor).values("id"))


def narrowed(
    sources: Sources,
    actor: Actor,
    *,
    q: str = "",
    classification: str = "",
    personal_data: str = "",
    grounding: str = "",
    owner: str = "",
    region: str = "",
    unit: BusinessUnit | None = None,
    attention: str = "",
) -> Sources:
    """The filters of the catalogue, the same for page and API; `unit` includes all below, texts match in part."""
    exact = {"classification": classification, "grounding": grounding}
    sources = sources.filter(**{field: value for field, value in exact.items() if value})
    if personal_data:
        sources = sources.filter(personal_data=personal_data == "yes")
    if owner:
        sources = sources.filter(owner_id__in=User.objects.filter(name__icontains=owner).values("id"))
    if region:
        sources = sources.filter(region__icontains=region)
    if unit is not None:
        sources = sources.filter(unit_id__in=BusinessUnit.objects.filter(path__startswith=unit.path).values("id"))
    if attention:
        sources = sources.filter(_needs(attention, actor))
    return _named(sources, q) if q else sources


def _named(sources: Sources, words: str) -> Sources:
    """Those that hold the words; when none does, those whose name comes near, as after a slip of the finger."""
    holding = sources.filter(Q(name__icontains=words) | Q(system__icontains=words) | Q(description__icontains=words))
    return holding if holding.exists() else sources.filter(name__trigram_word_similar=words)


def _needs(attention: str, actor: Actor) -> Q:
    today = timezone.localdate()
    of_source = visible_uses(actor).filter(data_source=OuterRef("pk"))
    approved = of_source.filter(state=DataUseState.APPROVED)
    match attention:
        case "lapsed":
            lapsed = Q(state=DataUseState.APPROVED, valid_until__lt=today) | Q(state=DataUseState.REOPENED)
            return Q(certified_until__lt=today) | Q(Exists(of_source.filter(lapsed)))
        case "ending":
            soon = (today, today + SOON)
            return Q(certified_until__range=soon) | Q(Exists(approved.filter(valid_until__range=soon)))
        case "stale":
            return stale()
        case _:
            return Q(certified_until__isnull=True)


def stale() -> Q:
    """Its promise of freshness is broken: the same as `validity.is_stale`, in SQL."""
    promise = ExpressionWrapper(
        F("refresh_every_hours") * Value(timedelta(hours=1), output_field=DurationField()),
        output_field=DurationField(),
    )
    overdue = Q(refreshed_at__lt=timezone.now() - promise)
    return Q(refresh_every_hours__isnull=False) & (Q(refreshed_at__isnull=True) | overdue)


def page_of(sources: Sources, order: str, after: str, size: int) -> tuple[list[DataSource], str]:
    """(one page, the key of the next or ""); `order` is a key of ORDERS, with a minus for the other way round."""
    chosen, down = ORDERS.get(order.lstrip("-"), ORDERS["name"]), order.startswith("-")
    found = sources.annotate(sort_key=chosen.key)
    if after:
        text, _mark, row_id = after.rpartition("~")
        try:
            value, pk = chosen.read(text), uuid.UUID(row_id)
        except ValueError:
            return [], ""
        way = "lt" if down else "gt"
        found = found.filter(Q(**{f"sort_key__{way}": value}) | Q(sort_key=value, **{f"pk__{way}": pk}))
    sign = "-" if down else ""
    rows: list[Any] = list(found.order_by(f"{sign}sort_key", f"{sign}pk")[: size + 1])
    if len(rows) <= size:
        return rows, ""
    last = rows[size - 1]
    return rows[:size], f"{last.sort_key}~{last.pk}"


def with_uses(sources: Sources, actor: Actor) -> Sources:
    """Each with `used_by`, how many use cases that this person may see touch it."""
    counted = visible_uses(actor).filter(data_source=OuterRef("pk")).order_by().values("data_source")
    number = Subquery(counted.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    return sources.annotate(used_by=Coalesce(number, Value(0)))


def attention(sources: Sources, actor: Actor) -> dict[str, int]:
    """How many of these sources need somebody, by reason; `total` is all of them."""
    reasons = {name: Count("pk", filter=_needs(name, actor)) for name, _label in ATTENTION}
    return sources.order_by().aggregate(total=Count("pk"), **reasons)
