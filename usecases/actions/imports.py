"""Bringing in a register: upload, say what its columns and words mean, ask for the dry run, for it, for its undoing."""

import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import Any, BinaryIO

import structlog
from celery import current_app
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from portal.files import keep, path_of
from portal.models import BusinessUnit, User
from usecases import import_policies as policies
from usecases.actions.import_places import matched
from usecases.choices import CHOSEN_PATTERNS, ImportState
from usecases.importing.bounds import Unreadable
from usecases.importing.mapping import ColumnMapping, faults, suggested
from usecases.importing.readings import Table, Way
from usecases.importing.tables import fingerprint, read
from usecases.importing.words import CODED, PLACES, known_headers, vocabulary, word_key
from usecases.lifecycle import IMPORTS
from usecases.models import RegisterImport

log = structlog.get_logger(__name__)
TASK = "usecases.run_import"
MOST_WORDS = 500
_CHUNK = 1024 * 1024


def unreadable(error: Unreadable) -> ValidationError:
    return ValidationError({"file": ValidationError(error.text, code=error.code)})


def upload_import(
    *,
    actor: Actor,
    file: BinaryIO,
    file_name: str,
    source_name: str,
    default_unit: BusinessUnit,
    default_owner: User,
) -> RegisterImport:
    """Read and keep the file; its columns are suggested. Raises Refused; ValidationError with what is wrong with it."""
    require(policies.may_import(actor, default_unit))
    require(policies.may_name_owner(actor, default_owner))
    name = "".join(letter for letter in PurePath(file_name).name if letter.isprintable())[:200] or _("Unnamed file")
    try:
        table = read(file, Way(), known_headers())
    except Unreadable as error:
        raise unreadable(error) from None
    file.seek(0)
    sha256 = keep(iter(partial(file.read, _CHUNK), b""))
    return _uploaded(actor, table, sha256, name, source_name.strip(), default_unit, default_owner)


@transaction.atomic
def _uploaded(
    actor: Actor, table: Table, sha256: str, name: str, source: str, unit: BusinessUnit, owner: User
) -> RegisterImport:
    made = RegisterImport.objects.create(
        source_name=source,
        file_name=name,
        file_sha256=sha256,
        mapping=remembered(actor, table).as_json(),
        default_owner=owner,
        default_unit=unit,
        uploader=actor.person,
        uploader_account=actor.account,
        **_described(table),
    )
    sentence = f"uploaded “{name}” of {source} with {table_size(table)} to import."
    record(actor, "register_import.uploaded", made, sentence, data={"sha256": sha256, "source": source})
    return made


def _described(table: Table) -> dict[str, Any]:
    return {
        "way": table.way.as_json(),
        "headers": list(table.headers),
        "header_fingerprint": fingerprint(table.headers),
        "sheets": list(table.sheets),
        "row_count": len(table.rows),
        "blank_rows": table.blank_rows,
    }


def table_size(table: Table) -> str:
    return "1 row" if len(table.rows) == 1 else f"{len(table.rows):,} rows"


def remembered(actor: Actor, table: Table) -> ColumnMapping:
    """What these headers were taken for last time, as far as the actor may know; otherwise what they look like."""
    last = (
        policies.imports_visible_to(actor)
        .filter(header_fingerprint=fingerprint(table.headers))
        .exclude(state=ImportState.UPLOADED)
        .order_by("-uploaded_at", "-id")
        .first()
    )
    return ColumnMapping.from_json(last.mapping) if last else ColumnMapping(suggested(table.headers))


@transaction.atomic
def read_import_anew(*, actor: Actor, register_import: RegisterImport, way: Way) -> RegisterImport:
    """Read the same file another way. Raises Refused; ValidationError when it cannot be read so."""
    held = _held(actor, register_import, "map_import")
    table = table_of(held, way)
    for name, value in _described(table).items():
        setattr(held, name, value)
    held.mapping = remembered(actor, table).as_json()
    return _changed(actor, held, f"had “{held.file_name}” read another way.")


@transaction.atomic
def map_import(
    *,
    actor: Actor,
    register_import: RegisterImport,
    columns: Mapping[int, str],
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> RegisterImport:
    """Say what columns and words mean. Raises Refused; ValidationError naming what cannot be meant."""
    held = _held(actor, register_import, "map_import")
    kept = ColumnMapping.from_json(held.mapping).words if words is None else _translated(words)
    mapping = ColumnMapping(dict(columns), kept)
    if wrong := faults(mapping, len(held.headers)):
        raise ValidationError({"columns": wrong})
    held.mapping = mapping.as_json()
    return _changed(actor, held, f"said what the columns of “{held.file_name}” mean.")


def _translated(words: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Their words by the key they are compared by. Raises ValidationError for words of ours that do not exist."""
    found: dict[str, dict[str, str]] = {}
    for name, theirs in words.items():
        if name in PLACES:
            found[name] = matched(name, dict(list(theirs.items())[:MOST_WORDS]))
            continue
        if name not in CODED:
            names = ", ".join((*CODED, *PLACES))
            raise ValidationError({"words": _("Only these fields have words of ours: %s.") % names})
        known = our_words(name)
        for word, ours in list(theirs.items())[:MOST_WORDS]:
            if ours and ours not in known:
                text = _("“%(word)s” is no word for %(field)s. Known: %(known)s.")
                raise ValidationError({"words": text % {"word": ours[:40], "field": name, "known": ", ".join(known)}})
            found.setdefault(name, {})[word_key(word)[:200]] = ours
    return found


def our_words(name: str) -> list[str]:
    if name == "pattern":
        return [value for value, _label in CHOSEN_PATTERNS]
    return list(dict.fromkeys(vocabulary().words[name].values()))


def _changed(actor: Actor, held: RegisterImport, sentence: str) -> RegisterImport:
    held.state = IMPORTS.target("map_import", held.state)
    held.error, held.plan_digest, held.counts, held.words = "", "", {}, []
    held.save()
    record(actor, "register_import.mapped", held, sentence, data={"way": held.way, "columns": held.mapping["columns"]})
    return held


def request_check(*, actor: Actor, register_import: RegisterImport) -> RegisterImport:
    """Have the dry run made. Raises Refused."""
    return _asked(
        actor, register_import, "check_import", "asked what “%s” would change.", "register_import.check_asked"
    )


def request_apply(*, actor: Actor, register_import: RegisterImport) -> RegisterImport:
    """Have what the dry run shows done, all or nothing. Raises Refused."""
    return _asked(actor, register_import, "apply_import", "asked to apply “%s”.", "register_import.apply_asked")


@transaction.atomic
def request_undo(*, actor: Actor, register_import: RegisterImport, edited_too: bool = False) -> RegisterImport:
    """Have taken back what nobody has built on since, also a second time. Raises Refused.

    `edited_too`: rows go as well that somebody has only edited since; what belongs to other work stays in any case.
    """
    told = "asked to undo the import of “%s”" + (", what was edited since included." if edited_too else ".")
    held = _asked(actor, register_import, "undo_import", told, "register_import.undo_asked")
    held.counts = {**held.counts, "edited_too": int(edited_too)}
    held.save(update_fields=["counts"])
    return held


@transaction.atomic
def _asked(actor: Actor, register_import: RegisterImport, verb: str, sentence: str, event: str) -> RegisterImport:
    held = _held(actor, register_import, verb)
    held.state = IMPORTS.target(verb, held.state)
    held.error, held.asker, held.asker_account = "", actor.person, actor.account
    held.save()
    record(actor, event, held, sentence % held.file_name)
    cache.delete(progress_key(held.pk))
    transaction.on_commit(partial(ring, held.pk), robust=True)
    return held


def _held(actor: Actor, register_import: RegisterImport, verb: str) -> RegisterImport:
    held = RegisterImport.objects.select_for_update(of=("self",)).get(pk=register_import.pk)
    require(policies.may_work_on_import(actor, held, verb))
    return held


def ring(pk: uuid.UUID) -> None:
    """Tell the workers. Without a broker nothing is lost: the sweep rings again."""
    try:
        current_app.send_task(TASK, (str(pk),), retry=False)
    except Exception as error:
        log.warning("import not rung", register_import=str(pk), error=type(error).__name__)


def table_of(register_import: RegisterImport, way: Way | None = None) -> Table:
    """The kept file as it is to be read. Raises ValidationError."""
    try:
        with path_of(register_import.file_sha256).open("rb") as file:
            return read(file, way or Way.from_json(register_import.way), known_headers())
    except Unreadable as error:
        raise unreadable(error) from None
    except FileNotFoundError:
        raise ValidationError({"file": _("The file is no longer kept here. Upload it again.")}) from None


def progress_key(pk: uuid.UUID) -> str:
    return f"register-import:{pk}"
