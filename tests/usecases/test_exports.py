"""Every list as a file: what it shows, to whom it shows it, with its filters; harmless in a spreadsheet."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.test import Client

from tests.cast import Cast
from tests.usecases.importing.scenes import applied
from tests.usecases.scenes import registered, source_of
from usecases.actions.components import catalogue_component
from usecases.actions.registration import edit_use_case
from usecases.actions.tags import tag_use_case
from usecases.models import UseCase


def table(client: Client, address: str, kind: str = "csv", **filters: str) -> list[dict[str, Any]]:
    """The rows of a download, each by its headers."""
    response = client.get(address, {"format": kind, **filters})
    assert response.status_code == 200
    body = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    # Closing the response would end the request, and with it the test's connection.
    for close in response._resource_closers:
        close()
    if kind == "json":
        return list(json.loads(body))
    if kind == "xlsx":
        head, *rows = openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True)
        return [dict(zip(head, row, strict=True)) for row in rows]
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_data_sources_go_out_as_the_list_shows_them(cast: Cast, client_of: Callable[..., Client], kind: str) -> None:
    source_of(cast, name="=Tickets")
    source_of(cast, name="Ledger", owner="fiona")
    client = client_of("olivia")
    told = {row["Name"]: row["Owner"] for row in table(client, "/data-sources/export/", kind)}
    assert told == {("=Tickets" if kind == "json" else "'=Tickets"): cast.petra.name, "Ledger": cast.fiona.name}
    assert [row["Name"] for row in table(client, "/data-sources/export/", kind, q="ledger")] == ["Ledger"]
    assert table(client, "/data-sources/export/", kind, q="nothing like it") == []


def test_a_slip_of_the_finger_still_finds_a_data_source_and_the_count_is_of_what_is_listed(
    cast: Cast, client_of: Callable[..., Client]
) -> None:
    source_of(cast, name="Service desk tickets")
    source_of(cast, name="Ledger")
    page = " ".join(client_of("olivia").get("/data-sources/", {"q": "tikets"}).content.decode().split())
    assert ("Service desk tickets" in page, ">Ledger<" in page) == (True, False)
    assert "1 data source" in page


def test_components_go_out_with_their_filters(cast: Cast, client_of: Callable[..., Client]) -> None:
    for name, provider in (("gpt-4o", "OpenAI"), ("mistral-large", "Mistral")):
        catalogue_component(actor=cast.actor("petra"), kind="model", name=name, provider=provider, version="1")
    client = client_of("petra")
    assert [row["Name"] for row in table(client, "/components/export/")] == ["gpt-4o", "mistral-large"]
    assert [row["Name"] for row in table(client, "/components/export/", provider="Mistral")] == ["mistral-large"]


def test_a_history_goes_out_with_what_changed_and_by_its_filters(cast: Cast, client_of: Callable[..., Client]) -> None:
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, user_group="Forty clerks.")
    address = f"/use-cases/{use_case.reference}/history/export/"
    told = table(client_of("olivia"), address)
    assert told[0]["Action"] == "use_case.edited"
    assert {row["Action"] for row in told[1:]} == {"use_case.registered", "team.joined"}
    assert "Forty clerks." in told[0]["What changed"]
    assert table(client_of("olivia"), address, who="Arno") == []
    assert client_of("otto").get(address).status_code == 404


def test_the_trail_goes_out_to_its_readers_only(cast: Cast, client_of: Callable[..., Client]) -> None:
    first, second = registered(cast), registered(cast, title="Ledger reader")
    told = table(client_of("aud"), "/audit-trail/export/", about=second.reference)
    assert {row["About"] for row in told} == {second.reference}
    assert f"registered {second.reference}" in " ".join(row["What"] for row in told)
    assert first.reference not in str(told)
    assert client_of("olivia").get("/audit-trail/export/").status_code == 404


def test_the_register_goes_out_with_the_chosen_columns_and_with_tags(
    cast: Cast, client_of: Callable[..., Client]
) -> None:
    use_case = registered(cast)
    tag_use_case(actor=cast.actor("olivia"), use_case=use_case, add=["wave-1", "gdpr"])
    whole = table(client_of("olivia"), "/use-cases/export/")[0]
    assert set(whole["Tags"].split(", ")) == {"wave-1", "gdpr"}
    assert whole["Unit"] == "Customer service"
    chosen = table(client_of("olivia"), "/use-cases/export/", columns="tags")[0]
    assert list(chosen) == ["Gatehouse reference", "Name", "Tags"]


def test_the_reported_stage_is_a_column_of_the_list(cast: Cast, client_of: Callable[..., Client]) -> None:
    applied(cast)
    client = client_of("arno")
    page = client.get("/use-cases/", {"columns": ["reported"]}).content.decode()
    assert "Reported stage" in page
    assert page.count("<td>Pilot</td>") == 1
    assert page.count("<td>Deployed</td>") == 1
    told = table(client, "/use-cases/export/", columns="reported")
    assert {row["Name"]: row["Reported stage"] for row in told}["Letter helper"] == "Pilot"
    assert UseCase.objects.count() == 4
