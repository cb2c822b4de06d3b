"""Reading grants and units."""

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


def valid_grants(actor: "Actor") -> list[Grant]:
    """Grants held by the actor (a person's groups included) whose window contains now."""
    valid = standing_grants()
    if actor.person is not None:
        if not actor.person.is_active:
            return []
        groups = actor.person.groups.through.objects.filter(user_id=actor.person.pk).values("group_id")
        valid = valid.filter(Q(person_id=actor.person.pk) | Q(group_id__in=groups))
    elif actor.account is not None:
        if not actor.account.is_active:
            return []
        valid = valid.filter(service_account_id=actor.account.pk)
    else:
        return []
    return list(valid.select_related("unit"))


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
