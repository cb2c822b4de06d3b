"""What sources do when they do not behave: every network connector says what happened and how to mend it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.connectors.base import Session
from evidence.connectors.errors import AuthError, ConnectorError, NetworkError, RateLimited, SchemaError
from evidence.connectors.registry import connector
from evidence.connectors.transport import Limits, Patience, Transport
from tests.evidence.connectors.answers import PAYLOADS
from tests.evidence.connectors.servers import Answer, Server, in_turn, respond, serving

KINDS = (
    "mlflow", "phoenix", "langfuse", "litellm", "azure_cost", "azure_monitor", "openai_evals", "openai_usage", "aws",
)  # fmt: skip
AZURE = {"tenant": "contoso.example", "client_id": "app-1"}
SECRETS = dict.fromkeys(("client_secret", "secret_access_key", "token", "secret_key"), "canary-secret")
CONFIG: dict[str, dict[str, Any]] = {
    "mlflow": {},
    "phoenix": {"projects": ["p"]},
    "langfuse": {"dialect": "v4", "public_key": "pk"},
    "litellm": {},
    "azure_cost": {**AZURE, "scope": "/subscriptions/s1"},
    "azure_monitor": {**AZURE, "workspace": "00000000-0000-0000-0000-00000000000a"},
    "openai_evals": {},
    "openai_usage": {},
    "aws": {"access_key_id": "AKID"},
}
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def batches(kind: str, server: Server, waits: list[float] | None = None) -> Iterator[Any]:
    patience = Patience(sleep=(waits if waits is not None else []).append, jitter=lambda: 0.0)
    with Transport(allowed_internal=server.allowed, limits=Limits(total=20), patience=patience) as http:
        config = {"base_url": server.url, "authority": server.url, "usage_days": 2, **CONFIG[kind]}
        yield from connector(kind).fetch(Session(config=config, secrets=SECRETS, http=http, now=NOW), "")


def failed(kind: str, answer: Answer, expected: type[ConnectorError]) -> ConnectorError:
    with serving(answer) as server, pytest.raises(expected) as caught:
        list(batches(kind, server))
    assert caught.value.what
    assert caught.value.mend
    return caught.value


def test_a_source_that_asks_for_minutes_is_left_until_then(kind: str) -> None:
    busy = respond(b"{}", status="429 Too Many Requests", headers={"Retry-After": "900"})
    error = failed(kind, busy, RateLimited)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 900


def test_a_source_that_asks_for_seconds_is_waited_for(kind: str) -> None:
    waits: list[float] = []
    busy = respond(b"{}", status="429 Too Many Requests", headers={"Retry-After": "3"})
    with serving(in_turn(busy, respond(b"<html>"))) as server, pytest.raises(SchemaError):
        list(batches(kind, server, waits))
    assert waits == [3.0]


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"])
def test_a_source_that_is_broken_may_be_tried_later(kind: str, status: str) -> None:
    assert failed(kind, respond(b"{}", status=status), NetworkError).status == int(status[:3])


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_credentials_that_are_not_accepted_are_named(kind: str, status: str) -> None:
    failed(kind, respond(b"{}", status=status), AuthError)


@pytest.mark.parametrize("body", [b'{"data": [{"id"', b"<html>sign in</html>", b"[1, 2]", b'"words"', b"\xff\xfe"])
def test_an_answer_that_is_no_json_object_is_a_wrong_address(kind: str, body: bytes) -> None:
    failed(kind, respond(body), SchemaError)


@pytest.mark.parametrize("value", [7, "x", True, None, {"a": 1}, [None, 7, "x", [], {}], [{"id": {}, "name": []}]])
def test_wrong_types_are_read_as_nothing_or_refused_and_never_crash(kind: str, value: Any) -> None:
    names = ("data", "results", "experiments", "runs", "traces", "meta", "metadata", "next_cursor", "next_page_token")
    with serving(respond(json.dumps(dict.fromkeys(names, value)).encode())) as server:
        try:
            found = list(batches(kind, server))
        except ConnectorError as error:
            assert error.mend
            return
    assert [each for batch in found for each in batch.readings if getattr(each, "cases", ())] == []


def test_a_missing_thing_is_told_in_the_source_s_own_words() -> None:
    refusal = json.loads((PAYLOADS / "phoenix" / "error_missing_project.json").read_text())
    answer = respond(refusal["body"].encode(), status=f"{refusal['status']} Not Found", kind="text/plain")
    assert "Project with name nope not found" in failed("phoenix", answer, SchemaError).what
