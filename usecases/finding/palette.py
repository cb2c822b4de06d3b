"""What the register gives to the command palette."""

import re

from django.db.models import Q
from django.urls import reverse

from portal.actors import Actor
from portal.palette import Hit
from usecases.finding.pages import first_rows
from usecases.models import DataSource

_REFERENCE = re.compile(r"(?i)\s*uc-?(\d{1,9})\s*")


def number_in(words: str) -> int | None:
    """The number when the words are a use case's reference."""
    found = _REFERENCE.fullmatch(words)
    return int(found[1]) if found else None


def use_cases(actor: Actor, words: str, limit: int) -> list[Hit]:
    """The best hits; near misses when nothing hits."""
    return [
        Hit(
            label=f"{row.reference} {row.title}",
            note=f"{row.unit.name} · {row.get_stage_display()}",
            url=row.get_absolute_url(),
        )
        for row in first_rows(actor, words, limit)
    ]


def data_sources(actor: Actor, words: str, limit: int) -> list[Hit]:
    named = Q(name__icontains=words) | Q(system__icontains=words)
    found = DataSource.objects.visible_to(actor).filter(named).order_by("name", "id")
    return [
        Hit(label=source.name, note=source.system, url=reverse("usecases:data-source", kwargs={"pk": source.pk}))
        for source in found[:limit]
    ]
