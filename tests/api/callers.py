"""Service accounts and people as callers of the API."""

import json
from typing import Any

from django.test import Client

from portal.actions.tokens import issue_token
from portal.choices import Scope
from portal.models import ApiToken
from tests.cast import PASSWORD, Cast


class Machine:
    """A service account with a token."""

    def __init__(self, cast: Cast, name: str = "pipeline", scopes: list[str] | None = None) -> None:
        self.token, self.text = issue_token(
            actor=cast.actor("admin"),
            account=cast.accounts[name],
            label="test",
            scopes=list(Scope.values) if scopes is None else scopes,
            days=1,
        )
        self.headers = {"Authorization": f"Bearer {self.text}"}
        self.client = Client(raise_request_exception=False)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.post(path, data, content_type=content_type, headers={**self.headers, **headers})

    def row(self) -> ApiToken:
        return ApiToken.objects.get(pk=self.token.pk)


def signed_in(username: str, *, csrf: bool = False) -> Client:
    """A browser in which the person has signed in through the door."""
    client = Client(enforce_csrf_checks=False, raise_request_exception=False)
    response = client.post("/sign-in/", {"username": username, "password": PASSWORD})
    assert response.status_code == 302, response.content
    client.handler.enforce_csrf_checks = csrf
    return client
