"""What the list shows of a use case, read without making the whole of it: a page reads fifty in the time of ten."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.query import ValuesListIterable

from usecases.querysets import UseCaseQuerySet, reference_of

FIELDS = (
    *("id", "number", "title", "stage", "tier", "pattern", "tags", "registered_at", "updated_at"),
    *("unit__name", "owner__name"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row, in the order of FIELDS; `likeness` is how well it fits the words, where words were given."""

    id: UUID
    number: int
    title: str
    stage: str
    tier: str
    pattern: str
    tags: list[str]
    registered_at: datetime
    updated_at: datetime
    unit: str
    owner: str
    likeness: float = 0.0

    @property
    def pk(self) -> UUID:
        return self.id

    @property
    def reference(self) -> str:
        return reference_of(self.number)


class _Lines(ValuesListIterable):
    def __iter__(self) -> Iterator[Any]:
        return (Line(*values) for values in super().__iter__())


def lines(found: UseCaseQuerySet, *more: str) -> Any:
    """The same rows as lines; `more` is "likeness" where the rows carry it."""
    rows = found.values_list(*FIELDS, *more)
    rows._iterable_class = _Lines
    return rows
