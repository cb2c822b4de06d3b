"""What an import's rows would do here: created, changed, unchanged or refused, and why. Writes nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from portal.access import capabilities_at
from portal.actors import Actor
from portal.models import BusinessUnit, User
from usecases.actions.import_places import place_words
from usecases.choices import Pattern, RowOutcome, Stage
from usecases.importing.mapping import ColumnMapping, noun
from usecases.importing.readings import Table
from usecases.importing.rows import NOT_NAMED, NOT_STATED, Said
from usecases.importing.words import place_key
from usecases.models import ImportedUseCase, RegisterImport, UseCase, UseCaseUserPermission

# Columns of a use case that a source may keep current; owner and unit are moved by their own verbs.
CORE = ("title", "business_outcome", "user_group", "pattern")
_ORDER = (RowOutcome.CREATE, RowOutcome.CHANGE, RowOutcome.SAME, RowOutcome.REFUSE)


@dataclass
class Planned:
    """One row's fate. `changes`: [{field, before, after}]; `core` is what a use case's columns become."""

    said: Said
    cells: list[list[str]]
    outcome: str
    reasons: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    core: dict[str, str] = field(default_factory=dict)
    use_case: UseCase | None = None
    record: ImportedUseCase | None = None
    owner: User | None = None
    unit: BusinessUnit | None = None
    key: str = ""


def rendered(said: Said) -> dict[str, str]:
    """The columns of a use case; what the source does not say is said honestly, never made up."""
    identity = said.text("external_id")
    unnamed = f"{NOT_NAMED} ({identity[:80]})" if identity else f"{NOT_NAMED}."
    return {
        "title": said.text("title") or unnamed,
        "business_outcome": said.text("business_outcome") or NOT_STATED,
        "user_group": said.text("user_group") or NOT_STATED,
        "pattern": said.text("pattern") or Pattern.UNSTATED,
    }


def _nameless(said: Said) -> str:
    if "title" not in said.values:
        return _("No column is the name. Say below which column holds it, then look again.")
    return _("The row has no name, and no id of its source to call it by. Give it a name in the file.")


def named_cells(table: Table, said: Said) -> list[list[str]]:
    """The row as it came: header and cell, empty ones left out."""
    return [[header, cell] for header, cell in zip(table.headers, said.cells, strict=False) if cell.strip()]


@contextmanager
def joined_at_once() -> Iterator[None]:
    """No loop over rows inside: right after another import the planner takes thousands of rows for one."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        yield
        # After an error the transaction is over, and the setting with it.
        cursor.execute("SET LOCAL enable_nestloop = on")


class Planner:
    """Knows people, units, earlier imports of this source and what the actor may, each read once."""

    def __init__(self, actor: Actor, register_import: RegisterImport, table: Table) -> None:
        self.actor, self.register_import, self.table = actor, register_import, table
        self.units = _by_unique_name(BusinessUnit.objects.all())
        self.people = _people()
        self.words = ColumnMapping.from_json(register_import.mapping).words
        records = ImportedUseCase.objects.filter(source_name=register_import.source_name)
        self.records = {
            record.key: record for record in records.select_related("use_case__unit", "use_case__owner").order_by("id")
        }
        self.claimed: set[object] = set()
        self.parts = _team_parts(actor)

    def plan(self, rows: Iterable[Said]) -> list[Planned]:
        rows = list(rows)
        known = self._referred(rows)
        titles = self._titles(rows)
        return [self._row(said, known, titles) for said in rows]

    def _row(self, said: Said, known: Mapping[str, UseCase], titles: Mapping[str, str]) -> Planned:
        record = self._record(said)
        use_case = record.use_case if record else known.get(said.text("reference"))
        row = Planned(
            said,
            named_cells(self.table, said),
            RowOutcome.CREATE,
            reasons=list(said.notes),
            core=rendered(said),
            use_case=use_case,
            record=record,
            key=record.key if record else said.keys[0],
        )
        if use_case is None and not (said.text("title") or said.text("external_id")):
            return self._refused(row, _nameless(said))
        if use_case is None:
            self._place(row)
            twin = titles.get(row.core["title"].casefold())
            if twin:
                row.reasons.append(
                    _("%(reference)s has this name already; this row becomes another.") % {"reference": twin}
                )
            return row
        if use_case.pk in self.claimed:
            return self._refused(row, _("An earlier row of this file is about the same use case."))
        self.claimed.add(use_case.pk)
        self._compare(row, use_case)
        return row

    def _record(self, said: Said) -> ImportedUseCase | None:
        """What an earlier import knew this row by: its own key first, then the keys an older file may have used."""
        for place, key in enumerate(said.keys):
            record = self.records.get(key)
            if record is None or record.use_case_id in self.claimed:
                continue
            # A bare id of several rows belongs to the one whose name and unit it had.
            if place and key.startswith("id:") and len(said.keys) == 2 and record.fingerprint != said.fingerprint:
                continue
            return record
        return None

    def _place(self, row: Planned) -> None:
        """Owner and unit of a new one: what the row names, or what the import falls back to."""
        row.unit = self._unit(row) or self.register_import.default_unit
        row.owner = self._owner(row) or self.register_import.default_owner
        if "register" not in capabilities_at(self.actor, row.unit.path):
            self._refused(row, _("You may not register use cases in %(unit)s.") % {"unit": row.unit.name})

    def _unit(self, row: Planned) -> BusinessUnit | None:
        for name in ("unit", "organisation"):
            word = row.said.text(name)
            found = self.units.get(self._ours(name, word))
            if found is not None:
                return found
        if word := row.said.text("unit") or row.said.text("organisation"):
            text = _("“%(word)s” is no business unit here; it comes to %(unit)s.")
            row.reasons.append(text % {"word": word[:80], "unit": self.register_import.default_unit.name})
        return None

    def _ours(self, name: str, word: str) -> str:
        """What a person matched the word to, or the word itself, as people and units are looked up by."""
        return (self.words.get(name, {}).get(place_key(word)) or word).casefold()

    def place_words(self, rows: Iterable[Planned]) -> list[dict[str, object]]:
        """Words for people and units of rows that become new; the others keep whom and where they have."""
        units = {key: unit.name for key, unit in self.units.items()}
        people = {key: person.username for key, person in self.people.items()}
        known = {"unit": units, "organisation": units, "owner": people}
        fresh = (row.said for row in rows if row.use_case is None)
        return place_words(fresh, known, self.words)

    def _owner(self, row: Planned) -> User | None:
        word = row.said.text("owner")
        found = self.people.get(self._ours("owner", word)) if word else None
        if word and found is None:
            text = _("“%(word)s” is no account here; %(name)s answers for it until somebody else is named.")
            row.reasons.append(text % {"word": word[:80], "name": self.register_import.default_owner.name})
        return found

    def _compare(self, row: Planned, use_case: UseCase) -> None:
        before = _said_before(row.record)
        for name in CORE:
            self._compare_core(row, use_case, name, before)
        details = _differing(row.record, row.said) if row.record else []
        row.changes += [{"field": name, "before": was, "after": now} for name, was, now in details]
        other = row.record is not None and row.record.cells != row.cells and not row.changes
        if other:
            row.changes.append({"field": "other_columns", "before": "", "after": ""})
        row.outcome = RowOutcome.CHANGE if row.changes else RowOutcome.SAME
        if row.changes and (reason := self._against(use_case)):
            self._refused(row, reason)

    def _compare_core(self, row: Planned, use_case: UseCase, name: str, before: dict[str, str]) -> None:
        now = str(getattr(use_case, name))
        if row.record is None:
            # Out of our own export: what is empty there says nothing.
            changed, edited = bool(row.said.text(name)) and row.core[name] != now, False
        else:
            changed, edited = row.core[name] != before[name], now != before[name]
        if changed and edited and now != row.core[name]:
            text = _("The %(field)s was edited here since; that stays, and the source's is kept with the row.")
            row.reasons.append(text % {"field": noun(name)})
        elif changed and now != row.core[name]:
            row.changes.append({"field": name, "before": now, "after": row.core[name]})

    def _against(self, use_case: UseCase) -> str:
        if use_case.stage == Stage.STOPPED:
            return _("%(reference)s was stopped, so it is not changed.") % {"reference": use_case.reference}
        able = capabilities_at(self.actor, use_case.unit.path) & {"register", "edit"}
        if not (able and not use_case.restricted) and use_case.pk not in self.parts:
            return _("A use case of this source has this key, and you may not change it. Choose another source name.")
        return ""

    @staticmethod
    def _refused(row: Planned, reason: str) -> Planned:
        row.outcome, row.changes = RowOutcome.REFUSE, []
        row.reasons.append(reason)
        return row

    def _referred(self, rows: list[Said]) -> dict[str, UseCase]:
        """Use cases that rows name by our own reference, as far as the actor may see them."""
        numbers = {
            int(word[3:]) for said in rows if (word := said.text("reference"))[:3] == "UC-" and word[3:].isdecimal()
        }
        numbers = {number for number in numbers if number < 2**31}
        visible = UseCase.objects.visible_to(self.actor).filter(number__in=numbers).select_related("unit", "owner")
        with joined_at_once():
            return {use_case.reference: use_case for use_case in (visible if numbers else ())}

    def _titles(self, rows: list[Said]) -> dict[str, str]:
        """Names that the register holds already, as far as the actor may see, outside of this source."""
        titles = {said.text("title") for said in rows if said.text("title")}
        mine = {record.use_case_id for record in self.records.values()}
        # One hashed look over the names; a list of thousands would be looked up one by one in the trigram index.
        listed = RawSQL("SELECT unnest(%s::text[])", [list(titles)])  # nosec B611
        found = UseCase.objects.visible_to(self.actor).filter(title__in=listed).values_list("id", "title", "number")
        with joined_at_once():
            return {title.casefold(): f"UC-{number:04d}" for pk, title, number in found if pk not in mine}


def _said_before(record: ImportedUseCase | None) -> dict[str, str]:
    return rendered(Said(0, record.values, ())) if record else {}


def _differing(record: ImportedUseCase, said: Said) -> list[tuple[str, str, str]]:
    """(field, what the source said, what it says now) of all that is no column of the use case."""
    names = sorted((set(record.values) | set(said.values)) - set(CORE))
    return [
        (name, shown(record.values.get(name)), shown(said.values.get(name)))
        for name in names
        if record.values.get(name) != said.values.get(name)
    ]


def shown(value: Mapping[str, Any] | None) -> str:
    """A value for people: what it is, or how it is not known."""
    if value is None:
        return ""
    found = value.get("value", "")
    return "; ".join(found) if isinstance(found, list) else str(found) or str(value.get("raw", ""))


def _by_unique_name(units: Iterable[BusinessUnit]) -> dict[str, BusinessUnit]:
    listed = list(units)
    often = Counter(unit.name.casefold() for unit in listed)
    return {unit.name.casefold(): unit for unit in listed if often[unit.name.casefold()] == 1}


def _people() -> dict[str, User]:
    """Active people by sign-in name, e-mail, and name where only one has it."""
    people = list(User.objects.filter(is_active=True))
    often = Counter(person.name.casefold() for person in people)
    found = {person.name.casefold(): person for person in people if often[person.name.casefold()] == 1}
    found.update({person.email.casefold(): person for person in people if person.email})
    found.update({person.username.casefold(): person for person in people})
    return found


def _team_parts(actor: Actor) -> set[object]:
    """Use cases that the person may edit by a part on the team."""
    if actor.person is None:
        return set()
    codenames = ("team_owner", "team_contributor")
    parts = UseCaseUserPermission.objects.filter(user=actor.person, permission__codename__in=codenames)
    return set(parts.values_list("content_object_id", flat=True))


def digest(rows: Iterable[Planned]) -> str:
    """Of what the dry run shows; applied is only what was shown."""
    told = [[row.said.number, row.outcome, row.changes, str(row.use_case.pk) if row.use_case else ""] for row in rows]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def counted(rows: list[Planned], blank: int) -> dict[str, int]:
    outcomes = Counter(row.outcome for row in rows)
    incomplete = sum(1 for row in rows if row.outcome == RowOutcome.CREATE and row.said.missing)
    return {**{str(name): outcomes[name] for name in _ORDER}, "skip": blank, "incomplete": incomplete}
