"""Browsers of the cast, signed in."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.api.authentication import new_token
from portal.choices import Scope
from portal.models import ApiToken
from tests.cast import Cast


@pytest.fixture
def client_of(cast: Cast) -> Callable[..., Client]:
    """`client_of("olivia")` is a client with her session; headers may be added."""

    def open_for(name: str, **headers: Any) -> Client:
        client = Client(**headers)
        client.force_login(cast.people[name], backend="portal.sso.LocalBackend")
        session = client.session
        now = int(timezone.now().timestamp())
        session.update({"signed_in_at": now, "seen_at": now})
        session.save()
        return client

    return open_for


@pytest.fixture
def api(cast: Cast, client_of: Callable[..., Client]) -> Callable[..., Any]:
    """`api("pipeline").post("use-cases/", {…})`: JSON by session for people, by token for service accounts."""
    return lambda name, scopes=None: JsonClient(cast, client_of, name, scopes)


class JsonClient:
    def __init__(self, cast: Cast, client_of: Callable[..., Client], name: str, scopes: list[str] | None) -> None:
        if name in cast.accounts:
            self.client = Client(headers={"Authorization": f"Bearer {token_for(cast, name, scopes)}"})
        else:
            self.client = client_of(name)

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", params)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("post", path, body, headers)

    def put(self, path: str, body: Any) -> Any:
        return self.send("put", path, body, {})

    def patch(self, path: str, body: Any) -> Any:
        return self.send("patch", path, body, {})

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        call = getattr(self.client, method)
        return call(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json", headers=headers)


def token_for(cast: Cast, name: str, scopes: list[str] | None) -> str:
    """A token of this account with these scopes, all by default."""
    text, prefix, digest = new_token()
    ApiToken.objects.create(
        account=cast.accounts[name],
        label="test",
        prefix=prefix,
        secret_sha256=digest,
        scopes=Scope.values if scopes is None else scopes,
        created_by=cast.people["admin"],
        expires_at=timezone.now() + timedelta(days=1),
    )
    return text
