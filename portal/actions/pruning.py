"""What has served its purpose goes, in small bites: nothing here is a fact of the trail."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import Model, QuerySet
from django.utils import timezone

from portal.models import IdempotencyKey, Notice, OutboxMessage

BITE = 1_000
BITES = 200
# Longer than any client retries; its answer is forgotten with the key.
KEYS_FOR = timedelta(days=7)
# Dead messages stay: somebody has to see them.
DELIVERED_FOR = timedelta(days=30)
READ_FOR = timedelta(days=180)


def prune() -> dict[str, int]:
    """Delete what is over and return how many rows of each kind; a very large rest waits for the next time."""
    now = timezone.now()
    over: dict[str, QuerySet[Model]] = {
        "sessions": Session.objects.filter(expire_date__lt=now),
        "idempotency keys": IdempotencyKey.objects.filter(created_at__lt=now - KEYS_FOR),
        "delivered messages": OutboxMessage.objects.filter(delivered_at__lt=now - DELIVERED_FOR),
        "read notices": Notice.objects.filter(read_at__lt=now - READ_FOR),
    }
    return {name: _bite_by_bite(rows) for name, rows in over.items()}


def _bite_by_bite(rows: QuerySet[Model]) -> int:
    """Short transactions: whoever works with these tables never waits for more than one bite."""
    gone = 0
    for _bite in range(BITES):
        keys = list(rows.values_list("pk", flat=True)[:BITE])
        if not keys:
            break
        gone += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return gone
