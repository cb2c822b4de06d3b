"""A token opens what its account and its scopes both allow, while it is valid, and leaves no trace in the logs."""

import hmac
import logging
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from portal.actions.people import deactivate_person, deactivate_service_account
from portal.actions.tokens import revoke_token
from portal.api import authentication
from portal.choices import Role, Scope
from portal.models import ApiToken, Grant
from tests.api.callers import Machine, signed_in
from tests.cast import Cast

ME = "/api/v1/me/"


def _code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def _with(text: str) -> Any:
    return Client().get(ME, headers={"Authorization": text})


def test_a_token_speaks_for_its_account(machine: Machine) -> None:
    assert machine.get(ME).json() == {
        "kind": "service",
        "name": "pipeline",
        "capabilities": [
            "ask_gate",
            "declare_version",
            "propose_release",
            "push_evidence",
            "register",
            "view",
        ],
        "scopes": sorted(Scope.values),
    }


@pytest.mark.parametrize(
    ("scopes", "capabilities"),
    [
        (["read"], ["view"]),
        (["gate"], ["ask_gate", "view"]),
        (["evidence", "gate"], ["ask_gate", "push_evidence", "view"]),
        (["audit", "connectors"], ["view"]),
        ([], []),
    ],
)
def test_scopes_only_narrow_what_the_account_may(cast: Cast, scopes: list[str], capabilities: list[str]) -> None:
    assert Machine(cast, scopes=scopes).get(ME).json()["capabilities"] == capabilities


def test_a_scope_nobody_knows_opens_nothing(machine: Machine) -> None:
    ApiToken.objects.filter(pk=machine.token.pk).update(scopes=["everything"])
    assert machine.get(ME).json()["capabilities"] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.split(".")[0],
        lambda text: text.split(".")[0] + ".",
        lambda text: "gth_000000000000." + text.split(".")[1],
        lambda text: "." + text.split(".")[1],
        lambda text: "gth_\x00" + text,
        lambda text: "gth_é." + text,
        lambda text: "",
    ],
)
def test_a_token_that_is_not_exact_is_not_known(machine: Machine, spoil: Any) -> None:
    response = _with(f"Bearer {spoil(machine.text)}")
    assert _code(response) == (401, "token_unknown")
    assert machine.row().last_used_at is None


def test_another_scheme_is_no_token(machine: Machine) -> None:
    assert _code(_with(f"Basic {machine.text}")) == (401, "not_authenticated")
    assert _with(f"bearer {machine.text}").status_code == 200


def test_the_comparison_takes_the_same_path_for_a_known_and_an_unknown_prefix(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    compare = hmac.compare_digest

    def watched(first: bytes, second: bytes) -> bool:
        compared.append(len(first) + len(second))
        return compare(first, second)

    monkeypatch.setattr(authentication.hmac, "compare_digest", watched)
    _with(f"Bearer {machine.text.split('.')[0]}.wrong")
    _with("Bearer gth_000000000000.wrong")
    assert compared == [64, 64]


def test_a_token_ends_at_its_hour(machine: Machine) -> None:
    ends = machine.row().expires_at
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert machine.get(ME).status_code == 200
    with time_machine.travel(ends, tick=False):
        assert _code(machine.get(ME)) == (401, "token_expired")


def test_a_revoked_token_opens_nothing_from_the_next_request_on(cast: Cast, machine: Machine) -> None:
    revoke_token(actor=cast.actor("admin"), token=machine.token)
    assert _code(machine.get(ME)) == (401, "token_revoked")


def test_a_switched_off_account_is_told_so(machine: Machine, cast: Cast) -> None:
    cast.accounts["pipeline"].is_active = False
    cast.accounts["pipeline"].save()
    assert _code(machine.get(ME)) == (401, "account_inactive")


def test_switching_the_account_or_its_owner_off_ends_its_tokens(cast: Cast, machine: Machine) -> None:
    other = Machine(cast, "ingest")
    deactivate_service_account(actor=cast.actor("admin"), account=cast.accounts["pipeline"])
    assert (machine.get(ME).status_code, other.get(ME).status_code) == (401, 200)
    deactivate_person(actor=cast.actor("admin"), person=cast.petra)
    assert _code(other.get(ME)) == (401, "token_revoked")


def test_last_used_is_kept_to_the_minute(machine: Machine) -> None:
    start = timezone.now()
    seen = []
    for seconds in (0, 59, 61):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            machine.get(ME)
        seen.append((machine.row().last_used_at - start).total_seconds())
    assert seen == [0, 0, 61]


def test_only_the_digest_is_stored_and_nothing_is_logged(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    secret = machine.text.split(".")[1]
    with caplog.at_level(logging.DEBUG):
        machine.get(ME)
        _with(f"Bearer {machine.text}x")
        machine.client.get("/api/v1/probe/raise/unexpected/", headers=machine.headers)
    assert caplog.records, "the failing request must have been logged, or this test proves nothing"
    assert secret not in caplog.text
    assert not any(secret in str(record.__dict__) for record in caplog.records)
    row = ApiToken.objects.filter(pk=machine.token.pk).values().get()
    assert secret not in str(row)
    assert len(bytes(row["secret_sha256"])) == 32


def test_no_scope_and_no_role_lets_a_machine_decide(cast: Cast) -> None:
    for role in Role.values:
        Grant.objects.create(service_account=cast.accounts["pipeline"], role=role, valid_from=timezone.now())
    able = Machine(cast).get(ME).json()["capabilities"]
    assert not [name for name in able if name.startswith(("decide", "conclude", "manage", "issue", "allow"))]


def test_people_call_the_api_by_their_session_and_writes_need_the_csrf_token(cast: Cast) -> None:
    client = signed_in("dev", csrf=True)
    assert client.get(ME).json()["name"] == "Dev"
    refused = client.post("/api/v1/probe/once/", {}, content_type="application/json")
    assert _code(refused) == (403, "permission_denied")
    assert "CSRF" in refused.json()["detail"]
    page = client.get("/sign-in/").content.decode()
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    taken = client.post("/api/v1/probe/once/", {}, content_type="application/json", headers={"X-CSRFToken": token})
    assert taken.status_code == 201


def test_the_trail_is_read_with_role_and_scope_only(cast: Cast) -> None:
    path = "/api/v1/audit-events/"
    assert _code(Machine(cast).get(path)) == (403, "not_auditor")
    assert _code(signed_in("otto").get(path)) == (403, "not_auditor")
    Grant.objects.create(service_account=cast.accounts["ingest"], role=Role.AUDITOR, valid_from=timezone.now())
    assert _code(Machine(cast, "ingest", ["read"]).get(path)) == (403, "not_auditor")
    assert Machine(cast, "ingest", ["audit"]).get(path).status_code == 200
    assert signed_in("aud").get(path).status_code == 200
