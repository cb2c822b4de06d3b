"""What workers do for evidence; thin doors over verbs. PostgreSQL remembers what is to be done."""

import uuid

from celery import shared_task

from evidence.actions import synchronisation, syncs


@shared_task(name="evidence.run_sync", soft_time_limit=1500, time_limit=1560)
def run_sync(run_id: str) -> None:
    """Longer than other tasks: a first synchronisation reads years. The lease is kept alive meanwhile."""
    synchronisation.run_sync(uuid.UUID(run_id))


@shared_task(name="evidence.start_due_syncs")
def start_due_syncs() -> None:
    for run_id in syncs.start_due():
        syncs.ring(run_id)


@shared_task(name="evidence.reap_sync_runs")
def reap_sync_runs() -> None:
    syncs.reap()
