"""What was measured, where it came from, and how its reading went."""

from evidence.models.connector import AllowedHost, Connector
from evidence.models.evaluation_run import EvaluationDimension, EvaluationRun, EvaluationScore
from evidence.models.sync_run import SyncRun
from evidence.models.usage_record import UsageDay, UsageReceipt, UsageRecord

__all__ = [
    "AllowedHost",
    "Connector",
    "EvaluationDimension",
    "EvaluationRun",
    "EvaluationScore",
    "SyncRun",
    "UsageDay",
    "UsageReceipt",
    "UsageRecord",
]
