"""A file as a table: its kind, its header row and its rows, found or as the user says."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import BinaryIO

from portal.formula_guard import freed
from usecases.importing.bounds import MAX_BYTES, Unreadable
from usecases.importing.readings import Meter, SourceRow, Table, Way
from usecases.importing.records import read_records
from usecases.importing.texts import read_text
from usecases.importing.workbooks import open_book, read_sheet, sheets_by_likelihood

CSV, XLSX, JSON = "csv", "xlsx", "json"
_LOOKED_AT = 20
_SPACE = re.compile(r"\s+")
_LETTER = re.compile(r"[^\W\d_]")


def read(file: BinaryIO, way: Way | None = None, known: frozenset[str] = frozenset()) -> Table:
    """The file's table. `known` are headers that speak for a header row. Raises Unreadable."""
    way = way or Way()
    size = file.seek(0, 2)
    file.seek(0)
    if size > MAX_BYTES:
        raise Unreadable("too_large", f"At most {MAX_BYTES // 2**20} MiB are read. Split the file.")
    if not size:
        raise Unreadable("empty", "The file is empty.")
    kind = way.format or format_of(file)
    if kind == XLSX:
        return _workbook(file, way, known)
    meter = Meter()
    if kind == JSON:
        headers = read_records(file, meter)
        return _table(Way(format=JSON), headers, meter.rows, meter)
    encoding, delimiter = read_text(file, meter, way.encoding, way.delimiter)
    rows = [SourceRow(row.number, tuple(map(freed, row.cells))) for row in meter.rows]
    found = Way(CSV, encoding, delimiter)
    return _with_header(found, way.header_row, rows, meter, known)


def format_of(file: BinaryIO) -> str:
    """By content, never by name. Raises Unreadable for the old binary workbook."""
    head = file.read(4096)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return XLSX
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            "old_workbook", "This is a workbook in the old format .xls, or an encrypted one. Save it as .xlsx."
        )
    if head.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")):
        raise Unreadable("not_a_table", "This file holds no table. CSV, Excel (.xlsx) and JSON are read.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return JSON if start in (b"[", b"{") else CSV


def _workbook(file: BinaryIO, way: Way, known: frozenset[str]) -> Table:
    archive, book = open_book(file)
    with archive:
        if way.sheet and way.sheet not in book.sheets:
            raise Unreadable("sheet", f"The workbook has no sheet “{way.sheet[:80]}”. Choose one of its sheets.")
        names = [way.sheet] if way.sheet else list(sheets_by_likelihood(archive, book))
        best: Table | None = None
        # By content: the first sheet with rows under headers that are known, likely ones first.
        for name in names[:5]:
            meter = Meter()
            read_sheet(archive, book, name, meter)
            rows = [SourceRow(row.number, tuple(map(freed, row.cells))) for row in meter.rows]
            if not rows and not way.sheet:
                continue
            table = _with_header(Way(XLSX, sheet=name), way.header_row, rows, meter, known, tuple(book.sheets))
            if way.sheet or (table.rows and sum(header_key(header) in known for header in table.headers) > 1):
                return table
            best = best or table
    if best is None:
        raise Unreadable("empty", "No sheet of this workbook holds a table.")
    return best


def _with_header(
    way: Way, wanted: int, rows: list[SourceRow], meter: Meter, known: frozenset[str], sheets: tuple[str, ...] = ()
) -> Table:
    if not rows:
        raise Unreadable("empty", "The file holds no row.")
    place = (
        next((n for n, row in enumerate(rows) if row.number == wanted), None) if wanted else header_place(rows, known)
    )
    if place is None:
        raise Unreadable("header_row", f"Row {wanted} is empty or not there. Choose the row that names the columns.")
    header = rows[place]
    found = Way(way.format, way.encoding, way.delimiter, way.sheet, header.number)
    return _table(found, header.cells, rows[place + 1 :], meter, sheets)


def _table(
    way: Way, headers: Sequence[str], rows: Sequence[SourceRow], meter: Meter, sheets: tuple[str, ...] = ()
) -> Table:
    width = max([len(headers), *(len(row.cells) for row in rows)], default=0)
    named = [tidy(header) for header in headers] + [""] * (width - len(headers))
    return Table(way, tuple(named), tuple(rows), sheets, meter.lines - meter.filled)


def header_place(rows: Sequence[SourceRow], known: frozenset[str]) -> int:
    """Which of the first rows names the columns: names are distinct words, fill the width, and some are known."""
    looked_at = rows[:_LOOKED_AT]
    width = max(len(row.cells) for row in rows[:200])
    best, best_score = 0, float("-inf")
    for place, row in enumerate(looked_at):
        cells = [tidy(cell) for cell in row.cells if cell.strip()]
        words = [cell for cell in cells if _LETTER.search(cell) and len(cell) < 300]
        recognised = sum(header_key(cell) in known for cell in cells)
        distinct = len({cell.casefold() for cell in cells}) / len(cells)
        score = 3 * min(recognised, 4) + 4 * len(cells) / width + 2 * len(words) / len(cells) + distinct - place * 0.2
        if score > best_score:
            best, best_score = place, score
    return best


def tidy(text: str) -> str:
    """One line, single spaces, without marks that are not seen."""
    return _SPACE.sub(" ", text.replace("\u200b", "").replace("\ufeff", "").replace("\xa0", " ")).strip()


def header_key(header: str) -> str:
    """The header as it is compared: words without case and punctuation."""
    return _SPACE.sub(" ", re.sub(r"[\W_]+", " ", tidy(header).casefold())).strip()


def fingerprint(headers: Sequence[str]) -> str:
    """The same for every file with these columns in this order."""
    return hashlib.sha256(json.dumps([header_key(header) for header in headers]).encode()).hexdigest()
