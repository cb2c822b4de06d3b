"""What the register's API takes and gives; every field is named, unknown keys are refused."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.serializers import StrictSerializer
from portal.models import BusinessUnit, User
from usecases.choices import CHOSEN_PATTERNS, DataClass, Tier
from usecases.finding.filters import MAX_VALUES, MAX_WORDS, Filter, filters
from usecases.models import Answer, DataSource, DataUse, RiskReview, SystemVersion, UseCase
from usecases.models.use_case import MAX_TAG, MAX_TAGS
from usecases.ordering import SORTS
from usecases.repository_files import MAX_BYTES

MAX_TEXT = 4000
TERMS = ("open", "running", "ending", "lapsed")


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@extend_schema_field(OpenApiTypes.STR)
class PersonField(serializers.Field[User, str, str, Any]):
    """An active person by id or sign-in name."""

    def to_internal_value(self, data: Any) -> User:
        text = serializers.CharField(max_length=80).run_validation(data)
        people = User.objects.filter(is_active=True)
        key = _as_uuid(text)
        found = people.filter(pk=key).first() if key else people.filter(username__iexact=text).first()
        if found is None:
            raise serializers.ValidationError(_("Nobody here has this id or sign-in name."))
        return found


@extend_schema_field(OpenApiTypes.STR)
class UnitField(serializers.Field[BusinessUnit, str, str, Any]):
    """A business unit by id, or by its name where only one has it."""

    def to_internal_value(self, data: Any) -> BusinessUnit:
        text = serializers.CharField(max_length=120).run_validation(data)
        key = _as_uuid(text)
        units = BusinessUnit.objects.filter(pk=key) if key else BusinessUnit.objects.filter(name=text)
        found = list(units[:2])
        if len(found) != 1:
            raise serializers.ValidationError(_("Name one business unit by its id, or by a name only one has."))
        return found[0]


class Named(serializers.Serializer[Any]):
    """A person, unit or account in an answer."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class UseCaseIn(StrictSerializer):
    title = serializers.CharField(max_length=160)
    business_outcome = serializers.CharField(max_length=MAX_TEXT)
    user_group = serializers.CharField(max_length=MAX_TEXT)
    pattern = serializers.ChoiceField(choices=CHOSEN_PATTERNS)


class RegistrationIn(UseCaseIn):
    """`owner` defaults to the person who asks, `unit` to the owner's."""

    owner = PersonField(required=False)
    unit = UnitField(required=False)


class UseCaseChange(UseCaseIn):
    restricted = serializers.BooleanField()


class AnyOf(serializers.ListField):
    """Several values of one parameter; what is wrong with one of them is told under the parameter's own name."""

    def run_child_validation(self, data: Any) -> Any:
        try:
            return super().run_child_validation(data)
        except serializers.ValidationError as error:
            texts = [text for found in error.detail.values() for text in found]  # type: ignore[union-attr]
            raise serializers.ValidationError(texts[:1]) from None


def filter_field(each: Filter) -> serializers.Field[Any, Any, Any, Any]:
    """How a filter of the register is told to callers: repeat the parameter for several values, any of which fits."""
    if each.kind == "choice":
        child: Any = serializers.ChoiceField(choices=list(each.choices))
    elif each.kind == "unit":
        return AnyOf(child=UnitField(), required=False, help_text="Id or name; includes all below.")
    else:
        child = serializers.CharField(max_length=MAX_WORDS)
    return AnyOf(child=child, max_length=MAX_VALUES, required=False, help_text=str(each.label))


class UseCaseFilter(serializers.Serializer[Any]):
    """Words, every filter of the register, and an order. Without an order the newest registration comes first."""

    q = serializers.CharField(max_length=120, required=False, allow_blank=True)
    sort = serializers.ChoiceField(choices=SORTS, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **{key: filter_field(each) for key, each in filters().items()}}


class UseCaseOut(serializers.ModelSerializer[UseCase]):
    reference = serializers.CharField(read_only=True)
    owner = Named(read_only=True)
    unit = Named(read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = UseCase
        fields = [
            "reference",
            "title",
            "business_outcome",
            "user_group",
            "pattern",
            "owner",
            "unit",
            "stage",
            "tier",
            "restricted",
            "tags",
            "registered_at",
            "updated_at",
            "url",
        ]
        read_only_fields = fields


class FileIn(StrictSerializer):
    """`content` is the text of the file, in YAML."""

    content = serializers.CharField(max_length=MAX_BYTES, trim_whitespace=False)


class VersionIn(StrictSerializer):
    label = serializers.CharField(max_length=80)  # type: ignore[assignment]
    manifest = serializers.DictField()


class VersionOut(serializers.ModelSerializer[SystemVersion]):
    """`declared_by` is a person or a service account; `digest` is the SHA-256 of the manifest's canonical form."""

    declared_by = serializers.SerializerMethodField()
    manifest = serializers.DictField(read_only=True)

    class Meta:
        model = SystemVersion
        fields = ["number", "label", "digest", "manifest", "declared_by", "declared_at"]
        read_only_fields = fields

    def get_declared_by(self, version: SystemVersion) -> dict[str, str]:
        author = version.declared_by or version.declared_by_account
        return {"id": str(author.pk), "name": author.name} if author else {}


class BillIn(StrictSerializer):
    """`bill` is a CycloneDX document as JSON; `label` defaults to the version it names."""

    label = serializers.CharField(max_length=80, required=False, default="")  # type: ignore[assignment]
    bill = serializers.DictField()


class VersionFromBillOut(serializers.Serializer[Any]):
    """`not_expressed` lists what of the bill a manifest cannot hold."""

    version = VersionOut()
    not_expressed = serializers.ListField(child=serializers.CharField())


class UseCaseFromFileOut(serializers.Serializer[Any]):
    """`version` is null when the file declares none; `notes` say what of the file was not taken over."""

    use_case = UseCaseOut()
    created = serializers.BooleanField()
    changed = serializers.BooleanField()
    version = VersionOut(allow_null=True)
    notes = serializers.ListField(child=serializers.CharField())


class AnswerIn(StrictSerializer):
    """`seen_revision` is the revision the caller saw, 0 for none: a newer one is a conflict, never overwritten."""

    value = serializers.CharField(max_length=MAX_TEXT, allow_null=True, allow_blank=True, default=None)
    unsure = serializers.BooleanField(default=False)
    seen_revision = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class AnswerOut(serializers.ModelSerializer[Answer]):
    answered_by = Named(read_only=True)
    value = serializers.CharField(allow_null=True, read_only=True)

    class Meta:
        model = Answer
        fields = ["question", "revision", "value", "unsure", "answered_by", "answered_at"]
        read_only_fields = fields


class DataSourceIn(StrictSerializer):
    name = serializers.CharField(max_length=160)
    system = serializers.CharField(max_length=160)
    description = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")
    owner = PersonField()
    unit = UnitField()
    classification = serializers.ChoiceField(choices=DataClass.choices)
    personal_data = serializers.BooleanField()
    region = serializers.CharField(max_length=80, allow_blank=True, default="")
    licence = serializers.CharField(max_length=160, allow_blank=True, default="")
    retention = serializers.CharField(max_length=160, allow_blank=True, default="")
    refresh_every_hours = serializers.IntegerField(
        min_value=1, max_value=43_920, allow_null=True, default=None, help_text="The promise of freshness."
    )


class DataSourceOut(serializers.ModelSerializer[DataSource]):
    """`certificate` and `stale` are as of today."""

    owner = Named(read_only=True)
    unit = Named(read_only=True)
    certified_by = Named(read_only=True, allow_null=True)
    certificate = serializers.ChoiceField(choices=TERMS, read_only=True)
    stale = serializers.BooleanField(read_only=True)

    class Meta:
        model = DataSource
        fields = [
            "id",
            "name",
            "system",
            "description",
            "owner",
            "unit",
            "classification",
            "personal_data",
            "region",
            "licence",
            "retention",
            "grounding",
            "refresh_every_hours",
            "refreshed_at",
            "stale",
            "certified_by",
            "certified_at",
            "certified_until",
            "certification_note",
            "certificate",
            "declared_at",
        ]
        read_only_fields = fields


class DataUseIn(StrictSerializer):
    data_source = serializers.PrimaryKeyRelatedField(queryset=DataSource.objects.all())
    purpose = serializers.CharField(max_length=MAX_TEXT)
    access_boundary = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")


class ApprovalIn(StrictSerializer):
    note = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")
    valid_until = serializers.DateField(allow_null=True, default=None)


class RefusalIn(StrictSerializer):
    note = serializers.CharField(max_length=MAX_TEXT)


class DataUseOut(serializers.ModelSerializer[DataUse]):
    """`holds` is whether the approval counts today: `approved` alone does not say that it has not lapsed."""

    use_case = serializers.CharField(source="use_case.reference", read_only=True)
    data_source = Named(read_only=True)
    requested_by = Named(read_only=True)
    decided_by = Named(read_only=True, allow_null=True)
    decided_for = Named(read_only=True, allow_null=True)
    renewal_requested_by = Named(read_only=True, allow_null=True)
    holds = serializers.BooleanField(read_only=True)
    lapsed = serializers.BooleanField(read_only=True)

    class Meta:
        model = DataUse
        fields = [
            "id",
            "use_case",
            "data_source",
            "purpose",
            "access_boundary",
            "state",
            "requested_by",
            "requested_at",
            "decided_by",
            "decided_for",
            "decided_at",
            "note",
            "valid_until",
            "holds",
            "lapsed",
            "reopened_at",
            "reopened_reason",
            "renewal_requested_by",
            "renewal_requested_at",
            "renewal_reason",
        ]
        read_only_fields = fields


class ConfirmationIn(StrictSerializer):
    evidence = serializers.CharField(max_length=MAX_TEXT)
    link = serializers.URLField(max_length=500, allow_blank=True, default="")


class ReasonIn(StrictSerializer):
    reason = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")


class ItemOut(serializers.Serializer[Any]):
    """One checklist item as it stands: satisfied by facts, confirmed by a person, or open."""

    item = serializers.CharField(source="item.id")
    title = serializers.CharField(source="item.title")
    state = serializers.ChoiceField(choices=["satisfied", "confirmed", "open"])
    statement = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    as_of = serializers.DateTimeField(allow_null=True)
    needs_confirmation = serializers.BooleanField(source="item.confirm")


class ConclusionIn(StrictSerializer):
    tier = serializers.ChoiceField(choices=Tier.choices)
    rationale = serializers.CharField(max_length=MAX_TEXT)


class ReturnIn(StrictSerializer):
    rationale = serializers.CharField(max_length=MAX_TEXT)


class RiskReviewOut(serializers.ModelSerializer[RiskReview]):
    submitted_by = Named(read_only=True)
    concluded_by = Named(read_only=True, allow_null=True)
    factors = serializers.DictField(child=serializers.IntegerField(allow_null=True), read_only=True)
    context = serializers.DictField(child=serializers.CharField(allow_null=True), read_only=True)  # type: ignore[assignment]
    classification = serializers.DictField(read_only=True)
    proposed_tier = serializers.CharField(read_only=True)
    concluded_tier = serializers.CharField(read_only=True)
    concluded_by_rule = serializers.CharField(read_only=True)

    class Meta:
        model = RiskReview
        fields = [
            "number",
            "state",
            "factors",
            "context",
            "classification",
            "scheme_version",
            "proposed_tier",
            "provisional",
            "submitted_by",
            "submitted_at",
            "concluded_tier",
            "rationale",
            "concluded_by",
            "concluded_by_rule",
            "concluded_at",
        ]
        read_only_fields = fields


class TagsIn(StrictSerializer):
    add = serializers.ListField(child=serializers.CharField(max_length=MAX_TAG), max_length=MAX_TAGS, default=list)
    remove = serializers.ListField(child=serializers.CharField(max_length=MAX_TAG), max_length=MAX_TAGS, default=list)
