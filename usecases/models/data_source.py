"""Data sources as a catalogue of their own, and what each use case does with them."""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.history import tracked
from portal.models import Audited, BusinessUnit, User
from portal.triggers import acts_in_window, follows, frozen, present
from usecases.choices import DataClass, DataUseState, Grounding
from usecases.lifecycle import DATA_USES
from usecases.models.use_case import UseCase
from usecases.querysets import DataSourceQuerySet
from usecases.validity import Term, is_stale, term


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
    licence = models.CharField(max_length=160, blank=True, default="", db_default="")
    retention = models.CharField(max_length=160, blank=True, default="", db_default="")
    grounding = models.CharField(
        max_length=12, choices=Grounding.choices, default=Grounding.UNASSESSED, db_default=Grounding.UNASSESSED
    )
    refresh_every_hours = models.PositiveIntegerField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    certified_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="certified_data_sources")
    certified_at = models.DateTimeField(null=True)
    certified_until = models.DateField(null=True, blank=True)
    certification_note = models.TextField(blank=True, default="", db_default="")
    # The last warning given about the end of the certificate, in days ahead.
    warned = models.PositiveSmallIntegerField(null=True, editable=False)
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
            models.CheckConstraint(condition=Q(grounding__in=Grounding.values), name="data_source_grounding_is_known"),
            models.CheckConstraint(
                condition=Q(refresh_every_hours__isnull=True) | Q(refresh_every_hours__gt=0),
                name="data_source_freshness_is_a_promise",
            ),
            models.CheckConstraint(
                condition=Q(certified_by__isnull=True, certified_at__isnull=True, certified_until__isnull=True)
                | Q(certified_by__isnull=False, certified_at__isnull=False, certified_until__isnull=False),
                name="data_source_certificate_is_complete",
            ),
        ]
        triggers = [present("owner_id", name="data_source_owner_is_present")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("usecases:data-source", kwargs={"pk": self.pk})

    @property
    def certificate(self) -> Term:
        """The certificate as it stands today; "open" when there is none."""
        return term(self.certified_until, timezone.localdate())

    @property
    def stale(self) -> bool:
        """Its promise of freshness is broken now."""
        return is_stale(self.refresh_every_hours, self.refreshed_at, timezone.now())


# The policy says it kindly; this says it for certain: a delegate decides in the owner's place, within the window, and
# not for a use case of their own. What was decided before is not judged again when the row moves on.
_BY_DELEGATE = """
IF NEW.decided_for_id IS NULL OR (TG_OP = 'UPDATE'
    AND (NEW.decided_for_id, NEW.decided_by_id, NEW.decided_at)
        IS NOT DISTINCT FROM (OLD.decided_for_id, OLD.decided_by_id, OLD.decided_at)) THEN
    RETURN NEW;
END IF;
IF NOT EXISTS (SELECT 1 FROM data_source s WHERE s.id = NEW.data_source_id AND s.owner_id = NEW.decided_for_id)
    OR EXISTS (SELECT 1 FROM use_case u WHERE u.id = NEW.use_case_id AND u.owner_id = NEW.decided_by_id) THEN
    RAISE EXCEPTION 'data_use_four_eyes_by_delegate' USING ERRCODE = 'integrity_constraint_violation';
END IF;
{WINDOW}
RETURN NEW;
""".replace("{WINDOW}", acts_in_window("decided_for_id", "decided_by_id", name="data_use_delegate_has_a_window"))  # nosec B608


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
    # The source's owner, when somebody who acts for them decided.
    decided_for = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="data_uses_decided_for")
    note = models.TextField(blank=True)
    # The last day the approval counts; what follows from it is computed when it is read, see validity.
    valid_until = models.DateField(null=True, blank=True)
    warned = models.PositiveSmallIntegerField(null=True, editable=False)
    reopened_at = models.DateTimeField(null=True)
    reopened_reason = models.TextField(blank=True, default="", db_default="")
    # Asking for more time keeps what is approved until its owner answers.
    renewal_requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="requested_renewals"
    )
    renewal_requested_at = models.DateTimeField(null=True)
    renewal_reason = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "data_use"
        constraints = [
            models.UniqueConstraint(fields=["use_case", "data_source"], name="data_use_is_declared_once"),
            models.CheckConstraint(condition=~Q(purpose=""), name="data_use_purpose_is_not_blank"),
            models.CheckConstraint(condition=Q(state__in=DataUseState.values), name="data_use_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=DataUseState.REQUESTED, decided_by__isnull=True, decided_at__isnull=True)
                | Q(~Q(state=DataUseState.REQUESTED), decided_by__isnull=False, decided_at__isnull=False)
                | Q(state=DataUseState.ENDED, decided_by__isnull=True, decided_at__isnull=True),
                name="data_use_decision_is_complete",
            ),
            models.CheckConstraint(
                condition=~Q(state=DataUseState.REOPENED) | Q(~Q(reopened_reason=""), reopened_at__isnull=False),
                name="data_use_reopening_says_why",
            ),
            models.CheckConstraint(
                condition=Q(renewal_requested_by__isnull=True, renewal_requested_at__isnull=True)
                | Q(
                    renewal_requested_by__isnull=False,
                    renewal_requested_at__isnull=False,
                    state=DataUseState.APPROVED,
                ),
                name="data_use_renewal_is_of_an_approval",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")), name="data_use_four_eyes"
            ),
            models.CheckConstraint(
                condition=Q(decided_for__isnull=True)
                | (Q(decided_by__isnull=False) & ~Q(decided_for=F("decided_by")) & ~Q(decided_for=F("requested_by"))),
                name="data_use_four_eyes_by_delegate",
            ),
        ]
        indexes = [
            models.Index(
                fields=["valid_until"],
                name="data_use_end_of_approval",
                condition=Q(state=DataUseState.APPROVED, valid_until__isnull=False),
            ),
            models.Index(fields=["requested_at"], condition=Q(state=DataUseState.REQUESTED), name="data_use_waiting"),
            models.Index(fields=["data_source", "use_case"], name="data_use_of_source"),
        ]
        triggers = [
            follows(DATA_USES, "state"),
            frozen("use_case_id", "data_source_id", name="data_use_ends_are_fixed"),
            pgtrigger.Trigger(
                name="data_use_delegate",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                level=pgtrigger.Row,
                func=_BY_DELEGATE,
            ),
        ]

    @property
    def term(self) -> Term:
        """How long the approval still counts, as of today."""
        return term(self.valid_until, timezone.localdate())

    @property
    def lapsed(self) -> bool:
        return self.state == DataUseState.APPROVED and self.term == "lapsed"

    @property
    def holds(self) -> bool:
        """Approved and not lapsed: the only thing that anybody may build on."""
        return self.state == DataUseState.APPROVED and self.term != "lapsed"

    @property
    def ends_soon(self) -> bool:
        return self.state == DataUseState.APPROVED and self.term == "ending"

    @property
    def waits_for_owner(self) -> bool:
        """Its source's owner is asked: for the first time, to confirm it again, or for more time."""
        asked = self.state in (DataUseState.REQUESTED, DataUseState.REOPENED)
        return asked or self.renewal_requested_at is not None

    @property
    def waits_since(self) -> datetime | None:
        """When it came to wait for the owner; None when it does not."""
        if not self.waits_for_owner:
            return None
        if self.state == DataUseState.REOPENED:
            return self.reopened_at
        return self.renewal_requested_at or self.requested_at
