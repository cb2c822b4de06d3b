"""Undoing an import: what it created goes, what it changed comes back, unless somebody has built on it since."""

import uuid
from collections import defaultdict
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.actors import Actor
from portal.audit import Telling, record, record_many
from portal.models import AuditEvent
from usecases.actions.imports import progress_key
from usecases.choices import RowOutcome
from usecases.lifecycle import IMPORTS
from usecases.models import Fact, ImportedUseCase, ImportRow, RegisterImport, UseCase, UseCaseUserPermission

_CHUNK = 250
# Rows that go with the use case; everything else that points to it is somebody's work.
_OWN = (Fact, UseCaseUserPermission, ImportRow, ImportedUseCase)


def undo_rows(actor: Actor, held: RegisterImport) -> None:
    """Take back what can be; each row that stays says why."""
    rows = list(
        ImportRow.objects.filter(register_import=held, outcome__in=[RowOutcome.CREATE, RowOutcome.CHANGE])
        .exclude(use_case__isnull=True)
        .order_by("number")
    )
    undone = kept = 0
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        cases = _locked(chunk)
        against = _against(held, chunk, cases)
        for row in chunk:
            row.kept = against.get(row.pk, "")
        free = [row for row in chunk if not row.kept]
        _restore(actor, held, [row for row in free if row.outcome == RowOutcome.CHANGE], cases)
        ImportRow.objects.bulk_update(chunk, ["kept"], _CHUNK)
        _remove(actor, held, [row for row in free if row.outcome == RowOutcome.CREATE], cases)
        undone, kept = undone + len(free), kept + len(chunk) - len(free)
        cache.set(progress_key(held.pk), (undone + kept, len(rows)), 3600)
    held.state, held.undone_at = IMPORTS.target("finish_undo", held.state), timezone.now()
    held.counts = {**held.counts, "undone": undone, "kept": kept}
    held.save(update_fields=["state", "undone_at", "counts"])
    sentence = f"undid the import of “{held.file_name}”: {undone:,} rows taken back, {kept:,} kept as they are."
    record(actor, "register_import.undone", held, sentence, data={"undone": undone, "kept": kept})


def _locked(rows: list[ImportRow]) -> dict[uuid.UUID, UseCase]:
    keys = [row.use_case_id for row in rows if row.use_case_id is not None]
    found = UseCase.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    return {use_case.pk: use_case for use_case in found}


def _against(held: RegisterImport, rows: list[ImportRow], cases: dict[uuid.UUID, UseCase]) -> dict[uuid.UUID, str]:
    """Why a row is not undone, by its key; nothing for those that can be."""
    keys = list(cases)
    events = _events_since(held, keys)
    pointed = _pointed_at(keys)
    later = dict(
        ImportedUseCase.objects.filter(use_case__in=keys)
        .exclude(register_import=held)
        .values_list("use_case_id", "register_import__file_name")
    )
    facts = _facts_since(held, rows)
    found = {}
    for row in rows:
        use_case = cases[row.use_case_id]  # type: ignore[index]
        reference = {"reference": use_case.reference}
        if use_case.pk in later:
            found[row.pk] = _("“%(file)s” was imported over it since. Undo that first.") % {"file": later[use_case.pk]}
        elif use_case.pk in events:
            found[row.pk] = _("Since then somebody %(what)s") % {"what": events[use_case.pk]}
        elif row.outcome == RowOutcome.CREATE and use_case.pk in pointed:
            found[row.pk] = _("%(reference)s has %(what)s by now.") % {**reference, "what": pointed[use_case.pk]}
        elif use_case.pk in facts:
            found[row.pk] = _("More became known about %(reference)s since.") % reference
    return found


def _events_since(held: RegisterImport, keys: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The first sentence about each use case since that is neither of this import nor of one that was undone."""
    undone = RegisterImport.objects.filter(source_name=held.source_name, undone_at__isnull=False)
    harmless = {str(held.pk), *(str(pk) for pk in undone.values_list("pk", flat=True))}
    events = (
        AuditEvent.objects.filter(use_case_id__in=keys, recorded_at__gt=held.applied_at)
        .order_by("-recorded_at", "-id")
        .values_list("use_case_id", "payload__sentence", "payload__data__register_import")
    )
    return {key: sentence for key, sentence, origin in events if key is not None and origin not in harmless}


def _pointed_at(keys: list[uuid.UUID]) -> dict[uuid.UUID, str]:
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


def _facts_since(held: RegisterImport, rows: list[ImportRow]) -> set[uuid.UUID]:
    keys = [row.use_case_id for row in rows]
    later = Fact.objects.filter(use_case__in=keys, as_of__gt=held.applied_at)
    return set(later.values_list("use_case_id", flat=True))


def _remove(actor: Actor, held: RegisterImport, rows: list[ImportRow], cases: dict[uuid.UUID, UseCase]) -> None:
    """Created ones, with all that came with them; the trail keeps saying that they were there."""
    keys = [row.use_case_id for row in rows if row.use_case_id is not None]
    gone = [cases[key] for key in keys]
    tellings = [
        Telling(
            "use_case.removed",
            use_case,
            f"removed {use_case.reference} “{use_case.title}” by undoing the import of “{held.file_name}”.",
            use_case=use_case.pk,
            data={"register_import": held.pk, "title": use_case.title},
            references=[use_case.reference],
        )
        for use_case in gone
    ]
    record_many(actor, tellings)
    ImportedUseCase.objects.filter(use_case__in=keys).delete()
    ImportRow.objects.filter(use_case__in=keys).update(use_case=None)
    Fact.objects.filter(use_case__in=keys).delete()
    UseCaseUserPermission.objects.filter(content_object__in=keys).delete()
    UseCase.objects.filter(pk__in=keys).delete()


def _restore(actor: Actor, held: RegisterImport, rows: list[ImportRow], cases: dict[uuid.UUID, UseCase]) -> None:
    records = {
        found.use_case_id: found
        for found in ImportedUseCase.objects.filter(register_import=held, use_case__in=list(cases))
    }
    by_fields: dict[tuple[str, ...], list[UseCase]] = defaultdict(list)
    back: list[ImportedUseCase] = []
    for row in rows:
        use_case = cases[row.use_case_id]  # type: ignore[index]
        before: dict[str, Any] = row.before or {}
        for name, value in before["fields"].items():
            setattr(use_case, name, value)
        use_case.updated_at = datetime.fromisoformat(before["updated_at"])
        by_fields[(*sorted(before["fields"]), "updated_at")].append(use_case)
        back += _record_before(records.get(use_case.pk), before["record"])
    for fields, changed in by_fields.items():
        UseCase.objects.bulk_update(changed, fields, _CHUNK)
    # The newer ones first: only one value of a fact is current at a time.
    Fact.objects.filter(pk__in=[key for row in rows for key in (row.after or {})["facts"]]).delete()
    Fact.objects.filter(pk__in=[key for row in rows for key in (row.before or {})["facts"]]).update(until=None)
    ImportedUseCase.objects.bulk_update(back, ["fingerprint", "register_import", "values", "cells"], _CHUNK)
    record_many(actor, [_told(held, cases[row.use_case_id]) for row in rows])  # type: ignore[index]


def _record_before(found: ImportedUseCase | None, before: dict[str, Any] | None) -> list[ImportedUseCase]:
    """The record as it was; what the import itself brought goes."""
    if found is None:
        return []
    if before is None:
        found.delete()
        return []
    found.fingerprint, found.register_import_id = before["fingerprint"], uuid.UUID(before["import"])
    found.values, found.cells = before["values"], before["cells"]
    return [found]


def _told(held: RegisterImport, use_case: UseCase) -> Telling:
    return Telling(
        "use_case.edited",
        use_case,
        f"brought {use_case.reference} back to what it was before the import of “{held.file_name}”.",
        use_case=use_case.pk,
        data={"register_import": held.pk},
        references=[use_case.reference],
    )
