"""Chores of this floor: thin doors over verbs."""

import uuid

from celery import shared_task

from approvals.actions import attestations, gates, retirements


@shared_task(name="approvals.reevaluate_gates")
def reevaluate_gates(use_case_id: str, version_id: str) -> None:
    """Evidence of this version arrived: judge what relies on it."""
    gates.reevaluate(version_id=uuid.UUID(version_id))


@shared_task(name="approvals.sweep_stale_gates")
def sweep_stale_gates() -> None:
    """Whatever message was lost: judge what is stale, sign what is unsigned, fix the criteria of new tiers."""
    gates.sweep()
    attestations.issue_missing()
    gates.fix_criteria_everywhere()


@shared_task(name="approvals.watch_retirements")
def watch_retirements() -> None:
    """What use cases run on is retired soon: open their work, repeat it, close what is done."""
    retirements.watch()
