"""What workers do for evidence; thin doors over verbs. PostgreSQL remembers what is to be done."""

import uuid

from celery import shared_task

from evidence.actions import months, sums, synchronisation, syncs


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


@shared_task(name="evidence.keep_usage_months")
def keep_usage_months() -> None:
    months.make_months_ahead()
    months.drop_old_months()


@shared_task(name="evidence.check_usage_sums", soft_time_limit=1500, time_limit=1560)
def check_usage_sums() -> None:
    """Reports only: a difference is a fault that somebody should look at before it is mended."""
    sums.check_sums()
