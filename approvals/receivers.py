"""What this floor hears: it only enqueues."""

import uuid
from typing import Any

import structlog
from django.dispatch import receiver

from evidence.events import evidence_recorded
from usecases.events import retirement_set

log = structlog.get_logger(__name__)


@receiver(evidence_recorded, dispatch_uid="approvals.reevaluate_gates")
def evidence_was_recorded(sender: Any, *, use_case_id: uuid.UUID, version_id: uuid.UUID, **_more: Any) -> None:
    """Ring for the gate to be judged again. Without a broker nothing is lost but promptness: the sweep finds it."""
    from approvals.tasks import reevaluate_gates

    try:
        reevaluate_gates.apply_async((str(use_case_id), str(version_id)), retry=False)
    except Exception as error:
        log.warning("gate not rung", version_id=str(version_id), error=type(error).__name__)


@receiver(retirement_set, dispatch_uid="approvals.watch_retirements")
def retirement_was_set(sender: Any, *, component_id: uuid.UUID, **_more: Any) -> None:
    """Ring for the watch; the hourly one finds it without a broker."""
    from approvals.tasks import watch_retirements

    try:
        watch_retirements.apply_async(retry=False)
    except Exception as error:
        log.warning("watch not rung", component_id=str(component_id), error=type(error).__name__)
