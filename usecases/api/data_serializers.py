"""What the API takes and gives about the catalogue and documents; every field is named, unknown keys are refused."""

from typing import Any

from rest_framework import serializers

from portal.api.serializers import StrictSerializer
from usecases.api.serializers import MAX_TEXT, DataSourceIn, Named, PersonField, UnitField
from usecases.choices import DataClass, DocumentKind, DocumentState, Grounding
from usecases.data_catalogue import ATTENTION


class CatalogueFilter(StrictSerializer):
    q = serializers.CharField(max_length=80, required=False, allow_blank=True, help_text="In name, system, content.")
    classification = serializers.ChoiceField(choices=DataClass.choices, required=False)
    personal_data = serializers.ChoiceField(choices=["yes", "no"], required=False)
    grounding = serializers.ChoiceField(choices=Grounding.choices, required=False)
    attention = serializers.ChoiceField(choices=[name for name, _label in ATTENTION], required=False)
    owner = serializers.CharField(max_length=80, required=False, help_text="Part of the owner's name.")
    region = serializers.CharField(max_length=80, required=False, help_text="Part of the region.")
    unit = UnitField(required=False, help_text="Id or name; includes all units below.")


class DataSourceChange(DataSourceIn):
    """What stands there now is left as it is where a key is missing; `owner` is handed over by a verb of its own."""

    owner = None  # type: ignore[assignment]
    grounding = serializers.ChoiceField(choices=Grounding.choices)
    reason = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")


class CertificateIn(StrictSerializer):
    valid_until = serializers.DateField()
    note = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")


class RefreshIn(StrictSerializer):
    refreshed_at = serializers.DateTimeField()


class RevisionIn(StrictSerializer):
    file = serializers.FileField(max_length=200, help_text="At most 20 MB; its kind is read from its bytes.")
    effective_on = serializers.DateField(help_text="The day it counts from, apart from the upload.")
    expires_on = serializers.DateField(allow_null=True, default=None, help_text="The last day it counts.")
    note = serializers.CharField(max_length=MAX_TEXT, allow_blank=True, default="")


class DocumentIn(RevisionIn):
    use_case = serializers.CharField(max_length=20, help_text="The use case's reference.")
    title = serializers.CharField(max_length=160)
    kind = serializers.ChoiceField(choices=DocumentKind.choices)
    owner = PersonField()


class DocumentOut(serializers.Serializer[Any]):
    """A document with its newest revision; `expired` is as of today."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(choices=DocumentKind.choices)
    state = serializers.ChoiceField(choices=DocumentState.choices)
    owner = Named()
    revision = serializers.IntegerField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    media_type = serializers.CharField()
    filename = serializers.CharField()
    effective_on = serializers.DateField()
    expires_on = serializers.DateField(allow_null=True)
    expired = serializers.BooleanField(source="lapsed")
    uploaded_at = serializers.DateTimeField()
    note = serializers.CharField()
