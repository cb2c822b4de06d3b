"""The audit trail's tables: append-only for everyone but their owner, ready to be sealed.

An event is stored as canonical text and its RFC 6962 leaf hash; the database refuses a hash that does not match.
`audit_pending` lets a sealer drain committed events in order later. Personal data stand apart, so that erasing
them leaves every hash valid.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Cast

from portal.history import this_transaction
from portal.identifiers import uuid7
from portal.triggers import append_only


class Audited(models.Model):
    """A row whose changes are told in the trail; `audit_rev` counts them, so an omitted event leaves a gap."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    audit_rev = models.BigIntegerField(default=0, editable=False)

    class Meta:
        abstract = True


class AuditEvent(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    object_type = models.TextField()
    object_id = models.UUIDField()
    object_rev = models.BigIntegerField()
    canon = models.TextField()
    leaf_hash = models.BinaryField()
    # For search only; what is hashed is the text.
    payload = models.GeneratedField(
        expression=Cast("canon", models.JSONField()), output_field=models.JSONField(), db_persist=True
    )
    # Which use case's page tells it; null for the portal's own matters. Copied out of the text for visibility.
    use_case_id = models.UUIDField(null=True)
    references = ArrayField(models.TextField(), default=list)
    # The same key as on the field changes of this transaction; empty for what was told before they were kept.
    transaction = models.TextField(db_default=this_transaction())
    recorded_at = models.DateTimeField(
        db_default=models.Func(function="clock_timestamp", output_field=models.DateTimeField())
    )

    class Meta:
        db_table = "audit_event"
        constraints = [
            models.UniqueConstraint(
                fields=["object_type", "object_id", "object_rev"], name="audit_event_revision_is_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["-recorded_at", "-id"], name="audit_event_newest"),
            models.Index(fields=["use_case_id", "-recorded_at", "-id"], name="audit_event_of_use_case"),
            GinIndex(fields=["references"], name="audit_event_references"),
        ]
        triggers = append_only()


class AuditPending(models.Model):
    """An event not yet sealed; the sealer deletes the row in the transaction that gives the event its index."""

    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, primary_key=True, related_name="pending")

    class Meta:
        db_table = "audit_pending"


class AuditPersonalData(models.Model):
    """Name and address behind an event's commitment; erasing salt and values keeps the event's hash valid."""

    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, primary_key=True, related_name="personal_data")
    salt = models.BinaryField(null=True)
    values = models.JSONField(null=True)

    class Meta:
        db_table = "audit_personal_data"
