"""What lists show, as files: CSV and JSON streamed, workbooks written row by row into a file that vanishes.

Rows come as texts and are never held all at once. Cells that a spreadsheet would run are guarded (formula_guard).
"""

import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from portal.formula_guard import guarded

FORMATS = ("csv", "xlsx", "json")
# What a cell of a workbook holds at most.
LONGEST_CELL = 32_767
_BOM = "\ufeff"
_FLUSHED = 200

# Beyond this many lines a list is narrowed first; a sheet of a workbook holds about a million.
MOST_ROWS = 500_000

Row = Sequence[str]


def kind_of(params: Mapping[str, str]) -> str:
    """The format that an address asks for; anything unknown is CSV."""
    kind = params.get("format", "csv")
    return kind if kind in FORMATS else "csv"


def exported(kind: str, name: str, headers: Row, rows: Iterable[Row]) -> HttpResponseBase:
    """The rows as a download called `name` plus the format's ending. `kind` is one of FORMATS."""
    rows = islice(rows, MOST_ROWS)
    disposition = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    if kind == "csv":
        return StreamingHttpResponse(
            csv_parts(headers, rows), content_type="text/csv; charset=utf-8", headers=disposition
        )
    if kind == "json":
        return StreamingHttpResponse(json_parts(headers, rows), content_type="application/json", headers=disposition)
    return FileResponse(
        workbook(headers, rows),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers=disposition,
    )


def csv_parts(headers: Row, rows: Iterable[Row]) -> Iterator[str]:
    """UTF-8 with the mark by which Excel knows it."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    buffer.write(_BOM)
    writer.writerow(headers)
    for count, row in enumerate(rows, start=1):
        writer.writerow([guarded(cell) for cell in row])
        if count % _FLUSHED == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def json_parts(headers: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A list of records; texts as they are, for nothing runs them."""
    mark = "["
    for row in rows:
        yield mark + "\n" + json.dumps(dict(zip(headers, row, strict=True)), ensure_ascii=False)
        mark = ","
    yield "[]\n" if mark == "[" else "\n]\n"


def workbook(headers: Row, rows: Iterable[Row]) -> Any:
    """A temporary file at its beginning; it is gone once it is closed."""
    import xlsxwriter  # heavy, and few requests want a workbook

    place = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    # One row in memory at a time; every cell is a text, so none is ever a formula, a number or a link.
    book = xlsxwriter.Workbook(place, {"constant_memory": True})
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    for column, header in enumerate(headers):
        sheet.write_string(0, column, header, bold)
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(number, column, guarded(cell)[:LONGEST_CELL])
    book.close()
    place.seek(0)
    return place
