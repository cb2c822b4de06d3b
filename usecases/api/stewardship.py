"""Who answers for a use case and who is on its team, over HTTP; and what is registered already."""

import uuid
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.serializers import StrictSerializer
from usecases.actions import stewardship as verbs
from usecases.api.serializers import MAX_TEXT, Named, PersonField
from usecases.api.use_cases import valid, visible
from usecases.api.work import list_of, listed
from usecases.choices import Stage, TeamRole
from usecases.duplicates import LONGEST_OUTCOME, LONGEST_TITLE, likely_duplicates
from usecases.models import DataSource, StewardshipRequest, UseCaseUserPermission

TAGS = ["team and ownership"]
SIMILAR = ("title", "business_outcome")
JOINABLE = [(value, label) for value, label in TeamRole.choices if value != TeamRole.OWNER]


class SimilarFilter(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=LONGEST_TITLE, required=False, allow_blank=True, default="")
    business_outcome = serializers.CharField(max_length=LONGEST_OUTCOME, required=False, allow_blank=True, default="")


class SimilarOut(serializers.Serializer[Any]):
    """`closeness` is from 0 to 1, `why` says what is alike."""

    reference = serializers.CharField(source="use_case.reference")
    title = serializers.CharField(source="use_case.title")
    owner = Named(source="use_case.owner")
    stage = serializers.ChoiceField(source="use_case.stage", choices=Stage.choices)
    closeness = serializers.FloatField()
    why = serializers.CharField()
    url = serializers.CharField(source="use_case.get_absolute_url")


class PartOut(serializers.Serializer[Any]):
    person = Named(source="user")
    role = serializers.SerializerMethodField()

    def get_role(self, part: UseCaseUserPermission) -> str:
        return part.permission.codename.removeprefix("team_")


class RequestIn(StrictSerializer):
    """With a `person`: that they take it over. Without: that you join its team, as `role`."""

    person = PersonField(required=False)
    role = serializers.ChoiceField(choices=JOINABLE, required=False)
    message = serializers.CharField(max_length=MAX_TEXT, required=False, allow_blank=True, default="")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if "person" in values and "role" in values:
            raise serializers.ValidationError({"role": [_("Who takes over becomes the owner; leave the role out.")]})
        return values


class SourceRequestIn(StrictSerializer):
    person = PersonField()
    message = serializers.CharField(max_length=MAX_TEXT, required=False, allow_blank=True, default="")


class DeclineIn(StrictSerializer):
    answer = serializers.CharField(max_length=MAX_TEXT)


class RequestOut(serializers.ModelSerializer[StewardshipRequest]):
    use_case = serializers.CharField(source="use_case.reference", default=None, read_only=True)
    person = Named(read_only=True)
    requested_by = Named(read_only=True)
    closed_by = Named(read_only=True, allow_null=True)

    class Meta:
        model = StewardshipRequest
        fields = [
            "id",
            "kind",
            "use_case",
            "data_source",
            "person",
            "role",
            "message",
            "state",
            "requested_by",
            "requested_at",
            "answer",
            "closed_by",
            "closed_at",
        ]
        read_only_fields = fields


class Similar(APIView):
    @extend_schema(
        tags=["use cases"],
        summary="Use cases you may see that say nearly the same, closest first, at most five",
        parameters=[SimilarFilter],
        responses=list_of("SimilarUseCases", SimilarOut),
    )
    def get(self, request: Request) -> Response:
        params = request.query_params
        wanted = valid(SimilarFilter(data={name: params[name] for name in SIMILAR if name in params}))
        return listed(SimilarOut, likely_duplicates(actor_of(request), wanted["title"], wanted["business_outcome"]))


class Team(APIView):
    @extend_schema(tags=TAGS, summary="Who is on its team", responses=list_of("TeamParts", PartOut))
    def get(self, request: Request, reference: str) -> Response:
        parts = UseCaseUserPermission.objects.filter(content_object=visible(request, reference))
        return listed(PartOut, parts.select_related("user", "permission").order_by("user__name", "id")[:500])


class Requests(APIView):
    @extend_schema(
        tags=TAGS,
        summary="Handovers and requests to join, newest first",
        responses=list_of("StewardshipRequests", RequestOut),
    )
    def get(self, request: Request, reference: str) -> Response:
        found = StewardshipRequest.objects.told().filter(use_case=visible(request, reference))
        return listed(RequestOut, found.order_by("-requested_at", "-id")[:200])

    @extend_schema(
        tags=TAGS,
        summary="Ask somebody to take it over, or ask to join its team",
        request=RequestIn,
        responses={201: RequestOut},
    )
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        use_case, actor = visible(request, reference), actor_of(request)
        values = valid(RequestIn(data=request.data))
        if "person" in values:
            made = verbs.request_handover(actor=actor, subject=use_case, **values)
        else:
            made = verbs.request_to_join(actor=actor, use_case=use_case, **values)
        return Response(RequestOut(made).data, status=201)


class SourceRequests(APIView):
    @extend_schema(
        tags=TAGS,
        summary="Ask somebody to take a data source over",
        request=SourceRequestIn,
        responses={201: RequestOut},
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        actor = actor_of(request)
        source = get_object_or_404(DataSource.objects.visible_to(actor).select_related("owner", "unit"), pk=pk)
        values = valid(SourceRequestIn(data=request.data))
        made = verbs.request_handover(actor=actor, subject=source, **values)
        return Response(RequestOut(made).data, status=201)


def _known(request: Request, pk: uuid.UUID) -> StewardshipRequest:
    """Known to who asked, to who is asked, and to whoever sees what it is about. Raises Http404."""
    found = StewardshipRequest.objects.get_known(actor_of(request), pk)
    if found is None:
        raise Http404
    return found


class Accept(APIView):
    @extend_schema(tags=TAGS, summary="Take it over, or let somebody join", request=None, responses=RequestOut)
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        done = verbs.accept_request(actor=actor_of(request), request=_known(request, pk))
        return Response(RequestOut(done).data)


class Decline(APIView):
    @extend_schema(tags=TAGS, summary="Decline, with a reason", request=DeclineIn, responses=RequestOut)
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        found = _known(request, pk)
        values = valid(DeclineIn(data=request.data))
        return Response(RequestOut(verbs.decline_request(actor=actor_of(request), request=found, **values)).data)


class Withdraw(APIView):
    @extend_schema(tags=TAGS, summary="Take the request back", request=None, responses=RequestOut)
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        done = verbs.withdraw_request(actor=actor_of(request), request=_known(request, pk))
        return Response(RequestOut(done).data)
