"""The endpoints of this floor."""

from django.urls import path

from approvals.api import views

urlpatterns = [
    path("releases/", views.Releases.as_view(), name="api-releases"),
    path("releases/<uuid:pk>/", views.ReleaseDetail.as_view(), name="api-release"),
    path("releases/<uuid:pk>/approve/", views.Approve.as_view(), name="api-release-approve"),
    path("releases/<uuid:pk>/reject/", views.Reject.as_view(), name="api-release-reject"),
    path("releases/<uuid:pk>/return/", views.Return.as_view(), name="api-release-return"),
    path("releases/<uuid:pk>/withdraw/", views.Withdraw.as_view(), name="api-release-withdraw"),
    path("releases/<uuid:pk>/verdict/", views.VerdictOfRelease.as_view(), name="api-release-verdict"),
    path("releases/<uuid:pk>/attestations/", views.AttestationsOfRelease.as_view(), name="api-release-attestations"),
    path("components/<uuid:pk>/releases/", views.ComponentReleases.as_view(), name="api-component-releases"),
    path("gate/check/", views.GateCheck.as_view(), name="api-gate-check"),
]
