"""What evidence endpoints take and give; what is not known is refused."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from evidence.api.case_fields import LONGEST, CasesField
from evidence.choices import CostBasis, Dimension, Direction, Finality, JudgeKind
from evidence.models import EvaluationDimension, EvaluationRun, UsageRecord
from portal.api.serializers import StrictSerializer

REFERENCE = r"^UC-[0-9]{4,9}$"
DIGEST = r"^(sha256:)?[0-9a-f]{64}$"
MOST_METRICS = 200


def _number(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=9, coerce_to_string=False, **options)


class JudgeIn(StrictSerializer):
    kind = serializers.ChoiceField(JudgeKind.choices, default=JudgeKind.CODE)
    name = serializers.CharField(max_length=200, required=False)
    version = serializers.CharField(max_length=120, required=False)


class MetricIn(StrictSerializer):
    """How one metric is read. Scale, direction and threshold are said, never guessed from a name."""

    dimension = serializers.ChoiceField(Dimension.choices)
    scale_min = _number()
    scale_max = _number()
    direction = serializers.ChoiceField(Direction.choices)
    threshold = _number(help_text="From where on a case passes, inclusive.")
    kind = serializers.ChoiceField([("numeric", "numeric"), ("boolean", "boolean")], default="numeric")
    judge = JudgeIn(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["scale_min"] >= attrs["scale_max"]:
            raise serializers.ValidationError({"scale_max": [_("The scale runs from a smaller to a larger number.")]})
        if not attrs["scale_min"] <= attrs["threshold"] <= attrs["scale_max"]:
            raise serializers.ValidationError({"threshold": [_("The threshold lies on the scale.")]})
        return attrs


class DatasetIn(StrictSerializer):
    name = serializers.CharField(max_length=200, required=False)
    version = serializers.CharField(max_length=80, required=False)
    digest = serializers.CharField(max_length=128, required=False)


class EvaluationRunIn(StrictSerializer):
    """One finished run with all its cases. A metric that a case lacks counts as skipped, an error as a failed judge."""

    use_case = serializers.RegexField(REFERENCE, max_length=12)
    version = serializers.RegexField(DIGEST, max_length=71, help_text="The system version's digest.")
    external_id = serializers.CharField(max_length=200, help_text="What the run is called where it was made.")
    name = serializers.CharField(max_length=200, required=False)
    url = serializers.URLField(max_length=500, required=False)
    environment = serializers.CharField(max_length=40, required=False)
    started_at = serializers.DateTimeField(required=False)
    finished_at = serializers.DateTimeField()
    model = serializers.CharField(max_length=200, required=False)
    commit = serializers.CharField(max_length=200, required=False)
    dataset = DatasetIn(required=False)
    metrics = serializers.DictField(child=MetricIn(), allow_empty=False)
    cases = CasesField()

    def validate_url(self, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise serializers.ValidationError(_("Only https and http addresses can be linked."))
        return url

    def validate_metrics(self, metrics: dict[str, Any]) -> dict[str, Any]:
        if len(metrics) > MOST_METRICS or any(not 0 < len(name.strip()) <= LONGEST["metric"] for name in metrics):
            raise serializers.ValidationError(_("At most 200 metrics, each with a name of 1 to 120 characters."))
        return metrics

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        used = {metric for case in attrs["cases"] for metric in case["scores"]}
        if undeclared := sorted(used - attrs["metrics"].keys()):
            text = _(
                "These metrics are scored but not declared: %(metrics)s. Say their dimension, scale and threshold."
            )
            raise serializers.ValidationError({"metrics": [text % {"metrics": ", ".join(undeclared[:10])[:400]}]})
        if not used:
            raise serializers.ValidationError({"cases": [_("No case has a score.")]})
        return attrs


class DimensionOut(serializers.ModelSerializer[EvaluationDimension]):
    """Counted from the cases: `total` = `scored` + `errored` + `skipped`."""

    class Meta:
        model = EvaluationDimension
        fields = [
            "dimension", "total", "scored", "errored", "skipped", "passed", "mean", "scale_min", "scale_max",
            "direction",
        ]  # fmt: skip


class EvaluationRunOut(serializers.ModelSerializer[EvaluationRun]):
    use_case = serializers.CharField(source="use_case.reference", read_only=True)
    version = serializers.CharField(source="system_version.digest", read_only=True)
    dimensions = DimensionOut(many=True, read_only=True)

    class Meta:
        model = EvaluationRun
        fields = [
            "id", "use_case", "version", "source", "external_id", "revision", "is_current", "name", "url",
            "environment", "dataset_name", "dataset_version", "dataset_digest", "cases", "started_at", "finished_at",
            "received_at", "raw_sha256", "dimensions",
        ]  # fmt: skip


class RecordedOut(EvaluationRunOut):
    """The run as it stands, and what this push did: `created`, `revised` or `unchanged`."""

    change = serializers.ChoiceField([("created", "created"), ("revised", "revised"), ("unchanged", "unchanged")])

    class Meta(EvaluationRunOut.Meta):
        fields = [*EvaluationRunOut.Meta.fields, "change"]


def _count(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False, allow_null=True, **options)


def _cost() -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=20, decimal_places=9, required=False, allow_null=True)


class UsageRecordIn(StrictSerializer):
    """One day (UTC) of one combination of keys. The same keys again replace the row.

    Leave out, or send null for, what you do not know: it is kept as not reported, never as zero.
    """

    use_case = serializers.RegexField(REFERENCE, max_length=12)
    version = serializers.RegexField(DIGEST, max_length=71, required=False)
    day = serializers.DateField()
    environment = serializers.CharField(max_length=40, required=False)
    team = serializers.CharField(max_length=120, required=False)
    provider = serializers.CharField(max_length=80, required=False)
    model = serializers.CharField(max_length=160, required=False)
    operation = serializers.CharField(max_length=40, required=False)
    requests = _count()
    failed_requests = _count()
    input_tokens = _count(help_text="Cached ones included.")
    cached_input_tokens = _count()
    output_tokens = _count()
    successful_outcomes = _count()
    list_cost = _cost()
    billed_cost = _cost()
    effective_cost = _cost()
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    cost_basis = serializers.ChoiceField(CostBasis.choices, default=CostBasis.ESTIMATED)
    finality = serializers.ChoiceField(Finality.choices, default=Finality.PROVISIONAL)


class RejectedRowOut(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="Its position among the rows sent, counted from 1.")
    reason = serializers.CharField()


class UsageCountsOut(serializers.Serializer[Any]):
    """What became of the rows."""

    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected = RejectedRowOut(many=True)


class UsageRecordOut(serializers.ModelSerializer[UsageRecord]):
    use_case = serializers.CharField(source="use_case.reference", read_only=True)
    version = serializers.CharField(source="system_version.digest", read_only=True, allow_null=True, default=None)

    class Meta:
        model = UsageRecord
        fields = [
            "id", "use_case", "version", "source", "day", "environment", "team", "provider", "model", "operation",
            "requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens",
            "successful_outcomes", "list_cost", "billed_cost", "effective_cost", "currency", "cost_basis", "finality",
            "changed_at",
        ]  # fmt: skip
