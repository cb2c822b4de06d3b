"""The register and its versions over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from usecases.actions.bills import bill_of, declare_from_bill
from usecases.actions.registration import edit_use_case, register_use_case
from usecases.actions.repository_files import register_from_file
from usecases.actions.tags import tag_use_case
from usecases.actions.versions import declare_version
from usecases.api.past import UseCaseThen, use_case_then
from usecases.api.serializers import (
    BillIn,
    FileIn,
    RegistrationIn,
    TagsIn,
    UseCaseChange,
    UseCaseFilter,
    UseCaseFromFileOut,
    UseCaseOut,
    VersionFromBillOut,
    VersionIn,
    VersionOut,
)
from usecases.finding.pages import page
from usecases.finding.query import Query, build, known_keys
from usecases.manifests import ManifestError
from usecases.models import SystemVersion, UseCase
from usecases.repository_files import FileError

MOST_CURSOR = 260


def valid(serializer: serializers.BaseSerializer[Any]) -> dict[str, Any]:
    """The input's values; ValidationError names every fault."""
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def visible(request: Request, reference: str) -> UseCase:
    return UseCase.objects.get_visible(actor_of(request), reference)


class UseCases(ListAPIView[UseCase]):
    serializer_class = UseCaseOut
    queryset = UseCase.objects.none()

    def _query(self) -> Query:
        """What the parameters ask for. ValidationError names every value that is not known."""
        params = self.request.query_params
        given = QueryDict(mutable=True)
        for key in known_keys() & params.keys():
            given.setlist(key, [value for value in params.getlist(key) if value])
        values = valid(UseCaseFilter(data=given))
        units = [str(unit.pk) for unit in values.get("unit", ())]
        return build({key: units if key == "unit" else given.getlist(key) for key in given})

    def get_queryset(self) -> QuerySet[UseCase]:
        query, actor = self._query(), actor_of(self.request)
        seen = UseCase.objects.visible_to(actor).select_related("owner", "unit")
        found = query.narrow(seen)
        if not query.q:
            return found  # type: ignore[no-any-return]
        hits = found.search(query.q)
        return hits if hits.exists() else found.search(query.q, similar=True)  # type: ignore[no-any-return]

    @extend_schema(
        tags=["use cases"],
        summary="Use cases you may see, newest registration first or in the order you ask for",
        parameters=[UseCaseFilter],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if request.query_params.get("sort"):
            return self._in_order(request)
        return super().get(request, *args, **kwargs)

    def _in_order(self, request: Request) -> Response:
        """Pages forwards by the register's own cursors: equal values never make a page slow."""
        size = KeysetPagination().get_page_size(request) or KeysetPagination.page_size
        found = page(actor_of(request), self._query(), request.query_params.get("cursor", "")[:MOST_CURSOR], size)
        following = None
        if found.next_key:
            params = request.query_params.copy()
            params["cursor"] = found.next_key
            following = request.build_absolute_uri(f"{request.path}?{params.urlencode()}")
        results = UseCaseOut(found.rows, many=True).data
        return Response({"next": following, "previous": None, "results": results})

    @extend_schema(
        tags=["use cases"], summary="Register a use case", request=RegistrationIn, responses={201: UseCaseOut}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        values = valid(RegistrationIn(data=request.data))
        owner = values.setdefault("owner", actor.person)
        if owner is None:
            raise serializers.ValidationError({"owner": [_("Name the person who is accountable.")]})
        if values.setdefault("unit", owner.unit) is None:
            raise serializers.ValidationError({"unit": [_("The owner has no business unit; name one.")]})
        use_case = register_use_case(actor=actor, **values)
        return Response(
            UseCaseOut(use_case).data, status=201, headers={"Location": request.path + f"{use_case.reference}/"}
        )


class UseCaseFromFile(APIView):
    @extend_schema(
        tags=["use cases"],
        summary="Register from a file of a repository, or update what it registered; all of it or nothing",
        request=FileIn,
        responses={200: UseCaseFromFileOut, 201: UseCaseFromFileOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = valid(FileIn(data=request.data))
        try:
            reading = register_from_file(actor=actor_of(request), body=values["content"].encode())
        except FileError as error:
            raise serializers.ValidationError({"content": error.sentences()}) from None
        return Response(UseCaseFromFileOut(reading).data, status=201 if reading.created else 200)


class UseCaseDetail(APIView):
    @extend_schema(
        tags=["use cases"],
        summary="One use case, now or as of a moment",
        parameters=[OpenApiParameter("as_of", str, description="A day (its end) or a moment, as ISO 8601, in UTC.")],
        responses=PolymorphicProxySerializer(
            component_name="UseCaseNowOrThen", serializers=[UseCaseOut, UseCaseThen], resource_type_field_name=None
        ),
    )
    def get(self, request: Request, reference: str) -> Response:
        if "as_of" in request.query_params:
            return use_case_then(visible(request, reference), request.query_params["as_of"])
        return Response(UseCaseOut(visible(request, reference)).data)

    @extend_schema(tags=["use cases"], summary="Change what is given", request=UseCaseChange, responses=UseCaseOut)
    def patch(self, request: Request, reference: str) -> Response:
        use_case = visible(request, reference)
        values = valid(UseCaseChange(data=request.data, partial=True))
        return Response(UseCaseOut(edit_use_case(actor=actor_of(request), use_case=use_case, **values)).data)


class Tags(APIView):
    @extend_schema(tags=["use cases"], summary="Put tags on and take tags off", request=TagsIn, responses=UseCaseOut)
    def post(self, request: Request, reference: str) -> Response:
        use_case = visible(request, reference)
        values = valid(TagsIn(data=request.data))
        return Response(UseCaseOut(tag_use_case(actor=actor_of(request), use_case=use_case, **values)).data)


class Versions(ListAPIView[SystemVersion]):
    serializer_class = VersionOut
    queryset = SystemVersion.objects.none()

    def get_queryset(self) -> QuerySet[SystemVersion]:
        use_case = visible(self.request, self.kwargs["reference"])
        known = SystemVersion.objects.filter(use_case=use_case)
        return known.select_related("declared_by", "declared_by_account")

    @extend_schema(tags=["versions"], summary="Declared versions, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["versions"],
        summary="Declare a version; 200 when this manifest stands already",
        request=VersionIn,
        responses={200: VersionOut, 201: VersionOut},
    )
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        use_case, started = visible(request, reference), timezone.now()
        values = valid(VersionIn(data=request.data))
        try:
            version = declare_version(actor=actor_of(request), use_case=use_case, **values)
        except ManifestError as error:
            raise refused(error, "manifest") from None
        return Response(VersionOut(version).data, status=201 if version.declared_at >= started else 200)


def refused(error: ManifestError, under: str) -> serializers.ValidationError:
    """The manifest's faults as the API tells them, each under its place."""
    faults: dict[str, list[str]] = {}
    for path, message in error.errors:
        faults.setdefault(f"{under}.{path}" if path else under, []).append(message)
    return serializers.ValidationError(faults)


class VersionFromBill(APIView):
    @extend_schema(
        tags=["versions"],
        summary="Declare a version from a CycloneDX bill of materials; what it cannot express is listed",
        request=BillIn,
        responses={200: VersionFromBillOut, 201: VersionFromBillOut},
    )
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        use_case, started = visible(request, reference), timezone.now()
        values = valid(BillIn(data=request.data))
        try:
            version, left = declare_from_bill(actor=actor_of(request), use_case=use_case, **values)
        except ManifestError as error:
            raise refused(error, "bill") from None
        body = {"version": VersionOut(version).data, "not_expressed": left}
        return Response(body, status=201 if version.declared_at >= started else 200)


class VersionBill(APIView):
    @extend_schema(
        tags=["versions"],
        summary="One version as a CycloneDX 1.6 bill of materials",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, reference: str, number: int) -> Response:
        use_case = visible(request, reference)
        found: SystemVersion = get_object_or_404(SystemVersion, use_case=use_case, number=number)
        found.use_case = use_case
        name = f"{reference}-version-{number}.cdx.json"
        return Response(bill_of(found), headers={"Content-Disposition": f'attachment; filename="{name}"'})


class VersionDetail(APIView):
    @extend_schema(tags=["versions"], summary="One version by its number", responses=VersionOut)
    def get(self, request: Request, reference: str, number: int) -> Response:
        known = SystemVersion.objects.filter(use_case=visible(request, reference))
        found = get_object_or_404(known.select_related("declared_by", "declared_by_account"), number=number)
        return Response(VersionOut(found).data)
