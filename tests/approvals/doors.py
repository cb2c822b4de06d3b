"""Clients for this floor's doors: people by session, service accounts by token."""

import time
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from portal.api.authentication import new_token
from portal.choices import Scope
from portal.models import ApiToken
from tests.cast import Cast

JSON = "application/json"


def browser(cast: Cast, name: str) -> Client:
    """Signed in a moment ago."""
    client = Client()
    client.force_login(cast.people[name], backend="portal.sso.LocalBackend")
    session = client.session
    session["signed_in_at"] = session["seen_at"] = int(time.time())
    session["signed_in_by"] = "test"
    session.save()
    return client


def machine(cast: Cast, name: str, scopes: list[str] | None = None) -> Client:
    """A client that sends the account's token."""
    text, prefix, digest = new_token()
    ApiToken.objects.create(
        account=cast.accounts[name],
        label="test",
        prefix=prefix,
        secret_sha256=digest,
        scopes=scopes or list(Scope.values),
        created_by=cast.admin,
        expires_at=timezone.now() + timedelta(days=1),
    )
    return Client(headers={"Authorization": f"Bearer {text}"})


def post(client: Client, url: str, body: Any, **headers: str) -> Any:
    return client.post(url, body, content_type=JSON, headers=headers or None)
