"""What is done on one use case over HTTP: answers, data uses, checklist, risk reviews; and the data catalogue."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.errors import problem_of
from usecases.actions import checklists, data_sources, discovery, risk_reviews
from usecases.api import serializers as shapes
from usecases.api.use_cases import valid, visible
from usecases.checklists import checklist_items, item_status, pilot_checklist
from usecases.models import ChecklistConfirmation, DataUse, RiskReview, UseCase
from usecases.questionnaires import latest_answers


def listed(serializer: type[serializers.BaseSerializer[Any]], rows: Iterable[Any]) -> Response:
    """A list that is short by its nature, in the shape of every list."""
    return Response({"next": None, "previous": None, "results": serializer(list(rows), many=True).data})


def list_of(name: str, serializer: type[serializers.BaseSerializer[Any]]) -> Any:
    """The shape of such a list for the OpenAPI document."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": serializer(many=True),
    }
    return inline_serializer(name, fields)


class Answers(APIView):
    @extend_schema(tags=["discovery"], summary="The newest answers", responses=list_of("AnswerList", shapes.AnswerOut))
    def get(self, request: Request, reference: str) -> Response:
        return listed(shapes.AnswerOut, latest_answers(visible(request, reference)).values())


class AnswerDetail(APIView):
    @extend_schema(
        tags=["discovery"],
        summary="Answer one question",
        request=shapes.AnswerIn,
        responses={200: shapes.AnswerOut, 204: None},
    )
    def put(self, request: Request, reference: str, question: str) -> Response:
        use_case = visible(request, reference)
        values = valid(shapes.AnswerIn(data=request.data))
        try:
            answer = discovery.answer_question(actor=actor_of(request), use_case=use_case, question=question, **values)
        except discovery.StaleAnswer as stale:
            problem = problem_of(stale)
            assert problem is not None
            body = {**problem.as_dict(), "current": shapes.AnswerOut(stale.current).data, "typed": stale.typed}
            return Response(body, status=problem.status, content_type="application/problem+json")
        return Response(shapes.AnswerOut(answer).data) if answer else Response(status=204)


class DataUses(ListAPIView[DataUse]):
    serializer_class = shapes.DataUseOut
    queryset = DataUse.objects.none()

    def get_queryset(self) -> QuerySet[DataUse]:
        uses = DataUse.objects.filter(use_case=visible(self.request, self.kwargs["reference"]))
        return uses.select_related(
            "use_case", "data_source", "requested_by", "decided_by", "decided_for", "renewal_requested_by"
        )

    @extend_schema(tags=["data"], summary="What this use case does with data")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["data"], summary="Ask to use a source", request=shapes.DataUseIn, responses={201: shapes.DataUseOut}
    )
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        use_case = visible(request, reference)
        values = valid(shapes.DataUseIn(data=request.data))
        use = data_sources.request_data_use(actor=actor_of(request), use_case=use_case, **values)
        return Response(shapes.DataUseOut(use).data, status=201)


def knowable(request: Request, pk: uuid.UUID) -> DataUse:
    """A use known through its use case, or to the owner of the source who is asked."""
    use = get_object_or_404(DataUse.objects.select_related("data_source__owner", "use_case"), pk=pk)
    actor = actor_of(request)
    owns = actor.is_person(use.data_source.owner_id)
    if not owns and not UseCase.objects.filter(pk=use.use_case_id).visible_to(actor).exists():
        raise Http404
    return use


class ApproveDataUse(APIView):
    @extend_schema(
        tags=["data"],
        summary="Approve a use as the source's owner",
        request=shapes.ApprovalIn,
        responses=shapes.DataUseOut,
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        use = knowable(request, pk)
        values = valid(shapes.ApprovalIn(data=request.data))
        done = data_sources.approve_data_use(actor=actor_of(request), data_use=use, **values)
        return Response(shapes.DataUseOut(done).data)


class RefuseDataUse(APIView):
    @extend_schema(
        tags=["data"],
        summary="Refuse a use as the source's owner",
        request=shapes.RefusalIn,
        responses=shapes.DataUseOut,
    )
    @idempotent
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        use = knowable(request, pk)
        values = valid(shapes.RefusalIn(data=request.data))
        done = data_sources.refuse_data_use(actor=actor_of(request), data_use=use, **values)
        return Response(shapes.DataUseOut(done).data)


class Checklist(APIView):
    @extend_schema(
        tags=["checklist"],
        summary="The pilot checklist as it stands",
        responses=list_of("ChecklistItems", shapes.ItemOut),
    )
    def get(self, request: Request, reference: str) -> Response:
        return listed(shapes.ItemOut, pilot_checklist(visible(request, reference)))


class ConfirmItem(APIView):
    @extend_schema(
        tags=["checklist"],
        summary="Confirm an item, with what proves it",
        request=shapes.ConfirmationIn,
        responses={201: shapes.ItemOut},
    )
    @idempotent
    def post(self, request: Request, reference: str, item: str) -> Response:
        use_case = visible(request, reference)
        if item not in {known.id for known in checklist_items()}:
            raise Http404
        values = valid(shapes.ConfirmationIn(data=request.data))
        checklists.confirm_item(actor=actor_of(request), use_case=use_case, item=item, **values)
        return Response(shapes.ItemOut(item_status(use_case, item)).data, status=201)


class WithdrawConfirmation(APIView):
    @extend_schema(
        tags=["checklist"],
        summary="Withdraw an item's confirmation",
        request=shapes.ReasonIn,
        responses=shapes.ItemOut,
    )
    @idempotent
    def post(self, request: Request, reference: str, item: str) -> Response:
        use_case = visible(request, reference)
        standing = ChecklistConfirmation.objects.select_related("use_case").filter(withdrawn_at__isnull=True)
        confirmation = get_object_or_404(standing, use_case=use_case, item=item)
        values = valid(shapes.ReasonIn(data=request.data))
        checklists.withdraw_confirmation(actor=actor_of(request), confirmation=confirmation, **values)
        return Response(shapes.ItemOut(item_status(use_case, item)).data)


class RiskReviews(ListAPIView[RiskReview]):
    serializer_class = shapes.RiskReviewOut
    queryset = RiskReview.objects.none()

    def get_queryset(self) -> QuerySet[RiskReview]:
        reviews = RiskReview.objects.filter(use_case=visible(self.request, self.kwargs["reference"]))
        return reviews.select_related("submitted_by", "concluded_by")

    @extend_schema(tags=["risk"], summary="Risk reviews, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["risk"],
        summary="Submit the present answers for review",
        request=None,
        responses={201: shapes.RiskReviewOut},
    )
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        use_case = visible(request, reference)
        review = risk_reviews.submit_risk_review(actor=actor_of(request), use_case=use_case)
        return Response(shapes.RiskReviewOut(review).data, status=201)


def _review(request: Request, reference: str, number: int) -> RiskReview:
    use_case = visible(request, reference)
    review: RiskReview = get_object_or_404(RiskReview, use_case=use_case, number=number)
    review.use_case = use_case
    return review


class ConcludeRiskReview(APIView):
    @extend_schema(
        tags=["risk"], summary="Conclude a review", request=shapes.ConclusionIn, responses=shapes.RiskReviewOut
    )
    @idempotent
    def post(self, request: Request, reference: str, number: int) -> Response:
        review = _review(request, reference, number)
        values = valid(shapes.ConclusionIn(data=request.data))
        done = risk_reviews.conclude_risk_review(actor=actor_of(request), review=review, **values)
        return Response(shapes.RiskReviewOut(done).data)


class ReturnRiskReview(APIView):
    @extend_schema(tags=["risk"], summary="Return a review", request=shapes.ReturnIn, responses=shapes.RiskReviewOut)
    @idempotent
    def post(self, request: Request, reference: str, number: int) -> Response:
        review = _review(request, reference, number)
        values = valid(shapes.ReturnIn(data=request.data))
        done = risk_reviews.return_risk_review(actor=actor_of(request), review=review, **values)
        return Response(shapes.RiskReviewOut(done).data)
