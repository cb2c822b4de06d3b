"""The queue of synchronisations in PostgreSQL: due, claimed under a lease, fenced, given up. The broker only rings."""

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from evidence import policies
from evidence.actions.told_versions import with_digest
from evidence.actions.words import line
from evidence.choices import SyncState, SyncTrigger
from evidence.configuring import checked_told
from evidence.models import Connector, SyncRun
from portal.access import require
from portal.actors import Actor, worker
from portal.audit import record
from portal.files import keep

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60
ATTEMPTS = 5
LONGEST_WAIT = 900.0
UNHEARD = timedelta(seconds=20)
MOST_REJECTS = 200
SCHEDULER = worker("scheduler")
TASK = "evidence.run_sync"


class LeaseLost(Exception):
    """Somebody else has the run now: stop, and write nothing more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one run until it expires; the token is checked with every write."""

    run_id: uuid.UUID
    connector_id: uuid.UUID
    token: uuid.UUID
    attempt: int


def ring(run_id: uuid.UUID) -> None:
    """Tell the workers. Without a broker nothing is lost: the sweep rings again."""
    try:
        current_app.send_task(TASK, (str(run_id),), retry=False)
    except Exception as error:
        log.warning("sync not rung", run_id=str(run_id), error=type(error).__name__)


def _ring_after_commit(run: SyncRun) -> None:
    transaction.on_commit(partial(ring, run.pk), robust=True)


@transaction.atomic
def request_sync(*, actor: Actor, connector: Connector) -> SyncRun:
    """The queued run that reads this source now; one that waits already is the answer. Raises Refused."""
    connector = Connector.objects.select_for_update(of=("self",)).get(pk=connector.pk)
    require(policies.may_sync(actor, connector))
    waiting = SyncRun.objects.filter(connector=connector, state__in=[SyncState.QUEUED, SyncState.FAILED]).first()
    if waiting is not None:
        SyncRun.objects.filter(pk=waiting.pk).update(next_at=timezone.now())
        _ring_after_commit(waiting)
        return waiting
    run = _queued(actor, connector, SyncTrigger.DEMAND)
    record(actor, "sync_run.requested", run, f"asked to read {connector.name} now.", data={"connector": connector.pk})
    _ring_after_commit(run)
    return run


@transaction.atomic
def request_file_sync(
    *,
    actor: Actor,
    connector: Connector,
    name: str,
    chunks: Iterable[bytes],
    told: Mapping[str, Any] | None = None,
) -> SyncRun:
    """Keep the file and queue its reading. `told` is what the uploader says about it (see connectors.told).

    Raises Refused, FileTooLarge, and ValidationError by field of `told`.
    """
    connector = Connector.objects.select_for_update(of=("self",)).get(pk=connector.pk)
    require(policies.may_upload(actor, connector))
    said = checked_told(with_digest(actor, told or {}))
    sha256 = keep(chunks)
    run = _queued(actor, connector, SyncTrigger.FILE, file_sha256=sha256, file_name=line(name, 200), told=said)
    sentence = f"uploaded “{run.file_name}” to {connector.name}."
    record(actor, "sync_run.requested", run, sentence, data={"connector": connector.pk, "sha256": sha256, "told": said})
    _ring_after_commit(run)
    return run


@transaction.atomic
def request_file_again(*, actor: Actor, run: SyncRun) -> SyncRun:
    """Queue another reading of a run's file, as the connector is set up now. Raises Refused."""
    run = SyncRun.objects.select_related("connector").get(pk=run.pk)
    connector = Connector.objects.select_for_update(of=("self",)).get(pk=run.connector_id)
    require(policies.may_read_again(actor, run))
    kept = {"file_sha256": run.file_sha256, "file_name": run.file_name, "told": run.told}
    again = _queued(actor, connector, SyncTrigger.FILE, **kept)
    sentence = f"asked to read “{run.file_name}” of {connector.name} again."
    record(actor, "sync_run.requested", again, sentence, data={"connector": connector.pk, "sha256": run.file_sha256})
    _ring_after_commit(again)
    return again


def _queued(actor: Actor, connector: Connector, trigger: str, **more: Any) -> SyncRun:
    return SyncRun.objects.create(
        connector=connector, trigger=trigger, requested_by=actor.person, next_at=timezone.now(), **more
    )


@transaction.atomic
def retry_run(*, actor: Actor, run: SyncRun) -> SyncRun:
    """Try a run that gave up again, with all its attempts. Raises Refused."""
    run = SyncRun.objects.select_for_update(of=("self",)).select_related("connector").get(pk=run.pk)
    require(policies.may_retry(actor, run))
    run.state, run.attempt, run.next_at, run.finished_at = SyncState.QUEUED, 0, timezone.now(), None
    run.save(update_fields=["state", "attempt", "next_at", "finished_at"])
    record(actor, "sync_run.retried", run, f"asked to try reading {run.connector.name} again.")
    _ring_after_commit(run)
    return run


def start_due(now: datetime | None = None) -> list[uuid.UUID]:
    """Queue at most one run per connector and period, whoever asks how often; returns all that wants ringing."""
    now = now or timezone.now()
    scheduled = Connector.objects.filter(enabled=True, schedule_minutes__isnull=False)
    busy = SyncRun.objects.filter(state__in=policies.OPEN_STATES).values("connector_id")
    runs = [
        SyncRun(connector=each, trigger=SyncTrigger.SCHEDULE, period=_period(now, each.schedule_minutes), next_at=now)
        for each in scheduled.exclude(pk__in=busy)
    ]
    SyncRun.objects.bulk_create(runs, ignore_conflicts=True)
    due = SyncRun.objects.filter(state__in=[SyncState.QUEUED, SyncState.FAILED], next_at__lte=now)
    fresh = {run.pk for run in runs}
    return [
        run.pk
        for run in due.order_by("next_at")[:500]
        if run.pk in fresh or run.state == SyncState.FAILED or run.queued_at <= now - UNHEARD
    ]


def _period(now: datetime, minutes: int | None) -> datetime:
    """The beginning of the period `now` lies in, counted from the epoch: the same for every scheduler."""
    seconds = (minutes or 1) * 60
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


_CLAIM = """
UPDATE sync_run r SET state = 'running', token = %(token)s,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
    attempt = attempt + 1, started_at = COALESCE(r.started_at, clock_timestamp()), error = '', error_kind = '',
    rejects = '[]', counts = counts - 'found' - 'unchanged' - 'rejected'
FROM connector c
WHERE r.id = %(run)s AND c.id = r.connector_id AND c.enabled AND r.state IN ('queued', 'failed')
    AND r.next_at <= clock_timestamp()
RETURNING r.connector_id, r.attempt
"""


def claim(run_id: uuid.UUID) -> Lease | None:
    """The lease of a waiting run, with a token nobody had before; None when it is not to be had now."""
    token = uuid.uuid4()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"token": token, "lease": LEASE_SECONDS, "run": run_id})
            row = cursor.fetchone()
    except IntegrityError:
        return None  # another run of this connector is at work; the sweep rings again
    return Lease(run_id, row[0], token, row[1]) if row else None


def heartbeat(lease: Lease) -> bool:
    """Extend the lease; False when it is lost."""
    statement = """
        UPDATE sync_run SET lease_until = clock_timestamp() + make_interval(secs => %s)
        WHERE id = %s AND token = %s AND state = 'running'
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, [LEASE_SECONDS, lease.run_id, lease.token])
        return bool(cursor.rowcount == 1)


def hold(lease: Lease) -> SyncRun:
    """The run, locked until the transaction ends, if the lease still holds; raises LeaseLost. Fences every write."""
    run = SyncRun.objects.select_for_update(of=("self",)).filter(pk=lease.run_id).first()
    if run is None or run.state != SyncState.RUNNING or run.token != lease.token:
        raise LeaseLost
    return run


def finish(lease: Lease) -> None:
    """All was read. Raises LeaseLost."""
    with transaction.atomic():
        run = hold(lease)
        run.state, run.finished_at, run.token, run.lease_until = SyncState.SUCCEEDED, timezone.now(), None, None
        run.save(update_fields=["state", "finished_at", "token", "lease_until"])


def fail(lease: Lease, *, kind: str, error: str, again: bool, wait: float | None = None) -> None:
    """Reading broke off: try later, or give up when that changes nothing or was tried often. Raises LeaseLost."""
    with transaction.atomic():
        _requeue(hold(lease), kind, error, again=again, wait=wait)


def reap() -> list[uuid.UUID]:
    """Take runs from workers whose lease ran out, so that others can have them."""
    with transaction.atomic():
        lost = SyncRun.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            state=SyncState.RUNNING, lease_until__lt=timezone.now()
        )
        runs = list(lost[:100])
        for run in runs:
            _requeue(run, "lost", "The worker stopped without a word.", again=True, wait=None)
    return [run.pk for run in runs]


def _requeue(run: SyncRun, kind: str, error: str, *, again: bool, wait: float | None) -> None:
    run.token, run.lease_until = None, None
    run.error_kind, run.error = kind, line(error, 1000)
    if again and run.attempt < ATTEMPTS:
        run.state = SyncState.FAILED
        run.next_at = timezone.now() + timedelta(seconds=max(backoff(run.attempt), wait or 0))
    else:
        run.state, run.finished_at = SyncState.DEAD, timezone.now()
        connector = Connector.objects.get(pk=run.connector_id)
        sentence = f"gave up reading {connector.name} after attempt {run.attempt}: {run.error}"
        record(SCHEDULER, "sync_run.died", run, sentence, data={"connector": connector.pk, "kind": kind})
    run.save(update_fields=["token", "lease_until", "error_kind", "error", "state", "next_at", "finished_at"])


def backoff(attempt: int) -> float:
    """Seconds to wait after this many attempts: full jitter under a doubling ceiling, so that workers spread."""
    return random.uniform(1.0, min(LONGEST_WAIT, 10.0 * 2**attempt))  # noqa: S311 (spreads load, no secret)


def tally(run: SyncRun, counts: Mapping[str, int], rejects: Iterable[tuple[str, str]]) -> None:
    """Add to what the run has done, within the transaction that did it."""
    for name, count in counts.items():
        run.counts[name] = run.counts.get(name, 0) + count
    room = MOST_REJECTS - len(run.rejects)
    told = [{"reference": line(where, 200), "reason": line(reason, 500)} for where, reason in rejects]
    run.counts["rejected"] = run.counts.get("rejected", 0) + len(told)
    run.rejects = [*run.rejects, *told[: max(room, 0)]]
    run.save(update_fields=["counts", "rejects"])
