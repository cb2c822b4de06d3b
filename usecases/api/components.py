"""The catalogue of components over HTTP, and the work that retirements make."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from portal.api.serializers import StrictSerializer
from usecases.actions.components import catalogue_component, describe_component, set_retirement
from usecases.actions.retirements import dismiss_work_item
from usecases.api.serializers import MAX_TEXT, Named
from usecases.api.use_cases import valid
from usecases.catalogue import links_of
from usecases.choices import ComponentKind, Modality
from usecases.models import Component, VersionComponent, WorkItem


def text(limit: int = 200, **options: Any) -> serializers.CharField:
    return serializers.CharField(max_length=limit, allow_blank=True, required=False, **options)


class ComponentFacts(StrictSerializer):
    """What is known about a component and may change."""

    description = text(MAX_TEXT)
    licence = text()
    deployment = text()
    endpoint = text(500)
    region = text(80)
    modalities = serializers.MultipleChoiceField(choices=Modality.choices, required=False)
    acts_as = text()
    card = serializers.URLField(max_length=500, allow_blank=True, required=False)
    parts = serializers.PrimaryKeyRelatedField(
        queryset=Component.objects.none(), many=True, required=False, help_text="The tools of an agent."
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        """Tools that the caller may not know of cannot be named either."""
        fields: dict[str, serializers.Field] = super().get_fields()
        if actor := self.context.get("actor"):
            parts: Any = fields["parts"]
            parts.child_relation.queryset = Component.objects.visible_to(actor)
        return fields


class ComponentIn(ComponentFacts):
    kind = serializers.ChoiceField(choices=ComponentKind.choices)
    name = serializers.CharField(max_length=200)
    provider = text()
    version = text()


class ComponentFilter(serializers.Serializer[Any]):
    q = serializers.CharField(max_length=120, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=ComponentKind.choices, required=False)
    provider = serializers.CharField(max_length=200, required=False)
    retiring_by = serializers.DateField(required=False, help_text="Only what is retired by this day.")


class ComponentOut(serializers.ModelSerializer[Component]):
    url = serializers.CharField(source="get_absolute_url", read_only=True)
    modalities = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Component
        fields = [
            "id",
            "kind",
            "provider",
            "name",
            "version",
            "digest",
            "description",
            "licence",
            "deployment",
            "endpoint",
            "region",
            "modalities",
            "acts_as",
            "card",
            "retires_on",
            "retirement_source",
            "first_seen_at",
            "url",
        ]
        read_only_fields = fields


class ComponentUse(serializers.ModelSerializer[VersionComponent]):
    """A version that runs on it; `newest` when no later version of the use case was declared."""

    use_case = serializers.CharField(source="use_case.reference", read_only=True)
    title = serializers.CharField(source="use_case.title", read_only=True)
    number = serializers.IntegerField(source="system_version.number", read_only=True)
    label = serializers.CharField(source="system_version.label", read_only=True)  # type: ignore[assignment]
    digest = serializers.CharField(source="system_version.digest", read_only=True)
    newest = serializers.SerializerMethodField()
    details = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = VersionComponent
        fields = ["use_case", "title", "number", "label", "digest", "newest", "details"]
        read_only_fields = fields

    def get_newest(self, link: VersionComponent) -> bool:
        return not link.overtaken  # type: ignore[attr-defined]


class RetirementIn(StrictSerializer):
    retires_on = serializers.DateField(allow_null=True)
    source = serializers.CharField(max_length=500)  # type: ignore[assignment]


class WorkItemOut(serializers.ModelSerializer[WorkItem]):
    use_case = serializers.CharField(source="use_case.reference", read_only=True)
    component = serializers.UUIDField(source="component_id", read_only=True)
    component_name = serializers.CharField(source="component", read_only=True)
    dismissed_by = Named(read_only=True, allow_null=True)

    class Meta:
        model = WorkItem
        fields = [
            "id",
            "use_case",
            "kind",
            "component",
            "component_name",
            "due_on",
            "state",
            "opened_at",
            "ended_at",
            "dismissed_by",
            "reason",
        ]
        read_only_fields = fields


class DismissalIn(StrictSerializer):
    reason = serializers.CharField(max_length=MAX_TEXT)


def _visible(request: Request, pk: uuid.UUID) -> Component:
    return Component.objects.get_visible(actor_of(request), pk)


class Components(ListAPIView[Component]):
    serializer_class = ComponentOut
    queryset = Component.objects.none()

    def get_queryset(self) -> QuerySet[Component]:
        wanted = valid(ComponentFilter(data=self.request.query_params.dict()))
        return Component.objects.visible_to(actor_of(self.request)).narrowed(**wanted)

    @extend_schema(tags=["components"], summary="Components you may see, newest first", parameters=[ComponentFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["components"],
        summary="Add a component that no version brings along",
        request=ComponentIn,
        responses={201: ComponentOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = valid(ComponentIn(data=request.data, context={"actor": actor_of(request)}))
        made = catalogue_component(actor=actor_of(request), **values)
        return Response(ComponentOut(made).data, status=201)


class ComponentDetail(APIView):
    @extend_schema(tags=["components"], summary="One component", responses=ComponentOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(ComponentOut(_visible(request, pk)).data)

    @extend_schema(
        tags=["components"],
        summary="Change what is known about it",
        request=ComponentFacts,
        responses=ComponentOut,
    )
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        found = _visible(request, pk)
        values = valid(ComponentFacts(data=request.data, partial=True, context={"actor": actor_of(request)}))
        done = describe_component(actor=actor_of(request), component=found, **values)
        return Response(ComponentOut(done).data)


class ComponentRetirement(APIView):
    @extend_schema(
        tags=["components"],
        summary="Set the day of its retirement, or take it back",
        request=RetirementIn,
        responses=ComponentOut,
    )
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        found, values = _visible(request, pk), valid(RetirementIn(data=request.data))
        return Response(ComponentOut(set_retirement(actor=actor_of(request), component=found, **values)).data)


class UsePagination(KeysetPagination):
    ordering = "-system_version_id"


class ComponentUses(ListAPIView[VersionComponent]):
    serializer_class = ComponentUse
    pagination_class = UsePagination
    queryset = VersionComponent.objects.none()

    def get_queryset(self) -> QuerySet[VersionComponent]:
        return links_of(_visible(self.request, self.kwargs["pk"]), actor_of(self.request))

    @extend_schema(tags=["components"], summary="The versions that run on it, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class WorkItems(ListAPIView[WorkItem]):
    serializer_class = WorkItemOut
    queryset = WorkItem.objects.none()

    def get_queryset(self) -> QuerySet[WorkItem]:
        found = WorkItem.objects.visible_to(actor_of(self.request)).open()
        return found.select_related("use_case", "component", "dismissed_by")

    @extend_schema(tags=["components"], summary="Open work with a day by which it has to be done")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class DismissWorkItem(APIView):
    @extend_schema(
        tags=["components"], summary="Set work aside, with a reason", request=DismissalIn, responses=WorkItemOut
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        known = WorkItem.objects.visible_to(actor_of(request)).select_related("use_case", "component")
        item: WorkItem = get_object_or_404(known, pk=pk)
        values = valid(DismissalIn(data=request.data))
        return Response(WorkItemOut(dismiss_work_item(actor=actor_of(request), item=item, **values)).data)
