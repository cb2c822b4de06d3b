"""Is it alive, is it ready, what does it measure."""

import contextlib
import hmac
import ipaddress
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.models import Heartbeat

WORKER_SILENCE = timedelta(seconds=60)


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Database, migrations, broker, worker heartbeat. 503 unless all are well; never says more than well or not."""
    # Without a database the rest of it would only wait for the same time-out again.
    database = _database()
    checks = {
        "database": database,
        "migrations": database and _migrations(),
        "broker": _broker(),
        "worker": database and _worker(),
    }
    ready = all(checks.values())
    body = {"ready": ready, **{name: "ok" if fine else "failing" for name, fine in checks.items()}}
    return JsonResponse(body, status=200 if ready else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _migrations() -> bool:
    """Every migration of this version is applied; remembered once true."""
    if cache_ok := _cache_get("migrations-applied"):
        return bool(cache_ok)
    try:
        executor = MigrationExecutor(connection)
        applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False
    if applied:
        _cache_set("migrations-applied", 3600)
    return applied


def _broker() -> bool:
    from kombu import Connection

    try:
        with Connection(settings.BROKER_URL, connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except Exception:
        return False
    return True


def _worker() -> bool:
    try:
        return Heartbeat.objects.filter(name="worker", beat_at__gt=timezone.now() - WORKER_SILENCE).exists()
    except DatabaseError:
        return False


def _cache_get(key: str) -> object:
    try:
        return cache.get(f"{key}:{settings.VERSION}")
    except Exception:
        return None


def _cache_set(key: str, seconds: int) -> None:
    with contextlib.suppress(Exception):
        cache.set(f"{key}:{settings.VERSION}", True, seconds)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: how much waits, how old it is. No names, no content.

    With METRICS_TOKEN set its bearer alone is answered (401 otherwise); without one, callers on this machine (403).
    """
    if settings.METRICS_TOKEN:
        if not _bears(request, settings.METRICS_TOKEN):
            return HttpResponse(
                _("The metrics need their bearer token, METRICS_TOKEN."),
                status=401,
                content_type="text/plain",
                headers={"WWW-Authenticate": 'Bearer realm="gatehouse metrics"'},
            )
    elif not _is_local(request):
        text = _("Without METRICS_TOKEN only callers on this machine are answered. Set one to measure from elsewhere.")
        return HttpResponse(text, status=403, content_type="text/plain")
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    for name, help_text, query in _GAUGES:
        gauge = Gauge(name, help_text, registry=registry)
        with connection.cursor() as cursor:
            cursor.execute(query)
            gauge.set(cursor.fetchone()[0])
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _bears(request: HttpRequest, token: str) -> bool:
    scheme, _space, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _is_local(request: HttpRequest) -> bool:
    """Asked from this machine itself: what a proxy passes on comes from loopback too, so its headers count."""
    if any(header in request.META for header in ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


_GAUGES = [
    (
        "gatehouse_outbox_waiting",
        "Messages that are due and not delivered.",
        "SELECT count(*) FROM outbox_message WHERE delivered_at IS NULL AND dead_at IS NULL",
    ),
    (
        "gatehouse_outbox_dead",
        "Messages given up.",
        "SELECT count(*) FROM outbox_message WHERE dead_at IS NOT NULL",
    ),
    (
        "gatehouse_audit_pending",
        "Audit events not yet sealed.",
        "SELECT count(*) FROM audit_pending",
    ),
    (
        "gatehouse_sync_runs_waiting",
        "Sync runs queued or to be tried again.",
        "SELECT count(*) FROM sync_run WHERE state IN ('queued', 'failed')",
    ),
    (
        "gatehouse_worker_heartbeat_age_seconds",
        "Seconds since a worker last said it is alive.",
        "SELECT coalesce(extract(epoch FROM clock_timestamp() - max(beat_at)), -1)"
        " FROM heartbeat WHERE name = 'worker'",
    ),
]
