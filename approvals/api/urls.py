"""The endpoints of this floor."""

from django.urls import path
from drf_spectacular.utils import extend_schema

from approvals.api import views
from approvals.api.serializers import DecisionInput, ReleaseOutput
from approvals.choices import DecisionKind


def _decide(kind: str) -> object:
    """The same view for each kind of decision, told apart in the schema."""
    said = extend_schema(operation_id=f"{kind}_release", request=DecisionInput, responses=ReleaseOutput)
    view = type(f"Decide{kind.title()}", (views.Decide,), {"kind": kind, "post": said(views.Decide.post)})
    return view.as_view()  # type: ignore[attr-defined]


urlpatterns = [
    path("releases/", views.Releases.as_view(), name="api-releases"),
    path("releases/<uuid:pk>/", views.ReleaseDetail.as_view(), name="api-release"),
    *(
        path(f"releases/<uuid:pk>/{kind}/", _decide(kind), name=f"api-release-{kind}")  # type: ignore[arg-type]
        for kind in DecisionKind.values
    ),
    path("releases/<uuid:pk>/withdraw/", views.Withdraw.as_view(), name="api-release-withdraw"),
    path("releases/<uuid:pk>/verdict/", views.VerdictOfRelease.as_view(), name="api-release-verdict"),
    path("releases/<uuid:pk>/attestations/", views.AttestationsOfRelease.as_view(), name="api-release-attestations"),
    path("gate/check/", views.GateCheck.as_view(), name="api-gate-check"),
]
