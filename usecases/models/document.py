"""Documents of a use case: what a file says counts from a day on, a new revision replaces it, the old ones stay."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models import Audited, User
from portal.triggers import append_only, follows, frozen
from usecases.choices import DocumentKind, DocumentState
from usecases.lifecycle import DOCUMENTS
from usecases.models.use_case import UseCase
from usecases.validity import Term, term


class Document(Audited):
    """One document; what counts is its newest revision, `expires_on` is the last day it counts."""

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="documents")
    title = models.CharField(max_length=160)
    kind = models.CharField(max_length=12, choices=DocumentKind.choices)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="owned_documents")
    state = models.CharField(max_length=10, choices=DocumentState.choices, default=DocumentState.CURRENT)
    state_reason = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=1)
    expires_on = models.DateField(null=True, blank=True)
    warned = models.PositiveSmallIntegerField(null=True, editable=False)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "document"
        constraints = [
            models.UniqueConstraint(
                fields=["use_case", "title"],
                condition=Q(state=DocumentState.CURRENT),
                name="document_title_is_unique_while_in_force",
            ),
            models.CheckConstraint(condition=~Q(title=""), name="document_title_is_not_blank"),
            models.CheckConstraint(condition=Q(kind__in=DocumentKind.values), name="document_kind_is_known"),
            models.CheckConstraint(condition=Q(state__in=DocumentState.values), name="document_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["use_case", "state", "title"], name="document_of_use_case"),
            models.Index(
                fields=["expires_on"], name="document_expiry", condition=Q(state="current", expires_on__isnull=False)
            ),
        ]
        triggers = [follows(DOCUMENTS, "state"), frozen("use_case_id", name="document_stays_with_its_use_case")]

    def __str__(self) -> str:
        return self.title

    @property
    def term(self) -> Term:
        """How long it still counts, as of today."""
        return term(self.expires_on, timezone.localdate())

    @property
    def lapsed(self) -> bool:
        return self.state == DocumentState.CURRENT and self.term == "lapsed"


class DocumentRevision(models.Model):
    """The bytes as they came, under their hash. Two dates: when it counts from, and when it was uploaded."""

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=120)
    filename = models.CharField(max_length=160)
    note = models.TextField(blank=True)
    effective_on = models.DateField()
    expires_on = models.DateField(null=True, blank=True)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="uploaded_documents")
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "document_revision"
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="document_revision_number_is_unique"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="document_revision_has_a_hash"),
            models.CheckConstraint(condition=Q(size__gt=0), name="document_revision_is_not_empty"),
            models.CheckConstraint(
                condition=Q(expires_on__isnull=True) | Q(expires_on__gt=F("effective_on")),
                name="document_revision_expires_after_it_counts",
            ),
        ]
        triggers = append_only()
