"""Daily usage and cost. Late and restated figures replace exactly the row they restate."""

from django.db import models
from django.db.models import Q

from evidence.choices import CostBasis, Finality
from usecases.models import SystemVersion, UseCase


class UsageRecord(models.Model):
    """One day of one use case at one source, by version, environment, team, provider, model and operation (UTC).

    `input_tokens` is the total including cached ones. Costs are in `currency`; null means not known, never zero.
    """

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="usage")
    system_version = models.ForeignKey(SystemVersion, on_delete=models.PROTECT, null=True, related_name="usage")
    source = models.CharField(max_length=80)
    day = models.DateField()
    environment = models.CharField(max_length=40, blank=True)
    team = models.CharField(max_length=120, blank=True)
    provider = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=160, blank=True)
    operation = models.CharField(max_length=40, blank=True)
    requests = models.PositiveBigIntegerField(default=0)
    failed_requests = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    cached_input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    successful_outcomes = models.PositiveBigIntegerField(null=True)
    billed_cost = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    effective_cost = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    currency = models.CharField(max_length=3, blank=True)
    cost_basis = models.CharField(max_length=10, choices=CostBasis.choices)
    finality = models.CharField(max_length=12, choices=Finality.choices)
    received_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "usage_record"
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "source",
                    "day",
                    "use_case",
                    "system_version",
                    "environment",
                    "team",
                    "provider",
                    "model",
                    "operation",
                    "currency",
                ],
                nulls_distinct=False,
                name="usage_record_is_one_row_per_key",
            ),
            models.CheckConstraint(
                condition=Q(cached_input_tokens__lte=models.F("input_tokens")), name="usage_record_cached_is_a_part"
            ),
            models.CheckConstraint(
                condition=Q(failed_requests__lte=models.F("requests")), name="usage_record_failed_is_a_part"
            ),
            models.CheckConstraint(
                condition=Q(billed_cost__isnull=True, effective_cost__isnull=True) | Q(currency__regex=r"^[A-Z]{3}$"),
                name="usage_record_cost_has_currency",
            ),
        ]
        indexes = [models.Index(fields=["use_case", "day"], name="usage_record_of_use_case")]


class UsageReceipt(models.Model):
    """A pushed call that was counted into a day, so that a repeated delivery does not count it twice."""

    source = models.CharField(max_length=80)
    external_id = models.CharField(max_length=200)
    day = models.DateField()

    class Meta:
        db_table = "usage_receipt"
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="usage_receipt_counts_a_call_once"),
            models.CheckConstraint(condition=~Q(external_id=""), name="usage_receipt_names_its_call"),
        ]
        indexes = [models.Index(fields=["source", "day"], name="usage_receipt_by_day")]
