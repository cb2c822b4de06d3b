"""Excel workbooks as streams of cells: no document types, no entities, no formulas, never more held than is allowed."""

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import BinaryIO
from xml.parsers import expat

from usecases.importing.bounds import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_PACKED_RATIO,
    MAX_ROW_TEXT,
    MAX_SHARED_TEXTS,
    MAX_SHEETS,
    MAX_UNPACKED,
    MAX_ZIP_MEMBERS,
    Unreadable,
)
from usecases.importing.readings import Meter

_CHUNK = 64 * 1024
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ACTIVE = ("xl/vbaproject.bin", "xl/externallinks/", "xl/macrosheets/", "xl/embeddings/", "xl/activex/")


@dataclass
class Book:
    """What stands around the sheets: names and places of sheets, shared texts, which styles are dates."""

    sheets: dict[str, str]
    hidden: set[str]
    texts: list[str]
    date_styles: set[int]
    epoch: datetime


def open_book(file: BinaryIO) -> tuple[zipfile.ZipFile, Book]:
    """Raises Unreadable for what is no workbook, or one that does more than hold values."""
    try:
        archive = zipfile.ZipFile(file)
        _require_harmless(archive)
        return archive, _book(archive)
    except Unreadable:
        raise
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise _broken(error) from None


def _broken(error: Exception) -> Unreadable:
    return Unreadable(
        "workbook", f"The file is not a workbook as Excel saves it ({type(error).__name__}). Save it again as .xlsx."
    )


def _require_harmless(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if len(members) > MAX_ZIP_MEMBERS or unpacked > MAX_UNPACKED:
        raise Unreadable(
            "workbook_too_large",
            f"Unpacked, the workbook has {unpacked // 2**20:,} MiB in {len(members):,} parts;"
            f" at most {MAX_UNPACKED // 2**20} MiB in {MAX_ZIP_MEMBERS} parts are read. Save only the sheet you need.",
        )
    if unpacked > 1024 * 1024 and unpacked / packed > MAX_PACKED_RATIO:
        raise Unreadable(
            "workbook_bomb", "The workbook is packed far more tightly than Excel packs. Save it again as .xlsx."
        )
    for member in members:
        if member.filename.lower().startswith(_ACTIVE):
            raise Unreadable(
                "active_content", "The workbook holds macros, links or embedded objects. Save it as .xlsx without them."
            )


@dataclass
class _Shared:
    """The list of shared texts, read run by run; pronunciation marks (rPh) are no part of a text."""

    texts: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    inside: bool = False
    skipped: int = 0
    size: int = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        tag = _local(name)
        if tag == "si":
            self.parts, self.size = [], 0
        elif tag == "rPh":
            self.skipped += 1
        elif tag == "t":
            self.inside = not self.skipped

    def end(self, name: str) -> None:
        tag = _local(name)
        if tag == "si":
            self.texts.append(_unescaped("".join(self.parts)))
        elif tag == "rPh":
            self.skipped -= 1
        elif tag == "t":
            self.inside = False

    def data(self, text: str) -> None:
        if self.inside:
            self.size += len(text)
            _require_cell(self.size, "A cell")
            self.parts.append(text)


@dataclass
class _Sheet:
    """One sheet's rows, handed to `take` as each one ends."""

    book: Book
    take: Callable[[int, list[str]], None]
    row: int = 0
    column: int = 0
    cells: list[str] = field(default_factory=list)
    kind: str = ""
    style: int = 0
    parts: list[str] = field(default_factory=list)
    inside: bool = False
    skipped: int = 0
    size: int = 0
    row_size: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _local(name)
        if tag == "row":
            self.row = int(attributes.get("r") or self.row + 1)
            self.column, self.cells, self.row_size = 0, [], 0
        elif tag == "c":
            self.column = _column(attributes.get("r", "")) or self.column + 1
            if self.column > MAX_COLUMNS:
                raise Unreadable(
                    "too_many_columns",
                    f"Row {self.row} reaches column {self.column:,}; at most {MAX_COLUMNS} are read. Leave some out.",
                )
            self.kind, self.style = attributes.get("t", "n"), int(attributes.get("s") or 0)
            self.parts, self.size = [], 0
        elif tag == "f":
            raise Unreadable(
                "formula",
                f"Row {self.row}, column {self.column} holds a formula. Copy the sheet and paste it as values.",
            )
        elif tag == "rPh":
            self.skipped += 1
        elif tag in ("v", "t"):
            self.inside = not self.skipped

    def end(self, name: str) -> None:
        tag = _local(name)
        if tag == "row":
            self.take(self.row, self.cells)
        elif tag == "c":
            self._cell()
        elif tag == "rPh":
            self.skipped -= 1
        elif tag in ("v", "t"):
            self.inside = False

    def data(self, text: str) -> None:
        if self.inside:
            self.size += len(text)
            _require_cell(self.size, f"A cell in row {self.row}")
            self.parts.append(text)

    def _cell(self) -> None:
        text = _value("".join(self.parts), self.kind, self.style, self.book)
        self.row_size += len(text)
        if self.row_size > MAX_ROW_TEXT:
            raise Unreadable("row_too_long", f"Row {self.row} holds more than {MAX_ROW_TEXT:,} characters. Shorten it.")
        if text or len(self.cells) >= self.column:
            self.cells.extend("" for _gap in range(self.column - len(self.cells)))
            self.cells[self.column - 1] = text


def _require_cell(size: int, what: str) -> None:
    if size > MAX_CELL:
        raise Unreadable("cell_too_long", f"{what} holds more than {MAX_CELL:,} characters. Shorten it.")


def _value(text: str, kind: str, style: int, book: Book) -> str:
    """The cell as text; dates in ISO, whole numbers without a fraction."""
    if kind == "s":
        return book.texts[int(text)] if text.isdecimal() and int(text) < len(book.texts) else ""
    if kind == "b":
        return "TRUE" if text == "1" else "FALSE"
    if kind in ("str", "inlineStr", "e", "d"):
        return _unescaped(text)
    if not text:
        return ""
    try:
        number = float(text)
    except ValueError:
        return text
    if style in book.date_styles:
        return _moment(number, book.epoch)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else text


def _moment(number: float, epoch: datetime) -> str:
    from openpyxl.utils.datetime import from_excel  # heavy: it brings numpy along

    try:
        found = from_excel(number, epoch)
    except (ValueError, OverflowError):
        return str(number)
    if isinstance(found, datetime):
        return found.isoformat(" ", "seconds") if found.time() != time() else found.date().isoformat()
    return found.isoformat() if isinstance(found, date | time) else str(found)


def _column(reference: str) -> int:
    """1 for “A7”, 28 for “AB7”, 0 for none."""
    found = 0
    for letter in reference[:4]:
        if not letter.isalpha():
            break
        found = found * 26 + ord(letter.upper()) - 64
    return found


def _unescaped(text: str) -> str:
    """Excel writes control characters as _x000D_."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _local(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]


def _parse(archive: zipfile.ZipFile, member: str, handler: "_Shared | _Sheet | _Elements") -> None:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = handler.start, handler.end
    parser.CharacterDataHandler = handler.data
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        with archive.open(member) as part:
            while chunk := part.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _broken(error) from None


def _no_doctype(*_declared: object) -> None:
    raise Unreadable("doctype", "The workbook declares a document type, which no workbook needs. Save it again.")


@dataclass
class _Elements:
    """All elements of a small part, in order: (tag, attributes)."""

    found: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.found) > 50_000:
            raise Unreadable("workbook_too_large", "The workbook describes too many sheets or styles. Save it again.")
        self.found.append((_local(name), attributes))

    def end(self, name: str) -> None:
        """Nesting does not matter here."""

    def data(self, text: str) -> None:
        """Texts do not matter here."""


def _elements(archive: zipfile.ZipFile, member: str) -> list[tuple[str, dict[str, str]]]:
    handler = _Elements()
    _parse(archive, member, handler)
    return handler.found


def _book(archive: zipfile.ZipFile) -> Book:
    names = set(archive.namelist())
    from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

    targets = {
        attributes.get("Id", ""): attributes.get("Target", "")
        for tag, attributes in _elements(archive, "xl/_rels/workbook.xml.rels")
        if tag == "Relationship"
    }
    sheets: dict[str, str] = {}
    hidden: set[str] = set()
    epoch = CALENDAR_WINDOWS_1900
    for tag, attributes in _elements(archive, "xl/workbook.xml"):
        if tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epoch = CALENDAR_MAC_1904
        if tag == "sheet":
            key = next((value for name, value in attributes.items() if _local(name) == "id" and ":" in name), "")
            target = targets.get(key, "").lstrip("/")
            member = target if target.startswith("xl/") else f"xl/{target}"
            if member in names and len(sheets) < MAX_SHEETS:
                sheets[attributes.get("name", member)[:200]] = member
                if attributes.get("state", "visible") != "visible":
                    hidden.add(attributes.get("name", member)[:200])
    if not sheets:
        raise Unreadable("workbook", "The workbook has no sheet. Save it again as .xlsx.")
    return Book(sheets, hidden, _shared(archive, names), _date_styles(archive, names), epoch)


def _shared(archive: zipfile.ZipFile, names: set[str]) -> list[str]:
    if "xl/sharedStrings.xml" not in names:
        return []
    if archive.getinfo("xl/sharedStrings.xml").file_size > MAX_SHARED_TEXTS:
        raise Unreadable("workbook_too_large", "The workbook's texts are too large. Save only the sheet that counts.")
    handler = _Shared()
    _parse(archive, "xl/sharedStrings.xml", handler)
    return handler.texts


def _date_styles(archive: zipfile.ZipFile, names: set[str]) -> set[int]:
    if "xl/styles.xml" not in names:
        return set()
    from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

    formats = dict(BUILTIN_FORMATS)
    styles: list[int] = []
    inside = False
    for tag, attributes in _elements(archive, "xl/styles.xml"):
        if tag == "numFmt":
            formats[int(attributes.get("numFmtId") or 0)] = attributes.get("formatCode", "")[:200]
        elif tag in ("cellXfs", "cellStyles", "cellStyleXfs", "dxfs"):
            inside = tag == "cellXfs"
        elif tag == "xf" and inside:
            styles.append(int(attributes.get("numFmtId") or 0))
    return {place for place, number in enumerate(styles) if is_date_format(formats.get(number, ""))}


def read_sheet(archive: zipfile.ZipFile, book: Book, sheet: str, meter: Meter) -> None:
    """Fill the meter with one sheet's rows. Raises Unreadable."""
    try:
        _parse(archive, book.sheets[sheet], _Sheet(book, meter.take))
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _broken(error) from None


def sheets_by_likelihood(archive: zipfile.ZipFile, book: Book) -> Iterator[str]:
    """Visible sheets before hidden ones, large ones before small ones: lists of options are small and hidden."""
    yield from sorted(
        book.sheets, key=lambda name: (name in book.hidden, -archive.getinfo(book.sheets[name]).file_size)
    )
