"""What the register's API takes and gives; every field is named, unknown keys are refused."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.serializers import StrictSerializer
from portal.models import BusinessUnit, User
from usecases.choices import CHOSEN_PATTERNS, DataClass, Pattern, Stage, Tier
from usecases.models import Answer, DataSource, DataUse, RiskReview, SystemVersion, UseCase

MAX_TEXT = 4000


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


class UseCaseFilter(serializers.Serializer[Any]):
    q = serializers.CharField(max_length=120, required=False, allow_blank=True)
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    tier = serializers.ChoiceField(choices=Tier.choices, required=False)
    pattern = serializers.ChoiceField(choices=Pattern.choices, required=False)
    owner = serializers.CharField(max_length=80, required=False, help_text="Part of the owner's name.")
    unit = UnitField(required=False, help_text="Id or name; includes all units below.")


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
            "registered_at",
            "updated_at",
            "url",
        ]
        read_only_fields = fields


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


class DataSourceOut(serializers.ModelSerializer[DataSource]):
    owner = Named(read_only=True)
    unit = Named(read_only=True)

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
    use_case = serializers.CharField(source="use_case.reference", read_only=True)
    data_source = Named(read_only=True)
    requested_by = Named(read_only=True)
    decided_by = Named(read_only=True, allow_null=True)

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
            "decided_at",
            "note",
            "valid_until",
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
            "concluded_at",
        ]
        read_only_fields = fields
