"""Whom an identity provider keeps by SCIM, and under which key: who has no row here is none of its business."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q

from portal.identifiers import uuid7
from portal.models.audit import Audited
from portal.models.machines import ServiceAccount
from portal.models.people import User


class ProvisionedPerson(models.Model):
    """A person the directory made or took over. `external_id` is the provider's key, the same as at sign-in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.OneToOneField(User, on_delete=models.PROTECT, related_name="provisioned")
    external_id = models.CharField(max_length=255, blank=True)
    given_name = models.CharField(max_length=120, blank=True)
    family_name = models.CharField(max_length=120, blank=True)
    # Who is asked to stand in when the person leaves.
    manager = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="provisioned_reports")
    account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, related_name="provisioned_people")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "provisioned_person"
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="provisioned_person_external_id_is_unique"
            ),
            models.CheckConstraint(
                condition=Q(manager__isnull=True) | ~Q(manager=F("person")),
                name="provisioned_person_is_not_their_own_manager",
            ),
        ]


class ProvisionedGroup(Audited):
    """A group whose members the directory names; what it opens, people decide."""

    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="provisioned")
    external_id = models.CharField(max_length=255, blank=True)
    account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, related_name="provisioned_groups")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "provisioned_group"
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="provisioned_group_external_id_is_unique"
            )
        ]
