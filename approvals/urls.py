"""The pages of this floor. Home and the key set have names of their own; everything else is `approvals:*`."""

from django.urls import include, path

from approvals.views import components, exports, home, keyset, releases

RELEASE = "use-cases/<str:reference>/releases/<int:number>/"

pages = [
    path("components/<uuid:pk>/releases/", components.component_releases, name="component-releases"),
    path("use-cases/<str:reference>/releases/", releases.releases, name="releases"),
    path("use-cases/<str:reference>/releases/export/", exports.releases, name="export-releases"),
    path("use-cases/<str:reference>/releases/panel/", releases.panel, name="panel"),
    path(RELEASE, releases.release, name="release"),
    path(f"{RELEASE}approve/", releases.approve, name="approve"),
    path(f"{RELEASE}reject/", releases.reject, name="reject"),
    path(f"{RELEASE}return/", releases.send_back, name="return"),
    path(f"{RELEASE}withdraw/", releases.withdraw, name="withdraw"),
    path(f"{RELEASE}attestations/", releases.attestation, name="attestations"),
]
urlpatterns = [
    path("", home.home, name="home"),
    path(".well-known/gatehouse/keyset.json", keyset.keyset, name="keyset"),
    path("", include((pages, "approvals"))),
]
