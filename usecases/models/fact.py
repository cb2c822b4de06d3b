"""Facts: what is known about a use case, since when, from whom. Checklists, tiers and releases read this one table."""

from django.db import models
from django.db.models import Q

from portal.identifiers import uuid7
from usecases.choices import FactSource
from usecases.models.use_case import UseCase


class Fact(models.Model):
    """One named value. A newer one closes the older (`until`); nothing is overwritten."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="facts")
    name = models.CharField(max_length=60)
    value = models.JSONField()
    statement = models.TextField()
    source = models.CharField(max_length=10, choices=FactSource.choices)
    confidence = models.CharField(
        max_length=10, default="stated", choices=[("stated", "stated"), ("unsure", "unsure"), ("measured", "measured")]
    )
    recorded_by = models.TextField()
    as_of = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "fact"
        constraints = [
            models.UniqueConstraint(
                fields=["use_case", "name"], condition=Q(until__isnull=True), name="fact_has_one_current_value"
            ),
            models.CheckConstraint(condition=Q(source__in=FactSource.values), name="fact_source_is_known"),
        ]
        indexes = [models.Index(fields=["use_case", "name", "-as_of"], name="fact_history")]
