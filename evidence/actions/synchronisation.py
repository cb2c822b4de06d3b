"""Reading one source from beginning to end: fetched outside transactions, stored batch by batch under a fence."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from evidence.actions import syncs
from evidence.actions.ingestion import record_evaluation_run
from evidence.actions.syncs import Lease, LeaseLost
from evidence.actions.usage import Target, record_usage
from evidence.configuring import mappings_of, reach_of
from evidence.connectors.base import Batch, Session
from evidence.connectors.errors import AuthError, ConnectorError, NetworkError, RateLimited, SchemaError
from evidence.connectors.registry import connector as connector_of
from evidence.connectors.told import Told
from evidence.connectors.transport import Limits, Transport
from evidence.models import AllowedHost, Connector, SyncRun
from evidence.policies import FILE_KINDS
from evidence.readings import EvaluationRunReading, UsageReading
from evidence.sealing import SealBroken, unseal
from portal.actors import Actor, worker
from portal.files import path_of
from usecases.models import SystemVersion, UseCase

log = structlog.get_logger(__name__)

BEAT_SECONDS = 20.0
_KINDS: tuple[tuple[type[ConnectorError], str], ...] = (
    (AuthError, "auth"),
    (RateLimited, "rate"),
    (SchemaError, "schema"),
    (NetworkError, "network"),
)
# Only these pass by themselves; a wrong password does not become right by being sent five times.
PASSING = frozenset({"rate", "network"})


def run_sync(run_id: uuid.UUID) -> bool:
    """Claim the run and read its source; False when there was nothing to claim. Killed anywhere, it is repeated whole.

    What was stored stays: runs are recognised by their content, usage by its key.
    """
    lease = syncs.claim(run_id)
    if lease is None:
        return False
    try:
        with _kept_alive(lease):
            _read(lease)
            syncs.finish(lease)
    except LeaseLost:
        log.warning("lease lost", run_id=str(run_id))
    except ConnectorError as error:
        _failed(lease, kind_of(error), str(error), wait=getattr(error, "retry_after", None))
    except SealBroken as error:
        _failed(lease, "auth", str(error))
    except Exception as error:
        # What broke is ours: its text may hold anything, so only its name is kept.
        log.exception("sync failed", run_id=str(run_id))
        _failed(lease, "internal", _("Reading broke off (%(name)s).") % {"name": type(error).__name__}, again=True)
    return True


def kind_of(error: ConnectorError) -> str:
    return next((kind for type_, kind in _KINDS if isinstance(error, type_)), "refused")


def _failed(lease: Lease, kind: str, error: str, *, wait: float | None = None, again: bool = False) -> None:
    try:
        syncs.fail(lease, kind=kind, error=error, again=again or kind in PASSING, wait=wait)
    except LeaseLost:
        log.warning("lease lost", run_id=str(lease.run_id))


@contextmanager
def _kept_alive(lease: Lease) -> Iterator[None]:
    """Extends the lease while a slow source is read; it ends with this process, whatever ends that."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_SECONDS):
            try:
                if not syncs.heartbeat(lease):
                    return
            except Exception as error:
                log.warning("no heartbeat", run_id=str(lease.run_id), error=type(error).__name__)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def opened(connector: Connector, run: SyncRun | None = None, limits: Limits | None = None) -> Iterator[Session]:
    """A visit to the source: its secrets unsealed, the network only to where it may go. Raises SealBroken.

    A file source is read from the file of `run`.
    """
    secrets = unseal(connector.pk, connector.secret)
    common: dict[str, Any] = {
        "config": connector.config,
        "secrets": secrets,
        "mappings": mappings_of(connector.dimension_mapping),
    }
    if connector.kind in FILE_KINDS:
        kept = run is not None and run.file_sha256
        yield Session(**common, source=path_of(run.file_sha256) if run and kept else None, told=told_of(connector, run))
        return
    headers = connector_of(connector.kind).request_headers(connector.config, secrets)
    reach = reach_of(connector.kind, connector.config)
    opening: dict[str, Any] = {"allowed_internal": allowed_endpoints(), "reach": reach, "headers": headers}
    with Transport(**opening, limits=limits or Limits()) as http:
        yield Session(**common, http=http)


def told_of(connector: Connector, run: SyncRun | None) -> Told:
    """What was said about a run's file, and what the connector says of all its files."""
    metrics = [row["metric"] for row in connector.dimension_mapping]
    if run is None:
        return Told.of({}, config=connector.config, metrics=metrics)
    file = {"file_name": run.file_name, "file_sha256": run.file_sha256}
    return Told.of(run.told, config=connector.config, metrics=metrics, **file)


def allowed_endpoints() -> frozenset[tuple[str, int]]:
    """The internal addresses security allows now."""
    return frozenset(AllowedHost.objects.filter(withdrawn_at__isnull=True).values_list("host", "port"))


def _read(lease: Lease) -> None:
    run = SyncRun.objects.select_related("connector").get(pk=lease.run_id)
    connector = run.connector
    lookback = timedelta(days=connector.lookback_days)
    cursor = str(connector.cursor.get("at", ""))
    with opened(connector, run) as session:
        for batch in connector_of(connector.kind).fetch(session, cursor, lookback):
            store_batch(lease, connector, batch)


def store_batch(
    lease: Lease, connector: Connector, batch: Batch, fence: Callable[[Lease], SyncRun] = syncs.hold
) -> None:
    """One batch, the cursor behind it and its counts: all or nothing, and only while the lease holds."""
    actor = worker(f"connector {connector.name}")
    with transaction.atomic():
        run = fence(lease)
        counts = {"found": len(batch.readings), "created": 0, "revised": 0, "unchanged": 0, "usage": 0}
        rejects = [(reject.reference, reject.reason) for reject in batch.rejects]
        targets = Targets(connector)
        for reading in batch.readings:
            if isinstance(reading, EvaluationRunReading) and reading.cases:
                rejects += _store_run(actor, connector, reading, targets, counts)
        usage = [reading for reading in batch.readings if isinstance(reading, UsageReading)]
        if usage or batch.covers:
            rejects += _store_usage(actor, connector, usage, batch, targets, counts)
        if batch.cursor != str(connector.cursor.get("at", "")):
            connector.cursor = {"at": batch.cursor}
            # Not when somebody changed the connector meanwhile: then it is to be read from the beginning.
            Connector.objects.filter(pk=connector.pk, changed_at=connector.changed_at).update(cursor=connector.cursor)
        syncs.tally(run, counts, rejects)


def _store_run(
    actor: Actor, connector: Connector, reading: EvaluationRunReading, targets: "Targets", counts: dict[str, int]
) -> list[tuple[str, str]]:
    """The rejects of one run: none, or why it is not evidence."""
    try:
        target = targets.of(reading.use_case_key, reading.version_digest)
        if target.version is None:
            raise ValidationError(_("The run names no system version. Set its digest where the run is made."))
        done = record_evaluation_run(
            actor=actor,
            use_case=target.use_case,
            version=target.version,
            reading=reading,
            source=connector.source,
        )
    except ValidationError as error:
        return [(reading.external_id, " ".join(error.messages))]
    counts[done.change] += 1
    return []


def _store_usage(
    actor: Actor,
    connector: Connector,
    readings: list[UsageReading],
    batch: Batch,
    targets: "Targets",
    counts: dict[str, int],
) -> list[tuple[str, str]]:
    done = record_usage(
        actor=actor,
        readings=readings,
        source=connector.source,
        resolve=lambda reading: targets.of(reading.use_case_key, reading.version_digest),
        covers=batch.covers,
    )
    counts["usage"] += done.created + done.changed + done.removed
    counts["unchanged"] += done.unchanged
    told = []
    for reject in done.rejected:
        reading = readings[int(reject.reference) - 1]
        told.append((f"{reading.day} {reading.use_case_key}".strip(), reject.reason))
    return told


class Targets:
    """What a source's keys mean here, looked up once each: through the connector's mapping, or as our own reference."""

    def __init__(self, connector: Connector) -> None:
        self._mapping = connector.use_case_mapping
        self._use_cases: dict[str, UseCase | None] = {}
        self._versions: dict[tuple[str, str], SystemVersion | None] = {}

    def of(self, key: str, digest: str) -> Target:
        """Raises ValidationError with the reason when the key or the digest is not known."""
        if not key:
            raise ValidationError(_("The source names no use case. Tag it there, or map it on the connector's page."))
        if key not in self._use_cases:
            self._use_cases[key] = self._find(self._mapping.get(key, key))
        use_case = self._use_cases[key]
        if use_case is None:
            text = _("“%(key)s” means no use case here. Map it on the connector's page.")
            raise ValidationError(text % {"key": key[:80]})
        if not digest:
            return Target(use_case)
        if (key, digest) not in self._versions:
            self._versions[key, digest] = SystemVersion.objects.filter(use_case=use_case, digest=digest).first()
        version = self._versions[key, digest]
        if version is None:
            text = _("%(reference)s has no version of the digest %(digest)s…. Declare it first.")
            raise ValidationError(text % {"reference": use_case.reference, "digest": digest[:12]})
        return Target(use_case, version)

    def _find(self, reference: str) -> UseCase | None:
        digits = reference.removeprefix("UC-")
        if digits == reference or not digits.isascii() or not digits.isdigit() or len(digits) > 9:
            return None
        return UseCase.objects.select_related("unit").filter(number=int(digits)).first()
