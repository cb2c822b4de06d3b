"""Pages of the register."""

from django.urls import path

from usecases.views import checklist, data, discovery, register, risk, stewardship, team, use_case, versions

app_name = "usecases"
urlpatterns = [
    path("use-cases/", register.use_cases, name="list"),
    path("use-cases/new/", register.register, name="register"),
    path("use-cases/similar/", register.similar, name="similar"),
    path("use-cases/<str:reference>/", use_case.detail, name="detail"),
    path("use-cases/<str:reference>/edit/", use_case.edit, name="edit"),
    path("use-cases/<str:reference>/stop/", use_case.stop, name="stop"),
    path("use-cases/<str:reference>/team/", team.team, name="team"),
    path("use-cases/<str:reference>/team/add/", team.add, name="add-to-team"),
    path("use-cases/<str:reference>/team/remove/", team.remove, name="remove-from-team"),
    path("use-cases/<str:reference>/hand-over/", team.hand_over, name="hand-over"),
    path("use-cases/<str:reference>/join/", team.join, name="join"),
    path("use-cases/<str:reference>/history/", use_case.history, name="history"),
    path("use-cases/<str:reference>/discovery/", discovery.discovery, name="discovery"),
    path("use-cases/<str:reference>/discovery/<slug:question>/", discovery.answer, name="answer"),
    path("use-cases/<str:reference>/data/", data.data, name="data"),
    path("use-cases/<str:reference>/checklist/", checklist.checklist, name="checklist"),
    path("use-cases/<str:reference>/checklist/<slug:item>/confirm/", checklist.confirm, name="confirm-item"),
    path("use-cases/<str:reference>/checklist/<slug:item>/withdraw/", checklist.withdraw, name="withdraw-item"),
    path("use-cases/<str:reference>/risk/", risk.risk, name="risk"),
    path("use-cases/<str:reference>/risk/submit/", risk.submit, name="submit-review"),
    path("use-cases/<str:reference>/risk/<int:number>/conclude/", risk.conclude, name="conclude-review"),
    path("use-cases/<str:reference>/risk/<int:number>/return/", risk.return_review, name="return-review"),
    path("use-cases/<str:reference>/versions/", versions.versions, name="versions"),
    path("use-cases/<str:reference>/versions/<int:number>/", versions.version, name="version"),
    path("ownership/", stewardship.ownership, name="ownership"),
    path("stewardship-requests/<uuid:pk>/", stewardship.request_page, name="request"),
    path("stewardship-requests/<uuid:pk>/accept/", stewardship.accept, name="accept-request"),
    path("stewardship-requests/<uuid:pk>/decline/", stewardship.decline, name="decline-request"),
    path("stewardship-requests/<uuid:pk>/withdraw/", stewardship.withdraw, name="withdraw-request"),
    path("data-uses/<uuid:pk>/approve/", data.approve, name="approve-data-use"),
    path("data-uses/<uuid:pk>/refuse/", data.refuse, name="refuse-data-use"),
    path("data-sources/", data.data_sources, name="data-sources"),
    path("data-sources/new/", data.new_data_source, name="new-data-source"),
    path("data-sources/<uuid:pk>/", data.data_source, name="data-source"),
    path("data-sources/<uuid:pk>/hand-over/", stewardship.hand_over_source, name="hand-over-source"),
]
