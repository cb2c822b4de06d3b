"""Bringing the results file of an evaluation tool over the API, as a form or as the body itself."""

from collections.abc import Iterable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evidence import policies
from evidence.actions.evaluation_files import Brought, record_evaluation_file
from evidence.api.runs import push_source
from evidence.api.serializers import DIGEST, MOST_METRICS, REFERENCE, EvaluationRunOut, MetricIn, RecordedOut
from evidence.configuring import mappings_of
from evidence.connectors.base import DimensionMapping
from evidence.connectors.formats.registry import TITLES
from evidence.models import Connector
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.api.parsers import loads
from portal.api.serializers import StrictSerializer
from portal.files import LARGEST_FILE, FileTooLarge
from usecases.models import SystemVersion, UseCase

COLUMNS = ("item_column", "kind_column", "trial_column")
TOLD = ("format", "run", "environment", "column", "finished_at")


class RawFileParser(BaseParser):
    """The body as it came; what it is, its content tells."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read(LARGEST_FILE + 1)


@extend_schema_field(OpenApiTypes.STR)
class MetricsField(serializers.DictField):
    """`{metric: {dimension, scale_min, scale_max, direction, threshold, kind}}`, written as JSON text."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            try:
                data = loads(data.encode())
            except (ParseError, UnicodeEncodeError) as error:
                raise serializers.ValidationError(str(error)) from None
        return super().to_internal_value(data)


class EvaluationFileIn(StrictSerializer):
    """What the file is about, and how its metrics are read. Scale, direction and threshold are said, never guessed."""

    use_case = serializers.RegexField(REFERENCE, max_length=12)
    version = serializers.RegexField(DIGEST, max_length=71, help_text="The system version's digest.")
    format = serializers.ChoiceField(list(TITLES.items()), required=False, help_text="Empty: recognised by content.")
    finished_at = serializers.DateTimeField(required=False, help_text="Needed when the file does not say.")
    run = serializers.CharField(max_length=120, required=False, help_text="A name, where the file has no id.")
    environment = serializers.CharField(max_length=40, required=False)
    column = serializers.CharField(
        max_length=200, required=False, help_text="promptfoo: only the prompt of this label."
    )
    item_column = serializers.CharField(max_length=200, required=False, help_text="For tables: names the item.")
    kind_column = serializers.CharField(max_length=200, required=False)
    trial_column = serializers.CharField(max_length=200, required=False)
    connector = serializers.UUIDField(required=False, help_text="Read as this connector's mapping and columns say.")
    metrics = MetricsField(
        child=MetricIn(),
        required=False,
        help_text="JSON: metric → dimension, scale_min, scale_max, direction, threshold.",
    )

    def validate_metrics(self, metrics: dict[str, Any]) -> dict[str, Any]:
        if len(metrics) > MOST_METRICS or any(not 0 < len(name.strip()) <= 120 for name in metrics):
            raise serializers.ValidationError(_("At most 200 metrics, each with a name of 1 to 120 characters."))
        return metrics


class EvaluationFileForm(EvaluationFileIn):
    file = serializers.FileField(help_text="20 MB at most; may be gzip.")


class FileRejectOut(serializers.Serializer[Any]):
    reference = serializers.CharField(help_text="Where in the file.")
    reason = serializers.CharField()


class EvaluationFileOut(serializers.Serializer[Any]):
    """The file as it is kept, its runs, and what of it could not be read."""

    file_sha256 = serializers.CharField()
    format = serializers.ChoiceField(list(TITLES.items()))
    runs = RecordedOut(many=True)
    rejects = FileRejectOut(many=True)


class EvaluationFiles(APIView):
    parser_classes = [MultiPartParser, RawFileParser]

    @extend_schema(
        tags=["evidence"],
        summary="Bring the results file of an evaluation tool",
        description=(
            "A form with the file, or the file as the body with everything else in the address. The format is "
            "recognised by content: promptfoo, DeepEval, Ragas, azure-ai-evaluation, Inspect, lm-evaluation-harness, "
            "CSV, JSON lines, or the portal's own. The same file again changes nothing; a changed one is a new "
            "revision of its runs."
        ),
        request={"multipart/form-data": EvaluationFileForm, "application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(name, str, description=f"As in the form, for a file sent as the body.{more}")
            for name, more in (
                ("use_case", ""), ("version", ""), ("format", ""), ("finished_at", ""), ("run", ""),
                ("environment", ""), ("column", ""), ("item_column", ""), ("kind_column", ""), ("trial_column", ""),
                ("connector", ""), ("metrics", " JSON."), ("file_name", " What the file is called."),
            )
        ],
        responses={200: EvaluationFileOut, 201: EvaluationFileOut},
    )  # fmt: skip
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        values, name, chunks = _parts(request)
        given = EvaluationFileIn(data=values)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        use_case = UseCase.objects.get_visible(actor, said["use_case"])
        digest = said["version"].removeprefix("sha256:")
        version = SystemVersion.objects.filter(use_case=use_case, digest=digest).first()
        if version is None:
            raise ValidationError({"version": [_("This use case has no version of this digest. Declare it first.")]})
        config, mappings = _reading(request, said)
        try:
            brought = record_evaluation_file(
                actor=actor,
                use_case=use_case,
                version=version,
                name=name,
                chunks=chunks,
                source=push_source(actor),
                mappings=mappings,
                told={key: said[key] for key in TOLD if key in said},
                config=config,
            )
        except FileTooLarge:
            raise ValidationError(
                {"file": [_("The file is larger than 20 MB. Split it, or send it as gzip.")]}
            ) from None
        changed = any(each.change != "unchanged" for each in brought.recorded)
        return Response(_told(brought), status=status.HTTP_201_CREATED if changed else status.HTTP_200_OK)


def _parts(request: Request) -> tuple[dict[str, Any], str, Iterable[bytes]]:
    """(what was said, the file's name, its bytes) of a form or of a bare body."""
    data: Any = request.data
    values: dict[str, Any] = {}
    if isinstance(data, bytes):
        values |= request.query_params.dict()
        name = str(values.pop("file_name", "") or "body")
        if not data:
            raise ValidationError(
                {"file": [_("The body is empty. Send the file as the body, or as “file” in a form.")]}
            )
        return values, name, [data]
    values |= data.dict() if isinstance(data, QueryDict) else {}
    file = values.pop("file", None)
    if not isinstance(file, UploadedFile):
        raise ValidationError({"file": [_("Send the file as “file” in a form, or as the body.")]})
    return values, file.name or "file", file.chunks()


def _reading(request: Request, said: dict[str, Any]) -> tuple[dict[str, Any], tuple[DimensionMapping, ...]]:
    """(the columns, the mapping): those of the connector that is named, then those that were sent."""
    config: dict[str, Any] = {}
    mappings: dict[str, DimensionMapping] = {}
    if "connector" in said:
        found = Connector.objects.filter(pk=said["connector"], kind="evaluation_file").first()
        if found is None or not policies.may_see_connectors(actor_of(request)):
            raise Http404
        config = dict(found.config)
        mappings = {mapping.metric: mapping for mapping in mappings_of(found.dimension_mapping)}
    config |= {name: said[name] for name in COLUMNS if name in said}
    for metric, rule in said.get("metrics", {}).items():
        numbers = (rule["scale_min"], rule["scale_max"], rule["direction"], rule["threshold"], rule["kind"])
        mappings[metric] = DimensionMapping(metric, rule["dimension"], *numbers)
    return config, tuple(mappings.values())


def _told(brought: Brought) -> dict[str, Any]:
    return {
        "file_sha256": brought.sha256,
        "format": brought.format,
        "runs": [{**EvaluationRunOut(each.run).data, "change": each.change} for each in brought.recorded],
        "rejects": [{"reference": each.reference, "reason": each.reason} for each in brought.rejects],
    }
