"""Verdicts: what the gate said of which evidence, by which policy. Appended, never changed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from approvals.choices import Outcome
from approvals.models.release import Release
from portal.identifiers import uuid7
from portal.triggers import append_only


class Verdict(models.Model):
    """`watermark` names the evidence judged: the current runs' ids in order, hashed. Same watermark, same verdict."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="verdicts")
    outcome = models.CharField(max_length=14, choices=Outcome.choices)
    allows = models.BooleanField()
    criteria = models.JSONField()
    warnings = ArrayField(models.TextField(), default=list)
    policy_digest = models.CharField(max_length=64)
    watermark = models.CharField(max_length=64)
    runs = ArrayField(models.UUIDField(), default=list)
    judged_by = models.TextField()
    judged_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "verdict"
        indexes = [models.Index(fields=["release", "-judged_at", "-id"], name="verdict_latest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(allows=False) | models.Q(outcome__in=[Outcome.PASS, Outcome.INCONCLUSIVE]),
                name="verdict_allows_only_on_evidence",
            )
        ]
        triggers = append_only()
