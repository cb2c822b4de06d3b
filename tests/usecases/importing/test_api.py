"""A machine brings a register in: upload, mapping, dry run, apply, undo, each once however often it asks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.cast import Cast
from tests.usecases.conftest import token_for
from tests.usecases.importing.files import FEDERAL_2025, SMALL
from usecases.actions.import_work import run_import
from usecases.models import Fact, RegisterImport, UseCase

Api = Callable[..., Any]


@pytest.fixture
def machine(cast: Cast) -> Client:
    return Client(headers={"Authorization": f"Bearer {token_for(cast, 'pipeline', ['register'])}"})


def upload(machine: Client, body: bytes = SMALL.encode(), **headers: str) -> Any:
    form = {
        "file": SimpleUploadedFile("inventory.csv", body), "source": "Inventory", "unit": "Customer service",
        "owner": "olivia",
    }  # fmt: skip
    return machine.post("/api/v1/imports/", form, headers=headers)


def ask(machine: Client, pk: str, verb: str) -> Any:
    answer = machine.post(f"/api/v1/imports/{pk}/{verb}/")
    assert answer.status_code == 202, answer.content
    run_import(pk)  # type: ignore[arg-type]
    return machine.get(f"/api/v1/imports/{pk}/").json()


def test_a_register_comes_in_and_goes_out_over_the_api(machine: Client) -> None:
    made = upload(machine)
    assert made.status_code == 201
    pk = made.json()["id"]
    assert made.json()["headers"][:2] == ["ID", "Use case name"]
    shown = ask(machine, pk, "check")
    assert (shown["state"], shown["counts"]["create"]) == ("checked", 4)
    rows = machine.get(f"/api/v1/imports/{pk}/rows/", {"outcome": "create", "page_size": 2}).json()
    assert [row["number"] for row in rows["results"]] == [4, 5]
    assert ask(machine, pk, "apply")["state"] == "applied"
    assert UseCase.objects.count() == 4
    rows = machine.get(f"/api/v1/imports/{pk}/rows/").json()["results"]
    assert rows[0]["use_case"] == UseCase.objects.get(title="Letter helper").reference
    assert ask(machine, pk, "undo")["counts"]["undone"] == 4
    assert UseCase.objects.count() == 0


def test_columns_and_words_are_said_by_position_and_by_word(machine: Client) -> None:
    pk = upload(machine).json()["id"]
    body = {
        "columns": [{"position": 1, "field": "title"}, {"position": 3, "field": "reported_stage"}],
        "words": [{"field": "reported_stage", "word": "Operation and Maintenance", "ours": "retired"}],
    }
    put = machine.put(f"/api/v1/imports/{pk}/mapping/", body, content_type="application/json")
    assert put.status_code == 200
    shown = ask(machine, pk, "check")
    assert {(word["word"], word["ours"]) for word in shown["words"]} >= {("Operation and Maintenance", "retired")}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"columns": [{"position": 99, "field": "title"}]}, "There is no column 100"),
        ({"columns": [{"position": 0, "field": "colour"}]}, "not a valid choice"),
        ({"columns": [], "words": [{"field": "pattern", "word": "x", "ours": "magic"}]}, "is no word for pattern"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused_in_words(machine: Client, body: Any, told: str) -> None:
    made = upload(machine).json()
    put = machine.put(f"/api/v1/imports/{made['id']}/mapping/", body, content_type="application/json")
    assert put.status_code == 400
    assert told in str(put.json()["errors"])
    assert RegisterImport.objects.get().mapping == made["mapping"]


def test_the_same_upload_under_one_key_is_one_import(machine: Client) -> None:
    first, second = (upload(machine, **{"Idempotency-Key": "one"}) for _time in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert RegisterImport.objects.count() == 1


def test_a_file_that_cannot_be_read_is_refused_in_words(machine: Client) -> None:
    answer = upload(machine, b"a,b\n1,\x00\n")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "file", "message": "Row 2 holds NUL characters, which no text has. Save the file again as UTF-8."}
    ]
    assert RegisterImport.objects.count() == 0


def test_what_is_not_there_yet_cannot_be_applied_or_undone(machine: Client) -> None:
    pk = upload(machine).json()["id"]
    for verb in ("apply", "undo"):
        answer = machine.post(f"/api/v1/imports/{pk}/{verb}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert RegisterImport.objects.get().state == "uploaded"


@pytest.mark.parametrize("path", FEDERAL_2025, ids=lambda path: path.stem)
def test_a_public_inventory_comes_in_over_the_api(machine: Client, path: Path) -> None:
    pk = upload(machine, path.read_bytes()).json()["id"]
    assert ask(machine, pk, "check")["counts"]["create"] == 3611
    assert ask(machine, pk, "apply")["state"] == "applied"
    assert (UseCase.objects.count(), Fact.objects.filter(name="reported_impact", value="high").count()) == (3611, 445)
