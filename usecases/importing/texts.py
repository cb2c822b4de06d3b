"""CSV of any shape: encoding and delimiter found, rows streamed."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from usecases.importing.bounds import MAX_CELL, MAX_COLUMNS, Unreadable
from usecases.importing.readings import Meter

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250", "iso8859-15", "mac_roman", "shift_jis", "gb18030")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_CHUNK = 256 * 1024
_SAMPLE = 64 * 1024


def encoding_of(file: BinaryIO) -> str:
    """The encoding of the text. Raises Unreadable when it is none that is known."""
    head = file.read(4096)
    file.seek(0)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
    for candidate in ("utf-8", "cp1252"):
        if _decodes(file, candidate):
            return candidate
    return _guessed(file)


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def _guessed(file: BinaryIO) -> str:
    from charset_normalizer import from_bytes

    sample = file.read(_SAMPLE)
    file.seek(0)
    best = from_bytes(sample, cp_isolation=[*ENCODINGS[3:]]).best()
    if best is None:
        raise Unreadable("encoding", "The encoding of this file is not known. Save it as UTF-8.")
    return best.encoding


def delimiter_of(lines: list[str]) -> str:
    """The delimiter under which the first lines have the same, and most, columns."""
    best, best_score = ",", -1.0
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count) if widths else 1
        score = 0.0 if usual < 2 else widths.count(usual) / len(widths) + min(usual, 50) / 100
        if score > best_score:
            best, best_score = delimiter, score
    return best


def read_text(file: BinaryIO, meter: Meter, encoding: str, delimiter: str) -> tuple[str, str]:
    """Fill the meter; returns the encoding and delimiter that were used. Raises Unreadable."""
    encoding = encoding or encoding_of(file)
    try:
        codecs.lookup(encoding)
        delimiter = delimiter or delimiter_of(_first_lines(file, encoding))
        file.seek(0)
        for number, cells in _rows(file, encoding, delimiter):
            meter.take(number, cells)
    except (UnicodeError, LookupError):
        raise Unreadable(
            "encoding", f"The file is not text in the encoding {encoding}. Choose another one, or save it as UTF-8."
        ) from None
    except csv.Error as error:
        raise Unreadable(
            "csv", f"The file is not CSV as spreadsheets write it ({error}). Perhaps a quotation mark is not closed."
        ) from None
    return encoding, delimiter


def _first_lines(file: BinaryIO, encoding: str) -> list[str]:
    """Whole lines out of the file's beginning."""
    file.seek(0)
    text = codecs.getincrementaldecoder(encoding)().decode(file.read(_SAMPLE))
    lines = io.StringIO(text, newline="").readlines()[:60]
    return lines[:-1] if len(lines) > 1 and len(lines) < 60 else lines


def _rows(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL + 1)
    wrapper = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        reader = csv.reader(_bounded(wrapper, delimiter), delimiter=delimiter)
        line = 1
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    finally:
        wrapper.detach()


def _bounded(lines: io.TextIOWrapper, delimiter: str) -> Iterator[str]:
    """Lines, none longer than a row may be: a file without line breaks would be one line."""
    most = MAX_COLUMNS * MAX_CELL
    while line := lines.readline(most):
        if line.count(delimiter) > 200_000:
            raise Unreadable(
                "too_many_columns", f"A line has more than {MAX_COLUMNS} columns. Leave some out, or check the file."
            )
        yield line
