"""The catalogue: models, prompts, agents, tools and the like, each known once, and the versions that run on them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from portal.models import Audited, User
from portal.triggers import append_only, follows, frozen, inserted_only_if
from usecases.choices import ComponentKind, Modality, WorkKind, WorkState
from usecases.lifecycle import WORK_ITEMS
from usecases.models.system_version import SystemVersion
from usecases.models.use_case import UseCase
from usecases.querysets import ComponentQuerySet, WorkItemQuerySet

LONGEST = 500


class Component(Audited):
    """What it is never changes; what is known about it (licence, retirement …) is kept true by platform and engineers.

    `key` is the identity: kind, provider, name, and the digest of its content or else its version.
    """

    kind = models.CharField(max_length=20, choices=ComponentKind.choices)
    provider = models.CharField(max_length=LONGEST, blank=True)
    name = models.CharField(max_length=LONGEST)
    version = models.CharField(max_length=LONGEST, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=64, unique=True, editable=False)

    description = models.TextField(blank=True)
    licence = models.CharField(max_length=200, blank=True)
    deployment = models.CharField(max_length=200, blank=True)
    endpoint = models.CharField(max_length=LONGEST, blank=True)
    region = models.CharField(max_length=80, blank=True)
    modalities = ArrayField(models.CharField(max_length=10, choices=Modality.choices), default=list, blank=True)
    # The account or application registration under which an agent or a tool acts.
    acts_as = models.CharField(max_length=200, blank=True)
    card = models.CharField(max_length=LONGEST, blank=True)
    parts = models.ManyToManyField("self", symmetrical=False, related_name="part_of", db_table="component_part")

    retires_on = models.DateField(null=True, blank=True)
    retirement_source = models.CharField(max_length=LONGEST, blank=True)
    retirement_set_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="set_retirements")
    retirement_set_at = models.DateTimeField(null=True)

    # Set when a person put it into the catalogue; empty when a declared version brought it along.
    catalogued_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="catalogued_components")
    catalogued_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    objects = ComponentQuerySet.as_manager()

    class Meta:
        db_table = "component"
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="component_name_is_not_blank"),
            models.CheckConstraint(condition=Q(kind__in=ComponentKind.values), name="component_kind_is_known"),
            models.CheckConstraint(
                condition=Q(retirement_set_at__isnull=True, retirement_set_by__isnull=True)
                | Q(retirement_set_at__isnull=False, retirement_set_by__isnull=False),
                name="component_retirement_has_its_author",
            ),
            models.CheckConstraint(
                condition=Q(retires_on__isnull=True) | (Q(retirement_set_at__isnull=False) & ~Q(retirement_source="")),
                name="component_retirement_has_its_source",
            ),
            models.CheckConstraint(
                condition=Q(catalogued_at__isnull=True, catalogued_by__isnull=True)
                | Q(catalogued_at__isnull=False, catalogued_by__isnull=False),
                name="component_cataloguing_is_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "name", "id"], name="component_by_kind"),
            models.Index(fields=["name", "id"], name="component_by_name"),
            models.Index(fields=["retires_on"], name="component_retiring", condition=Q(retires_on__isnull=False)),
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="component_name_trigrams"),
        ]
        triggers = [frozen("kind", "provider", "name", "version", "digest", "key", name="component_identity_is_fixed")]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.provider, self.name, self.version)))

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("usecases:component", kwargs={"pk": self.pk})


class VersionComponent(models.Model):
    """A version runs on a component. `use_case` stands here too: who runs on what is one look into one index."""

    system_version = models.ForeignKey(SystemVersion, on_delete=models.PROTECT, related_name="version_components")
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="version_components")
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="version_components")
    details = models.JSONField(default=dict)

    class Meta:
        db_table = "version_component"
        constraints = [
            models.UniqueConstraint(fields=["system_version", "component"], name="version_component_is_named_once")
        ]
        indexes = [
            models.Index(fields=["component", "use_case", "system_version"], name="version_component_where"),
            models.Index(fields=["use_case", "component"], name="version_component_of_use_case"),
        ]
        triggers = [
            *append_only(),
            inserted_only_if(
                "EXISTS (SELECT 1 FROM system_version v WHERE v.id = NEW.system_version_id"
                " AND v.use_case_id = NEW.use_case_id)",
                name="version_component_is_of_its_use_case",
            ),
        ]


class WorkItem(Audited):
    """Something a use case has to do by a day. Opened by the portal; closed when it is done, or by a person's decision.

    `days_told` is how many days before that day its owner was last told: 180, 90, 30, or 0 on the day.
    """

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="work_items")
    kind = models.CharField(max_length=20, choices=WorkKind.choices)
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="work_items")
    due_on = models.DateField()
    days_told = models.SmallIntegerField()
    state = models.CharField(max_length=10, choices=WorkState.choices, default=WorkState.OPEN)
    opened_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    dismissed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="dismissed_work_items")
    reason = models.TextField(blank=True)

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        db_table = "work_item"
        constraints = [
            models.UniqueConstraint(
                fields=["use_case", "component", "kind"],
                condition=Q(state=WorkState.OPEN),
                name="work_item_is_open_once",
            ),
            models.CheckConstraint(condition=Q(kind__in=WorkKind.values), name="work_item_kind_is_known"),
            models.CheckConstraint(condition=Q(state__in=WorkState.values), name="work_item_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=WorkState.OPEN, ended_at__isnull=True)
                | Q(~Q(state=WorkState.OPEN), ended_at__isnull=False),
                name="work_item_end_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(state=WorkState.DISMISSED, dismissed_by__isnull=False) & ~Q(reason="")
                | Q(~Q(state=WorkState.DISMISSED), dismissed_by__isnull=True),
                name="work_item_dismissal_has_its_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["use_case", "due_on"], name="work_item_open", condition=Q(state=WorkState.OPEN)),
            models.Index(fields=["component", "due_on"], name="work_item_of_component"),
        ]
        triggers = [
            follows(WORK_ITEMS, "state"),
            frozen("use_case_id", "kind", "component_id", "due_on", name="work_item_subject_is_fixed"),
        ]
