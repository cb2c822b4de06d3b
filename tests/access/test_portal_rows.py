"""The ground floor's rows hold, and every route of the ground floor has one."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from portal.models import AuditEvent, Grant, User
from tests.access.rows import Row
from tests.access.rows.portal import ROWS, filled
from tests.api.callers import Machine, signed_in
from tests.cast import PEOPLE, Cast


def _ask(client: Client, row: Row, path: str, **headers: str) -> int:
    client.raise_request_exception = False
    data = json.dumps(row.data) if path.startswith("/api/v1/") and row.method == "POST" else row.data
    extra = {"content_type": "application/json"} if isinstance(data, str) else {}
    send: Any = client.get if row.method == "GET" else client.post
    return int(send(path, *([data] if row.method == "POST" else []), headers=headers, **extra).status_code)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method}-{row.name}")
def test_a_row_holds_for_everybody(cast: Cast, row: Row) -> None:
    path = reverse(row.name, kwargs=filled(row.kwargs, cast))
    clients = {name: signed_in(name) for name in PEOPLE}
    before = Grant.objects.count(), User.objects.count(), AuditEvent.objects.count()
    assert _ask(Client(), row, path) == row.anonymous
    found = {name: _ask(client, row, path) for name, client in clients.items()}
    assert found == {name: row.allowed.get(name, row.others) for name in PEOPLE}
    if path.startswith("/api/v1/"):
        for name in cast.accounts:
            assert _ask(Client(), row, path, **Machine(cast, name).headers) == row.allowed.get(name, row.others)
    else:
        assert (Grant.objects.count(), User.objects.count(), AuditEvent.objects.count()) == before


def test_every_route_of_the_ground_floor_has_a_row() -> None:
    routes = {
        pattern.name for pattern in get_resolver("portal.urls").url_patterns if getattr(pattern, "name", None)
    } | {pattern.name for pattern in get_resolver("portal.api.urls").url_patterns}
    assert routes - {row.name for row in ROWS} == set()
