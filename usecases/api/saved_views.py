"""Saved views over HTTP: the same verbs as the pages."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from usecases.actions.saved_views import change_view, forget_view, save_view
from usecases.api.use_cases import valid
from usecases.api.view_serializers import SavedViewIn, SavedViewOut
from usecases.models import SavedView


def readable(request: Request) -> QuerySet[SavedView]:
    return SavedView.objects.readable_by(actor_of(request)).select_related("owner", "unit")


def values_of(request: Request, *, partial: bool = False) -> dict[str, Any]:
    values = valid(SavedViewIn(data=request.data, partial=partial))
    if "wanted" in values:
        values["wanted"] = {key: [str(value) for value in found] for key, found in values["wanted"].items()}
    return values


class SavedViews(ListAPIView[SavedView]):
    serializer_class = SavedViewOut
    queryset = SavedView.objects.none()

    def get_queryset(self) -> QuerySet[SavedView]:
        return readable(self.request)

    @extend_schema(tags=["saved views"], summary="Views you may open, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(tags=["saved views"], summary="Save a view", request=SavedViewIn, responses={201: SavedViewOut})
    @idempotent
    def post(self, request: Request) -> Response:
        view = save_view(actor=actor_of(request), **{"wanted": {}, **values_of(request)})
        return Response(SavedViewOut(view).data, status=201, headers={"Location": request.path + f"{view.pk}/"})


class SavedViewDetail(APIView):
    @extend_schema(tags=["saved views"], summary="One view", responses=SavedViewOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(SavedViewOut(get_object_or_404(readable(request), pk=pk)).data)

    @extend_schema(tags=["saved views"], summary="Change what is given", request=SavedViewIn, responses=SavedViewOut)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        view = get_object_or_404(readable(request), pk=pk)
        values = values_of(request, partial=True)
        return Response(SavedViewOut(change_view(actor=actor_of(request), view=view, **values)).data)

    @extend_schema(tags=["saved views"], summary="Remove a view", responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        forget_view(actor=actor_of(request), view=get_object_or_404(readable(request), pk=pk))
        return Response(status=204)
