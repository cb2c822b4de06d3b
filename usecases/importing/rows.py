"""What each row says in our fields, and by which key it is known again. Pure."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from usecases.importing.bounds import MAX_TEXT, MAX_TITLE
from usecases.importing.dates import Order, dated, order_of
from usecases.importing.mapping import FIELDS, NAMES, ColumnMapping
from usecases.importing.readings import SourceRow, Table
from usecases.importing.tables import tidy
from usecases.importing.words import CODED, Cell, several, vocabulary

LISTS = ("topic", "technique", "vendor")
DATES = ("started_on", "retired_on")
NOT_STATED = "Not stated in the imported register."
NOT_NAMED = "Not named in the imported register"
# Without these a use case is incomplete here.
NEEDED = ("title", "business_outcome", "user_group", "pattern")


@dataclass(frozen=True)
class Said:
    """One row in our words. `values`: field → {"value": …} or {"state": …}, each with "raw" where they differ."""

    number: int
    values: Mapping[str, dict[str, Any]]
    cells: tuple[str, ...]
    keys: tuple[str, ...] = ()
    fingerprint: str = ""
    notes: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """The value, or "" when the row says none."""
        found = self.values.get(name, {}).get("value", "")
        return found if isinstance(found, str) else ""

    @property
    def missing(self) -> list[str]:
        return [name for name in NEEDED if not self.text(name)]


@dataclass
class _Reader:
    """Reads rows under one mapping."""

    mapping: ColumnMapping
    orders: Mapping[int, Order]
    notes: list[str] = field(default_factory=list)

    def values(self, row: SourceRow) -> dict[str, dict[str, Any]]:
        self.notes = []
        found = {}
        for name in FIELDS:
            positions = self.mapping.positions(name)
            if positions:
                found[name] = self._field(name, [(position, row.cell(position)) for position in positions])
        return found

    def _field(self, name: str, cells: list[tuple[int, str]]) -> dict[str, Any]:
        if name in CODED:
            return self._coded(name, cells[0][1])
        if name in DATES:
            return self._date(name, cells)
        if name in LISTS:
            return _listed([raw for _position, raw in cells])
        if name == "personal_data":
            return self._yes_no(cells[0][1])
        return self._text(name, [vocabulary().cell(raw) for _position, raw in cells])

    def _coded(self, name: str, raw: str) -> dict[str, Any]:
        cell = vocabulary().coded(name, raw, self.mapping.words.get(name))
        if cell.state == "unrecognised":
            self.notes.append(f"{NAMES[name]} “{tidy(raw)[:80]}” is no word of ours; it is kept as it stands.")
        return _stored(cell)

    def _yes_no(self, raw: str) -> dict[str, Any]:
        return _stored(vocabulary().coded("yes_no", raw))

    def _date(self, name: str, cells: list[tuple[int, str]]) -> dict[str, Any]:
        first: dict[str, Any] | None = None
        for position, raw in cells:
            cell = vocabulary().cell(raw)
            if not cell.known:
                first = first or _stored(cell)
                continue
            found = dated(cell.value, self.orders.get(position, ""))
            if found is None:
                self.notes.append(
                    f"{NAMES[name]} “{cell.value[:40]}” is no date that can be told; it is kept as it stands."
                )
                return {"state": "unrecognised", "raw": raw}
            if raw.strip() != found.text:
                return {"value": found.text, "precision": found.precision, "raw": raw}
            return {"value": found.text, "precision": found.precision}
        return first or {"state": "unanswered"}

    def _text(self, name: str, cells: list[Cell]) -> dict[str, Any]:
        texts = list(dict.fromkeys(cell.value for cell in cells if cell.known))
        if not texts:
            spoken = next((cell for cell in cells if cell.state != "unanswered"), cells[0])
            return _stored(spoken)
        text = "\n\n".join(texts)
        if name in ("title", "external_id", "organisation", "unit", "owner", "reference"):
            text = tidy(text)
        limit = MAX_TITLE if name == "title" else MAX_TEXT
        if len(text) > limit:
            self.notes.append(f"{NAMES[name]} is longer than {limit:,} characters; the whole is kept with the row.")
            text = shortened(text, limit)
        return {"value": text}


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _stored(cell: Cell) -> dict[str, Any]:
    if cell.known:
        return {"value": cell.value} if tidy(cell.raw) == cell.value else {"value": cell.value, "raw": cell.raw}
    return {"state": cell.state} if not cell.raw else {"state": cell.state, "raw": cell.raw}


def _listed(raws: list[str]) -> dict[str, Any]:
    parts = [part for raw in raws for part in several(raw) if vocabulary().null_state(part) is None]
    if parts:
        return {"value": list(dict.fromkeys(parts))}
    return _stored(vocabulary().cell(next((raw for raw in raws if raw.strip()), "")))


def said(table: Table, mapping: ColumnMapping) -> Iterator[Said]:
    """Every row in our words, with the keys by which it is known again; blank rows are gone already."""
    orders = {
        position: order_of(row.cell(position) for row in table.rows)
        for name in DATES
        for position in mapping.positions(name)
    }
    reader = _Reader(mapping, orders)
    read = [(row, reader.values(row), tuple(reader.notes)) for row in table.rows]
    bare = [_bare(row, values) for row, values, _notes in read]
    ids = Counter(identity for identity, _fingerprint in bare if identity)
    marks = Counter(mark for _identity, mark in bare)
    seen: Counter[str] = Counter()
    for (row, values, notes), (identity, mark) in zip(read, bare, strict=True):
        keys, told = _keys(identity, mark, ids, marks, seen)
        yield Said(row.number, values, row.cells, keys, mark, (*notes, *told))


def _bare(row: SourceRow, values: Mapping[str, dict[str, Any]]) -> tuple[str, str]:
    """(the source's own id within its organisation or "", a fingerprint of name and unit)."""
    organisation = _value(values, "organisation").casefold()
    identity = _value(values, "external_id")
    title = _value(values, "title")
    about: list[Any] = [title.casefold()] if title else list(row.cells)
    mark = _digest([organisation, _value(values, "unit").casefold(), *about])
    return (_digest([organisation, identity.casefold()]) if identity else ""), mark


def _keys(
    identity: str, mark: str, ids: Mapping[str, int], marks: Mapping[str, int], seen: Counter[str]
) -> tuple[tuple[str, ...], list[str]]:
    """The row's own key, then those under which an earlier file may have told of it; and what is worth saying."""
    told = []
    if identity and ids[identity] == 1:
        keys = [f"id:{identity}", f"id:{identity}:{mark}", f"name:{mark}"]
    elif identity:
        told.append(f"Its id stands {ids[identity]} times in this file; name and unit tell the rows apart.")
        keys = [f"id:{identity}:{mark}", f"id:{identity}"]
    else:
        keys = [f"name:{mark}"]
    seen[keys[0]] += 1
    if seen[keys[0]] > 1:
        keys = [f"{keys[0]}:{seen[keys[0]]}"]
    if marks[mark] > 1:
        told.append(
            f"The same name and unit stand {marks[mark]} times in this file; each becomes a use case of its own."
        )
    return tuple(keys), told


def _value(values: Mapping[str, dict[str, Any]], name: str) -> str:
    found = values.get(name, {}).get("value", "")
    return found if isinstance(found, str) else ""


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:32]
