"""The ground floor's endpoints."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.access import capabilities_anywhere, require
from portal.api.authentication import actor_of
from portal.api.pagination import KeysetPagination
from portal.models import AuditEvent
from portal.trail import may_read_trail, whole_trail


class AuditEventOut(serializers.ModelSerializer[AuditEvent]):
    """`canon` is the exact text behind `leaf_hash` = SHA-256(0x00 || canon)."""

    leaf_hash = serializers.SerializerMethodField()
    event = serializers.JSONField(source="payload", read_only=True)

    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "object_type",
            "object_id",
            "object_rev",
            "recorded_at",
            "references",
            "event",
            "canon",
            "leaf_hash",
        ]

    def get_leaf_hash(self, event: AuditEvent) -> str:
        return bytes(event.leaf_hash).hex()


class TrailPagination(KeysetPagination):
    page_size = 100
    max_page_size = 500
    ordering = ("-recorded_at", "-id")


@extend_schema(tags=["audit"], summary="The audit trail, newest first")
class AuditEvents(ListAPIView[AuditEvent]):
    serializer_class = AuditEventOut
    pagination_class = TrailPagination
    queryset = AuditEvent.objects.none()

    def get_queryset(self) -> Any:
        actor = actor_of(self.request)
        require(may_read_trail(actor))
        events = whole_trail(actor)
        if about := self.request.query_params.get("about", "")[:40]:
            events = events.filter(references__contains=[about.upper()])
        return events


class MeOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    name = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)


class Me(APIView):
    @extend_schema(tags=["access"], summary="Who is asking, and what they may do somewhere", responses=MeOut)
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        body = {
            "kind": actor.kind,
            "name": actor.name,
            "capabilities": sorted(capabilities_anywhere(actor)),
            "scopes": sorted(actor.scopes) if actor.scopes is not None else None,
        }
        return Response(body)
