"""Who calls the portal over HTTP: people with a session and a CSRF token, machines with a bearer token."""

import re
from typing import Any

import httpx

from portal.actions.tokens import issue_token
from portal.choices import Scope
from tests.cast import PASSWORD, Cast

_CSRF = re.compile(r'<meta name="csrf-token" content="([^"]+)">')
API = "/api/v1/"


class Visitor:
    """One client against a running portal; API paths are given without their prefix."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False, follow_redirects=False)

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.http.get(API + path, params=params)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.http.post(API + path, json={} if body is None else body)

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.http.put(API + path, json=body)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.http.patch(API + path, json=body)


class Lobby:
    """Everybody who visits one portal during one test; people sign in through the form, once."""

    def __init__(self, url: str, cast: Cast) -> None:
        self.url, self._cast = url, cast
        self._people: dict[str, Visitor] = {}
        self._opened: list[Visitor] = []

    def __getitem__(self, username: str) -> Visitor:
        if username not in self._people:
            self._people[username] = self._signed_in(username)
        return self._people[username]

    def machine(self, account: str, scopes: list[Scope]) -> tuple[Visitor, str]:
        """(the service account's client, its token)."""
        _row, token = issue_token(
            actor=self._cast.actor("admin"), account=self._cast.accounts[account], label="journey", scopes=list(scopes)
        )
        visitor = self._open()
        visitor.http.headers["Authorization"] = f"Bearer {token}"
        return visitor, token

    def close(self) -> None:
        for visitor in self._opened:
            visitor.http.close()

    def _open(self) -> Visitor:
        self._opened.append(Visitor(self.url))
        return self._opened[-1]

    def _signed_in(self, username: str) -> Visitor:
        visitor = self._open()
        form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": _csrf(visitor, "/sign-in/")}
        answer = visitor.http.post("/sign-in/", data=form)
        assert (answer.status_code, answer.headers.get("Location")) == (302, "/"), answer.text[:2000]
        visitor.http.headers["X-CSRFToken"] = _csrf(visitor, "/sign-in/")
        return visitor


def said(answer: httpx.Response, status: int = 200) -> Any:
    """The body of an answer with exactly this status."""
    told = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:2000]}"
    assert answer.status_code == status, told
    return answer.json()


def _csrf(visitor: Visitor, path: str) -> str:
    found = _CSRF.search(visitor.http.get(path).text)
    assert found is not None
    return found[1]
