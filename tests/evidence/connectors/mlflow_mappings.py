"""The mappings under which captured MLflow answers are read."""

from decimal import Decimal

from evidence.connectors.base import DimensionMapping

RUN = "66d2a442f3d34f95badc50c89ae33429"
ONE = Decimal(1)
MAPPINGS = (
    DimensionMapping("groundedness", "groundedness", Decimal(0), ONE, "higher", Decimal("0.8")),
    DimensionMapping("relevance", "relevance", Decimal(0), ONE, "higher", Decimal("0.3")),
    DimensionMapping("coherence", "coherence", ONE, Decimal(5), "higher", Decimal(4)),
    DimensionMapping("completeness", "completeness", Decimal(0), ONE, "higher"),
    DimensionMapping("safety", "safety", Decimal(0), ONE, "higher", kind="boolean"),
    DimensionMapping("task_success", "task_success", Decimal(0), ONE, "higher", kind="boolean"),
    DimensionMapping("flaky", "robustness", Decimal(0), ONE, "higher", kind="boolean"),
)
