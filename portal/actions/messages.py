"""Telling people: a notice on their home page and a message in the outbox, in the transaction that causes it."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from random import SystemRandom

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from portal.models import Notice, OutboxMessage, User

MAX_ATTEMPTS = 12
BATCH = 50
_random = SystemRandom()
log = structlog.get_logger(__name__)


@transaction.atomic
def tell(people: Iterable[User], *, subject: str, text: str, url: str) -> None:
    """One notice and one e-mail each. The link leads to a page; nothing is ever decided by opening it."""
    subject = " ".join(subject.split())[:200]
    for person in {person.pk: person for person in people}.values():
        Notice.objects.create(person=person, text=text, url=url)
        if person.email and person.is_active:
            OutboxMessage.objects.create(
                channel=OutboxMessage.Channel.EMAIL,
                recipient=person.email,
                subject=subject,
                body=f"{text}\n\n{settings.PUBLIC_URL}{url}\n",
                due_at=timezone.now(),
            )


@transaction.atomic
def mark_read(*, person: User, notice_id: uuid.UUID) -> None:
    Notice.objects.filter(person=person, pk=notice_id, read_at__isnull=True).update(read_at=timezone.now())


@transaction.atomic
def mark_all_read(*, person: User) -> int:
    """Puts away everything this person was told so far. Returns how many notices that were."""
    return Notice.objects.filter(person=person, read_at__isnull=True).update(read_at=timezone.now())


@transaction.atomic
def take_back(*, url: str, still: Iterable[User] = ()) -> None:
    """Puts away what asked people to act at this address, except for those who can still do so."""
    asked = Notice.objects.filter(url=url, read_at__isnull=True)
    asked.exclude(person__in=[person.pk for person in still]).update(read_at=timezone.now())


def deliver_due() -> int:
    """Send what is due, each message in its own transaction: at least once, backing off up to an hour.

    Returns how many were delivered. A message that fails twelve times is dead and stays to be seen.
    """
    delivered = 0
    for _ in range(BATCH):
        with transaction.atomic():
            message = (
                OutboxMessage.objects.select_for_update(skip_locked=True)
                .filter(
                    channel=OutboxMessage.Channel.EMAIL,
                    delivered_at__isnull=True,
                    dead_at__isnull=True,
                    due_at__lte=timezone.now(),
                )
                .order_by("due_at")
                .first()
            )
            if message is None:
                break
            delivered += _deliver(message)
    return delivered


def _deliver(message: OutboxMessage) -> int:
    message.attempts += 1
    try:
        EmailMessage(
            message.subject,
            message.body,
            settings.DEFAULT_FROM_EMAIL,
            [message.recipient],
            headers={"Message-ID": f"<{message.pk}@gatehouse>"},
        ).send()
    except Exception as error:
        message.last_error = f"{type(error).__name__}: {error}"[:500]
        wait = min(2**message.attempts, 3600)
        message.due_at = timezone.now() + timedelta(seconds=_random.uniform(wait / 2, wait))
        message.dead_at = timezone.now() if message.attempts >= MAX_ATTEMPTS else None
        log.warning("outbox message failed", message_id=str(message.pk), attempts=message.attempts)
        message.save(update_fields=["attempts", "last_error", "due_at", "dead_at"])
        return 0
    message.delivered_at = timezone.now()
    message.last_error = ""
    message.save(update_fields=["attempts", "delivered_at", "last_error"])
    return 1
