"""Daily usage and cost. Late and restated figures replace exactly the row they restate."""

from django.db import models
from django.db.models import Q

from evidence.choices import CostBasis, Finality
from usecases.models import SystemVersion, UseCase


def _total() -> models.DecimalField:
    """A sum of 63-bit counts, which may need more."""
    return models.DecimalField(max_digits=30, decimal_places=0, null=True)


def _cost() -> models.DecimalField:
    """A sum of costs; `cost` is the effective one, and the billed one where that is all there is."""
    return models.DecimalField(max_digits=30, decimal_places=9, null=True)


class UsageRecord(models.Model):
    """One day of one use case at one source, by version, environment, team, provider, model and operation (UTC).

    `input_tokens` is the total including cached ones. Costs are in `currency`. Null means that the source does not say:
    unknown is not zero. The table is partitioned by month of `day`, so its key in the database is (id, day).
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
    requests = models.PositiveBigIntegerField(null=True)
    failed_requests = models.PositiveBigIntegerField(null=True)
    input_tokens = models.PositiveBigIntegerField(null=True)
    cached_input_tokens = models.PositiveBigIntegerField(null=True)
    output_tokens = models.PositiveBigIntegerField(null=True)
    successful_outcomes = models.PositiveBigIntegerField(null=True)
    list_cost = models.DecimalField(max_digits=20, decimal_places=9, null=True)
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
                    "use_case",
                    "day",
                    "source",
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
                condition=Q(list_cost__isnull=True, billed_cost__isnull=True, effective_cost__isnull=True)
                | Q(currency__regex=r"^[A-Z]{3}$"),
                name="usage_record_cost_has_currency",
            ),
        ]


class UsageDay(models.Model):
    """What pages read: the sums of one use case, day, environment and currency ("" where no cost is known).

    A sum is over the rows that say their figure, null when none does; `…_unknown` counts the rows that do not. Written
    in the transaction that changes the raw rows, for exactly the days it touches. Kept when raw months are dropped.
    """

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="usage_days")
    day = models.DateField()
    environment = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    rows = models.PositiveBigIntegerField()
    provisional_rows = models.PositiveBigIntegerField()
    allocated_rows = models.PositiveBigIntegerField()
    requests = _total()
    requests_unknown = models.PositiveBigIntegerField()
    failed_requests = _total()
    failed_requests_unknown = models.PositiveBigIntegerField()
    input_tokens = _total()
    input_tokens_unknown = models.PositiveBigIntegerField()
    cached_input_tokens = _total()
    cached_input_tokens_unknown = models.PositiveBigIntegerField()
    output_tokens = _total()
    output_tokens_unknown = models.PositiveBigIntegerField()
    successful_outcomes = _total()
    successful_outcomes_unknown = models.PositiveBigIntegerField()
    list_cost = _cost()
    list_cost_unknown = models.PositiveBigIntegerField()
    billed_cost = _cost()
    billed_cost_unknown = models.PositiveBigIntegerField()
    effective_cost = _cost()
    effective_cost_unknown = models.PositiveBigIntegerField()
    cost = _cost()
    cost_unknown = models.PositiveBigIntegerField()

    class Meta:
        db_table = "usage_day"
        constraints = [
            models.UniqueConstraint(
                fields=["use_case", "day", "environment", "currency"], name="usage_day_is_one_row_per_key"
            ),
            models.CheckConstraint(condition=Q(rows__gt=0), name="usage_day_sums_something"),
        ]
        indexes = [models.Index(fields=["day"], name="usage_day_by_day")]


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
