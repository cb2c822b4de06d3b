"""Applying an import: use cases, their facts and parts on teams, and the trail, in bulk and in one transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.actors import Actor
from portal.audit import Telling, mention, record, record_many
from usecases.actions.import_plan import CORE, Planned
from usecases.actions.imports import progress_key
from usecases.choices import FactSource, Pattern, RowOutcome, TeamRole
from usecases.importing.bounds import MAX_FACT
from usecases.importing.mapping import noun
from usecases.importing.rows import shortened
from usecases.lifecycle import IMPORTS
from usecases.models import Fact, ImportedUseCase, ImportRow, RegisterImport, UseCase, UseCaseUserPermission

_CHUNK = 250
# What is reported is no stage or tier of ours: those are earned here.
REPORTED = ("reported_stage", "reported_impact")


def apply_rows(actor: Actor, held: RegisterImport, rows: list[Planned]) -> None:
    """Do what the rows say. The rows are those of the dry run, judged again in this transaction."""
    moment = timezone.now()
    stored = {row.number: row for row in ImportRow.objects.filter(register_import=held)}
    doing = [row for row in rows if row.outcome in (RowOutcome.CREATE, RowOutcome.CHANGE)]
    done = 0
    for outcome, verb in ((RowOutcome.CREATE, _create), (RowOutcome.CHANGE, _change)):
        of_kind = [row for row in doing if row.outcome == outcome]
        for start in range(0, len(of_kind), _CHUNK):
            chunk = of_kind[start : start + _CHUNK]
            _do(verb, actor, held, chunk, stored, moment)
            done += len(chunk)
            # Seen by the page while the transaction is open, so it stands outside of the database.
            cache.set(progress_key(held.pk), (done, len(doing)), 3600)
    held.state, held.applied_at = IMPORTS.target("finish_import", held.state), moment
    held.save(update_fields=["state", "applied_at"])
    counts = held.counts
    sentence = (
        f"imported “{held.file_name}” of {held.source_name}: {counts['create']:,} use cases created,"
        f" {counts['change']:,} changed, {counts['refuse']:,} rows refused."
    )
    record(actor, "register_import.applied", held, sentence, data={"counts": counts, "sha256": held.file_sha256})


Verb = Callable[[Actor, RegisterImport, list[Planned], dict[int, ImportRow], datetime], None]


def _do(
    verb: Verb, actor: Actor, held: RegisterImport, rows: list[Planned], stored: dict[int, ImportRow], moment: datetime
) -> None:
    verb(actor, held, rows, stored, moment)
    ImportRow.objects.bulk_update([stored[row.said.number] for row in rows], ["use_case", "before", "after"], _CHUNK)


def _create(
    actor: Actor, held: RegisterImport, rows: list[Planned], stored: dict[int, ImportRow], moment: datetime
) -> None:
    made = UseCase.objects.bulk_create([_use_case(actor, row) for row in rows])
    for row, use_case in zip(rows, made, strict=True):
        row.use_case = use_case
        stored[row.said.number].use_case = use_case
    Fact.objects.bulk_create([fact for row in rows for fact in _facts(actor, held, row, moment, known=True)])
    owner = Permission.objects.get(content_type__app_label="usecases", codename=f"team_{TeamRole.OWNER.value}")
    UseCaseUserPermission.objects.bulk_create(
        [UseCaseUserPermission(content_object=row.use_case, user=row.owner, permission=owner) for row in rows]
    )
    ImportedUseCase.objects.bulk_create([_record(held, row) for row in rows])
    record_many(actor, [_registered(held, row) for row in rows])
    for row in rows:
        assert row.use_case is not None
        stored[row.said.number].after = {"rev": row.use_case.audit_rev, "at": moment.isoformat()}
    actor._cache.pop("use_cases", None)


def _use_case(actor: Actor, row: Planned) -> UseCase:
    assert row.owner is not None
    registrar = actor.person or row.owner
    return UseCase(**row.core, owner=row.owner, unit=row.unit, registered_by=registrar)


def _record(held: RegisterImport, row: Planned) -> ImportedUseCase:
    return ImportedUseCase(
        source_name=held.source_name,
        key=row.key,
        fingerprint=row.said.fingerprint,
        use_case=row.use_case,
        register_import=held,
        values=dict(row.said.values),
        cells=row.cells,
    )


def _registered(held: RegisterImport, row: Planned) -> Telling:
    use_case, owner = row.use_case, row.owner
    assert use_case is not None and owner is not None
    return Telling(
        "use_case.registered",
        use_case,
        f"registered {use_case.reference} “{use_case.title}” with {mention(owner)} as its owner,"
        f" out of row {row.said.number} of “{held.file_name}”.",
        use_case=use_case.pk,
        data={"register_import": held.pk, "row": row.said.number, "owner": owner.pk, "missing": row.said.missing},
        references=[use_case.reference],
    )


def _facts(actor: Actor, held: RegisterImport, row: Planned, moment: datetime, *, known: bool) -> list[Fact]:
    """What is known now: only what the source says, never what it leaves open. `known`: owner and description, too."""
    told: list[tuple[str, Any, str]] = []
    if known:
        assert row.owner is not None
        told.append(
            ("owner_named", str(row.owner.pk), _("%(name)s is its accountable owner.") % {"name": row.owner.name})
        )
        told += [(name, row.core[name], described(name, row.core[name])) for name in CORE[1:] if row.said.text(name)]
    told += [(name, row.said.text(name), _reported(held, row, name)) for name in REPORTED if row.said.text(name)]
    return [
        Fact(
            use_case=row.use_case,
            name=name,
            value=value,
            statement=statement,
            source=FactSource.PERSON if name in CORE or name == "owner_named" else FactSource.VERB,
            recorded_by=actor.key,
            as_of=moment,
        )
        for name, value, statement in told
    ]


def described(name: str, value: str) -> str:
    return str(Pattern(value).label) if name == "pattern" else value


def _reported(held: RegisterImport, row: Planned, name: str) -> str:
    found = row.said.values[name]
    word = shortened(str(found.get("raw", found["value"])).strip(), MAX_FACT)
    return _("%(source)s reports it as “%(word)s”.") % {"source": held.source_name, "word": word}


def _change(
    actor: Actor, held: RegisterImport, rows: list[Planned], stored: dict[int, ImportRow], moment: datetime
) -> None:
    keys = [row.use_case.pk for row in rows if row.use_case is not None]
    locked = {
        use_case.pk: use_case
        for use_case in UseCase.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    }
    facts = {(fact.use_case_id, fact.name): fact for fact in Fact.objects.filter(use_case__in=keys, until__isnull=True)}
    closed: list[Fact] = []
    opened: list[Fact] = []
    for row in rows:
        assert row.use_case is not None
        use_case = row.use_case = locked[row.use_case.pk]
        note = stored[row.said.number]
        note.before = {"fields": {}, "updated_at": use_case.updated_at.isoformat(), "record": _kept(row.record)}
        for change in row.changes:
            if change["field"] in CORE:
                note.before["fields"][change["field"]] = getattr(use_case, change["field"])
                setattr(use_case, change["field"], change["after"])
        use_case.updated_at = moment
        renewed = _renewed(actor, held, row, facts, moment)
        closed += renewed[0]
        opened += renewed[1]
        note.before["facts"] = [str(fact.pk) for fact in renewed[0]]
        note.after = {"facts": [str(fact.pk) for fact in renewed[1]], "at": moment.isoformat()}
    UseCase.objects.bulk_update(locked.values(), [*CORE, "updated_at"], _CHUNK)
    Fact.objects.filter(pk__in=[fact.pk for fact in closed]).update(until=moment)
    Fact.objects.bulk_create(opened)
    _remember(held, rows)
    record_many(actor, [_edited(held, row) for row in rows])
    for row in rows:
        assert row.use_case is not None
        note = stored[row.said.number]
        note.after = {**(note.after or {}), "rev": row.use_case.audit_rev}


def _kept(found: ImportedUseCase | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"fingerprint": found.fingerprint, "import": str(found.register_import_id), "values": found.values,
            "cells": found.cells}  # fmt: skip


def _renewed(
    actor: Actor, held: RegisterImport, row: Planned, facts: dict[Any, Fact], moment: datetime
) -> tuple[list[Fact], list[Fact]]:
    """(facts that no longer hold, facts that hold instead)."""
    assert row.use_case is not None
    changed = {change["field"] for change in row.changes}
    opened = [
        fact
        for fact in _facts(actor, held, row, moment, known=False)
        if fact.name in changed
    ] + [
        Fact(use_case=row.use_case, name=name, value=row.core[name], statement=described(name, row.core[name]),
             source=FactSource.PERSON, recorded_by=actor.key, as_of=moment)
        for name in CORE[1:] if name in changed and row.said.text(name)
    ]  # fmt: skip
    gone = [facts[row.use_case.pk, name] for name in (*CORE, *REPORTED) if name in changed
            and (row.use_case.pk, name) in facts]  # fmt: skip
    return gone, opened


def _remember(held: RegisterImport, rows: list[Planned]) -> None:
    fresh = [row for row in rows if row.record is None]
    ImportedUseCase.objects.bulk_create([_record(held, row) for row in fresh])
    known = []
    for row in rows:
        if row.record is not None:
            row.record.fingerprint, row.record.register_import = row.said.fingerprint, held
            row.record.values, row.record.cells = dict(row.said.values), row.cells
            known.append(row.record)
    ImportedUseCase.objects.bulk_update(known, ["fingerprint", "register_import", "values", "cells"], _CHUNK)


def _edited(held: RegisterImport, row: Planned) -> Telling:
    use_case = row.use_case
    assert use_case is not None
    names = ", ".join(noun(str(change["field"])) for change in row.changes)
    return Telling(
        "use_case.edited",
        use_case,
        f"changed {names} of {use_case.reference}, out of row {row.said.number} of “{held.file_name}”.",
        use_case=use_case.pk,
        data={"register_import": held.pk, "row": row.said.number, "changes": row.changes},
        references=[use_case.reference],
    )
