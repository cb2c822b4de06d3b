"""Files of any shape are read; hostile ones are refused before they cost anything."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.formula_guard import freed, guarded
from usecases.importing import bounds
from usecases.importing.bounds import Unreadable
from usecases.importing.readings import Table, Way
from usecases.importing.tables import read
from usecases.importing.words import known_headers

ROOT = Path(__file__).parents[3]
NAMES = "ID,Use case name,Stage\n"
BOOK = {
    "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="A" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" Target="worksheets/a.xml"/></Relationships>',
}


def table(body: bytes | str, way: Way | None = None) -> Table:
    return read(io.BytesIO(body.encode() if isinstance(body, str) else body), way, known_headers())


def book(sheet: str = "", **more: str) -> bytes:
    """A workbook with this sheet, written by hand."""
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**BOOK, "xl/worksheets/a.xml": sheet, **more}.items():
            archive.writestr(name, text)
    return place.getvalue()


def cells(count: int) -> str:
    return "".join(f'<c r="A{n}" t="str"><v>x</v></c>' for n in range(1, count))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_each_encoding_is_recognised(encoding: str) -> None:
    found = table(f"{NAMES}1,Größenprüfung “fein”,Pilot\n".encode(encoding))
    assert found.way.encoding == encoding
    assert found.rows[0].cells[1] == "Größenprüfung “fein”"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_recognised(delimiter: str) -> None:
    found = table(f"{NAMES}1,Letters,Pilot\n2,Claims,Live\n".replace(",", delimiter))
    assert (found.way.delimiter, [row.cells[1] for row in found.rows]) == (delimiter, ["Letters", "Claims"])


def test_a_banner_above_the_header_is_passed_over_and_line_numbers_are_the_files() -> None:
    found = table('Inventory 2025\n\nID,"Use case\nname",Stage,,\n1,Letters,Pilot,,\n')
    assert (found.way.header_row, found.headers, found.rows[0].number) == (3, ("ID", "Use case name", "Stage"), 5)


def test_duplicate_headers_stay_apart_by_position() -> None:
    found = table("Name,Other,Other\nLetters,a,b\n")
    assert (found.headers, found.rows[0].cells) == (("Name", "Other", "Other"), ("Letters", "a", "b"))


def test_a_workbook_is_read_by_the_sheet_that_holds_the_table() -> None:
    workbook = openpyxl.Workbook()
    options = workbook.active
    options.title, options.sheet_state = "Options", "hidden"
    for n in range(90):
        options.append([f"choice {n}", "x"])
    sheet = workbook.create_sheet("Inventory")
    sheet.append(["AI inventory"])
    sheet.append(["ID", "Use case name", "Date implemented"])
    sheet.append([7, "Letters", datetime(2024, 3, 1)])
    place = io.BytesIO()
    workbook.save(place)
    found = table(place.getvalue())
    assert (found.way.sheet, found.way.header_row, found.sheets) == ("Inventory", 2, ("Options", "Inventory"))
    assert found.rows[0].cells == ("7", "Letters", "2024-03-01")


def test_json_records_are_read_alone_and_inside_an_object() -> None:
    records = [{"id": 1, "title": "Letters", "tags": ["a", "b"]}, {"id": 2, "live": True}]
    for body in (records, {"count": 2, "results": records}):
        found = table(json.dumps(body))
        assert found.headers == ("id", "title", "tags", "live")
        assert [row.cells for row in found.rows] == [("1", "Letters", '["a", "b"]'), ("2", "", "", "TRUE")]


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("empty", lambda: b""),
    "hundred_thousand_columns": ("too_many_columns", lambda: b",".join([b"a"] * 100_000)),
    "a_million_columns": ("too_many_columns", lambda: b",".join([b"a"] * 1_000_000)),
    "huge_cell": ("csv", lambda: b'a,b\n"' + b"x" * 5_000_000 + b'",1\n'),
    "gigantic_row": ("row_too_long", lambda: b"a,b\n" + b",".join([b"x" * 30_000] * 20) + b"\n"),
    "open_quote": ("csv", lambda: b'a,b\n"' + b"never closed\n" * 5_000),
    "nul": ("nul", lambda: b"a,b\n1,x\x00y\n"),
    "too_many_rows": ("too_many_rows", lambda: b"a,b\n" + b"1,2\n" * 30_000),
    "blank_lines": ("too_many_lines", lambda: b"a,b\n" + b",\n" * 400_000),
    "too_large": ("too_large", lambda: b"a" * (bounds.MAX_BYTES + 1)),
    "deep_json": ("too_deep", lambda: b"[" * 50_000 + b"]" * 50_000),
    "wide_json": ("too_many_values", lambda: b"[" + b"[]," * 2_000_000 + b"[]]"),
    "json_of_numbers": ("not_records", lambda: b"[1, 2, 3]"),
    "deep_record": ("too_deep", lambda: b'[{"a":' + b"[" * 40 + b"]" * 40 + b"}]"),
    "zip_of_nothing": ("workbook", lambda: b"PK\x03\x04" + b"\x00" * 100),
    "zip_bomb": ("workbook_too_large", lambda: book("<x>" + " " * 200_000_000 + "</x>")),
    "tight_zip": ("workbook_bomb", lambda: book("<x>" + " " * 50_000_000 + "</x>")),
    "formula": ("formula", lambda: book('<sheetData><row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row></sheetData>')),
    "entities": (
        "doctype",
        lambda: book('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x><row><c><v>&e;</v></c></row></x>'),
    ),
    "laughs": ("doctype", lambda: book('<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>')),
    "far_column": ("too_many_columns", lambda: book('<row r="1"><c r="XFD1" t="str"><v>x</v></c></row>')),
    "endless_row": ("too_many_columns", lambda: book("<row>" + '<c t="str"><v>x</v></c>' * 30_000 + "</row>")),
    "empty_rows": ("too_many_lines", lambda: book("<s>" + "".join(f'<row r="{n}"/>' for n in range(200_000)) + "</s>")),
    "macros": ("active_content", lambda: book("<x/>", **{"xl/vbaProject.bin": "x"})),
    "old_workbook": ("old_workbook", lambda: b"\xd0\xcf\x11\xe0" + b"\x00" * 100),
    "portrait": ("not_a_table", lambda: b"\x89PNG\r\n" + b"\x00" * 100),
}
MEASURED = """
import re, sys, time
from usecases.importing.bounds import Unreadable
from usecases.importing.tables import read
started = time.process_time()
try:
    read(open(sys.argv[1], "rb"))
    code = "read"
except Unreadable as error:
    code = error.code
seconds = time.process_time() - started
print(code, seconds, int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_within_a_second_and_two_hundred_megabytes(name: str, tmp_path: Path) -> None:
    code, make = HOSTILE[name]
    place = tmp_path / name
    place.write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(place)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    found, seconds, megabytes = done.stdout.split()
    assert found == code
    assert float(seconds) < 1
    assert int(megabytes) < 200


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_read_or_refused_in_words(body: bytes) -> None:
    try:
        assert table(body).rows is not None
    except Unreadable as error:
        assert error.code
        assert error.text.endswith(".")


@settings(deadline=None)
@given(st.text())
def test_what_is_guarded_and_freed_is_the_same(text: str) -> None:
    assert freed(guarded(text)) == text
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
