"""What speaks against undoing a row of an import: asked before by the page, and again by the worker. Writes nothing."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.models import AuditEvent
from usecases.choices import RowOutcome
from usecases.models import Fact, ImportedUseCase, ImportRow, RegisterImport, UseCase, UseCaseUserPermission

# Rows that go with the use case; everything else that points to it is somebody's work.
_OWN = (Fact, UseCaseUserPermission, ImportRow, ImportedUseCase)
# A list of ids, or the query that finds them.
Keys = list[uuid.UUID] | QuerySet[Any]


@dataclass(frozen=True)
class Against:
    """`edited`: only words of the use case were changed, which may be given up; the rest goes first."""

    kind: Literal["later", "work", "edited"]
    text: str


def open_rows(held: RegisterImport) -> QuerySet[ImportRow]:
    """Rows that did something which was not taken back yet, in the order of the file."""
    did = ImportRow.objects.filter(register_import=held, outcome__in=[RowOutcome.CREATE, RowOutcome.CHANGE])
    return did.exclude(use_case__isnull=True).exclude(after__has_key="undone").order_by("number")


def against(
    held: RegisterImport, rows: Iterable[ImportRow], keys: Keys, cases: Mapping[uuid.UUID, UseCase]
) -> dict[uuid.UUID, Against]:
    """Why a row stays, by its key; nothing for those that may go. `keys` are those of the rows' use cases."""
    events, pointed, facts = _events_since(held, keys), _pointed_at(keys), _facts_since(held, keys)
    later = _imported_over(held, keys)
    found = {}
    for row in rows:
        use_case = cases[row.use_case_id]  # type: ignore[index]
        words = {"reference": use_case.reference, "file": later.get(use_case.pk), "what": pointed.get(use_case.pk)}
        if use_case.pk in later:
            text = _("“%(file)s” was imported over it since. Undo that first.") % words
            found[row.pk] = Against("later", text)
        elif row.outcome == RowOutcome.CREATE and use_case.pk in pointed:
            found[row.pk] = Against("work", _("%(reference)s has %(what)s by now.") % words)
        elif use_case.pk in events:
            found[row.pk] = Against("edited", _("Since then somebody %(what)s") % {"what": events[use_case.pk]})
        elif use_case.pk in facts:
            found[row.pk] = Against("edited", _("More became known about %(reference)s since.") % words)
    return found


def foreseen(held: RegisterImport) -> tuple[list[ImportRow], dict[uuid.UUID, Against]]:
    """All rows that undoing would try, and what speaks against some of them as things stand now."""
    rows = list(open_rows(held).select_related("use_case").defer("values", "cells", "before"))
    cases = {row.use_case.pk: row.use_case for row in rows if row.use_case is not None}
    return rows, against(held, rows, open_rows(held).order_by().values("use_case"), cases)


def _imported_over(held: RegisterImport, keys: Keys) -> dict[uuid.UUID, str]:
    others = ImportedUseCase.objects.filter(use_case__in=keys).exclude(register_import=held)
    return dict(others.values_list("use_case_id", "register_import__file_name"))


def _events_since(held: RegisterImport, keys: Keys) -> dict[uuid.UUID, str]:
    """The first sentence about each use case since that is neither of this import nor of one that was undone."""
    undone = RegisterImport.objects.filter(source_name=held.source_name, undone_at__isnull=False)
    harmless = {str(held.pk), *(str(pk) for pk in undone.values_list("pk", flat=True))}
    events = (
        AuditEvent.objects.filter(use_case_id__in=keys, recorded_at__gt=held.applied_at)
        .order_by("-recorded_at", "-id")
        .values_list("use_case_id", "payload__sentence", "payload__data__register_import")
    )
    return {key: sentence for key, sentence, origin in events if key is not None and origin not in harmless}


def _pointed_at(keys: Keys) -> dict[uuid.UUID, str]:
    """What else, on whatever floor, belongs to the use case: the model's name in words."""
    found: dict[uuid.UUID, str] = {}
    for relation in UseCase._meta.related_objects:
        model = relation.related_model
        # What a history keeps of a row is no work on it.
        if model in _OWN or isinstance(model, str) or any(field.name == "pgh_id" for field in model._meta.fields):
            continue
        name = relation.field.attname
        for key in model._base_manager.filter(**{f"{name}__in": keys}).values_list(name, flat=True).distinct():
            found[key] = str(model._meta.verbose_name_plural)
    return found


def _facts_since(held: RegisterImport, keys: Keys) -> set[uuid.UUID]:
    later = Fact.objects.filter(use_case__in=keys, as_of__gt=held.applied_at)
    return set(later.values_list("use_case_id", flat=True))
