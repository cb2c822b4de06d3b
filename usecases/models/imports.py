"""Registers that were imported: the file and its mapping, what each row did, by what a use case is known again."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.identifiers import uuid7
from portal.models import Audited, BusinessUnit, ServiceAccount, User
from portal.triggers import follows
from usecases.choices import ImportState, RowOutcome
from usecases.lifecycle import IMPORTS
from usecases.models.use_case import UseCase


class RegisterImport(Audited):
    """One file of one source. `way` says how it is read, `mapping` what its columns and words mean."""

    source_name = models.CharField(max_length=120)
    file_name = models.CharField(max_length=200)
    file_sha256 = models.CharField(max_length=64)
    way = models.JSONField()
    headers = models.JSONField()
    header_fingerprint = models.CharField(max_length=64)
    sheets = models.JSONField(default=list)
    row_count = models.PositiveIntegerField()
    blank_rows = models.PositiveIntegerField(default=0)
    mapping = models.JSONField()
    # Who answers, and where, for rows that do not say so.
    default_owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    default_unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.UPLOADED)
    counts = models.JSONField(default=dict)
    words = models.JSONField(default=list)
    # Of the rows as they were shown; applied is only what was seen.
    plan_digest = models.CharField(max_length=64, blank=True, default="")
    error = models.TextField(blank=True, default="")
    uploader = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="register_imports")
    uploader_account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, null=True, related_name="+")
    # In whose name the worker goes on.
    asker = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    asker_account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "register_import"
        ordering = ["-uploaded_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="register_import_state_is_known"),
            models.CheckConstraint(condition=~Q(source_name=""), name="register_import_names_its_source"),
            models.CheckConstraint(
                condition=Q(uploader__isnull=False, uploader_account__isnull=True)
                | Q(uploader__isnull=True, uploader_account__isnull=False),
                name="register_import_has_one_uploader",
            ),
        ]
        indexes = [
            models.Index(fields=["-uploaded_at", "-id"], name="register_import_newest"),
            models.Index(fields=["header_fingerprint", "-uploaded_at"], name="register_import_headers"),
            models.Index(fields=["file_sha256"], name="register_import_file"),
        ]
        triggers = [follows(IMPORTS, "state")]

    def __str__(self) -> str:
        return f"{self.source_name}: {self.file_name}"

    @property
    def partly_undone(self) -> bool:
        """Some rows were taken back, and others stay for a reason that may pass."""
        return self.state == ImportState.APPLIED and bool(self.counts.get("kept"))

    @property
    def standing(self) -> str:
        return _("Partly undone") if self.partly_undone else str(self.get_state_display())

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("usecases:import", kwargs={"pk": self.pk})


class ImportRow(models.Model):
    """What one row does or did. `before` holds what undoing brings back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    register_import = models.ForeignKey(RegisterImport, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=RowOutcome.choices)
    title = models.TextField()
    reasons = models.JSONField(default=list)
    missing = models.JSONField(default=list)
    key = models.CharField(max_length=160)
    fingerprint = models.CharField(max_length=64)
    values = models.JSONField()
    cells = models.JSONField()
    changes = models.JSONField(default=list)
    use_case = models.ForeignKey(UseCase, on_delete=models.SET_NULL, null=True, related_name="import_rows")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    kept = models.TextField(blank=True, default="")

    class Meta:
        db_table = "import_row"
        constraints = [
            models.UniqueConstraint(fields=["register_import", "number"], name="import_row_stands_once"),
            models.CheckConstraint(condition=Q(outcome__in=RowOutcome.values), name="import_row_outcome_is_known"),
        ]
        indexes = [models.Index(fields=["register_import", "outcome", "number"], name="import_row_outcomes")]

    @property
    def undone(self) -> bool:
        return bool((self.after or {}).get("undone"))

    @property
    def standing(self) -> str:
        """What became of the row, in words."""
        if self.undone:
            return _("Undone")
        return _("Kept") if self.kept else str(self.get_outcome_display())


class ImportedUseCase(models.Model):
    """By what a use case is known again in its source, and what the source last said about it, cell by cell."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source_name = models.CharField(max_length=120)
    key = models.CharField(max_length=160)
    fingerprint = models.CharField(max_length=64)
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="imported")
    register_import = models.ForeignKey(RegisterImport, on_delete=models.PROTECT, related_name="imported")
    values = models.JSONField()
    cells = models.JSONField()

    class Meta:
        db_table = "imported_use_case"
        constraints = [
            models.UniqueConstraint(fields=["source_name", "key"], name="imported_use_case_is_known_once"),
        ]
