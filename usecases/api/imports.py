"""Imports over HTTP: upload, reading, mapping, dry run, apply, undo; the state and the rows to look at."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.access import require
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from portal.api.serializers import StrictSerializer
from usecases import import_policies as policies
from usecases.actions import imports as verbs
from usecases.api.serializers import PersonField, UnitField
from usecases.choices import RowOutcome
from usecases.importing.bounds import MAX_COLUMNS
from usecases.importing.mapping import FIELDS
from usecases.importing.readings import Way
from usecases.importing.texts import DELIMITERS
from usecases.importing.words import CODED, PLACES
from usecases.models import ImportRow, RegisterImport


class ImportIn(StrictSerializer):
    """A form with the file. `owner` answers for rows that name nobody here; it defaults to the person who asks."""

    file = serializers.FileField(max_length=200)
    source = serializers.CharField(max_length=120)  # type: ignore[assignment]
    unit = UnitField()
    owner = PersonField(required=False)


class WayIn(StrictSerializer):
    """What is left out is detected."""

    encoding = serializers.CharField(max_length=40, required=False)
    delimiter = serializers.ChoiceField(choices=list(DELIMITERS), required=False)
    sheet = serializers.CharField(max_length=200, required=False)
    header_row = serializers.IntegerField(min_value=1, max_value=100_000, required=False)


class ColumnIn(StrictSerializer):
    """`position` counts from 0; headers may repeat."""

    position = serializers.IntegerField(min_value=0, max_value=MAX_COLUMNS)
    field = serializers.ChoiceField(choices=list(FIELDS), source="name")


class WordIn(StrictSerializer):
    """`ours` empty: leave their word as it stands. An owner's is a sign-in name, a unit's the name of one here."""

    field = serializers.ChoiceField(choices=[*CODED, *PLACES], source="name")
    word = serializers.CharField(max_length=500)
    ours = serializers.CharField(max_length=200, allow_blank=True)


class MappingIn(StrictSerializer):
    columns = serializers.ListField(child=ColumnIn(), max_length=MAX_COLUMNS)
    words = serializers.ListField(child=WordIn(), max_length=verbs.MOST_WORDS, required=False)


class ImportOut(serializers.ModelSerializer[RegisterImport]):
    source = serializers.CharField(source="source_name", read_only=True)  # type: ignore[assignment]
    unit = serializers.CharField(source="default_unit.name", read_only=True)
    owner = serializers.CharField(source="default_owner.username", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = RegisterImport
        fields = [
            "id", "source", "file_name", "file_sha256", "unit", "owner", "way", "sheets", "headers", "mapping",
            "row_count", "state", "counts", "words", "error", "uploaded_at", "applied_at", "undone_at", "url",
        ]  # fmt: skip


class ImportRowOut(serializers.ModelSerializer[ImportRow]):
    """`reasons` say why; `undone` that it was taken back; `kept` says why undoing left it."""

    use_case = serializers.CharField(source="use_case.reference", default=None, read_only=True)
    undone = serializers.BooleanField(read_only=True)

    class Meta:
        model = ImportRow
        fields = [
            "number", "outcome", "title", "reasons", "missing", "changes", "use_case", "values", "cells", "undone",
            "kept",
        ]  # fmt: skip


def fetched(request: Request, pk: uuid.UUID) -> RegisterImport:
    visible = policies.imports_visible_to(actor_of(request))
    return get_object_or_404(visible.select_related("default_owner", "default_unit"), pk=pk)


class RowPages(KeysetPagination):
    """In the order of the file."""

    ordering = "number"


class Imports(ListAPIView[RegisterImport]):
    serializer_class = ImportOut
    pagination_class = KeysetPagination
    parser_classes = [MultiPartParser]
    queryset = RegisterImport.objects.none()

    def get_queryset(self) -> Any:
        return policies.imports_visible_to(actor_of(self.request)).select_related("default_owner", "default_unit")

    @extend_schema(tags=["imports"], summary="Imports, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["imports"],
        summary="Upload a register (CSV, Excel, JSON)",
        request={"multipart/form-data": ImportIn},
        responses={201: ImportOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        require(policies.may_import(actor))
        given = ImportIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        # Somebody always answers: the person who asks, or the machine's owner.
        owner = values.get("owner") or actor.person or (actor.account.owner if actor.account else None)
        assert owner is not None
        made = verbs.upload_import(
            actor=actor,
            file=values["file"],
            file_name=values["file"].name,
            source_name=values["source"],
            default_unit=values["unit"],
            default_owner=owner,
        )
        return Response(ImportOut(made).data, status=status.HTTP_201_CREATED)


class ImportDetail(APIView):
    @extend_schema(tags=["imports"], summary="One import as it stands", responses=ImportOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(ImportOut(fetched(request, pk)).data)


class ImportReading(APIView):
    @extend_schema(tags=["imports"], summary="Read the file another way", request=WayIn, responses=ImportOut)
    @idempotent
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        held = fetched(request, pk)
        given = WayIn(data=request.data)
        given.is_valid(raise_exception=True)
        way = Way(format=held.way.get("format", ""), **given.validated_data)
        held = verbs.read_import_anew(actor=actor_of(request), register_import=held, way=way)
        return Response(ImportOut(held).data)


class ImportMapping(APIView):
    @extend_schema(tags=["imports"], summary="Say what columns and words mean", request=MappingIn, responses=ImportOut)
    @idempotent
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        held = fetched(request, pk)
        given = MappingIn(data=request.data)
        given.is_valid(raise_exception=True)
        columns = {column["position"]: column["name"] for column in given.validated_data["columns"]}
        words: dict[str, dict[str, str]] | None = {} if "words" in given.validated_data else None
        for entry in given.validated_data.get("words", ()):
            assert words is not None
            words.setdefault(entry["name"], {})[entry["word"]] = entry["ours"]
        held = verbs.map_import(actor=actor_of(request), register_import=held, columns=columns, words=words)
        return Response(ImportOut(held).data)


class ImportRows(ListAPIView[ImportRow]):
    serializer_class = ImportRowOut
    pagination_class = RowPages
    queryset = ImportRow.objects.none()

    def get_queryset(self) -> Any:
        held = fetched(self.request, self.kwargs["pk"])
        rows = ImportRow.objects.filter(register_import=held).select_related("use_case")
        outcome = self.request.query_params.get("outcome", "")
        return rows.filter(outcome=outcome) if outcome in RowOutcome.values else rows

    @extend_schema(
        tags=["imports"],
        summary="The rows of the dry run, and what became of them",
        description="`?outcome=create|change|same|refuse` narrows.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class ImportCheck(APIView):
    @extend_schema(tags=["imports"], summary="Have the dry run made", request=None, responses={202: ImportOut})
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        held = verbs.request_check(actor=actor_of(request), register_import=fetched(request, pk))
        return Response(ImportOut(held).data, status=status.HTTP_202_ACCEPTED)


class ImportApply(APIView):
    @extend_schema(tags=["imports"], summary="Do what the dry run shows", request=None, responses={202: ImportOut})
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        held = verbs.request_apply(actor=actor_of(request), register_import=fetched(request, pk))
        return Response(ImportOut(held).data, status=status.HTTP_202_ACCEPTED)


class ImportUndo(APIView):
    @extend_schema(
        tags=["imports"],
        summary="Take the import back, also a second time for rows that were kept",
        parameters=[
            OpenApiParameter("edited_too", bool, description="Rows go as well that somebody has only edited since.")
        ],
        request=None,
        responses={202: ImportOut},
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        held, edited_too = fetched(request, pk), request.query_params.get("edited_too") == "true"
        held = verbs.request_undo(actor=actor_of(request), register_import=held, edited_too=edited_too)
        return Response(ImportOut(held).data, status=status.HTTP_202_ACCEPTED)
