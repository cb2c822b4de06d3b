"""Saved views: a name for filters, order and columns. A view narrows what its reader may see, never widens it."""

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from portal.actors import Actor
from portal.models import Audited, BusinessUnit, User
from usecases.choices import Sharing
from usecases.ordering import SORTS

if TYPE_CHECKING:
    from typing import Self


# Written out, since every list asks for them and composing this anew costs several times what it takes to run.
_READABLE = """
SELECT view.id FROM saved_view view LEFT JOIN business_unit shared ON shared.id = view.unit_id
WHERE view.owner_id = %s OR view.sharing = 'everybody'
OR (view.sharing = 'unit' AND starts_with((SELECT path FROM business_unit WHERE id = %s), shared.path))
"""
_BEGINS = "EXISTS (SELECT 1 FROM saved_view_default kept WHERE kept.view_id = saved_view.id AND kept.person_id = %s)"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def readable_by(self, actor: Actor) -> "Self":
        """Their own, those for everybody, and those of the units above their own; machines read none."""
        person = actor.person
        if person is None or not person.is_active:
            return self.none()
        return self.filter(id__in=RawSQL(_READABLE, [person.pk, person.unit_id]))  # noqa: S611  # nosec B611

    def beginning_with(self, actor: Actor) -> "Self":
        """With a mark, `begins`, on the one with which this person begins."""
        person = actor.person.pk if actor.person is not None else None
        return self.annotate(begins=RawSQL(_BEGINS, [person], BooleanField()))  # noqa: S611  # nosec B611


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
