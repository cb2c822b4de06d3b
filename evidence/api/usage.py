"""Pushing and reading daily usage."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.actions.usage import Resolve, Target, UsageCounts, record_usage, require_possible
from evidence.actions.usage_tables import record_usage_table
from evidence.api.runs import push_source
from evidence.api.serializers import UsageCountsOut, UsageRecordIn, UsageRecordOut
from evidence.connectors import usage_table
from evidence.connectors.errors import ConnectorError
from evidence.models import UsageRecord
from evidence.querysets import usage_visible_to
from evidence.readings import Reject, UsageReading
from portal.actors import Actor
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.pagination import KeysetPagination
from portal.api.parsers import StrictJSONParser, loads
from usecases.models import SystemVersion, UseCase

if TYPE_CHECKING:
    import polars

MOST_ROWS = 20_000
# As a table or line by line; the size of a body bounds it as well.
MOST_LINES = 200_000
# From here on rows are read as columns. Below, that is not worth loading the library for.
MANY = 500
# So many rows of a table are looked at one by one; a file that is wrong throughout is not worth an hour.
MOST_DOUBTFUL = 20_000


class _Unread(dict[str, str]):
    """A line that is no JSON; its reason stands in for the row."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was sent: rows as they are looked at one by one, and all of them as text by column when they are many."""

    row: Callable[[int], Any]  # by number, from 1
    rows: int
    table: "Callable[[], polars.DataFrame]"


class RowsParser(StrictJSONParser):
    """A JSON array of rows."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        rows = super().parse(stream, media_type, parser_context)
        if not isinstance(rows, list):
            return None
        return Pushed(lambda number: rows[number - 1], len(rows), lambda: usage_table.read_rows(rows))


class NDJSONParser(BaseParser):
    """One JSON object per line, each as strict as a whole body."""

    media_type = "application/x-ndjson"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        lines = [line for line in stream.read().split(b"\n") if line and not line.isspace()]
        return Pushed(lambda number: _line(lines[number - 1]), len(lines), lambda: usage_table.read_ndjson(lines))


class CSVParser(BaseParser):
    """Rows under a header of our column names; an empty cell is not said."""

    media_type = "text/csv"
    read: Callable[[bytes, int], "polars.DataFrame"] = staticmethod(usage_table.read_csv)

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            table = type(self).read(stream.read(), MOST_LINES)
        except ConnectorError as error:
            raise ParseError(str(error)) from None
        return Pushed(lambda number: _cells(table.row(number - 1, named=True)), table.height, lambda: table)


class ParquetParser(CSVParser):
    """The same as Parquet."""

    media_type = "application/vnd.apache.parquet"
    read = staticmethod(usage_table.read_parquet_rows)


def _cells(row: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value is not None and name != usage_table.ROW}


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
    parser_classes = [RowsParser, NDJSONParser, CSVParser, ParquetParser]
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
        summary="Push daily usage, as a JSON array, NDJSON, CSV or Parquet",
        description=(
            "Each row is stored or rejected on its own; a row with the same keys replaces the stored one. CSV needs a "
            "header of the same names; an empty cell, as null, is not reported. At most 20,000 rows of a JSON "
            "array and 200,000 of the others."
        ),
        request={
            "application/json": UsageRecordIn(many=True),
            "application/x-ndjson": UsageRecordIn(many=True),
            "text/csv": OpenApiTypes.STR,
            "application/vnd.apache.parquet": OpenApiTypes.BINARY,
        },
        responses={200: UsageCountsOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        pushed: object = request.data
        most = MOST_ROWS if request.content_type.startswith("application/json") else MOST_LINES
        if not isinstance(pushed, Pushed) or not 1 <= pushed.rows <= most:
            raise ValidationError({"": [_("Send a list of 1 to %(most)s rows.") % {"most": most}]})
        counts = (_store_table if pushed.rows > MANY else _store_rows)(actor, pushed)
        body = {
            "created": counts.created,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "rejected": [{"row": int(each.reference), "reason": each.reason} for each in counts.rejected],
        }
        return Response(body, status=status.HTTP_200_OK)


def _store_rows(actor: Actor, pushed: Pushed) -> UsageCounts:
    """Row by row; rejects are told by their place in what was sent."""
    readings: list[UsageReading] = []
    numbers: list[int] = []
    rejected: list[Reject] = []
    for number in range(1, pushed.rows + 1):
        reading, reason = _checked(pushed.row(number))
        if reading is None:
            rejected.append(Reject(str(number), reason))
        else:
            readings.append(reading)
            numbers.append(number)
    counts = record_usage(
        actor=actor, readings=readings, source=push_source(actor), resolve=resolver(actor), numbers=numbers
    )
    return _with(counts, rejected)


def _with(counts: UsageCounts, rejected: list[Reject]) -> UsageCounts:
    return replace(counts, rejected=tuple(sorted([*rejected, *counts.rejected], key=lambda each: int(each.reference))))


def _store_table(actor: Actor, pushed: Pushed) -> UsageCounts:
    """As columns: what is plainly right at once, the doubtful rows looked at one by one before."""
    table, doubtful = usage_table.sift(pushed.table())
    accepted, rejected = [], []
    unseen = _("Not looked at: too many rows of this push cannot be stored. Mend the first ones and send it again.")
    for place, number in enumerate(doubtful[usage_table.ROW]):
        reading, reason = _looked_at(pushed.row(number)) if place < MOST_DOUBTFUL else (None, unseen)
        if reading is None:
            rejected.append(Reject(str(number), reason))
        else:
            accepted.append(_columns(number, reading))
    table = usage_table.with_rows(table, accepted)
    counts = record_usage_table(actor=actor, table=table, source=push_source(actor), resolve=resolver(actor))
    return _with(counts, rejected)


def _looked_at(row: Any) -> tuple[UsageReading | None, str]:
    """(the reading, "") or (None, why it cannot be stored), whatever it is about."""
    reading, reason = _checked(row)
    try:
        if reading is not None:
            require_possible(reading)
    except DjangoValidationError as error:
        return None, " ".join(error.messages)
    return reading, reason


def _columns(number: int, reading: UsageReading) -> dict[str, Any]:
    """A reading as a row of the table: its texts, as the ledger keeps them."""
    told = {name: getattr(reading, name) for name in (*_COUNTS, *usage_table.COSTS, *_TEXTS, *usage_table.WORDS)}
    texts = {name: None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
             for name, value in told.items()}  # fmt: skip
    key = {"use_case": reading.use_case_key, "version": reading.version_digest, "day": reading.day.isoformat()}
    return {usage_table.ROW: number, **key, **texts}


def _checked(row: Any) -> tuple[UsageReading | None, str]:
    """(the reading, "") or (None, why the row cannot be read)."""
    if isinstance(row, _Unread):
        return None, row["reason"]
    given = UsageRecordIn(data=row)
    if given.is_valid():
        return reading_of(given.validated_data), ""
    faults = [f"{name}: {' '.join(str(text) for text in texts)}" for name, texts in given.errors.items()]
    return None, "; ".join(faults)[:500]
