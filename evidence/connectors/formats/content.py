"""What an uploaded file turns out to hold: JSON, JSON lines, a table or an archive; told by its bytes, not its name."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from evidence.connectors.errors import SchemaError
from evidence.readings import Reject

MAX_DEPTH: Final = 64
MOST_COLUMNS: Final = 500
ARCHIVE: Final = b"PK\x03\x04"

Shape = Literal["json", "lines", "table", "archive"]
Row = tuple[str, dict[str, Any] | Reject]  # where it is, and the row or why it cannot be read


@dataclass(frozen=True, slots=True)
class Content:
    """The parsed file. Lines and tables are parsed as they are read, row by row; `first` is their first row."""

    shape: Shape
    data: bytes
    value: Any = None
    first: dict[str, Any] | None = None
    header: tuple[str, ...] = ()

    def rows(self) -> Iterator[Row]:
        """The numbered rows of lines, of a table, or of a JSON list."""
        if self.shape == "lines":
            yield from _lines(self.data)
        elif self.shape == "table":
            yield from _cells(self.data, self.header)
        elif isinstance(self.value, list):
            yield from rows_of_list(self.value, "row")


def rows_of_list(values: list[Any], word: str) -> Iterator[Row]:
    for number, value in enumerate(values, 1):
        where = f"{word} {number}"
        yield where, value if isinstance(value, dict) else Reject(where, "This is no JSON object, so it was left out.")


def open_content(data: bytes) -> Content:
    """Raises SchemaError with what to do when the bytes are none of the four shapes."""
    if data.startswith(ARCHIVE):
        return Content("archive", data)
    _require_text(data)
    start = data[:1000].decode("utf-8-sig", errors="ignore").lstrip()
    if start.startswith("<"):
        raise SchemaError("The file is XML or HTML.", mend="Write the results as JSON, as JSON lines or as a table.")
    if start[:1] not in ("[", "{") and (table := _table(data)):
        return table
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError:
        return _lines_content(data)
    require_shallow(value)
    first = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else None
    return Content("json", data, value=value, first=first)


def require_shallow(value: Any) -> None:
    """Raises SchemaError for JSON nested deeper than any tool writes; level by level, without recursion."""
    level = [value]
    for _depth in range(MAX_DEPTH):
        containers = [each for each in level if isinstance(each, dict | list)]
        if not containers:
            return
        level = [inner for outer in containers for inner in (outer.values() if isinstance(outer, dict) else outer)]
    if any(isinstance(each, dict | list) for each in level):
        raise _too_deep()


def _too_deep() -> SchemaError:
    mend = f"Write at most {MAX_DEPTH} levels; such depth is usually a mistake in the export."
    return SchemaError("The file's JSON is nested too deeply.", mend=mend)


def _require_text(data: bytes) -> None:
    try:
        for start in range(0, len(data), 1_000_000):  # no second copy of a large file
            data[start : start + 1_000_000].decode("utf-8")
    except UnicodeDecodeError:
        _decode_whole(data)


def _decode_whole(data: bytes) -> None:
    try:  # a character may have been cut between two pieces
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError("The file is not UTF-8 text.", mend="Save it as UTF-8.") from error


def _lines_content(data: bytes) -> Content:
    for _where, row in _lines(data):
        if isinstance(row, dict):
            return Content("lines", data, first=row)
    mend = "It may have been cut; see the description of the formats. A table needs a header and at least two columns."
    raise SchemaError("The file is neither JSON, nor one JSON object per line, nor a table.", mend=mend)


def _lines(data: bytes) -> Iterator[Row]:
    for number, line in enumerate(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")), 1):
        if line.strip():
            yield f"line {number}", _line(number, line)


def _line(number: int, line: bytes) -> dict[str, Any] | Reject:
    where = f"line {number}"
    try:
        value = json.loads(line)
        require_shallow(value)
    except (ValueError, RecursionError):
        return Reject(where, "The line is not JSON. Write one whole object per line, without line breaks in it.")
    except SchemaError as error:
        return Reject(where, str(error))
    if not isinstance(value, dict):
        return Reject(where, "The line is no JSON object, so it was left out.")
    return value


def _table(data: bytes) -> Content | None:
    """The file as CSV: a header of at least two columns, none twice, and a row below; None when it is not."""
    try:
        reader = _reader(data)
        header = tuple(name.strip() for name in next(reader, []))
        body = next(reader, None)
    except csv.Error:
        return None
    if not 2 <= len(header) <= MOST_COLUMNS or body is None or len(body) < 2:
        return None
    return Content("table", data, header=header, first=dict(zip(header, body, strict=False)))


def _reader(data: bytes) -> Any:
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    head = data[:65_536].split(b"\n", 1)[0].decode("utf-8", errors="ignore")
    return csv.reader(text, delimiter=max(",;\t", key=head.count))


def _cells(data: bytes, header: tuple[str, ...]) -> Iterator[Row]:
    reader, line = _reader(data), 1
    try:
        next(reader)
        line = reader.line_num + 1
        for cells in reader:
            where, line = f"line {line}", reader.line_num + 1
            if not any(cells):
                continue
            if len(cells) != len(header):
                reason = f"The line has {len(cells)} cells, the header {len(header)}. Quote cells that contain commas."
                yield where, Reject(where, reason)
            else:
                yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise SchemaError(f"Line {line} cannot be read as CSV.", mend="Export it again with quoted fields.") from error
