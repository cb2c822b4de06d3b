"""Pages of the register."""

from django.urls import path

from usecases.views import bulk, checklist, data, discovery, register, risk, saved_views, use_case, versions

app_name = "usecases"
urlpatterns = [
    path("use-cases/", register.use_cases, name="list"),
    path("use-cases/new/", register.register, name="register"),
    path("use-cases/similar/", register.similar, name="similar"),
    path("use-cases/bulk/", bulk.bulk, name="bulk"),
    path("use-cases/bulk/apply/", bulk.apply_bulk, name="apply-bulk"),
    path("saved-views/", saved_views.saved_views, name="saved-views"),
    path("saved-views/new/", saved_views.new_view, name="new-view"),
    path("saved-views/begin-as-usual/", saved_views.begin_as_usual, name="begin-as-usual"),
    path("saved-views/<uuid:pk>/", saved_views.saved_view, name="saved-view"),
    path("saved-views/<uuid:pk>/remove/", saved_views.remove_view, name="remove-view"),
    path("saved-views/<uuid:pk>/begin/", saved_views.begin_with, name="begin-with-view"),
    path("use-cases/<str:reference>/", use_case.detail, name="detail"),
    path("use-cases/<str:reference>/edit/", use_case.edit, name="edit"),
    path("use-cases/<str:reference>/stop/", use_case.stop, name="stop"),
    path("use-cases/<str:reference>/team/add/", use_case.add_team_member, name="add-to-team"),
    path("use-cases/<str:reference>/team/remove/", use_case.remove_team_member, name="remove-from-team"),
    path("use-cases/<str:reference>/tags/", use_case.tag, name="tag"),
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
    path("data-uses/<uuid:pk>/approve/", data.approve, name="approve-data-use"),
    path("data-uses/<uuid:pk>/refuse/", data.refuse, name="refuse-data-use"),
    path("data-sources/", data.data_sources, name="data-sources"),
    path("data-sources/new/", data.new_data_source, name="new-data-source"),
    path("data-sources/<uuid:pk>/", data.data_source, name="data-source"),
]
