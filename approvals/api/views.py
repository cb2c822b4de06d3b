"""Releases over the API: list, propose, decide, withdraw, read what the gate says, ask the gate."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.actions.decisions import decide
from approvals.actions.gate_checks import check
from approvals.actions.releases import propose_release, withdraw_release
from approvals.api import serializers
from approvals.choices import DecisionKind, ReleaseState
from approvals.grounds import newest_verdict
from approvals.models import Attestation, Release
from approvals.policies import only_lane_of
from approvals.querysets import get_visible_release, releases_on, visible_releases
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.serializers import StrictSerializer
from usecases.choices import Environment
from usecases.models import Component, SystemVersion, UseCase


class DigestMissing(exceptions.APIException):
    """428: a decision must say what it is about."""

    status_code = 428
    default_code = "digest_missing"

    def __init__(self) -> None:
        super().__init__(_("Say what you decide about: send the digest of the system version you were shown."))


class Releases(ListAPIView[Release]):
    serializer_class = serializers.ReleaseOutput

    def get_queryset(self) -> QuerySet[Release]:
        if getattr(self, "swagger_fake_view", False):
            return Release.objects.none()
        found = visible_releases(actor_of(self.request)).prefetch_related("decisions__person")
        wanted = self.request.query_params
        if reference := wanted.get("use_case"):
            found = found.filter(use_case=UseCase.objects.get_visible(actor_of(self.request), reference))
        if wanted.get("environment") in Environment.values:
            found = found.filter(environment=wanted["environment"])
        if wanted.get("state") in ReleaseState.values:
            found = found.filter(state=wanted["state"])
        return found

    @extend_schema(
        operation_id="list_releases",
        parameters=[
            OpenApiParameter("use_case", str, description="Only this use case's, by reference."),
            OpenApiParameter("environment", str, enum=Environment.values),
            OpenApiParameter("state", str, enum=ReleaseState.values),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="propose_release", request=serializers.ReleaseInput, responses={201: serializers.ReleaseOutput}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = _valid(serializers.ReleaseInput, request)
        actor = actor_of(request)
        use_case = UseCase.objects.get_visible(actor, asked["use_case"])
        version = SystemVersion.objects.filter(use_case=use_case, digest=asked["version"]).first()
        if version is None:
            text = _("No system version of this use case has this digest. Declare the version first.")
            raise exceptions.ValidationError({"version": [text]})
        release = propose_release(
            actor=actor, use_case=use_case, version=version, environment=asked["environment"], note=asked["note"]
        )
        return _told(request, release.pk, status=201)


class ComponentReleases(ListAPIView[Release]):
    serializer_class = serializers.ReleaseOutput
    queryset = Release.objects.none()

    def get_queryset(self) -> QuerySet[Release]:
        actor = actor_of(self.request)
        component = Component.objects.get_visible(actor, self.kwargs["pk"])
        return releases_on(component, actor).prefetch_related("decisions__person")

    @extend_schema(operation_id="list_releases_on_component")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class ReleaseDetail(APIView):
    @extend_schema(operation_id="read_release", responses=serializers.ReleaseOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return _told(request, pk)


class Decide(APIView):
    """One signature; each address has its kind."""

    kind: str = DecisionKind.APPROVE

    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        actor = actor_of(request)
        release = get_visible_release(actor, pk)
        asked = _valid(serializers.DecisionInput, request)
        if not asked.get("digest"):
            raise DigestMissing
        lane = asked.get("lane") or only_lane_of(actor, release)
        if lane is None:
            text = _("Name the lane you sign: %(lanes)s.") % {"lanes": ", ".join(release.lanes)}
            raise exceptions.ValidationError({"lane": [text]})
        decide(
            actor=actor,
            release=release,
            lane=lane,
            kind=self.kind,
            comment=asked["comment"],
            digest=asked["digest"],
            release_digest=asked.get("release_digest"),
        )
        return _told(request, pk)


def _says(kind: str) -> Any:
    """How one kind of decision stands in the schema."""
    said = extend_schema(
        operation_id=f"{kind}_release", request=serializers.DecisionInput, responses=serializers.ReleaseOutput
    )
    return extend_schema_view(post=said)


@_says(DecisionKind.APPROVE)
class Approve(Decide):
    kind = DecisionKind.APPROVE


@_says(DecisionKind.REJECT)
class Reject(Decide):
    kind = DecisionKind.REJECT


@_says(DecisionKind.RETURN)
class Return(Decide):
    kind = DecisionKind.RETURN


class Withdraw(APIView):
    @extend_schema(
        operation_id="withdraw_release", request=serializers.WithdrawalInput, responses=serializers.ReleaseOutput
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        actor = actor_of(request)
        release = get_visible_release(actor, pk)
        asked = _valid(serializers.WithdrawalInput, request)
        withdraw_release(actor=actor, release=release, reason=asked["reason"])
        return _told(request, pk)


class VerdictOfRelease(APIView):
    @extend_schema(operation_id="read_verdict", responses=serializers.VerdictOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        verdict = newest_verdict(get_visible_release(actor_of(request), pk))
        if verdict is None:
            raise exceptions.NotFound
        return Response(serializers.VerdictOutput(verdict).data)


class AttestationsOfRelease(ListAPIView[Attestation]):
    """DSSE envelopes, newest first; verify them offline with `gatehouse verify`."""

    serializer_class = serializers.AttestationOutput

    def get_queryset(self) -> QuerySet[Attestation]:
        if getattr(self, "swagger_fake_view", False):
            return Attestation.objects.none()
        return Attestation.objects.filter(release=get_visible_release(actor_of(self.request), self.kwargs["pk"]))

    @extend_schema(operation_id="list_attestations")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class GateCheck(APIView):
    """May this digest be deployed there, now? Not idempotent on purpose: an old yes must never be replayed."""

    @extend_schema(operation_id="check_gate", request=serializers.GateQuestion, responses=serializers.GateAnswer)
    def post(self, request: Request) -> Response:
        asked = _valid(serializers.GateQuestion, request)
        reply = check(
            actor=actor_of(request),
            use_case_reference=asked["use_case"],
            environment=asked["environment"],
            digest=asked["digest"],
            artifacts=asked["artifacts"],
            nonce=asked["nonce"],
        )
        return Response(reply.as_dict(), headers={"Cache-Control": "no-store"})


def _valid(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = asked.validated_data
    return values


def _told(request: Request, pk: uuid.UUID, status: int = 200) -> Response:
    release = get_visible_release(actor_of(request), pk)
    return Response(serializers.ReleaseOutput(release).data, status=status)
