"""Saved views: a name for filters, order and columns. A view narrows what its reader may see, never widens it."""

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Subquery

from portal.actors import Actor
from portal.models import Audited, BusinessUnit, User
from usecases.choices import Sharing
from usecases.ordering import SORTS

if TYPE_CHECKING:
    from typing import Self


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def readable_by(self, actor: Actor) -> "Self":
        """Their own, those for everybody, and those of the units above their own; machines read none."""
        person = actor.person
        if person is None or not person.is_active:
            return self.none()
        home = BusinessUnit.objects.filter(people=person).values("path")
        below = Q(sharing=Sharing.UNIT, home__startswith=F("unit__path"))
        return self.alias(home=Subquery(home)).filter(Q(owner_id=person.pk) | Q(sharing=Sharing.EVERYBODY) | below)


class SavedView(Audited):
    """`wanted` holds the filters as the address has them: key to list of values."""

    name = models.CharField(max_length=80)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="saved_views")
    sharing = models.CharField(max_length=10, choices=Sharing.choices, default=Sharing.PRIVATE)
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, null=True, blank=True, related_name="saved_views")
    wanted = models.JSONField(default=dict)
    columns = ArrayField(models.CharField(max_length=30), default=list)
    sort = models.CharField(max_length=20, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        db_table = "saved_view"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_is_unique_for_owner"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_name_is_not_blank"),
            models.CheckConstraint(condition=Q(sharing__in=Sharing.values), name="saved_view_sharing_is_known"),
            models.CheckConstraint(
                condition=Q(sharing=Sharing.UNIT, unit__isnull=False)
                | (~Q(sharing=Sharing.UNIT) & Q(unit__isnull=True)),
                name="saved_view_unit_is_named_for_units_only",
            ),
            models.CheckConstraint(condition=Q(sort__in=["", *SORTS]), name="saved_view_sort_is_known"),
            models.CheckConstraint(condition=Q(columns__len__lte=20), name="saved_view_columns_are_few"),
        ]
        indexes = [models.Index(fields=["sharing", "unit"], name="saved_view_shared")]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view with which the register opens for one person."""

    person = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="default_view")
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="default_of")

    class Meta:
        db_table = "saved_view_default"
