"""Questionnaires as data, pinned at publish, and the answers to them."""

from django.db import models
from django.db.models import Q

from portal.identifiers import uuid7
from portal.models import Audited, User
from portal.triggers import append_only, frozen
from usecases.models.use_case import UseCase


class Questionnaire(Audited):
    """One published version. Its definition never changes; a new version is a new row."""

    key = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    title = models.CharField(max_length=160)
    definition = models.JSONField()
    digest = models.CharField(max_length=64)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "questionnaire"
        constraints = [models.UniqueConstraint(fields=["key", "version"], name="questionnaire_version_is_unique")]
        triggers = [frozen("key", "version", "definition", "digest", name="questionnaire_is_fixed")]


class Answer(models.Model):
    """An answer to one question. Each change is a new row, so that nothing anybody wrote is lost.

    `revision` counts per question; the unique key turns two people saving at once into a visible conflict.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="answers")
    questionnaire = models.ForeignKey(Questionnaire, on_delete=models.PROTECT, related_name="answers")
    question = models.CharField(max_length=60)
    revision = models.PositiveIntegerField()
    value = models.JSONField(null=True)
    unsure = models.BooleanField(default=False)
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="answers")
    answered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "answer"
        constraints = [
            models.UniqueConstraint(fields=["use_case", "question", "revision"], name="answer_revision_is_unique"),
            models.CheckConstraint(condition=~Q(value__isnull=False, unsure=True), name="answer_is_a_value_or_unsure"),
        ]
        indexes = [models.Index(fields=["use_case", "question", "-revision"], name="answer_latest")]
        triggers = append_only()
