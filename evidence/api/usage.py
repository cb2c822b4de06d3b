"""Pushing and reading daily usage."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.actions.usage import Resolve, Target, record_usage
from evidence.api.runs import push_source
from evidence.api.serializers import UsageCountsOut, UsageRecordIn, UsageRecordOut
from evidence.models import UsageRecord
from evidence.querysets import usage_visible_to
from evidence.readings import UsageReading
from portal.actors import Actor
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from portal.api.parsers import StrictJSONParser, loads
from usecases.models import SystemVersion, UseCase

MOST_ROWS = 20_000


class _Unread(dict[str, str]):
    """A line that is no JSON; its reason stands in for the row."""


class NDJSONParser(BaseParser):
    """One JSON object per line, each as strict as a whole body."""

    media_type = "application/x-ndjson"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        lines = stream.read().split(b"\n")
        return [_line(line) for line in lines if line.strip()]


def _line(line: bytes) -> Any:
    try:
        return loads(line)
    except ParseError as error:
        return _Unread(reason=str(error.detail))


def reading_of(row: dict[str, Any]) -> UsageReading:
    """The reading of one checked row."""
    counts: dict[str, Any] = {name: row.get(name) for name in _COUNTS}
    texts: dict[str, Any] = {name: row.get(name, "") for name in _TEXTS}
    return UsageReading(
        day=row["day"],
        use_case_key=row["use_case"],
        version_digest=row.get("version", "").removeprefix("sha256:"),
        billed_cost=row.get("billed_cost"),
        effective_cost=row.get("effective_cost"),
        list_cost=row.get("list_cost"),
        cost_basis=row["cost_basis"],
        finality=row["finality"],
        **counts,
        **texts,
    )


_COUNTS = (
    "requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens", "successful_outcomes",
)  # fmt: skip
_TEXTS = ("environment", "team", "provider", "model", "operation", "currency")


def resolver(actor: Actor) -> Resolve:
    """Finds what rows are about among what the actor may see, each use case and version once."""
    use_cases: dict[str, UseCase | None] = {}
    versions: dict[tuple[str, str], SystemVersion | None] = {}

    def resolve(reading: UsageReading) -> Target:
        reference, digest = reading.use_case_key, reading.version_digest
        if reference not in use_cases:
            try:
                use_cases[reference] = UseCase.objects.get_visible(actor, reference)
            except Http404:
                use_cases[reference] = None
        use_case = use_cases[reference]
        if use_case is None:
            raise DjangoValidationError(_("There is no use case %(reference)s.") % {"reference": reference})
        if not digest:
            return Target(use_case)
        if (reference, digest) not in versions:
            versions[reference, digest] = SystemVersion.objects.filter(use_case=use_case, digest=digest).first()
        version = versions[reference, digest]
        if version is None:
            raise DjangoValidationError(_("This use case has no version of this digest. Declare it first."))
        return Target(use_case, version)

    return resolve


class UsageRecords(ListAPIView[UsageRecord]):
    serializer_class = UsageRecordOut
    pagination_class = KeysetPagination
    parser_classes = [StrictJSONParser, NDJSONParser]
    queryset = UsageRecord.objects.none()

    def get_queryset(self) -> Any:
        rows = usage_visible_to(actor_of(self.request)).select_related("use_case", "system_version")
        reference = self.request.query_params.get("use_case", "")[:12]
        if reference:
            rows = rows.filter(use_case=UseCase.objects.get_visible(actor_of(self.request), reference))
        return rows

    @extend_schema(
        tags=["evidence"],
        summary="Daily usage and cost, newest received first",
        parameters=[OpenApiParameter("use_case", str, description="Of this use case only, such as UC-0001.")],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        tags=["evidence"],
        summary="Push daily usage, as a JSON array or as NDJSON",
        description="Each row is stored or rejected on its own; a row with the same keys replaces the stored one.",
        request={
            "application/json": UsageRecordIn(many=True),
            "application/x-ndjson": UsageRecordIn(many=True),
        },
        responses={200: UsageCountsOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor, rows = actor_of(request), request.data
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
            raise ValidationError({"": [_("Send a list of 1 to %(most)s rows.") % {"most": MOST_ROWS}]})
        readings: list[UsageReading] = []
        numbers: list[int] = []
        rejected: list[dict[str, Any]] = []
        for number, row in enumerate(rows, 1):
            reading, reason = _checked(row)
            if reading is None:
                rejected.append({"row": number, "reason": reason})
            else:
                readings.append(reading)
                numbers.append(number)
        counts = record_usage(actor=actor, readings=readings, source=push_source(actor), resolve=resolver(actor))
        rejected += [{"row": numbers[int(each.reference) - 1], "reason": each.reason} for each in counts.rejected]
        body = {
            "created": counts.created,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "rejected": sorted(rejected, key=lambda each: each["row"]),
        }
        return Response(body, status=status.HTTP_200_OK)


def _checked(row: Any) -> tuple[UsageReading | None, str]:
    """(the reading, "") or (None, why the row cannot be read)."""
    if isinstance(row, _Unread):
        return None, row["reason"]
    given = UsageRecordIn(data=row)
    if given.is_valid():
        return reading_of(given.validated_data), ""
    faults = [f"{name}: {' '.join(str(text) for text in texts)}" for name, texts in given.errors.items()]
    return None, "; ".join(faults)[:500]
