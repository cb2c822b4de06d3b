"""Data sources, what use cases do with them, and documents, over HTTP."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.files import LARGEST_FILE
from usecases import data_catalogue as catalogue
from usecases.actions import data_catalogue, data_renewals, data_sources
from usecases.actions import documents as document_verbs
from usecases.api import data_serializers as shapes
from usecases.api.serializers import ApprovalIn, DataSourceIn, DataSourceOut, DataUseOut, ReasonIn, RefusalIn
from usecases.api.use_cases import valid, visible
from usecases.api.work import knowable
from usecases.documents import attachment, documents_of, get_visible_document
from usecases.models import DataSource, DataUse, Document, UseCase

FILTERS = tuple(shapes.CatalogueFilter().fields)


def known_source(request: Request, pk: uuid.UUID) -> DataSource:
    """The source, or 404 for what the caller may not know of."""
    found = DataSource.objects.visible_to(actor_of(request)).select_related("owner", "unit", "certified_by")
    source: DataSource = get_object_or_404(found, pk=pk)
    return source


class DataSources(ListAPIView[DataSource]):
    serializer_class = DataSourceOut
    queryset = DataSource.objects.none()

    def get_queryset(self) -> QuerySet[DataSource]:
        params, actor = self.request.query_params, actor_of(self.request)
        wanted = valid(shapes.CatalogueFilter(data={name: params[name] for name in FILTERS if name in params}))
        found = catalogue.narrowed(DataSource.objects.visible_to(actor), actor, **wanted)
        return found.select_related("owner", "unit", "certified_by")

    @extend_schema(tags=["data"], summary="The catalogue of data sources", parameters=[shapes.CatalogueFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(tags=["data"], summary="Add a data source", request=DataSourceIn, responses={201: DataSourceOut})
    @idempotent
    def post(self, request: Request) -> Response:
        values = valid(DataSourceIn(data=request.data))
        source = data_sources.declare_data_source(actor=actor_of(request), **values)
        return Response(DataSourceOut(source).data, status=201)


class DataSourceDetail(APIView):
    @extend_schema(tags=["data"], summary="One data source", responses=DataSourceOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(DataSourceOut(known_source(request, pk)).data)

    @extend_schema(
        tags=["data"],
        summary="Change what is given; more delicate data have every approval confirmed again",
        request=shapes.DataSourceChange,
        responses=DataSourceOut,
    )
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        source = known_source(request, pk)
        values = valid(shapes.DataSourceChange(data=request.data, partial=True))
        data_catalogue.change_data_source(actor=actor_of(request), data_source=source, **values)
        return Response(DataSourceOut(known_source(request, pk)).data)


class SourceUses(ListAPIView[DataUse]):
    serializer_class = DataUseOut
    queryset = DataUse.objects.none()

    def get_queryset(self) -> QuerySet[DataUse]:
        source, actor = known_source(self.request, self.kwargs["pk"]), actor_of(self.request)
        uses = DataUse.objects.filter(data_source=source)
        if not actor.is_person(source.owner_id):
            uses = uses.filter(use_case_id__in=UseCase.objects.visible_to(actor).values("id"))
        return uses.select_related(
            "use_case", "data_source", "requested_by", "decided_by", "decided_for", "renewal_requested_by"
        )

    @extend_schema(tags=["data"], summary="Which use cases touch this source, of those you may see")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


def _on_source(shape: type[serializers.Serializer[Any]], verb: Callable[..., Any], summary: str) -> type[APIView]:
    """An address that carries out one verb on a source and answers with the source."""

    class OnSource(APIView):
        @extend_schema(tags=["data"], summary=summary, request=shape, responses=DataSourceOut)
        @idempotent
        def post(self, request: Request, pk: uuid.UUID) -> Response:
            source = known_source(request, pk)
            verb(actor=actor_of(request), data_source=source, **valid(shape(data=request.data)))
            return Response(DataSourceOut(known_source(request, pk)).data)

    return OnSource


Certify = _on_source(shapes.CertificateIn, data_catalogue.certify_data_source, "Certify the source as its owner")
ReportRefresh = _on_source(shapes.RefreshIn, data_catalogue.report_refresh, "Report when the source was refreshed")


def _on_use(shape: type[serializers.Serializer[Any]], verb: Callable[..., Any], summary: str) -> type[APIView]:
    """An address that carries out one verb on a use and answers with the use."""

    class OnUse(APIView):
        @extend_schema(tags=["data"], summary=summary, request=shape, responses=DataUseOut)
        @idempotent
        def post(self, request: Request, pk: uuid.UUID) -> Response:
            use = knowable(request, pk)
            done = verb(actor=actor_of(request), data_use=use, **valid(shape(data=request.data)))
            return Response(DataUseOut(done).data)

    return OnUse


RenewDataUse = _on_use(ApprovalIn, data_renewals.renew_data_use, "Renew an approval as the source's owner")
DeclineRenewal = _on_use(RefusalIn, data_renewals.decline_renewal, "Give no more time, as the source's owner")
AskRenewal = _on_use(ReasonIn, data_renewals.request_renewal, "Ask for more time; the approval stands meanwhile")
EndDataUse = _on_use(ReasonIn, data_sources.end_data_use, "Say that the source is no longer used")


class Documents(ListAPIView[Document]):
    serializer_class = shapes.DocumentOut
    queryset = Document.objects.none()

    def get_queryset(self) -> QuerySet[Document]:
        return documents_of(visible(self.request, self.kwargs["reference"])).order_by()

    @extend_schema(tags=["documents"], summary="The documents of a use case with their newest revision")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


def _bytes_of(values: dict[str, Any]) -> dict[str, Any]:
    file = values.pop("file")
    return {**values, "content": file.read(LARGEST_FILE + 1), "filename": file.name}


def _told(request: Request, document: Document, status: int) -> Response:
    found = documents_of(document.use_case).get(pk=document.pk)
    return Response(shapes.DocumentOut(found).data, status=status)


class AddDocument(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        tags=["documents"],
        summary="Add a document; multipart, with its file",
        request={"multipart/form-data": shapes.DocumentIn},
        responses={201: shapes.DocumentOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = valid(shapes.DocumentIn(data=request.data))
        use_case = visible(request, values.pop("use_case"))
        made = document_verbs.add_document(actor=actor_of(request), use_case=use_case, **_bytes_of(values))
        return _told(request, made, 201)


class ReviseDocument(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        tags=["documents"],
        summary="Add a revision; multipart, with its file",
        request={"multipart/form-data": shapes.RevisionIn},
        responses={201: shapes.DocumentOut},
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        document = get_visible_document(actor_of(request), pk)
        values = _bytes_of(valid(shapes.RevisionIn(data=request.data)))
        done = document_verbs.revise_document(actor=actor_of(request), document=document, **values)
        return _told(request, done, 201)


class RetireDocument(APIView):
    @extend_schema(tags=["documents"], summary="Retire a document", request=ReasonIn, responses=shapes.DocumentOut)
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        document = get_visible_document(actor_of(request), pk)
        values = valid(ReasonIn(data=request.data))
        done = document_verbs.retire_document(actor=actor_of(request), document=document, **values)
        return _told(request, done, 200)


class DocumentFile(APIView):
    @extend_schema(
        tags=["documents"],
        summary="The bytes of one revision, as an attachment",
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request, pk: uuid.UUID, number: int) -> HttpResponse:
        document = get_visible_document(actor_of(request), pk)
        return attachment(get_object_or_404(document.revisions, number=number))
