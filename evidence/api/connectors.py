"""Connectors over the API: set up, listed, read now; their runs."""

import uuid
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evidence import policies
from evidence.actions.connectors import create_connector
from evidence.actions.syncs import request_sync
from evidence.choices import ConnectorKind
from evidence.models import Connector, SyncRun
from evidence.querysets import sync_runs
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from portal.api.serializers import StrictSerializer


class ConnectorIn(StrictSerializer):
    """`config` and `secrets` hold the fields of the kind; a secret is never given back."""

    kind = serializers.ChoiceField(ConnectorKind.choices)
    name = serializers.CharField(max_length=120)
    config = serializers.DictField(required=False)
    secrets = serializers.DictField(child=serializers.CharField(max_length=4000), required=False)
    dimension_mapping = serializers.ListField(child=serializers.DictField(), max_length=200, required=False)
    use_case_mapping = serializers.DictField(child=serializers.CharField(max_length=12), required=False)
    schedule_minutes = serializers.IntegerField(min_value=5, max_value=10_080, required=False, allow_null=True)
    lookback_days = serializers.IntegerField(min_value=0, max_value=90, required=False)


class ConnectorOut(serializers.ModelSerializer[Connector]):
    class Meta:
        model = Connector
        fields = [
            "id", "kind", "name", "config", "dimension_mapping", "use_case_mapping", "schedule_minutes",
            "lookback_days", "enabled", "created_at", "changed_at",
        ]  # fmt: skip


class SyncRunOut(serializers.ModelSerializer[SyncRun]):
    class Meta:
        model = SyncRun
        fields = [
            "id", "trigger", "period", "state", "queued_at", "started_at", "finished_at", "attempt", "counts",
            "rejects", "error_kind", "error", "file_name", "file_sha256",
        ]  # fmt: skip


def _insiders_only(request: Request) -> None:
    if not policies.may_see_connectors(actor_of(request)):
        raise Http404


def _fetch(request: Request, pk: uuid.UUID) -> Connector:
    _insiders_only(request)
    found = Connector.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


class Connectors(ListAPIView[Connector]):
    serializer_class = ConnectorOut
    pagination_class = KeysetPagination
    queryset = Connector.objects.none()

    def get_queryset(self) -> Any:
        _insiders_only(self.request)
        return Connector.objects.all()

    @extend_schema(tags=["connectors"], summary="Connectors, newest first; secrets are never given")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["connectors"],
        summary="Set up a connector (people only)",
        request=ConnectorIn,
        responses={201: ConnectorOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        _insiders_only(request)
        given = ConnectorIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = {"config": {}, **given.validated_data}
        made = create_connector(actor=actor_of(request), **values)
        return Response(ConnectorOut(made).data, status=status.HTTP_201_CREATED)


class ConnectorSync(APIView):
    @extend_schema(
        tags=["connectors"],
        summary="Read the source now",
        description="Answers with the run that waits; asking again while it waits gives the same one.",
        request=None,
        responses={202: SyncRunOut},
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        run = request_sync(actor=actor_of(request), connector=_fetch(request, pk))
        return Response(SyncRunOut(run).data, status=status.HTTP_202_ACCEPTED)


class ConnectorRuns(ListAPIView[SyncRun]):
    serializer_class = SyncRunOut
    pagination_class = KeysetPagination
    queryset = SyncRun.objects.none()

    def get_queryset(self) -> Any:
        return sync_runs(_fetch(self.request, self.kwargs["pk"]))

    @extend_schema(tags=["connectors"], summary="A connector's runs, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
