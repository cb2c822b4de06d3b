"""Recording daily usage and cost: one staged merge, restated rows replace exactly their key, sums follow at once."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from evidence import policies
from evidence.actions import ledger
from evidence.actions.months import Calendar
from evidence.actions.words import line
from evidence.choices import CostBasis
from evidence.counting import PLACES
from evidence.models import UsageRecord
from evidence.readings import Reject, UsageReading
from portal.access import require
from portal.actors import Actor
from portal.audit import Telling, record_many
from usecases.actions.facts import record_fact
from usecases.choices import Environment, FactSource
from usecases.models import Fact, SystemVersion, UseCase

LARGEST_COUNT = 2**63 - 1
LARGEST_COST = Decimal(10) ** 11


@dataclass(frozen=True, slots=True)
class Target:
    """What a reading is about, as a resolver found it."""

    use_case: UseCase
    version: SystemVersion | None = None


# From a reading to its target; raises ValidationError with the reason when there is none.
Resolve = Callable[[UsageReading], Target]


@dataclass(frozen=True, slots=True)
class UsageCounts:
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table in the order of its columns; the key first."""

    use_case_id: uuid.UUID
    day: date
    source: str
    system_version_id: uuid.UUID | None
    environment: str
    team: str
    provider: str
    model: str
    operation: str
    currency: str
    requests: int | None
    failed_requests: int | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    successful_outcomes: int | None
    list_cost: Decimal | None
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    cost_basis: str
    finality: str

    @property
    def key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in ledger.KEY)

    def plus(self, other: "_Row") -> "_Row":
        """Two of the source's keys that mean one of ours: what is known of their figures adds up."""
        summed = {name: _sum(getattr(self, name), getattr(other, name)) for name in ledger.FIGURES}
        finality = "provisional" if "provisional" in (self.finality, other.finality) else self.finality
        return replace(self, **summed, finality=finality)


@dataclass(slots=True)
class _Delivery:
    """What is to be stored: rows by key, the use cases they are about, and what was left out."""

    rows: dict[tuple[object, ...], _Row] = field(default_factory=dict)
    targets: dict[uuid.UUID, UseCase] = field(default_factory=dict)
    rejected: list[Reject] = field(default_factory=list)


_COLUMNS = tuple(each.name for each in fields(_Row))


@transaction.atomic
def record_usage(
    *,
    actor: Actor,
    readings: Iterable[UsageReading],
    source: str,
    resolve: Resolve,
    covers: tuple[date, date] | None = None,
    numbers: Iterable[int] | None = None,
) -> UsageCounts:
    """Store daily usage; the same again changes nothing, a restated row replaces its key.

    `covers` says that the readings are all that the source has for those days: its other rows there are removed. What
    cannot be stored is rejected with a reason and its position, counted from 1 or as `numbers` say; the rest is stored.
    Raises Refused when the actor may not bring evidence of one of the use cases.
    """
    found = _delivered(actor, zip(numbers or count(1), readings, strict=False), source, resolve)
    if not found.rows and covers is None:
        return UsageCounts(rejected=tuple(found.rejected))
    with ledger.staging(_COLUMNS) as copy:
        for row in found.rows.values():
            copy.write_row([getattr(row, name) for name in _COLUMNS])
    days = [row.day for row in found.rows.values()]
    span = (min(days), max(days)) if days else None
    return settle(actor, source, found.targets, span, len(days), covers, found.rejected)


def settle(
    actor: Actor,
    source: str,
    targets: Mapping[uuid.UUID, UseCase],
    days: tuple[date, date] | None,
    rows: int,
    covers: tuple[date, date] | None,
    rejected: Iterable[Reject],
) -> UsageCounts:
    """Merge so many staged rows, on `days` (first and last), into the ledger, and tell what became of them."""
    concerned = _lock(targets, source, covers)
    merged = ledger.merge(source, days, covers, rows)
    _tell(actor, source, concerned, merged)
    _know(actor, [targets[pk] for pk in sorted(targets) if merged.created[pk] or merged.changed[pk]])
    new, restated = merged.created.total(), merged.changed.total()
    unchanged = rows - new - restated
    return UsageCounts(new, restated, unchanged, merged.removed.total(), tuple(rejected))


def _lock(
    targets: Mapping[uuid.UUID, UseCase], source: str, covers: tuple[date, date] | None
) -> dict[uuid.UUID, UseCase]:
    """The use cases of the rows and those that may lose some, locked in the order of their keys: nobody waits twice."""
    wanted = set(targets)
    if covers:
        lost = UsageRecord.objects.filter(source=source, day__range=covers)
        wanted |= set(lost.values_list("use_case_id", flat=True).distinct())
    locked = UseCase.objects.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk")
    return {use_case.pk: use_case for use_case in locked}


def _delivered(actor: Actor, readings: Iterable[tuple[int, UsageReading]], source: str, resolve: Resolve) -> _Delivery:
    found, calendar = _Delivery(), Calendar()
    seen: dict[tuple[object, ...], int] = {}
    for number, reading in readings:
        try:
            target = resolve(reading)
            row = _row(reading, target, source)
            calendar.require_open(row.day)
            theirs = (reading.use_case_key, reading.version_digest, *row.key)
            if theirs in seen:
                raise ValidationError(_("The same key stands in row %(row)s already.") % {"row": seen[theirs]})
        except ValidationError as error:
            found.rejected.append(Reject(str(number), " ".join(error.messages)))
            continue
        if target.use_case.pk not in found.targets:
            require(policies.may_push_evidence(actor, target.use_case))
            found.targets[target.use_case.pk] = target.use_case
        seen[theirs] = number
        found.rows[row.key] = found.rows[row.key].plus(row) if row.key in found.rows else row
    return found


def _row(reading: UsageReading, target: Target, source: str) -> _Row:
    require_possible(reading)
    basis = "billed" if reading.cost_basis == "effective" else reading.cost_basis
    return _Row(
        use_case_id=target.use_case.pk,
        system_version_id=target.version.pk if target.version else None,
        source=source,
        day=reading.day,
        environment=line(reading.environment, 40),
        team=line(reading.team, 120),
        provider=line(reading.provider, 80),
        model=line(reading.model, 160),
        operation=line(reading.operation, 40),
        currency=_currency(reading),
        requests=reading.requests,
        failed_requests=reading.failed_requests,
        input_tokens=reading.input_tokens,
        cached_input_tokens=reading.cached_input_tokens,
        output_tokens=reading.output_tokens,
        successful_outcomes=reading.successful_outcomes,
        list_cost=_cost(reading.list_cost),
        billed_cost=_cost(reading.billed_cost),
        effective_cost=_cost(reading.effective_cost),
        cost_basis=CostBasis(basis).value,
        finality=reading.finality,
    )


def require_possible(reading: UsageReading) -> None:
    """Raises ValidationError for figures that cannot be; what is not known contradicts nothing."""
    counts = (
        reading.requests, reading.failed_requests, reading.input_tokens, reading.cached_input_tokens,
        reading.output_tokens, reading.successful_outcomes,
    )  # fmt: skip
    if not all(count is None or 0 <= count <= LARGEST_COUNT for count in counts):
        raise ValidationError(_("A count is negative or too large."))
    if _exceeds(reading.failed_requests, reading.requests):
        raise ValidationError(_("There are more failed requests than requests."))
    if _exceeds(reading.cached_input_tokens, reading.input_tokens):
        raise ValidationError(
            _("There are more cached input tokens than input tokens; input tokens include cached ones.")
        )
    _currency(reading)


def _exceeds(part: int | None, whole: int | None) -> bool:
    return part is not None and whole is not None and part > whole


def _currency(reading: UsageReading) -> str:
    code = reading.currency.upper()
    costs = (reading.list_cost, reading.billed_cost, reading.effective_cost)
    if not code and all(cost is None for cost in costs):
        return ""
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValidationError(_("A cost needs its currency as a code of three letters, such as EUR."))
    return code


def _cost(amount: Decimal | None) -> Decimal | None:
    """Nine decimals, as the column holds; sources' shares of a millionth of a cent are rounded, never lost in sums."""
    if amount is None:
        return None
    if not amount.is_finite() or abs(amount) >= LARGEST_COST:
        raise ValidationError(_("A cost is not a number or too large."))
    return amount.quantize(PLACES)


def _sum(one: Any, other: Any) -> Any:
    if one is None:
        return other
    return one if other is None else one + other


def _tell(actor: Actor, source: str, use_cases: Mapping[uuid.UUID, UseCase], merged: ledger.Merged) -> None:
    tellings = []
    for pk, use_case in use_cases.items():
        created, changed, removed = merged.created[pk], merged.changed[pk], merged.removed[pk]
        told = [(created, "new"), (changed, "restated"), (removed, "withdrawn")]
        parts = [f"{count} {word}" for count, word in told if count]
        if parts:
            sentence = f"recorded usage of {use_case.reference}: {', '.join(parts)} daily rows."
            data = {"source": source, "created": created, "changed": changed, "removed": removed}
            tellings.append(Telling("usage.recorded", use_case, sentence, pk, data, [use_case.reference]))
    if tellings:
        record_many(actor, tellings)


_SINCE = """
SELECT use_case_id, min(day) FILTER (WHERE cost IS NOT NULL), min(day) FILTER (WHERE environment = %s AND requests > 0)
FROM usage_day WHERE use_case_id = ANY(%s) GROUP BY use_case_id
"""


def _know(actor: Actor, use_cases: list[UseCase]) -> None:
    """Facts that do not change with every day: since when cost is known, since when production is watched."""
    if not use_cases:
        return
    keys = [use_case.pk for use_case in use_cases]
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, [Environment.PRODUCTION, keys])
        since = {row[0]: dict(zip(_FACTS, row[1:], strict=True)) for row in cursor.fetchall()}
    known = Fact.objects.filter(use_case__in=keys, name__in=_FACTS, until__isnull=True)
    values = {(fact.use_case_id, fact.name): fact.value for fact in known}
    for use_case in use_cases:
        for name, first in since[use_case.pk].items():
            if first is None or values.get((use_case.pk, name)) == {"since": first.isoformat()}:
                continue
            words = {
                "cost_recorded": _("Cost is recorded since %(day)s."),
                "monitoring": _("Use in production is measured since %(day)s."),
            }
            record_fact(
                actor=actor,
                use_case=use_case,
                name=name,
                value={"since": first.isoformat()},
                statement=words[name] % {"day": first.isoformat()},
                source=FactSource.EVIDENCE,
                confidence="measured",
            )


_FACTS = ("cost_recorded", "monitoring")
