"""The ground floor's API: the audit trail, and who am I."""

from django.urls import path

from portal.api.views import AuditEvents, Me

urlpatterns = [
    path("audit-events/", AuditEvents.as_view(), name="api-audit-events"),
    path("me/", Me.as_view(), name="api-me"),
]
