"""Windows of absence: who is away from which day to which day, and who acts for them meanwhile."""

from datetime import UTC, date

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.models.audit import Audited
from portal.models.people import User
from portal.triggers import frozen, present

LONGEST_DAYS = 90
_OPEN = Q(closed_at__isnull=True)
_DAYS = models.Func(
    F("first_day"), F("last_day"), models.Value("[]"), function="daterange", output_field=models.Field()
)


def today() -> date:
    """The day by which windows begin and end: the calendar's in UTC, the same as the database's triggers ask for."""
    return timezone.now().astimezone(UTC).date()


class Absence(Audited):
    """`delegate` acts for `person` from the first to the last day, both included; closed ones count no more.

    It ends by itself. Closing it early is the person's or an administrator's, declining it the delegate's.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="absences")
    delegate = models.ForeignKey(User, on_delete=models.PROTECT, related_name="delegations")
    first_day = models.DateField()
    last_day = models.DateField()
    reason = models.CharField(max_length=500, blank=True)
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="absences_set")
    set_at = models.DateTimeField(auto_now_add=True)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="absences_closed")
    closed_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "absence"
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="absence_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(
                    last_day__lt=models.ExpressionWrapper(
                        F("first_day") + models.Value(LONGEST_DAYS), output_field=models.DateField()
                    )
                ),
                name="absence_length_is_bounded",
            ),
            models.CheckConstraint(condition=~Q(delegate=F("person")), name="absence_delegate_is_somebody_else"),
            models.CheckConstraint(
                condition=Q(set_by=F("person")) | ~Q(set_by=F("delegate")), name="absence_delegate_does_not_set_it"
            ),
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True, closed_at__isnull=True)
                | Q(closed_by__isnull=False, closed_at__isnull=False),
                name="absence_end_is_complete",
            ),
            ExclusionConstraint(
                name="absence_windows_do_not_overlap",
                expressions=[("person", RangeOperators.EQUAL), (_DAYS, RangeOperators.OVERLAPS)],
                condition=_OPEN,
            ),
        ]
        indexes = [models.Index(fields=["delegate", "last_day"], condition=_OPEN, name="absence_of_delegate")]
        triggers = [
            frozen("person_id", "delegate_id", "first_day", "last_day", "set_by_id", name="absence_window_is_fixed"),
            present("delegate_id", name="absence_delegate_is_present"),
            present("person_id", name="absence_person_is_present"),
            pgtrigger.Trigger(
                name="absence_stays_closed",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                level=pgtrigger.Row,
                func="IF OLD.closed_at IS NOT NULL AND (NEW.closed_at, NEW.closed_by_id)"
                " IS DISTINCT FROM (OLD.closed_at, OLD.closed_by_id)"
                " THEN RAISE EXCEPTION 'absence_stays_closed'"
                " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_day:%d %B %Y} – {self.last_day:%d %B %Y}"

    @property
    def declined(self) -> bool:
        return self.closed_by_id is not None and self.closed_by_id == self.delegate_id

    @property
    def counts_today(self) -> bool:
        return self.closed_at is None and self.first_day <= today() <= self.last_day
