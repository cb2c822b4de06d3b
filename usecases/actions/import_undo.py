"""Undoing an import: what it created goes, what it changed comes back, unless somebody has built on it since."""

import uuid
from collections import defaultdict
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.utils import timezone

from portal.actors import Actor
from portal.audit import Telling, record, record_many
from usecases.actions.import_against import against, open_rows
from usecases.actions.imports import progress_key
from usecases.choices import RowOutcome
from usecases.lifecycle import IMPORTS
from usecases.models import Fact, ImportedUseCase, ImportRow, RegisterImport, UseCase, UseCaseUserPermission

_CHUNK = 250


def undo_rows(actor: Actor, held: RegisterImport) -> None:
    """Take back what can be; each row that stays says why, and the import stays open for another try."""
    rows = list(open_rows(held))
    edited_too = bool(held.counts.get("edited_too"))
    undone = kept = 0
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        cases = _locked(chunk)
        free = _judged(held, chunk, cases, edited_too=edited_too)
        _restore(actor, held, [row for row in free if row.outcome == RowOutcome.CHANGE], cases)
        ImportRow.objects.bulk_update(chunk, ["kept", "after"], _CHUNK)
        _remove(actor, held, [row for row in free if row.outcome == RowOutcome.CREATE], cases)
        undone, kept = undone + len(free), kept + len(chunk) - len(free)
        cache.set(progress_key(held.pk), (undone + kept, len(rows)), 3600)
    _finish(actor, held, undone, kept)


def _judged(
    held: RegisterImport, chunk: list[ImportRow], cases: dict[uuid.UUID, UseCase], *, edited_too: bool
) -> list[ImportRow]:
    """The rows that nothing speaks against; the others are told why they stay."""
    found = against(held, chunk, list(cases), cases)
    free = []
    for row in chunk:
        reason = found.get(row.pk)
        if reason is None or (edited_too and reason.kind == "edited"):
            row.kept, row.after = "", {**(row.after or {}), "undone": True}
            free.append(row)
        else:
            row.kept = reason.text
    return free


def _finish(actor: Actor, held: RegisterImport, undone: int, kept: int) -> None:
    held.state = IMPORTS.target("keep_rows" if kept else "finish_undo", held.state)
    held.undone_at = timezone.now()
    counts = {name: count for name, count in held.counts.items() if name != "edited_too"}
    held.counts = {**counts, "undone": counts.get("undone", 0) + undone, "kept": kept}
    held.save(update_fields=["state", "undone_at", "counts"])
    sentence = f"undid the import of “{held.file_name}”: {undone:,} rows taken back, {kept:,} kept as they are."
    record(actor, "register_import.undone", held, sentence, data={"undone": undone, "kept": kept})


def _locked(rows: list[ImportRow]) -> dict[uuid.UUID, UseCase]:
    keys = [row.use_case_id for row in rows if row.use_case_id is not None]
    found = UseCase.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    return {use_case.pk: use_case for use_case in found}


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
        given = {change["field"]: change["after"] for change in row.changes}
        # What somebody wrote over it since is theirs.
        fields = {name: was for name, was in before["fields"].items() if getattr(use_case, name) == given.get(name)}
        for name, value in fields.items():
            setattr(use_case, name, value)
        if len(fields) == len(before["fields"]):
            use_case.updated_at = datetime.fromisoformat(before["updated_at"])
        by_fields[(*sorted(fields), "updated_at")].append(use_case)
        back += _record_before(records.get(use_case.pk), before["record"])
    for names, changed in by_fields.items():
        UseCase.objects.bulk_update(changed, names, _CHUNK)
    _restore_facts(rows)
    ImportedUseCase.objects.bulk_update(back, ["fingerprint", "register_import", "values", "cells"], _CHUNK)
    record_many(actor, [_told(held, cases[row.use_case_id]) for row in rows])  # type: ignore[index]


def _restore_facts(rows: list[ImportRow]) -> None:
    """The newer ones first: only one value of a fact is current at a time, and what became known since stays so."""
    Fact.objects.filter(pk__in=[key for row in rows for key in (row.after or {})["facts"]], until=None).delete()
    closed = Fact.objects.filter(pk__in=[key for row in rows for key in (row.before or {})["facts"]])
    newer = Fact.objects.filter(use_case=OuterRef("use_case"), name=OuterRef("name"), as_of__gt=OuterRef("as_of"))
    closed.exclude(Exists(newer)).update(until=None)


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
