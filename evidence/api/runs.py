"""Pushing and reading evaluation runs."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evidence.actions.ingestion import record_evaluation_run
from evidence.api.serializers import EvaluationRunIn, EvaluationRunOut, RecordedOut
from evidence.connectors.formats.own import parse_run
from evidence.models import EvaluationRun
from evidence.querysets import get_visible_run, runs_visible_to
from evidence.readings import EvaluationRunReading
from portal.actors import Actor
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from usecases.models import SystemVersion, UseCase


def push_source(actor: Actor) -> str:
    """How pushed evidence names where it came from."""
    holder = actor.account or actor.person
    return f"push:{holder.pk if holder else actor.name}"


def reading_of(pushed: dict[str, Any], body: Any) -> EvaluationRunReading:
    """The reading of a checked push. The hash is over all that was sent."""
    version = pushed["version"].removeprefix("sha256:")
    document = {key: value for key, value in body.items() if key != "version"} | {"version_digest": version}
    document["finished_at"], document["started_at"] = (
        pushed[name].isoformat() if pushed.get(name) else None for name in ("finished_at", "started_at")
    )
    reading, rejects = parse_run(document, {})
    if reading is None or rejects:
        raise ValidationError({reject.reference or "run": [reject.reason] for reject in rejects[:20]})
    return reading


class EvaluationRuns(ListAPIView[EvaluationRun]):
    serializer_class = EvaluationRunOut
    pagination_class = KeysetPagination
    queryset = EvaluationRun.objects.none()

    def get_queryset(self) -> Any:
        runs = runs_visible_to(actor_of(self.request)).select_related("use_case", "system_version")
        reference = self.request.query_params.get("use_case", "")[:12]
        if reference:
            runs = runs.filter(use_case=UseCase.objects.get_visible(actor_of(self.request), reference))
        return runs.prefetch_related("dimensions")

    @extend_schema(
        tags=["evidence"],
        summary="Evaluation runs, newest received first, every revision",
        parameters=[OpenApiParameter("use_case", str, description="Of this use case only, such as UC-0001.")],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["evidence"],
        summary="Push one run with its cases",
        description="The same run again changes nothing; a changed one becomes a new revision of the same id.",
        request=EvaluationRunIn,
        responses={200: RecordedOut, 201: RecordedOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        given = EvaluationRunIn(data=request.data)
        given.is_valid(raise_exception=True)
        pushed = given.validated_data
        use_case = UseCase.objects.get_visible(actor, pushed["use_case"])
        digest = pushed["version"].removeprefix("sha256:")
        version = SystemVersion.objects.filter(use_case=use_case, digest=digest).first()
        if version is None:
            raise ValidationError({"version": [_("This use case has no version of this digest. Declare it first.")]})
        recorded = record_evaluation_run(
            actor=actor,
            use_case=use_case,
            version=version,
            reading=reading_of(pushed, request.data),
            source=push_source(actor),
        )
        body = {**EvaluationRunOut(recorded.run).data, "change": recorded.change}
        code = status.HTTP_200_OK if recorded.change == "unchanged" else status.HTTP_201_CREATED
        return Response(body, status=code)


class EvaluationRunDetail(APIView):
    @extend_schema(tags=["evidence"], summary="One revision of one run", responses=EvaluationRunOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(EvaluationRunOut(get_visible_run(actor_of(request), pk)).data)
