"""What people are told (notices) and what leaves the portal (outbox), written in the transaction that causes it."""

from django.db import models
from django.db.models import Q

from portal.identifiers import uuid7
from portal.models.people import User


class Notice(models.Model):
    """One sentence for one person, with a link to where to act."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    text = models.TextField()
    url = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notice"
        indexes = [
            models.Index(fields=["person", "-created_at"], name="notice_unread", condition=Q(read_at__isnull=True)),
        ]


class OutboxMessage(models.Model):
    """At least once, in any order; `id` is stable across retries so that receivers can tell repeats."""

    class Channel(models.TextChoices):
        EMAIL = "email"
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    recipient = models.TextField()
    subject = models.TextField(blank=True)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = "outbox_message"
        indexes = [
            models.Index(
                fields=["due_at"],
                name="outbox_message_due",
                condition=Q(delivered_at__isnull=True, dead_at__isnull=True),
            ),
        ]
