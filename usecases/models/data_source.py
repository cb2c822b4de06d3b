"""Data sources as a catalogue of their own, and what each use case does with them."""

from django.db import models
from django.db.models import F, Q

from portal.history import tracked
from portal.models import Audited, BusinessUnit, User
from portal.triggers import follows, frozen
from usecases.choices import DataClass, DataUseState
from usecases.lifecycle import DATA_USES
from usecases.models.use_case import UseCase
from usecases.querysets import DataSourceQuerySet


@tracked()
class DataSource(Audited):
    name = models.CharField(max_length=160)
    system = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="data_sources")
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="data_sources")
    classification = models.CharField(max_length=20, choices=DataClass.choices)
    personal_data = models.BooleanField()
    region = models.CharField(max_length=80, blank=True)
    declared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="declared_data_sources")
    declared_at = models.DateTimeField(auto_now_add=True)

    objects = DataSourceQuerySet.as_manager()

    class Meta:
        db_table = "data_source"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["unit", "name"], name="data_source_name_is_unique_in_unit"),
            models.CheckConstraint(condition=~Q(name=""), name="data_source_name_is_not_blank"),
            models.CheckConstraint(
                condition=Q(classification__in=DataClass.values), name="data_source_classification_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


@tracked(parent="use_case")
class DataUse(Audited):
    """What one use case may do with one source, and whether the source's owner agreed."""

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="data_uses")
    data_source = models.ForeignKey(DataSource, on_delete=models.PROTECT, related_name="uses")
    purpose = models.TextField()
    access_boundary = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=DataUseState.choices, default=DataUseState.REQUESTED)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="requested_data_uses")
    requested_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="decided_data_uses")
    decided_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        db_table = "data_use"
        constraints = [
            models.UniqueConstraint(fields=["use_case", "data_source"], name="data_use_is_declared_once"),
            models.CheckConstraint(condition=~Q(purpose=""), name="data_use_purpose_is_not_blank"),
            models.CheckConstraint(condition=Q(state__in=DataUseState.values), name="data_use_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=DataUseState.REQUESTED, decided_by__isnull=True, decided_at__isnull=True)
                | Q(~Q(state=DataUseState.REQUESTED), decided_by__isnull=False, decided_at__isnull=False),
                name="data_use_decision_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")), name="data_use_four_eyes"
            ),
        ]
        triggers = [
            follows(DATA_USES, "state"),
            frozen("use_case_id", "data_source_id", name="data_use_ends_are_fixed"),
        ]
