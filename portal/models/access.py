"""Scope grants: who has which role where, from when, until when, and by whom."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q

from portal.choices import Role
from portal.history import tracked
from portal.models.audit import Audited
from portal.models.machines import ServiceAccount
from portal.models.people import BusinessUnit, User


@tracked()
class Grant(Audited):
    """A role in a scope: the organisation (no unit) or a business unit and all below it.

    Held by exactly one of a person, a group (mapped from single sign-on) or a service account.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="grants")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="grants")
    service_account = models.ForeignKey(
        ServiceAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="grants"
    )
    role = models.CharField(max_length=30, choices=Role.choices)
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, null=True, blank=True, related_name="grants")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    granted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="grants_given")
    reason = models.TextField(blank=True)

    class Meta:
        db_table = "access_grant"
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(person__isnull=False, group__isnull=True, service_account__isnull=True)
                    | Q(person__isnull=True, group__isnull=False, service_account__isnull=True)
                    | Q(person__isnull=True, group__isnull=True, service_account__isnull=False)
                ),
                name="grant_has_one_holder",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="grant_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=True) | Q(granted_by__isnull=True) | ~Q(person=F("granted_by")),
                name="grant_is_not_to_oneself",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="grant_role_is_known"),
        ]
        indexes = [
            models.Index(fields=["person", "valid_from"], name="grant_of_person"),
            models.Index(fields=["group", "valid_from"], name="grant_of_group"),
            models.Index(fields=["service_account", "valid_from"], name="grant_of_service_account"),
        ]
