"""Alive, ready, measured; a failing part is named and nothing else is said."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from portal.models import Heartbeat, OutboxMessage
from portal.views import health


@pytest.fixture
def well(db: None) -> None:
    cache.delete(f"migrations-applied:{health.settings.VERSION}")
    Heartbeat.objects.create(name="worker", beat_at=timezone.now())


def _ready() -> tuple[int, dict[str, Any]]:
    response = Client().get("/readyz")
    return response.status_code, response.json()


def test_the_process_is_alive_without_asking_anything(client: Client) -> None:
    response = client.get("/livez")
    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"ok\n", "text/plain")
    assert client.post("/livez").status_code == 405


def test_all_well_is_ready(well: None) -> None:
    assert _ready() == (
        200,
        {"ready": True, "database": "ok", "migrations": "ok", "broker": "ok", "worker": "ok"},
    )


@pytest.mark.parametrize("age", [None, timedelta(seconds=61)])
def test_a_silent_worker_is_not_ready(well: None, age: timedelta | None) -> None:
    if age is None:
        Heartbeat.objects.all().delete()
    else:
        Heartbeat.objects.update(beat_at=timezone.now() - age)
    assert _ready() == (
        503,
        {"ready": False, "database": "ok", "migrations": "ok", "broker": "ok", "worker": "failing"},
    )


def test_a_missing_migration_is_not_ready(well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = MigrationRecorder.applied_migrations

    def one_less(self: MigrationRecorder) -> Any:
        applied = real(self)
        newest = max(key for key in applied if key[0] == "portal")
        return {key: row for key, row in applied.items() if key != newest}

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", one_less)
    status, body = _ready()
    assert (status, body["migrations"], body["database"]) == (503, "failing", "ok")


def test_a_dead_broker_is_not_ready(well: None, settings: Any) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    assert _ready() == (
        503,
        {"ready": False, "database": "ok", "migrations": "ok", "broker": "failing", "worker": "ok"},
    )


def test_a_dead_database_is_named_and_the_rest_is_not_waited_for(well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Dead:
        def cursor(self) -> None:
            asked.append("cursor")
            raise OperationalError("host=10.0.0.7 refused")

    monkeypatch.setattr(health, "connection", Dead())
    status, body = _ready()
    assert status == 503
    assert body == {
        "ready": False,
        "database": "failing",
        "migrations": "failing",
        "broker": "ok",
        "worker": "failing",
    }
    assert asked == ["cursor"]


def test_a_dead_cache_does_not_make_it_unready(well: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "get", dead)
    monkeypatch.setattr(cache, "set", dead)
    assert _ready()[0] == 200


def test_metrics_count_what_waits(well: None, client: Client) -> None:
    now = timezone.now()
    for extra in ({}, {}, {"delivered_at": now}, {"dead_at": now}):
        OutboxMessage.objects.create(channel="email", recipient="a@example.org", body="b", due_at=now, **extra)
    response = client.get("/metrics")
    assert response["Content-Type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in response.content.decode().splitlines() if not line.startswith("#"))
    assert float(lines["gatehouse_outbox_waiting"]) == 2
    assert float(lines["gatehouse_outbox_dead"]) == 1
    assert float(lines["gatehouse_sync_runs_waiting"]) == 0
    assert 0 <= float(lines["gatehouse_worker_heartbeat_age_seconds"]) < 60
    assert "example.org" not in response.content.decode()


def test_metrics_without_a_worker_say_so(db: None, client: Client) -> None:
    assert "gatehouse_worker_heartbeat_age_seconds -1.0" in client.get("/metrics").content.decode()


def test_metrics_with_a_token_answer_its_bearer_only(well: None, client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "measure-me-0123456789"
    for given in ({}, {"Authorization": "Bearer measure-me"}, {"Authorization": "Basic measure-me-0123456789"}):
        refused = client.get("/metrics", headers=given)
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="gatehouse metrics"')
        assert b"gatehouse_outbox" not in refused.content
    bearer = {"Authorization": "Bearer measure-me-0123456789"}
    assert client.get("/metrics", headers=bearer, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.7"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, 403),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.7"}, 403),
    ],
)
def test_metrics_without_a_token_answer_this_machine_only(
    well: None, client: Client, asked: dict[str, Any], status: int
) -> None:
    response = client.get("/metrics", **asked)
    assert response.status_code == status
    assert (b"gatehouse_outbox_waiting" in response.content) == (status == 200)
