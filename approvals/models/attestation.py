"""Signed statements about approved releases, kept as they were issued."""

from django.db import models

from approvals.models.release import Release
from portal.identifiers import uuid7
from portal.triggers import append_only


class Attestation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="attestations")
    predicate_type = models.CharField(max_length=200)
    statement_digest = models.CharField(max_length=64)
    envelope = models.JSONField()
    key_id = models.CharField(max_length=64)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "attestation"
        constraints = [
            models.UniqueConstraint(fields=["release", "statement_digest"], name="attestation_is_issued_once")
        ]
        indexes = [models.Index(fields=["release", "-issued_at"], name="attestation_latest")]
        triggers = append_only()
