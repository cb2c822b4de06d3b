"""The one way a fact is written: a newer value closes the older, nothing is overwritten."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from portal.actors import Actor
from usecases.choices import FactSource
from usecases.models import Fact, UseCase


@transaction.atomic
def record_fact(
    *,
    actor: Actor,
    use_case: UseCase,
    name: str,
    value: Any,
    statement: str,
    source: str = FactSource.VERB,
    confidence: str = "stated",
) -> Fact:
    """Record what is now known. The same value again only keeps the older row: its date says since when."""
    current = Fact.objects.select_for_update().filter(use_case=use_case, name=name, until__isnull=True).first()
    if current is not None:
        if current.value == value and current.confidence == confidence and current.statement == statement:
            return current
        Fact.objects.filter(pk=current.pk).update(until=timezone.now())
    return Fact.objects.create(
        use_case=use_case,
        name=name,
        value=value,
        statement=statement,
        source=source,
        confidence=confidence,
        recorded_by=actor.key,
        as_of=timezone.now(),
    )


@transaction.atomic
def close_fact(*, use_case: UseCase, name: str) -> None:
    """The fact no longer holds."""
    Fact.objects.filter(use_case=use_case, name=name, until__isnull=True).update(until=timezone.now())
