"""A scripted Azure on one address: it signs applications in, bills by day, and answers queries and metrics."""

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from evidence.connectors.base import Session
from evidence.connectors.transport import Limits, Patience, Transport
from tests.evidence.connectors.servers import Heard, Server, respond

PAYLOADS = Path(__file__).parent.parent / "payloads"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECRET = "canary~secret/with+signs"
SCOPE = "/subscriptions/00000000-0000-0000-0000-000000000001"
KEYS = {"tenant": "contoso.example", "client_id": "app-1"}


def captured(system: str, name: str) -> Any:
    """A captured or published answer, whole."""
    return json.loads((PAYLOADS / system / f"{name}.json").read_text())


class SignIn:
    """Gives tokens as Azure does; whoever comes without one is sent away. `answer` does the rest."""

    def __init__(self) -> None:
        self.tokens = 0
        self.expires_in: Any = 3599
        self.refusal: dict[str, str] | None = None

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        split = urlsplit(heard.path)
        if split.path.endswith("/oauth2/v2.0/token"):
            self._token(heard)(connection, heard)
        elif heard.headers.get("authorization") != f"Bearer token-{self.tokens}":
            respond(b"{}", status="401 Unauthorized")(connection, heard)
        else:
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            self.answer(split.path, query, heard)(connection, heard)

    def _token(self, heard: Heard) -> Callable[[socket.socket, Heard], None]:
        form = {name: values[0] for name, values in parse_qs(heard.body.decode()).items()}
        assert form["client_secret"] == SECRET
        assert form["grant_type"] == "client_credentials"
        assert heard.path == "/contoso.example/oauth2/v2.0/token"
        if self.refusal is not None:
            return respond(json.dumps(self.refusal).encode(), status="401 Unauthorized")
        self.tokens += 1
        token = {"token_type": "Bearer", "expires_in": self.expires_in, "access_token": f"token-{self.tokens}"}
        return respond(json.dumps(token).encode())

    def answer(self, path: str, query: dict[str, str], heard: Heard) -> Callable[[socket.socket, Heard], None]:
        raise AssertionError(path, query, heard)


def session_at(server: Server, http: Transport, now: datetime = NOW, mappings: Any = (), **config: Any) -> Session:
    given = {"base_url": server.url, "authority": server.url, **KEYS, **config}
    return Session(config=given, secrets={"client_secret": SECRET}, http=http, now=now, mappings=tuple(mappings))


def network(server: Server, waits: list[float] | None = None) -> Transport:
    patience = Patience(sleep=(waits if waits is not None else []).append, jitter=lambda: 0.0)
    return Transport(allowed_internal=server.allowed, limits=Limits(total=90), patience=patience)
