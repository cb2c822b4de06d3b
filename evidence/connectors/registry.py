"""Which connectors there are: the one table from kind to class."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from evidence.connectors.aws import AwsConnector
from evidence.connectors.azure_cost import AzureCostConnector
from evidence.connectors.azure_monitor import AzureMonitorConnector
from evidence.connectors.base import Connector
from evidence.connectors.evaluation_file import EvaluationFileConnector
from evidence.connectors.focus_file import FocusFileConnector
from evidence.connectors.langfuse import LangfuseConnector
from evidence.connectors.litellm import LitellmConnector
from evidence.connectors.mlflow import MlflowConnector
from evidence.connectors.openai_evals import OpenaiEvalsConnector
from evidence.connectors.openai_usage import OpenaiUsageConnector
from evidence.connectors.phoenix import PhoenixConnector

CONNECTORS: Final[Mapping[str, type[Connector]]] = MappingProxyType(
    {
        MlflowConnector.kind: MlflowConnector,
        PhoenixConnector.kind: PhoenixConnector,
        LangfuseConnector.kind: LangfuseConnector,
        LitellmConnector.kind: LitellmConnector,
        AzureCostConnector.kind: AzureCostConnector,
        AzureMonitorConnector.kind: AzureMonitorConnector,
        OpenaiEvalsConnector.kind: OpenaiEvalsConnector,
        OpenaiUsageConnector.kind: OpenaiUsageConnector,
        AwsConnector.kind: AwsConnector,
        FocusFileConnector.kind: FocusFileConnector,
        EvaluationFileConnector.kind: EvaluationFileConnector,
    }
)


def connector(kind: str) -> Connector:
    """A connector of this kind; LookupError names the kinds there are."""
    try:
        return CONNECTORS[kind]()
    except KeyError:
        raise LookupError(f"There is no connector “{kind}”, only: {', '.join(sorted(CONNECTORS))}.") from None
