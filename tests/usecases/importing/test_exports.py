"""The register as a file: what the list shows, safe in a spreadsheet, and known again when it comes back."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.exports import csv_parts, json_parts, workbook
from tests.cast import Cast
from tests.usecases.importing.scenes import applied, checked
from tests.usecases.scenes import registered
from usecases.importing.mapping import ColumnMapping, suggested
from usecases.importing.rows import said
from usecases.importing.tables import read
from usecases.importing.words import clean, known_headers, vocabulary
from usecases.models import UseCase

HEADERS = ("Name", "Business outcome", "User group", "Pattern", "Reported stage", "Reported impact")
LETTERS = st.characters(categories=["L", "N", "P", "S"]) | st.sampled_from(" \n\t")
TEXTS = st.text(LETTERS, min_size=1, max_size=60)
STARTS = st.sampled_from(["", "=", "+", "-", "@", "'", "'=", "''-", "\t", " "])
ROWS = st.lists(
    st.tuples(
        st.builds(str.__add__, STARTS, TEXTS),
        st.builds(str.__add__, STARTS, TEXTS),
        TEXTS,
        st.sampled_from(["Drafts", "Agent with tools", ""]),
        st.sampled_from(["Pilot", "Deployed", "N/A", ""]),
        st.sampled_from(["High impact", "No high impact", "To be reviewed", "TBD", ""]),
    ),
    min_size=1,
    max_size=6,
)


def meant(kind: str, body: bytes) -> list[dict[str, Any]]:
    """What an import takes out of the file, row by row."""
    table = read(io.BytesIO(body), None, known_headers())
    mapping = ColumnMapping(suggested(table.headers))
    return [dict(row.values.items()) for row in said(table, mapping)]


def written(kind: str, rows: list[tuple[str, ...]]) -> bytes:
    if kind == "csv":
        return "".join(csv_parts(HEADERS, rows)).encode()
    if kind == "json":
        return "".join(json_parts(HEADERS, rows)).encode()
    with workbook(HEADERS, rows) as file:
        body: bytes = file.read()
    return body


def cells_of(values: dict[str, Any]) -> tuple[str, ...]:
    """What stood there when it says nothing, the value otherwise."""
    names = ("title", "business_outcome", "user_group", "pattern", "reported_stage", "reported_impact")
    labels = {"drafting": "Drafts", "agent": "Agent with tools", "pilot": "Pilot", "deployed": "Deployed",
              "high": "High impact", "none": "No high impact", "review": "To be reviewed"}  # fmt: skip
    return tuple(
        labels.get(values[name].get("value", ""), values[name].get("value", values[name].get("raw", "")))
        if name not in ("title", "business_outcome", "user_group")
        else values[name].get("value", values[name].get("raw", ""))
        for name in names
    )


def says_something(rows: list[tuple[str, ...]]) -> bool:
    """Texts that are no other way of saying nothing."""
    return all(vocabulary().null_state(clean(text)) is None for row in rows for text in row[:3])


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS.filter(says_something))
def test_import_export_and_import_again_is_a_fixed_point(kind: str, rows: list[tuple[str, ...]]) -> None:
    first = meant(kind, written(kind, rows))
    again = meant(kind, written(kind, [cells_of(values) for values in first]))
    assert [cells_of(values) for values in again] == [cells_of(values) for values in first]
    assert len(first) == len(rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_an_export_begins_as_a_formula(start: str) -> None:
    body = "".join(csv_parts(("a",), [(f"{start}cmd|' /C calc'!A0",)]))
    assert list(csv.reader(io.StringIO(body.removeprefix("\ufeff"), newline="")))[1][0] == f"'{start}cmd|' /C calc'!A0"
    with workbook(("a",), [(f"{start}1+1",)]) as file, zipfile.ZipFile(file) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def download(client: Client, kind: str, **filters: str) -> bytes:
    response = client.get("/use-cases/export/", {"format": kind, **filters})
    assert response.status_code == 200
    assert f"use-cases.{kind}" in response["Content-Disposition"]
    body = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    # Closing the response would end the request, and with it the test's connection.
    for close in response._resource_closers:
        close()
    return body


def names(kind: str, body: bytes) -> list[str]:
    if kind == "json":
        return [record["Name"] for record in json.loads(body)]
    if kind == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(body))
        return [str(row[1]) for row in book.active.iter_rows(min_row=2, values_only=True)]
    return [row["Name"] for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_an_export_holds_what_the_list_shows_to_this_person(
    cast: Cast, client_of: Callable[..., Client], kind: str
) -> None:
    registered(cast)
    registered(cast, by="arno", title="Ledger reader", owner=cast.fiona, unit=cast.units["Finance"])
    assert names(kind, download(client_of("olivia"), kind)) == ["Refund helper"]
    assert names(kind, download(client_of("arno"), kind)) == ["Ledger reader", "Refund helper"]
    assert names(kind, download(client_of("arno"), kind, q="ledger")) == ["Ledger reader"]
    assert names(kind, download(client_of("otto"), kind)) == []


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_an_export_that_comes_back_changes_nothing(cast: Cast, client_of: Callable[..., Client], kind: str) -> None:
    applied(cast)
    registered(cast, title="=HYPERLINK('x')", business_outcome="-5 % calls", user_group="@all")
    before = list(UseCase.objects.order_by("number").values())
    back = checked(cast, download(client_of("arno"), kind), file_name=f"back.{kind}", source_name="Gatehouse")
    assert back.counts == {"create": 0, "change": 0, "same": 5, "refuse": 0, "skip": 0, "incomplete": 0}
    assert list(UseCase.objects.order_by("number").values()) == before
