"""The portal's own chores; thin doors over verbs."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.utils import timezone

from portal.actions import messages, pruning
from portal.models import Heartbeat


@shared_task(name="portal.heartbeat")
def heartbeat() -> None:
    """A worker is alive; /readyz and the connectors page read it."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"beat_at": timezone.now()})


@worker_ready.connect
def say_alive(**_about: Any) -> None:
    """The first heartbeat at once: the scheduler's may be fifteen seconds away."""
    heartbeat.delay()


@shared_task(name="portal.deliver_outbox")
def deliver_outbox() -> None:
    messages.deliver_due()


@shared_task(name="portal.prune")
def prune() -> None:
    pruning.prune()
