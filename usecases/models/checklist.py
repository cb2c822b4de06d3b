"""What a person confirmed on the pilot checklist; everything else on it is read from facts."""

from django.db import models
from django.db.models import Q

from portal.history import tracked
from portal.models import Audited, User
from usecases.models.use_case import UseCase


@tracked(parent="use_case")
class ChecklistConfirmation(Audited):
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="confirmations")
    item = models.CharField(max_length=20)
    evidence = models.TextField()
    link = models.URLField(max_length=500, blank=True)
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="confirmations")
    confirmed_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="withdrawn_confirmations")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "checklist_confirmation"
        constraints = [
            models.UniqueConstraint(
                fields=["use_case", "item"],
                condition=Q(withdrawn_at__isnull=True),
                name="checklist_confirmation_stands_once",
            ),
            models.CheckConstraint(condition=~Q(evidence=""), name="checklist_confirmation_names_evidence"),
            models.CheckConstraint(
                condition=Q(withdrawn_by__isnull=True, withdrawn_at__isnull=True)
                | Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False),
                name="checklist_confirmation_withdrawal_is_complete",
            ),
        ]
