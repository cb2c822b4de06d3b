"""Who leaves: what the floors above know the person holds, and their verbs that move it on, by name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from portal.actors import Actor
    from portal.models import User


def holdings_of(person: "User") -> list[str]:
    """What would be left without anybody to answer for it, in words, one line per kind; empty for nothing."""
    return list(_told(person))


def _told(person: "User") -> Iterator[str]:
    for name in settings.LEAVERS_HOLDINGS:
        yield from import_string(name)(person)


def hand_on(*, actor: "Actor", person: "User", stand_in: "User | None") -> None:
    """Move on what the person holds, in the transaction that switches the account off."""
    for name in settings.LEAVERS_VERBS:
        import_string(name)(actor=actor, person=person, stand_in=stand_in)


def come_back(*, actor: "Actor", person: "User") -> None:
    """Take away what would count again by itself, in the transaction in which a directory switches the account on."""
    for name in settings.RETURNERS_VERBS:
        import_string(name)(actor=actor, person=person)
