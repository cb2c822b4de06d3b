"""The use case: the one securable object. Everything else inherits its visibility through a key to it."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q

from portal.history import tracked
from portal.models import Audited, BusinessUnit, User
from portal.triggers import follows, present
from usecases.choices import Pattern, Stage, TeamRole, Tier
from usecases.lifecycle import STAGES
from usecases.ordering import STAGE_RANK, TIER_RANK
from usecases.querysets import UseCaseQuerySet, reference_of

MAX_TAG, MAX_TAGS = 40, 20


class NextNumber(models.Func):
    """The next use case number; numbers are unique and rising, a gap means a registration that failed."""

    template = "nextval('use_case_number_seq')"
    output_field = models.IntegerField()


@tracked(exclude=["search", "updated_at"])
class UseCase(Audited):
    number = models.IntegerField(unique=True, db_default=NextNumber(), editable=False)
    title = models.CharField(max_length=160)
    business_outcome = models.TextField()
    user_group = models.TextField()
    pattern = models.CharField(max_length=20, choices=Pattern.choices)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="owned_use_cases")
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="use_cases")
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.REGISTERED)
    restricted = models.BooleanField(default=False)
    # Copied from the last concluded risk review, for lists; empty until one is concluded.
    tier = models.CharField(max_length=10, choices=Tier.choices, blank=True, default="")
    # Words by which people find what belongs together; slugs, in order, written by one verb.
    tags = ArrayField(models.CharField(max_length=MAX_TAG), default=list, db_default=models.Value([]), blank=True)
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="registered_use_cases")
    registered_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="simple")
        + SearchVector("business_outcome", "user_group", weight="B", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = UseCaseQuerySet.as_manager()

    class Meta:
        db_table = "use_case"
        permissions = [(f"team_{role.value}", f"Team: {role.label}") for role in TeamRole]
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="use_case_title_is_not_blank"),
            models.CheckConstraint(condition=~Q(business_outcome=""), name="use_case_outcome_is_not_blank"),
            models.CheckConstraint(condition=~Q(user_group=""), name="use_case_user_group_is_not_blank"),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="use_case_stage_is_known"),
            models.CheckConstraint(condition=Q(pattern__in=Pattern.values), name="use_case_pattern_is_known"),
            models.CheckConstraint(condition=Q(tier__in=["", *Tier.values]), name="use_case_tier_is_known"),
            models.CheckConstraint(condition=Q(tags__len__lte=MAX_TAGS), name="use_case_tags_are_few"),
        ]
        indexes = [
            models.Index(fields=["-updated_at", "-id"], name="use_case_newest"),
            models.Index(fields=["unit", "-updated_at", "-id"], name="use_case_of_unit"),
            # What a role in a unit shows, for counting it without reading a row.
            models.Index(
                fields=["unit", "-updated_at", "-id"], condition=Q(restricted=False), name="use_case_open_of_unit"
            ),
            models.Index(fields=["owner", "-updated_at", "-id"], name="use_case_of_owner"),
            models.Index(fields=["registered_at", "id"], name="use_case_by_registration"),
            models.Index(fields=["title", "id"], name="use_case_by_title"),
            models.Index(STAGE_RANK, "id", name="use_case_by_stage"),
            models.Index(TIER_RANK, "id", name="use_case_by_tier"),
            GinIndex(fields=["tags"], name="use_case_tags"),
            GinIndex(fields=["search"], name="use_case_search"),
            GinIndex(fields=["title"], opclasses=["gin_trgm_ops"], name="use_case_title_trigrams"),
        ]
        triggers = [follows(STAGES, "stage"), present("owner_id", name="use_case_owner_is_present")]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        return reference_of(self.number)

    # Django's own hash the whole list of choices each time, which shows on a page of fifty rows.

    def get_stage_display(self) -> str:  # type: ignore[no-redef]
        return str(Stage(self.stage).label)

    def get_pattern_display(self) -> str:  # type: ignore[no-redef]
        return str(Pattern(self.pattern).label)

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("usecases:detail", kwargs={"reference": self.reference})
