"""What a use case was, over HTTP: its history line by line, and the whole of it as of a moment."""

from typing import Any, cast
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.errors import Problem
from usecases.api.serializers import Named, UseCaseOut
from usecases.changes import fields
from usecases.history import KINDS, PAGE, Wanted, timeline
from usecases.models import UseCase
from usecases.moments import NotKnownThen, as_of, moment_of


class HistoryFilter(serializers.Serializer[Any]):
    field = serializers.ChoiceField(choices=fields(), required=False, help_text="Only lines that changed this field.")
    who = serializers.CharField(
        max_length=80, required=False, help_text="Part of a name; `database` for what was changed by hand."
    )
    kind = serializers.ChoiceField(choices=KINDS, required=False, help_text="First word of the action.")
    before = serializers.CharField(max_length=80, required=False, help_text="Where a page begins; see `next`.")
    page_size = serializers.IntegerField(min_value=1, max_value=100, required=False)


class ChangeOut(serializers.Serializer[Any]):
    """One field, as stored and in words; `thing` and `field` together name the column."""

    thing = serializers.CharField()
    subject = serializers.CharField()
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    said_before = serializers.CharField()
    said_after = serializers.CharField()


class HistoryEntryOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    actor = serializers.CharField(source="line.actor")
    machine = serializers.BooleanField(source="line.machine")
    action = serializers.CharField(source="line.action")
    sentence = serializers.CharField(source="line.sentence")
    reason = serializers.CharField(source="line.reason")
    changes = ChangeOut(many=True)


class HistoryOut(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = HistoryEntryOut(many=True)


class History(APIView):
    @extend_schema(
        tags=["use cases"],
        summary="Everything that happened and every field that moved with it, newest first",
        parameters=[HistoryFilter],
        responses=HistoryOut,
    )
    def get(self, request: Request, reference: str) -> Response:
        use_case = UseCase.objects.get_visible(actor_of(request), reference)
        asked = HistoryFilter(data={name: request.query_params[name] for name in request.query_params})
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        before, size = values.pop("before", ""), values.pop("page_size", PAGE)
        entries, older = timeline(use_case, Wanted(**values), before, size)
        following = urlencode({**values, "page_size": size, "before": older})
        body = {
            "next": request.build_absolute_uri(f"{request.path}?{following}") if older else None,
            "previous": None,
            "results": entries,
        }
        return Response(HistoryOut(body).data)


class PartThen(serializers.Serializer[Any]):
    person = Named()
    role = serializers.CharField()


class UseThen(serializers.Serializer[Any]):
    data_source = Named()
    state = serializers.CharField()
    purpose = serializers.CharField()
    valid_until = serializers.DateField(allow_null=True)


class FactThen(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.JSONField()
    statement = serializers.CharField()
    as_of = serializers.DateTimeField()


class VersionThen(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]
    digest = serializers.CharField()


class UseCaseThen(UseCaseOut):
    """A use case as of a moment, with what hung on it then."""

    as_of = serializers.DateTimeField()
    team = PartThen(many=True)
    data_uses = UseThen(many=True)
    facts = FactThen(many=True)
    version = VersionThen(allow_null=True)

    class Meta(UseCaseOut.Meta):
        fields = [*UseCaseOut.Meta.fields, "as_of", "team", "data_uses", "facts", "version"]


def use_case_then(use_case: UseCase, asked: str) -> Response:
    """The answer to `?as_of=`: what was so, or 404 with why nothing is known. ValidationError for no moment."""
    try:
        then = as_of(use_case, moment_of(asked[:40]))
    except NotKnownThen as error:
        problem = Problem(404, error.code, f"Nothing is known of before {error.since.isoformat()}.", str(error))
        return Response(problem.as_dict(), status=404, content_type="application/problem+json")
    return Response(UseCaseThen(cast(UseCase, _Then(then))).data)


class _Then:
    """The snapshot under the names of the answer."""

    def __init__(self, then: Any) -> None:
        self.as_of, self.team, self.data_uses = then.at, then.team, then.uses
        self.facts, self.version, self._row = then.facts, then.version, then.use_case

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)
