"""The worker's part of an import: the dry run, and setting about applying or undoing. All or nothing, each time."""

import uuid

import structlog
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from portal.access import Refused, require
from portal.actors import Actor, person, service
from portal.audit import record
from portal.choices import Scope
from usecases import import_policies as policies
from usecases.actions.import_apply import apply_rows
from usecases.actions.import_plan import Planned, Planner, counted, digest
from usecases.actions.import_undo import undo_rows
from usecases.actions.imports import table_of
from usecases.choices import ImportState
from usecases.importing.mapping import ColumnMapping
from usecases.importing.rows import said
from usecases.importing.tables import tidy
from usecases.importing.words import CODED
from usecases.lifecycle import IMPORTS
from usecases.models import ImportRow, RegisterImport

log = structlog.get_logger(__name__)
_CHUNK = 500
_GIVE_UP = {
    ImportState.CHECKING: "refuse_file",
    ImportState.APPLYING: "present_rows",
    ImportState.UNDOING: "break_off_undo",
}


def waiting() -> list[uuid.UUID]:
    """Imports that wait for a worker, also after one died: what it did was rolled back with it."""
    return list(RegisterImport.objects.filter(state__in=policies.BUSY).values_list("pk", flat=True)[:50])


def run_import(pk: uuid.UUID) -> None:
    """Do what the import waits for. Called again it does nothing; a second worker finds it locked and goes."""
    try:
        with transaction.atomic():
            _take_time()
            held = RegisterImport.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
            if held is None or held.state not in policies.BUSY:
                return
            _work(_asker(held), held)
    except (ValidationError, Refused) as error:
        _give_up(pk, _told(error))
    except Exception:
        log.exception("import broke off", register_import=str(pk))
        _give_up(pk, _("Something broke on our side; nothing was changed. Try again, or ask your administrator."))


def _take_time() -> None:
    """Reading twenty thousand rows takes longer between two statements than a request may."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL statement_timeout = '60s'")


def _asker(held: RegisterImport) -> Actor:
    """Whoever asked, with the grants they have now; a machine with no more than this needs."""
    if held.asker_account is not None:
        return service(held.asker_account, frozenset({Scope.REGISTER}))
    assert held.asker is not None
    return person(held.asker)


def _work(actor: Actor, held: RegisterImport) -> None:
    if held.state == ImportState.CHECKING:
        _present(actor, held, *planned(actor, held))
    elif held.state == ImportState.APPLYING:
        rows, words = planned(actor, held)
        if digest(rows) != held.plan_digest:
            _present(actor, held, rows, words)
            held.error = _("The register changed since the dry run. Look at it again before you apply it.")
            held.save(update_fields=["error"])
            return
        require(policies.may_import(actor, held.default_unit))
        apply_rows(actor, held, rows)
    else:
        require(policies.may_import(actor, held.default_unit))
        undo_rows(actor, held)


def planned(actor: Actor, held: RegisterImport) -> tuple[list[Planned], list[dict[str, object]]]:
    """The fate of every row, and the words in it, as things stand. Raises ValidationError for an unreadable file."""
    table = table_of(held)
    mapping = ColumnMapping.from_json(held.mapping)
    planner = Planner(actor, held, table)
    rows = planner.plan(said(table, mapping))
    return rows, [*_words(rows), *planner.place_words(rows)]


def _present(actor: Actor, held: RegisterImport, rows: list[Planned], words: list[dict[str, object]]) -> None:
    ImportRow.objects.filter(register_import=held).delete()
    for start in range(0, len(rows), _CHUNK):
        ImportRow.objects.bulk_create([_row(held, row) for row in rows[start : start + _CHUNK]])
    held.state = IMPORTS.target("present_rows", held.state)
    held.counts, held.plan_digest, held.words = counted(rows, held.blank_rows), digest(rows), words
    held.save()
    record(
        actor,
        "register_import.presented",
        held,
        f"saw what “{held.file_name}” would do: {told_counts(held.counts)}.",
        data={"counts": held.counts},
    )


def told_counts(counts: dict[str, int]) -> str:
    return (
        f"{counts['create']:,} created, {counts['change']:,} changed, {counts['same']:,} unchanged,"
        f" {counts['refuse']:,} refused"
    )


def _row(held: RegisterImport, row: Planned) -> ImportRow:
    return ImportRow(
        register_import=held,
        number=row.said.number,
        outcome=row.outcome,
        title=row.core["title"],
        reasons=row.reasons,
        missing=row.said.missing,
        key=row.key,
        fingerprint=row.said.fingerprint,
        values=dict(row.said.values),
        cells=row.cells,
        changes=row.changes,
        use_case=row.use_case,
    )


def _words(rows: list[Planned]) -> list[dict[str, object]]:
    """Each word of the fields that have words of ours: how often, and what it leads to."""
    found: dict[tuple[str, str], dict[str, object]] = {}
    for row in rows:
        for name in CODED:
            value = row.said.values.get(name)
            word = tidy(str(value.get("raw", value.get("value", "")))) if value else ""
            if value is None or not word:
                continue
            state = "" if value.get("value") else value.get("state", "")
            entry = found.setdefault(
                (name, word),
                {"field": name, "word": word[:200], "ours": value.get("value", ""), "state": state, "count": 0},
            )
            entry["count"] = int(str(entry["count"])) + 1
    ordered = sorted(found.values(), key=lambda entry: (CODED.index(str(entry["field"])), -int(str(entry["count"]))))
    return ordered[:200]


@transaction.atomic
def _give_up(pk: uuid.UUID, why: str) -> None:
    held = RegisterImport.objects.select_for_update(of=("self",)).get(pk=pk)
    if held.state not in policies.BUSY:
        return
    held.state = IMPORTS.target(_GIVE_UP[ImportState(held.state)], held.state)
    held.error = why[:2000]
    held.save()
    record(_asker(held), "register_import.broken_off", held, f"could not go on with “{held.file_name}”: {why[:500]}")


def _told(error: ValidationError | Refused) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
