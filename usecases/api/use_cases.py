"""The register and its versions over HTTP."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from usecases.actions.registration import edit_use_case, register_use_case
from usecases.actions.versions import declare_version
from usecases.api.past import UseCaseThen, use_case_then
from usecases.api.serializers import (
    RegistrationIn,
    UseCaseChange,
    UseCaseFilter,
    UseCaseOut,
    VersionIn,
    VersionOut,
)
from usecases.manifests import ManifestError
from usecases.models import SystemVersion, UseCase

FILTERS = ("q", "stage", "tier", "pattern", "owner", "unit")


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

    def get_queryset(self) -> QuerySet[UseCase]:
        params = self.request.query_params
        wanted = valid(UseCaseFilter(data={name: params[name] for name in FILTERS if name in params}))
        seen = UseCase.objects.visible_to(actor_of(self.request))
        found = seen.narrowed(**wanted)
        if wanted.get("q") and not found.exists():
            found = seen.narrowed(**wanted, similar=True)
        return found.select_related("owner", "unit")

    @extend_schema(
        tags=["use cases"], summary="Use cases you may see, newest registration first", parameters=[UseCaseFilter]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

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
            faults: dict[str, list[str]] = {}
            for path, message in error.errors:
                faults.setdefault(f"manifest.{path}" if path else "manifest", []).append(message)
            raise serializers.ValidationError(faults) from None
        return Response(VersionOut(version).data, status=201 if version.declared_at >= started else 200)


class VersionDetail(APIView):
    @extend_schema(tags=["versions"], summary="One version by its number", responses=VersionOut)
    def get(self, request: Request, reference: str, number: int) -> Response:
        known = SystemVersion.objects.filter(use_case=visible(request, reference))
        found = get_object_or_404(known.select_related("declared_by", "declared_by_account"), number=number)
        return Response(VersionOut(found).data)
