"""System versions: immutable manifests of what runs, each with one digest over its canonical text."""

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Upper

from portal.models import Audited, User
from portal.models.machines import ServiceAccount
from portal.triggers import append_only, frozen
from usecases.models.use_case import UseCase


class SystemVersion(Audited):
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=80)
    canon = models.TextField()
    digest = models.CharField(max_length=64)
    manifest = models.JSONField()
    declared_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="declared_versions")
    declared_by_account = models.ForeignKey(
        ServiceAccount, on_delete=models.PROTECT, null=True, related_name="declared_versions"
    )
    declared_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "system_version"
        constraints = [
            models.UniqueConstraint(fields=["use_case", "number"], name="system_version_number_is_unique"),
            models.UniqueConstraint(fields=["use_case", "digest"], name="system_version_digest_is_unique"),
            models.CheckConstraint(
                condition=Q(declared_by__isnull=False, declared_by_account__isnull=True)
                | Q(declared_by__isnull=True, declared_by_account__isnull=False),
                name="system_version_has_one_author",
            ),
        ]
        indexes = [
            models.Index(fields=["digest"], name="system_version_by_digest"),
            # In capitals, as `istartswith` asks for it: which use cases run on a model of this name.
            models.Index(
                OpClass(Upper(KeyTextTransform("name", KeyTextTransform("model", "manifest"))), "text_pattern_ops"),
                name="system_version_by_model",
            ),
        ]
        triggers = [
            frozen(
                "use_case_id",
                "number",
                "canon",
                "digest",
                "manifest",
                "declared_by_id",
                "declared_by_account_id",
                name="system_version_is_fixed",
            )
        ]

    def __str__(self) -> str:
        return self.label


class PromptText(models.Model):
    """A prompt's text under its own hash; many versions may share one."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "prompt_text"
        triggers = append_only()
