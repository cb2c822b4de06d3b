"""What saved views of the register look like over HTTP."""

from typing import Any

from rest_framework import serializers

from portal.api.serializers import StrictSerializer
from usecases.api.serializers import Named, UnitField, filter_field
from usecases.choices import Sharing
from usecases.finding.filters import MAX_VALUES, Filter, filters
from usecases.finding.query import COLUMNS
from usecases.models import SavedView
from usecases.ordering import SORTS

MAX_TEXT = 4000
TERMS = ("open", "running", "ending", "lapsed")


class WantedIn(StrictSerializer):
    """What a view shows: the list's own parameters, each with a list of values."""

    q = serializers.ListField(child=serializers.CharField(max_length=120), max_length=1, required=False)
    sort = serializers.ListField(child=serializers.ChoiceField(choices=SORTS), max_length=1, required=False)
    columns = serializers.ListField(
        child=serializers.ChoiceField(choices=list(COLUMNS)), max_length=len(COLUMNS), required=False
    )

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **{key: _wanted_field(each) for key, each in filters().items()}}


def _wanted_field(each: Filter) -> serializers.Field[Any, Any, Any, Any]:
    if each.kind == "unit":
        child: Any = serializers.UUIDField()
        return serializers.ListField(child=child, max_length=MAX_VALUES, required=False)
    return filter_field(each)


class SavedViewIn(StrictSerializer):
    name = serializers.CharField(max_length=80)
    wanted = WantedIn(required=False)
    sharing = serializers.ChoiceField(choices=Sharing.choices, required=False)
    unit = UnitField(required=False, allow_null=True)


class SavedViewOut(serializers.ModelSerializer[SavedView]):
    owner = Named(read_only=True)
    unit = Named(read_only=True, allow_null=True)
    wanted = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), read_only=True)
    sharing = serializers.CharField(read_only=True)
    columns = serializers.ListField(child=serializers.CharField(), read_only=True)
    sort = serializers.CharField(read_only=True)

    class Meta:
        model = SavedView
        fields = ["id", "name", "owner", "sharing", "unit", "wanted", "columns", "sort", "created_at", "updated_at"]
        read_only_fields = fields
