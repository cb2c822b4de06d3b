"""Reading grants and units."""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.models import Absence, Grant, User
from portal.models.absences import today

if TYPE_CHECKING:
    from portal.actors import Actor


def standing_grants() -> QuerySet[Grant]:
    """Grants whose window contains now, whoever holds them."""
    now = timezone.now()
    return Grant.objects.filter(valid_from__lte=now).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))


@dataclass(frozen=True)
class HeldRole:
    """A role that is valid now, in the unit with this path and all below; None is the whole organisation."""

    role: str
    unit_path: str | None


@dataclass(frozen=True)
class Held:
    """What a person or machine stands on: their roles, and by id the names of those they act for today."""

    roles: list[HeldRole]
    principals: dict[uuid.UUID, str]


# Every request asks this once; written out, since composing it anew costs several times what it takes to run.
_HELD = """
SELECT held.role, unit.path, NULL::uuid, NULL::text
FROM access_grant held LEFT JOIN business_unit unit ON unit.id = held.unit_id
WHERE held.valid_from <= %(now)s AND (held.valid_until IS NULL OR held.valid_until > %(now)s) AND {holder}
"""
_OF_PERSON = """
(held.person_id = %(holder)s OR held.group_id IN (SELECT group_id FROM person_groups WHERE user_id = %(holder)s))
UNION ALL
SELECT NULL, NULL, away.id, away.name
FROM absence JOIN person away ON away.id = absence.person_id
WHERE absence.delegate_id = %(holder)s AND absence.closed_at IS NULL
  AND %(today)s BETWEEN absence.first_day AND absence.last_day AND away.is_active
"""
_OF_ACCOUNT = "held.service_account_id = %(holder)s"


def read_held(actor: "Actor") -> Held:
    """What the actor holds now: roles (a person's groups included), each with where, and whom a person acts for.

    Nothing for the inactive. Who is acted for by somebody away is not acted for by that person's delegate: no chains.
    """
    held = Held([], {})
    holder = actor.person or actor.account
    if holder is None or not holder.is_active:
        return held
    whose = _OF_PERSON if actor.person is not None else _OF_ACCOUNT
    asked: dict[str, Any] = {"now": timezone.now(), "today": today(), "holder": holder.pk}
    with connection.cursor() as cursor:
        cursor.execute(_HELD.format(holder=whose), asked)
        for role, path, principal, name in cursor.fetchall():
            if principal is None:
                held.roles.append(HeldRole(role, path))
            else:
                held.principals[principal] = name
    return held


def standing_absences() -> QuerySet[Absence]:
    """Windows that count today and whose delegate can act."""
    day = today()
    return Absence.objects.filter(
        closed_at__isnull=True, first_day__lte=day, last_day__gte=day, delegate__is_active=True
    )


def lock_people(*people: User) -> dict[object, User]:
    """These people as they are now, by id, locked in one order.

    Without the key: who only refers to them need not wait.
    """
    wanted = {person.pk for person in people}
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
    return {row.pk: row for row in rows}


def hold_present(*people: User) -> set[object]:
    """The ids of those whose account is on, and stays on until the transaction ends.

    People are held before use cases, everywhere: one order of locks. Many may hold the same person at once; whoever
    switches the account off waits for them, and they for that.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM person WHERE id = ANY(%s) AND is_active ORDER BY id FOR SHARE",
            [[person.pk for person in people]],
        )
        return {row[0] for row in cursor.fetchall()}
