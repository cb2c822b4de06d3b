"""What a file was read as: how, by which headers, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from usecases.importing.bounds import (
    MAX_CELL,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_LINES,
    MAX_ROW_TEXT,
    MAX_ROWS,
    Unreadable,
)


@dataclass(frozen=True)
class Way:
    """How to read a file. What is empty or 0 is detected."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "sheet": self.sheet,
            "header_row": self.header_row,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Way":
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if name in stored})


@dataclass(frozen=True)
class SourceRow:
    """`number` is the line or row in the file, from 1; `cells` are texts, trailing empty ones left out."""

    number: int
    cells: tuple[str, ...]

    def cell(self, position: int) -> str:
        return self.cells[position] if position < len(self.cells) else ""


@dataclass(frozen=True)
class Table:
    way: Way
    headers: tuple[str, ...]
    rows: tuple[SourceRow, ...]
    sheets: tuple[str, ...] = ()
    blank_rows: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class Meter:
    """Counts what is read and refuses what is too much, row by row, so that nothing large is ever held."""

    lines: int = 0
    filled: int = 0
    cells: int = 0
    rows: list[SourceRow] = field(default_factory=list)

    def take(self, number: int, cells: Sequence[str]) -> None:
        """Add a row. Raises Unreadable."""
        self.lines += 1
        self.cells += len(cells)
        if self.lines > MAX_LINES:
            raise Unreadable("too_many_lines", f"The file holds more than {MAX_LINES:,} lines. Delete the empty ones.")
        if self.cells > MAX_CELLS:
            raise Unreadable(
                "too_many_cells", f"The file holds more than {MAX_CELLS:,} cells. Split it, or leave out columns."
            )
        if len(cells) > MAX_COLUMNS:
            raise Unreadable(
                "too_many_columns",
                f"Row {number} has {len(cells):,} columns; at most {MAX_COLUMNS} are read. Leave some out.",
            )
        kept = list(cells)
        while kept and not kept[-1].strip():
            kept.pop()
        if not kept:
            return
        self._weigh(number, kept)
        self.filled += 1
        if self.filled > MAX_ROWS + 20:
            raise Unreadable("too_many_rows", f"The file holds more than {MAX_ROWS:,} rows. Split it.")
        self.rows.append(SourceRow(number, tuple(kept)))

    @staticmethod
    def _weigh(number: int, cells: Sequence[str]) -> None:
        longest = max(map(len, cells))
        if longest > MAX_CELL:
            raise Unreadable(
                "cell_too_long", f"A cell in row {number} holds {longest:,} characters; at most {MAX_CELL:,} are read."
            )
        if sum(map(len, cells)) > MAX_ROW_TEXT:
            raise Unreadable(
                "row_too_long", f"Row {number} holds more than {MAX_ROW_TEXT:,} characters. Shorten its texts."
            )
        if any("\x00" in cell for cell in cells):
            raise Unreadable(
                "nul", f"Row {number} holds NUL characters, which no text has. Save the file again as UTF-8."
            )
        if any("\ud800" <= letter <= "\udfff" for cell in cells if not cell.isascii() for letter in cell):
            raise Unreadable("half_pair", f"Row {number} holds half a surrogate pair. Save the file again as UTF-8.")
