"""What the command palette finds: one shape for every floor, and what the ground floor itself can be searched for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from portal.access import capabilities_anywhere
from portal.actors import Actor
from portal.models import User
from portal.navigation import open_to

MAX_WORDS = 120


@dataclass(frozen=True)
class Hit:
    label: str
    url: str
    note: str = ""


@dataclass(frozen=True)
class Group:
    title: str
    hits: list[Hit]


Finder = Callable[[Actor, str, int], list[Hit]]


@cache
def _finders() -> list[tuple[str, Finder]]:
    return [(title, import_string(name)) for title, name in settings.PALETTE]


def look_up(actor: Actor, words: str, limit: int) -> list[Group]:
    """What this actor may know of that fits the words, in groups; with no words only the pages."""
    words = " ".join(words.replace("\x00", "").split())[:MAX_WORDS]
    wanted = _finders() if words else [(title, find) for title, find in _finders() if find is pages]
    found = [Group(_(title), find(actor, words, limit)) for title, find in wanted]
    return [group for group in found if group.hits]


def people(actor: Actor, words: str, limit: int) -> list[Hit]:
    """For those who look after people only."""
    if not {"manage_people", "issue_tokens"} & capabilities_anywhere(actor):
        return []
    named = Q(name__icontains=words) | Q(username__istartswith=words) | Q(email__istartswith=words)
    return [
        Hit(label=person.name, note=person.title or person.username, url=reverse("person", kwargs={"pk": person.pk}))
        for person in User.objects.filter(named).order_by("name", "id")[:limit]
    ]


def pages(actor: Actor, words: str, limit: int) -> list[Hit]:
    """The pages of the menu this actor has a use for, by their name."""
    found = []
    for label, name in (*settings.NAVIGATION, *_MORE):
        title = _(label)
        if words.casefold() in title.casefold() and open_to(actor, name):
            try:
                found.append(Hit(label=title, url=reverse(name)))
            except NoReverseMatch:
                continue
    return found[:limit]


_MORE: tuple[tuple[str, Any], ...] = (
    ("Register a use case", "usecases:register"),
    ("People and access", "people"),
    ("API reference", "api-docs"),
)
