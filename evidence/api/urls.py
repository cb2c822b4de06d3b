"""The endpoints of this floor."""

from django.urls import path

from evidence.api.connectors import ConnectorRuns, Connectors, ConnectorSync
from evidence.api.files import EvaluationFiles
from evidence.api.litellm import LitellmCalls
from evidence.api.runs import EvaluationRunDetail, EvaluationRuns
from evidence.api.usage import UsageRecords

urlpatterns = [
    path("evaluation-runs/", EvaluationRuns.as_view(), name="api-evaluation-runs"),
    path("evaluation-runs/<uuid:pk>/", EvaluationRunDetail.as_view(), name="api-evaluation-run"),
    path("evaluation-files/", EvaluationFiles.as_view(), name="api-evaluation-files"),
    path("usage-records/", UsageRecords.as_view(), name="api-usage-records"),
    path("usage-records/litellm/", LitellmCalls.as_view(), name="api-litellm-calls"),
    path("connectors/", Connectors.as_view(), name="api-connectors"),
    path("connectors/<uuid:pk>/sync/", ConnectorSync.as_view(), name="api-connector-sync"),
    path("connectors/<uuid:pk>/runs/", ConnectorRuns.as_view(), name="api-connector-runs"),
]
