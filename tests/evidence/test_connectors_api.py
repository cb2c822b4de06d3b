"""Connectors over the API."""

import uuid
from typing import Any

import pytest
from django.test import Client

from evidence.actions import syncs
from evidence.models import Connector, SyncRun
from tests.cast import PASSWORD, Cast
from tests.evidence.test_connectors import mlflow
from tests.evidence.test_push_api import Caller

PLACE = "/api/v1/connectors/"
BODY = {"kind": "mlflow", "name": "Experiments", "config": {"base_url": "https://mlflow.example.org"}}


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "ring", lambda _run_id: None)


def person(name: str) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": name, "password": PASSWORD})
    return client


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def test_a_person_sets_a_connector_up_and_the_secret_never_comes_back(cast: Cast) -> None:
    client = person("petra")
    response = post(client, PLACE, {**BODY, "secrets": {"token": "canary-secret"}})
    assert response.status_code == 201, response.json()
    assert "canary" not in response.content.decode() + client.get(PLACE).content.decode()
    assert [row["name"] for row in client.get(PLACE).json()["results"]] == ["Experiments"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "fax"}, "kind"),
        ({"config": {}}, "base_url"),
        ({"colour": "blue"}, "colour"),
        ({"schedule_minutes": 1}, "schedule_minutes"),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(cast: Cast, changes: dict[str, Any], field: str) -> None:
    response = post(person("petra"), PLACE, {**BODY, **changes})
    assert (response.status_code, Connector.objects.count()) == (400, 0)
    assert field in {error["field"] for error in response.json()["errors"]}


def test_a_machine_reads_a_source_now_and_asking_twice_is_one_run(cast: Cast) -> None:
    from portal.choices import Role
    from portal.models import Grant

    connector = mlflow(cast)
    assert Grant.objects.filter(service_account=cast.accounts["ingest"], role=Role.INGEST).exists()
    caller = Caller(cast, "ingest", ["connectors"])
    first = caller.post(f"{PLACE}{connector.pk}/sync/", {})
    again = caller.post(f"{PLACE}{connector.pk}/sync/", {})
    assert (first.status_code, again.json()["id"]) == (202, first.json()["id"])
    listed = caller.get(f"{PLACE}{connector.pk}/runs/").json()["results"]
    assert [row["state"] for row in listed] == ["queued"]
    refused = caller.post(PLACE, BODY)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_a_person")


def test_connectors_do_not_exist_for_others(cast: Cast) -> None:
    connector = mlflow(cast)
    client = person("olivia")
    assert client.get(PLACE).status_code == 404
    assert post(client, PLACE, BODY).status_code == 404
    assert post(client, f"{PLACE}{connector.pk}/sync/", {}).status_code == 404
    assert client.get(f"{PLACE}{connector.pk}/runs/").status_code == 404
    assert person("petra").get(f"{PLACE}{uuid.uuid4()}/runs/").status_code == 404
    assert SyncRun.objects.count() == 0
