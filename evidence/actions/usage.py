"""Recording daily usage and cost: one staged upsert, restated rows replace exactly their key."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from evidence import policies
from evidence.actions.words import line
from evidence.choices import CostBasis
from evidence.counting import PLACES
from evidence.models import UsageRecord
from evidence.readings import Reject, UsageReading
from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases.actions.facts import record_fact
from usecases.choices import Environment, FactSource
from usecases.models import SystemVersion, UseCase

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
    system_version_id: uuid.UUID | None
    source: str
    day: date
    environment: str
    team: str
    provider: str
    model: str
    operation: str
    currency: str
    requests: int
    failed_requests: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    successful_outcomes: int | None
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    cost_basis: str
    finality: str

    @property
    def key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in _KEY)

    def plus(self, other: "_Row") -> "_Row":
        """Two of the source's keys that mean one of ours: their figures add up; unknown stays unknown."""
        summed = {name: _sum(getattr(self, name), getattr(other, name)) for name in _SUMMED}
        finality = "provisional" if "provisional" in (self.finality, other.finality) else self.finality
        return replace(self, **summed, finality=finality)


_COLUMNS = tuple(field.name for field in fields(_Row))
_KEY = _COLUMNS[:10]
_SUMMED = _COLUMNS[10:18]
_VALUES = _COLUMNS[10:]


@transaction.atomic
def record_usage(
    *,
    actor: Actor,
    readings: Iterable[UsageReading],
    source: str,
    resolve: Resolve,
    covers: tuple[date, date] | None = None,
) -> UsageCounts:
    """Store daily usage; the same again changes nothing, a restated row replaces its key.

    `covers` says that the readings are all that the source has for those days: its other rows there are removed. What
    cannot be stored is rejected with its position, counted from 1, and a reason; the rest is stored. Raises Refused
    when the actor may not bring evidence of one of the use cases.
    """
    rows, targets, rejected = _rows(actor, readings, source, resolve)
    if not rows and covers is None:
        return UsageCounts(rejected=tuple(rejected))
    # In the order of their keys, so that two writers never wait for each other.
    for use_case in sorted(targets.values(), key=lambda each: each.pk):
        UseCase.objects.lock(use_case)
    _stage(rows.values())
    removed = _remove_others(source, covers) if covers else Counter()
    created, changed = _upsert()
    missing = UseCase.objects.in_bulk([pk for pk in removed if pk not in targets])
    for pk, use_case in sorted((targets | missing).items()):
        _tell(actor, use_case, source, created[pk], changed[pk], removed[pk])
    for pk, use_case in targets.items():
        if created[pk] or changed[pk]:
            _know(actor, use_case)
    new, restated = sum(created.values()), sum(changed.values())
    return UsageCounts(new, restated, len(rows) - new - restated, sum(removed.values()), tuple(rejected))


def _rows(
    actor: Actor, readings: Iterable[UsageReading], source: str, resolve: Resolve
) -> tuple[dict[tuple[object, ...], _Row], dict[uuid.UUID, UseCase], list[Reject]]:
    rows: dict[tuple[object, ...], _Row] = {}
    targets: dict[uuid.UUID, UseCase] = {}
    rejected: list[Reject] = []
    seen: dict[tuple[object, ...], int] = {}
    for number, reading in enumerate(readings, 1):
        try:
            target = resolve(reading)
            row = _row(reading, target, source)
            theirs = (reading.use_case_key, reading.version_digest, *row.key)
            if theirs in seen:
                raise ValidationError(_("The same key stands in row %(row)s already.") % {"row": seen[theirs]})
        except ValidationError as error:
            rejected.append(Reject(str(number), " ".join(error.messages)))
            continue
        if target.use_case.pk not in targets:
            require(policies.may_push_evidence(actor, target.use_case))
            targets[target.use_case.pk] = target.use_case
        seen[theirs] = number
        rows[row.key] = rows[row.key].plus(row) if row.key in rows else row
    return rows, targets, rejected


def _row(reading: UsageReading, target: Target, source: str) -> _Row:
    requests, failed = reading.requests or 0, reading.failed_requests or 0
    inputs, cached, outputs = reading.input_tokens or 0, reading.cached_input_tokens or 0, reading.output_tokens or 0
    numbers = (requests, failed, inputs, cached, outputs, reading.successful_outcomes or 0)
    if not all(0 <= number <= LARGEST_COUNT for number in numbers):
        raise ValidationError(_("A count is negative or too large."))
    if failed > requests:
        raise ValidationError(_("There are more failed requests than requests."))
    if cached > inputs:
        raise ValidationError(
            _("There are more cached input tokens than input tokens; input tokens include cached ones.")
        )
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
        requests=requests,
        failed_requests=failed,
        input_tokens=inputs,
        cached_input_tokens=cached,
        output_tokens=outputs,
        successful_outcomes=reading.successful_outcomes,
        billed_cost=_cost(reading.billed_cost),
        effective_cost=_cost(reading.effective_cost),
        cost_basis=CostBasis(basis).value,
        finality=reading.finality,
    )


def _currency(reading: UsageReading) -> str:
    code = reading.currency.upper()
    if reading.billed_cost is None and reading.effective_cost is None and not code:
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


def _stage(rows: Iterable[_Row]) -> None:
    columns = ", ".join(_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS staged_usage ON COMMIT DROP AS SELECT {columns} FROM usage_record"  # noqa: S608  # nosec B608
            " WITH NO DATA"
        )
        # A second recording in one transaction finds the first one's rows.
        cursor.execute("DELETE FROM staged_usage")
        with cursor.copy(f"COPY staged_usage ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([getattr(row, name) for name in _COLUMNS])


def _remove_others(source: str, covers: tuple[date, date]) -> Counter[uuid.UUID]:
    """Rows of the covered days that the source no longer has, by use case."""
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM u.{name}" for name in _KEY if name != "source")
    statement = f"""
        DELETE FROM usage_record u WHERE u.source = %s AND u.day BETWEEN %s AND %s
        AND NOT EXISTS (SELECT FROM staged_usage s WHERE {same}) RETURNING u.use_case_id
    """  # noqa: S608  # nosec B608 (our own column names)
    with connection.cursor() as cursor:
        cursor.execute(statement, [source, *covers])
        return Counter(row[0] for row in cursor.fetchall())


def _upsert() -> tuple[Counter[uuid.UUID], Counter[uuid.UUID]]:
    """How many rows were new and how many restated, by use case. `xmax` is 0 only in a row just inserted."""
    columns, values = ", ".join(_COLUMNS), ", ".join(f"{name} = EXCLUDED.{name}" for name in _VALUES)
    old, new = ", ".join(f"u.{name}" for name in _VALUES), ", ".join(f"EXCLUDED.{name}" for name in _VALUES)
    statement = f"""
        INSERT INTO usage_record AS u ({columns}, received_at, changed_at)
        SELECT {columns}, now(), now() FROM staged_usage
        ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET {values}, changed_at = now()
        WHERE ({old}) IS DISTINCT FROM ({new})
        RETURNING u.use_case_id, u.xmax = 0
    """  # noqa: S608  # nosec B608 (our own column names)
    created: Counter[uuid.UUID] = Counter()
    changed: Counter[uuid.UUID] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        for use_case_id, is_new in cursor.fetchall():
            (created if is_new else changed)[use_case_id] += 1
    return created, changed


def _tell(actor: Actor, use_case: UseCase, source: str, created: int, changed: int, removed: int) -> None:
    told = [(created, "new"), (changed, "restated"), (removed, "withdrawn")]
    parts = [f"{count} {word}" for count, word in told if count]
    if not parts:
        return
    record(
        actor,
        "usage.recorded",
        use_case,
        f"recorded usage of {use_case.reference}: {', '.join(parts)} daily rows.",
        use_case=use_case.pk,
        data={"source": source, "created": created, "changed": changed, "removed": removed},
        references=[use_case.reference],
    )


def _know(actor: Actor, use_case: UseCase) -> None:
    """Facts that do not change with every day: since when cost is known, since when production is watched."""
    usage = UsageRecord.objects.filter(use_case=use_case).order_by("day")
    cost = usage.filter(effective_cost__isnull=False) | usage.filter(billed_cost__isnull=False)
    watched = usage.filter(environment=Environment.PRODUCTION, requests__gt=0)
    for name, rows, words in (
        ("cost_recorded", cost, _("Cost is recorded since %(day)s.")),
        ("monitoring", watched, _("Use in production is measured since %(day)s.")),
    ):
        first = rows.values_list("day", flat=True).first()
        if first is not None:
            record_fact(
                actor=actor,
                use_case=use_case,
                name=name,
                value={"since": first.isoformat()},
                statement=words % {"day": first.isoformat()},
                source=FactSource.EVIDENCE,
                confidence="measured",
            )
