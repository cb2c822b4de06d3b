"""The portal's addresses; the floors above are included by name."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from portal.sso import CallbackView, StartView
from portal.views import absences, access, api_docs, audit_trail, health, people, search, sign_in

FLOORS = ("usecases", "evidence", "approvals")

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("oidc/start/", StartView.as_view(), name="oidc_authentication_init"),
    path("oidc/callback/", CallbackView.as_view(), name="oidc_authentication_callback"),
    path("audit-trail/", audit_trail.audit_trail, name="audit-trail"),
    path("audit-trail/export/", audit_trail.export, name="export-audit-trail"),
    path("search/", search.search, name="search"),
    path("people/", people.people, name="people"),
    path("people/new/", people.add_person, name="add-person"),
    path("people/<uuid:pk>/", people.person, name="person"),
    path("people/<uuid:pk>/deactivate/", people.deactivate_person, name="deactivate-person"),
    path("people/<uuid:pk>/reactivate/", people.reactivate_person, name="reactivate-person"),
    path("people/<uuid:pk>/absences/", absences.of_person, name="person-absences"),
    path("absences/", absences.absences, name="absences"),
    path("absences/<uuid:pk>/end/", absences.end, name="end-absence"),
    path("absences/<uuid:pk>/decline/", absences.decline, name="decline-absence"),
    path("service-accounts/new/", people.add_service_account, name="add-service-account"),
    path("service-accounts/<uuid:pk>/", people.service_account, name="service-account"),
    path("service-accounts/<uuid:pk>/deactivate/", people.deactivate_account, name="deactivate-service-account"),
    path("service-accounts/<uuid:pk>/reactivate/", people.reactivate_account, name="reactivate-service-account"),
    path("service-accounts/<uuid:pk>/tokens/", access.issue, name="issue-token"),
    path("tokens/<uuid:pk>/revoke/", access.revoke, name="revoke-token"),
    path("access/<str:kind>/<uuid:pk>/grants/", access.give_grant, name="give-grant"),
    path("grants/<uuid:pk>/end/", access.end_grant, name="end-grant"),
    path("notices/read/", people.read_notices, name="read-notices"),
    path("notices/<uuid:pk>/read/", people.read_notice, name="read-notice"),
    path("scim/v2/", include("portal.scim.urls")),
    path("api/docs/", api_docs.api_docs, name="api-docs"),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/v1/", include("portal.api.urls")),
]
for floor in FLOORS:
    urlpatterns.append(path("api/v1/", include(f"{floor}.api.urls")))
    urlpatterns.append(path("", include(f"{floor}.urls")))

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.forbidden"
handler404 = "portal.errors.not_found"
handler500 = "portal.errors.server_error"
