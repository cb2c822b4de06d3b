"""What a filter is, and those the register brings itself. Floors above add theirs by name in the settings."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import In, IsNull
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from portal.models import BusinessUnit, User
from usecases.choices import DataClass, DataUseState, Pattern, ReviewState, Stage, Tier
from usecases.models import DataUse, RiskReview, SystemVersion
from usecases.ordering import STAGE_RANK, TIER_RANK

MAX_VALUES = 20
MAX_WORDS = 80
# What waits for an answer longer than this is overdue.
DUE_DAYS = 5
NOT_CLASSIFIED = "none"


class OneOf(Func):
    """`value = ANY(array)`: the planner takes the array for a few known values and looks them up by index."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = BooleanField()


@dataclass(frozen=True)
class Filter:
    """A row fits when it fits any of the values; several filters must all fit.

    `where(values)` is a condition asked of one row after the other, `among(values)` finds the ids of use cases by what
    belongs to them: a filter has one of the two. `indexed` says the same as `where` the other way round, by an index of
    its own or from what belongs to the use cases. `choice`: one of `choices`; `text`: what people type, commas between;
    `unit`: ids of business units.
    """

    key: str
    label: Any
    where: Callable[[Sequence[str]], Q] | None = None
    among: Callable[[Sequence[str]], Any] | None = None
    indexed: Callable[[Sequence[str]], Q] | None = None
    kind: Literal["choice", "text", "unit"] = "choice"
    choices: tuple[tuple[str, Any], ...] = ()
    hint: Any = ""

    def narrow(self, rows: Any, values: Sequence[str], *, gathering: bool = False) -> Any:
        """The rows that fit any of the values; `gathering` them in no order an index of the values may serve best."""
        if self.where is not None:
            condition = self.indexed if gathering and self.indexed is not None else self.where
            return rows.filter(condition(values))
        assert self.among is not None
        return rows.filter(id__in=self.among(values))

    def accepted(self, raw: Sequence[str]) -> list[str]:
        """The values that make sense, each once, in the order given; at most twenty."""
        texts = [part for text in raw for part in text.split(",")] if self.kind == "text" else list(raw)
        found = dict.fromkeys(text.strip() for text in texts)
        return [text for text in found if text and self.fits(text)][:MAX_VALUES]

    def fits(self, text: str) -> bool:
        if self.kind == "choice":
            return any(text == value for value, _label in self.choices)
        if self.kind == "unit":
            try:
                return str(uuid.UUID(text)) == text
            except ValueError:
                return False
        return len(text) <= MAX_WORDS and "\x00" not in text


@cache
def filters() -> dict[str, Filter]:
    """Every filter by its key, in the order of the settings."""
    found = [import_string(name) for name in settings.USE_CASE_FILTERS]
    return {each.key: each for each in found}


def _stages(values: Sequence[str]) -> Q:
    return Q(stage__in=values)


def _stages_by_rank(values: Sequence[str]) -> Q:
    return Q(In(STAGE_RANK, [list(Stage.values).index(value) + 1 for value in values]))


def _tiers(values: Sequence[str]) -> Q:
    return Q(tier__in=["" if value == NOT_CLASSIFIED else value for value in values])


def _tiers_by_rank(values: Sequence[str]) -> Q:
    return Q(In(TIER_RANK, [0 if value == NOT_CLASSIFIED else list(Tier.values).index(value) + 1 for value in values]))


def _patterns(values: Sequence[str]) -> Q:
    return Q(pattern__in=values)


def _in_units(values: Sequence[str]) -> Q:
    """In one of these units or anywhere below: a unit's path names every unit above it."""
    below = Q()
    for value in values:
        below |= Q(path__contains=f"{uuid.UUID(value).hex}.")
    return Q(unit_id__in=BusinessUnit.objects.filter(below).values("id"))


def _owned_by(values: Sequence[str]) -> Q:
    named = Q()
    for value in values:
        named |= Q(name__icontains=value)
    return Q(OneOf(F("owner_id"), ArraySubquery(User.objects.filter(named).values("id"))))


def _tagged(values: Sequence[str]) -> Q:
    return Q(tags__overlap=[value.lower() for value in values])


def _using_data_of(values: Sequence[str]) -> Any:
    uses = DataUse.objects.filter(data_source__classification__in=values).exclude(state=DataUseState.REFUSED)
    return uses.values("use_case_id")


def _running_on(values: Sequence[str]) -> Any:
    """The newest declared version names a model that begins so."""
    named = Q()
    for value in values:
        named |= Q(manifest__model__name__istartswith=value)
    newer = SystemVersion.objects.filter(use_case=OuterRef("use_case"), number__gt=OuterRef("number"))
    return SystemVersion.objects.filter(named).exclude(Exists(newer)).values("use_case_id")


def late_reviews() -> QuerySet[Any]:
    """Use cases whose risk review waits too long."""
    waiting = RiskReview.objects.filter(state=ReviewState.SUBMITTED, submitted_at__lt=due())
    return waiting.values("use_case_id")


def late_data_uses() -> QuerySet[Any]:
    """Use cases that wait too long for the owner of a data source."""
    return DataUse.objects.filter(state=DataUseState.REQUESTED, requested_at__lt=due()).values("use_case_id")


def due() -> Any:
    """Whatever waits since before this moment is overdue."""
    return timezone.now() - timedelta(days=DUE_DAYS)


@cache
def _lateness() -> list[Callable[[], Any]]:
    return [import_string(name) for name in settings.USE_CASE_LATENESS]


def _overdue(values: Sequence[str]) -> Q:
    """From what is late, to gather what fits."""
    late = Q()
    for find in _lateness():
        late |= Q(Exists(find().filter(use_case=OuterRef("pk"))))
    return late


def _overdue_one_by_one(values: Sequence[str]) -> Q:
    """The same asked of each row, for a page in some order: it stops at its last row."""
    late = [Subquery(find().filter(use_case=OuterRef("pk"))[:1]) for find in _lateness()]
    return Q(IsNull(Coalesce(*late), False))


STAGE = Filter("stage", _("Stage"), where=_stages, indexed=_stages_by_rank, choices=tuple(Stage.choices))
TIER = Filter(
    "tier",
    _("Tier"),
    where=_tiers,
    indexed=_tiers_by_rank,
    choices=(*Tier.choices, (NOT_CLASSIFIED, _("Not classified"))),
)
PATTERN = Filter("pattern", _("Pattern"), where=_patterns, choices=tuple(Pattern.choices))
UNIT = Filter("unit", _("Unit"), where=_in_units, kind="unit")
OWNER = Filter("owner", _("Owner"), where=_owned_by, kind="text", hint=_("Part of a name"))
DATA = Filter("data", _("Data class"), among=_using_data_of, choices=tuple(DataClass.choices))
MODEL = Filter("model", _("Model"), among=_running_on, kind="text", hint=_("As gpt-4o"))
OVERDUE = Filter(
    "overdue",
    _("Overdue"),
    where=_overdue_one_by_one,
    indexed=_overdue,
    choices=(("yes", _("Waits longer than five days")),),
)
TAG = Filter("tag", _("Tag"), where=_tagged, kind="text", hint=_("wave-1, gdpr"))
