"""What workers do for the register; thin doors over verbs. PostgreSQL remembers what is to be done."""

import uuid

from celery import shared_task

from usecases.actions import data_renewals, import_work, imports


@shared_task(name="usecases.follow_data_approvals")
def follow_data_approvals() -> None:
    """What ends by the calendar: people are told ahead, facts follow afterwards."""
    data_renewals.follow_data_approvals()


@shared_task(name="usecases.run_import", soft_time_limit=900, time_limit=960)
def run_import(pk: str) -> None:
    """Longer than other tasks: twenty thousand rows in one transaction."""
    import_work.run_import(uuid.UUID(pk))


@shared_task(name="usecases.ring_imports")
def ring_imports() -> None:
    """Whose bell was lost, or whose worker died, is rung for again."""
    for pk in import_work.waiting():
        imports.ring(pk)
