"""Evaluation runs as they were read: append-only, revised by a new row, counted from their cases."""

from django.db import models
from django.db.models import Q

from evidence.choices import Dimension, Direction, JudgeKind, ScoreState
from portal.models import Audited, User
from portal.models.machines import ServiceAccount
from portal.triggers import append_only, frozen
from usecases.choices import ItemKind
from usecases.models import SystemVersion, UseCase


class EvaluationRun(Audited):
    """One revision of one run. A run that changed at its source is a new revision, never an edit."""

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="evaluation_runs")
    system_version = models.ForeignKey(SystemVersion, on_delete=models.PROTECT, related_name="evaluation_runs")
    source = models.CharField(max_length=80)
    external_id = models.CharField(max_length=200)
    revision = models.PositiveIntegerField()
    # The newest revision of (source, external_id); the only mutable column.
    is_current = models.BooleanField(default=True)
    name = models.CharField(max_length=200)
    url = models.CharField(max_length=500, blank=True)
    environment = models.CharField(max_length=40, blank=True)
    dataset_name = models.CharField(max_length=200, blank=True)
    dataset_version = models.CharField(max_length=80, blank=True)
    dataset_digest = models.CharField(max_length=128, blank=True)
    cases = models.PositiveIntegerField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    raw_sha256 = models.CharField(max_length=64)
    attributes = models.JSONField(default=dict)
    pushed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="pushed_runs")
    pushed_by_account = models.ForeignKey(
        ServiceAccount, on_delete=models.PROTECT, null=True, related_name="pushed_runs"
    )

    class Meta:
        db_table = "evaluation_run"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id", "revision"], name="evaluation_run_revision_is_unique"
            ),
            models.UniqueConstraint(
                fields=["source", "external_id"], condition=Q(is_current=True), name="evaluation_run_one_is_current"
            ),
        ]
        indexes = [
            models.Index(fields=["use_case", "-finished_at", "-id"], name="evaluation_run_of_use_case"),
            models.Index(
                fields=["system_version", "-finished_at"],
                name="evaluation_run_of_version",
                condition=Q(is_current=True),
            ),
            models.Index(
                fields=["dataset_name", "-finished_at", "-id"],
                name="evaluation_run_on_set",
                condition=Q(is_current=True),
            ),
        ]
        triggers = [
            frozen(
                "use_case_id",
                "system_version_id",
                "source",
                "external_id",
                "revision",
                "cases",
                "finished_at",
                "raw_sha256",
                "attributes",
                "dataset_name",
                "dataset_version",
                "dataset_digest",
                name="evaluation_run_is_fixed",
            )
        ]

    def __str__(self) -> str:
        return self.name


class EvaluationScore(models.Model):
    """One judgement of one case by one metric. A failed judge is a row of its own, never a number."""

    run = models.ForeignKey(EvaluationRun, on_delete=models.PROTECT, related_name="scores")
    item_id = models.CharField(max_length=200)
    item_kind = models.CharField(max_length=30, choices=ItemKind.choices)
    trial = models.PositiveSmallIntegerField(default=1)
    dimension = models.CharField(max_length=30, choices=Dimension.choices)
    metric = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=ScoreState.choices)
    value = models.DecimalField(max_digits=18, decimal_places=9, null=True)
    scale_min = models.DecimalField(max_digits=18, decimal_places=9)
    scale_max = models.DecimalField(max_digits=18, decimal_places=9)
    direction = models.CharField(max_length=8, choices=Direction.choices)
    threshold = models.DecimalField(max_digits=18, decimal_places=9)
    passed = models.BooleanField(null=True)
    judge_kind = models.CharField(max_length=8, choices=JudgeKind.choices)
    judge_name = models.CharField(max_length=200, blank=True)
    judge_version = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "evaluation_score"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "item_id", "trial", "metric"], name="evaluation_score_is_counted_once"
            ),
            models.CheckConstraint(
                condition=Q(state=ScoreState.SCORED, value__isnull=False, passed__isnull=False)
                | Q(~Q(state=ScoreState.SCORED), value__isnull=True, passed__isnull=True),
                name="evaluation_score_has_value_iff_scored",
            ),
        ]
        triggers = append_only()


class EvaluationDimension(models.Model):
    """A run's dimension, counted from its rows when they arrived; the source's own averages are never used."""

    run = models.ForeignKey(EvaluationRun, on_delete=models.PROTECT, related_name="dimensions")
    dimension = models.CharField(max_length=30, choices=Dimension.choices)
    total = models.PositiveIntegerField()
    scored = models.PositiveIntegerField()
    errored = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    passed = models.PositiveIntegerField()
    mean = models.DecimalField(max_digits=18, decimal_places=9, null=True)
    scale_min = models.DecimalField(max_digits=18, decimal_places=9)
    scale_max = models.DecimalField(max_digits=18, decimal_places=9)
    direction = models.CharField(max_length=8, choices=Direction.choices)
    # `evidence.counting.Sample`; empty for what was counted before it was kept.
    sample = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "evaluation_dimension"
        constraints = [
            models.UniqueConstraint(fields=["run", "dimension"], name="evaluation_dimension_is_counted_once"),
            models.CheckConstraint(
                condition=Q(total=models.F("scored") + models.F("errored") + models.F("skipped")),
                name="evaluation_dimension_adds_up",
            ),
            models.CheckConstraint(condition=Q(passed__lte=models.F("scored")), name="evaluation_dimension_passes_fit"),
        ]
        triggers = append_only()
