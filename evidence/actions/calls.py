"""Counting pushed model calls into days: each call once, however often it is delivered, and without its words."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from evidence import policies
from evidence.actions.usage import Resolve, Target, record_usage
from evidence.actions.words import line
from evidence.connectors.litellm_rows import Call, Figures, Place, reading_of
from evidence.counting import PLACES
from evidence.models import UsageReceipt, UsageRecord
from evidence.readings import Reject, UsageReading
from portal.access import require
from portal.actors import Actor

# A call older than this is refused: its receipt may be gone, so nobody could say whether it was counted.
KEPT = timedelta(days=35)
ACCEPTED = timedelta(days=30)
CLOCKS_DIFFER = timedelta(hours=1)
LONGEST_ID = 200

_RECEIPTS = """
INSERT INTO usage_receipt (source, external_id, day)
SELECT %(source)s, told.external_id, told.day FROM unnest(%(ids)s::text[], %(days)s::date[]) AS told(external_id, day)
ON CONFLICT DO NOTHING RETURNING external_id
"""


@dataclass(frozen=True, slots=True)
class CallCounts:
    """What became of the calls: counted now, known already, or left out with a reason."""

    counted: int = 0
    repeated: int = 0
    rejected: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    call: Call
    target: Target


@transaction.atomic
def record_calls(
    *, actor: Actor, calls: Iterable[tuple[int, Call]], source: str, resolve: Resolve, now: datetime
) -> CallCounts:
    """Add the calls to their days; one delivered before changes nothing. `calls` carry their position, from 1.

    What cannot be counted is rejected with its position and a reason; the rest is counted. Raises Refused when the
    actor may not bring evidence of one of the use cases.
    """
    known, rejected = _known(actor, calls, resolve, now)
    if not known:
        return CallCounts(rejected=tuple(rejected))
    _take_turns(source)
    fresh = _receive(source, known)
    if fresh:
        _count(actor, source, resolve, [known[ident] for ident in fresh], now)
    UsageReceipt.objects.filter(source=source, day__lt=(now - KEPT).date()).delete()
    return CallCounts(len(fresh), len(known) - len(fresh), tuple(rejected))


def _known(
    actor: Actor, calls: Iterable[tuple[int, Call]], resolve: Resolve, now: datetime
) -> tuple[dict[str, _Known], list[Reject]]:
    found: dict[str, _Known] = {}
    rejected: list[Reject] = []
    allowed: set[Any] = set()
    for number, call in calls:
        try:
            _require_countable(call, now)
            target = resolve(reading_of(call.at.date(), call.place, call.figures, now))
        except ValidationError as error:
            rejected.append(Reject(str(number), " ".join(error.messages)))
            continue
        if target.use_case.pk not in allowed:
            require(policies.may_push_evidence(actor, target.use_case))
            allowed.add(target.use_case.pk)
        found.setdefault(call.id, _Known(call, target))
    return found, rejected


def _require_countable(call: Call, now: datetime) -> None:
    if len(call.id) > LONGEST_ID:
        raise ValidationError(_("The call's id has more than 200 characters."))
    if call.at < now - ACCEPTED:
        raise ValidationError(_("The call is older than 30 days. Push daily totals of such days instead."))
    if call.at > now + CLOCKS_DIFFER:
        raise ValidationError(_("The call says it happened in the future. Check the clock of the proxy."))
    if not call.place.use_case:
        raise ValidationError(_("The call names no use case. Tag it, such as use_case:UC-0001."))


def _take_turns(source: str) -> None:
    """Two deliveries of one source add to the same days one after the other."""
    digest = hashlib.sha256(f"calls\x1f{source}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])


def _receive(source: str, known: dict[str, _Known]) -> list[str]:
    """The ids that were not counted before; from now on they are."""
    days = [each.call.at.date() for each in known.values()]
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPTS, {"source": source, "ids": list(known), "days": days})
        return [row[0] for row in cursor.fetchall()]


def _count(actor: Actor, source: str, resolve: Resolve, fresh: list[_Known], now: datetime) -> None:
    sums: dict[tuple[Any, ...], tuple[UsageReading, Figures]] = {}
    for each in fresh:
        place, day = _stored(each.call.place), each.call.at.date()
        version = each.target.version.pk if each.target.version else None
        key = (each.target.use_case.pk, version, day, *_rest(place))
        reading, figures = sums.get(key, (reading_of(day, place, Figures(), now), Figures()))
        sums[key] = (reading, figures.plus(each.call.figures))
    days, use_cases = {key[2] for key in sums}, {key[0] for key in sums}
    for row in UsageRecord.objects.filter(source=source, day__in=days, use_case__in=use_cases):
        rest = (row.environment, row.team, row.provider, row.model, row.operation)
        key = (row.use_case_id, row.system_version_id, row.day, *rest)
        if key in sums:
            sums[key] = (sums[key][0], sums[key][1].plus(_before(row)))
    readings = [_total(reading, figures) for reading, figures in sums.values()]
    done = record_usage(actor=actor, readings=readings, source=source, resolve=resolve)
    if done.rejected:  # what was summed from checked calls is too large for the table: nothing is counted
        raise ValidationError([reject.reason for reject in done.rejected])


def _stored(place: Place) -> Place:
    """The place as the table holds it, so that a stored row is found again."""
    return replace(
        place,
        environment=line(place.environment, 40),
        team=line(place.team, 120),
        provider=line(place.provider, 80),
        model=line(place.model, 160),
        operation=line(place.operation, 40),
    )


def _rest(place: Place) -> tuple[str, ...]:
    return place.environment, place.team, place.provider, place.model, place.operation


def _before(row: UsageRecord) -> Figures:
    cost = row.effective_cost
    return Figures(
        row.requests or 0,
        row.failed_requests or 0,
        row.input_tokens or 0,
        row.cached_input_tokens or 0,
        row.output_tokens or 0,
        *([] if cost is None else [cost]),
    )


def _total(reading: UsageReading, figures: Figures) -> UsageReading:
    return replace(
        reading,
        requests=figures.requests,
        failed_requests=figures.failed,
        input_tokens=figures.inputs,
        cached_input_tokens=figures.cached,
        output_tokens=figures.outputs,
        effective_cost=figures.cost.quantize(PLACES),
    )
