"""The portal's own chores; thin doors over verbs."""

from celery import shared_task
from django.utils import timezone

from portal.actions import messages
from portal.models import Heartbeat


@shared_task(name="portal.heartbeat")
def heartbeat() -> None:
    """A worker is alive; /readyz and the connectors page read it."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"beat_at": timezone.now()})


@shared_task(name="portal.deliver_outbox")
def deliver_outbox() -> None:
    messages.deliver_due()
