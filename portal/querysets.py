"""Reading grants and units."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.models import Grant, User

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


# Every request asks this once; written out, since composing it anew costs several times what it takes to run.
_HELD = """
SELECT held.role, unit.path
FROM access_grant held LEFT JOIN business_unit unit ON unit.id = held.unit_id
WHERE held.valid_from <= %(now)s AND (held.valid_until IS NULL OR held.valid_until > %(now)s) AND {holder}
"""
_OF_PERSON = """
(held.person_id = %(holder)s OR held.group_id IN (SELECT group_id FROM person_groups WHERE user_id = %(holder)s))
"""
_OF_ACCOUNT = "held.service_account_id = %(holder)s"


def roles_held(actor: "Actor") -> list[HeldRole]:
    """The roles the actor holds now (a person's groups included), each with where; nothing for the inactive."""
    holder = actor.person or actor.account
    if holder is None or not holder.is_active:
        return []
    whose = _OF_PERSON if actor.person is not None else _OF_ACCOUNT
    with connection.cursor() as cursor:
        cursor.execute(_HELD.format(holder=whose), {"now": timezone.now(), "holder": holder.pk})
        return [HeldRole(role, path) for role, path in cursor.fetchall()]


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
