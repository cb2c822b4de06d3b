"""What people say about a use case, over HTTP."""

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
from portal.api.serializers import StrictSerializer
from portal.models import Comment
from portal.models.comments import MAX_COMMENT
from usecases.actions.discussion import comment_on, edit_comment, withdraw_comment
from usecases.api.serializers import Named
from usecases.models import UseCase


class CommentIn(StrictSerializer):
    text = serializers.CharField(max_length=MAX_COMMENT)


class CommentOut(serializers.ModelSerializer[Comment]):
    """A withdrawn comment is a trace without its words."""

    author = Named(read_only=True)
    text = serializers.SerializerMethodField()

    class Meta:
        model = Comment
        fields = ["id", "author", "text", "written_at", "edited_at", "withdrawn_at"]

    def get_text(self, comment: Comment) -> str:
        return comment.text if comment.withdrawn_at is None else ""


class CommentWritten(CommentOut):
    """With the names of who was told, and the mentions that nobody was told of: they may not see the use case."""

    told = serializers.ListField(child=serializers.CharField())
    untold = serializers.ListField(child=serializers.CharField())

    class Meta(CommentOut.Meta):
        fields = [*CommentOut.Meta.fields, "told", "untold"]


def visible(request: Request, reference: str) -> UseCase:
    return UseCase.objects.get_visible(actor_of(request), reference)


class Comments(ListAPIView[Comment]):
    serializer_class = CommentOut
    queryset = Comment.objects.none()

    def get_queryset(self) -> QuerySet[Comment]:
        use_case = visible(self.request, self.kwargs["reference"])
        return Comment.objects.filter(about=use_case.reference).select_related("author")

    @extend_schema(tags=["discussion"], summary="The discussion of a use case, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["discussion"],
        summary="Say something; people mentioned as @name are told if they may see the use case",
        request=CommentIn,
        responses={201: CommentWritten},
    )
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        use_case, asked = visible(request, reference), CommentIn(data=request.data)
        asked.is_valid(raise_exception=True)
        said = comment_on(actor=actor_of(request), use_case=use_case, text=asked.validated_data["text"])
        written: Any = said.comment
        written.told, written.untold = list(said.told), list(said.untold)
        return Response(CommentWritten(written).data, status=201)


class CommentDetail(APIView):
    @extend_schema(
        tags=["discussion"],
        summary="Edit one's own comment within 15 minutes; its earlier words are kept",
        request=CommentIn,
        responses=CommentOut,
    )
    def patch(self, request: Request, reference: str, pk: uuid.UUID) -> Response:
        use_case, comment = self._found(request, reference, pk)
        asked = CommentIn(data=request.data)
        asked.is_valid(raise_exception=True)
        text = asked.validated_data["text"]
        changed = edit_comment(actor=actor_of(request), use_case=use_case, comment=comment, text=text)
        return Response(CommentOut(changed).data)

    @extend_schema(tags=["discussion"], summary="Withdraw one's own comment", request=None, responses=CommentOut)
    def delete(self, request: Request, reference: str, pk: uuid.UUID) -> Response:
        use_case, comment = self._found(request, reference, pk)
        gone = withdraw_comment(actor=actor_of(request), use_case=use_case, comment=comment)
        return Response(CommentOut(gone).data)

    def _found(self, request: Request, reference: str, pk: uuid.UUID) -> tuple[UseCase, Comment]:
        use_case = visible(request, reference)
        found = Comment.objects.filter(about=use_case.reference).select_related("author")
        return use_case, get_object_or_404(found, pk=pk)
