"""Addresses of the register's API."""

from django.urls import path

from usecases.api import components, data, saved_views, stewardship, use_cases, work

CASE = "use-cases/<str:reference>/"
urlpatterns = [
    path("use-cases/", use_cases.UseCases.as_view(), name="api-use-cases"),
    path("use-cases/from-file/", use_cases.UseCaseFromFile.as_view(), name="api-use-case-from-file"),
    path("use-cases/similar/", stewardship.Similar.as_view(), name="api-similar"),
    path(CASE, use_cases.UseCaseDetail.as_view(), name="api-use-case"),
    path(f"{CASE}tags/", use_cases.Tags.as_view(), name="api-tags"),
    path("saved-views/", saved_views.SavedViews.as_view(), name="api-saved-views"),
    path("saved-views/<uuid:pk>/", saved_views.SavedViewDetail.as_view(), name="api-saved-view"),
    path(f"{CASE}versions/", use_cases.Versions.as_view(), name="api-versions"),
    path(f"{CASE}versions/<int:number>/", use_cases.VersionDetail.as_view(), name="api-version"),
    path(f"{CASE}versions/from-bom/", use_cases.VersionFromBill.as_view(), name="api-version-from-bom"),
    path(f"{CASE}versions/<int:number>/bom/", use_cases.VersionBill.as_view(), name="api-version-bom"),
    path(f"{CASE}answers/", work.Answers.as_view(), name="api-answers"),
    path(f"{CASE}answers/<slug:question>/", work.AnswerDetail.as_view(), name="api-answer"),
    path(f"{CASE}data-uses/", work.DataUses.as_view(), name="api-data-uses"),
    path(f"{CASE}checklist/", work.Checklist.as_view(), name="api-checklist"),
    path(f"{CASE}checklist/<slug:item>/confirm/", work.ConfirmItem.as_view(), name="api-confirm-item"),
    path(f"{CASE}checklist/<slug:item>/withdraw/", work.WithdrawConfirmation.as_view(), name="api-withdraw-item"),
    path(f"{CASE}risk-reviews/", work.RiskReviews.as_view(), name="api-risk-reviews"),
    path(f"{CASE}risk-reviews/<int:number>/conclude/", work.ConcludeRiskReview.as_view(), name="api-conclude-review"),
    path(f"{CASE}risk-reviews/<int:number>/return/", work.ReturnRiskReview.as_view(), name="api-return-review"),
    path("components/", components.Components.as_view(), name="api-components"),
    path("components/<uuid:pk>/", components.ComponentDetail.as_view(), name="api-component"),
    path("components/<uuid:pk>/uses/", components.ComponentUses.as_view(), name="api-component-uses"),
    path("components/<uuid:pk>/retirement/", components.ComponentRetirement.as_view(), name="api-component-retirement"),
    path("work-items/", components.WorkItems.as_view(), name="api-work-items"),
    path("work-items/<uuid:pk>/dismiss/", components.DismissWorkItem.as_view(), name="api-dismiss-work-item"),
    path(f"{CASE}team/", stewardship.Team.as_view(), name="api-team"),
    path(f"{CASE}stewardship-requests/", stewardship.Requests.as_view(), name="api-requests"),
    path(
        "data-sources/<uuid:pk>/stewardship-requests/", stewardship.SourceRequests.as_view(), name="api-source-requests"
    ),
    path("stewardship-requests/<uuid:pk>/accept/", stewardship.Accept.as_view(), name="api-accept-request"),
    path("stewardship-requests/<uuid:pk>/decline/", stewardship.Decline.as_view(), name="api-decline-request"),
    path("stewardship-requests/<uuid:pk>/withdraw/", stewardship.Withdraw.as_view(), name="api-withdraw-request"),
    path("data-sources/", data.DataSources.as_view(), name="api-data-sources"),
    path("data-sources/<uuid:pk>/", data.DataSourceDetail.as_view(), name="api-data-source"),
    path("data-sources/<uuid:pk>/uses/", data.SourceUses.as_view(), name="api-data-source-uses"),
    path("data-sources/<uuid:pk>/certify/", data.Certify.as_view(), name="api-certify-data-source"),
    path("data-sources/<uuid:pk>/refreshed/", data.ReportRefresh.as_view(), name="api-report-refresh"),
    path("data-uses/<uuid:pk>/approve/", work.ApproveDataUse.as_view(), name="api-approve-data-use"),
    path("data-uses/<uuid:pk>/refuse/", work.RefuseDataUse.as_view(), name="api-refuse-data-use"),
    path("data-uses/<uuid:pk>/renew/", data.RenewDataUse.as_view(), name="api-renew-data-use"),
    path("data-uses/<uuid:pk>/decline-renewal/", data.DeclineRenewal.as_view(), name="api-decline-renewal"),
    path("data-uses/<uuid:pk>/ask-renewal/", data.AskRenewal.as_view(), name="api-ask-renewal"),
    path("data-uses/<uuid:pk>/end/", data.EndDataUse.as_view(), name="api-end-data-use"),
    path(f"{CASE}documents/", data.Documents.as_view(), name="api-documents"),
    path("documents/", data.AddDocument.as_view(), name="api-add-document"),
    path("documents/<uuid:pk>/revisions/", data.ReviseDocument.as_view(), name="api-revise-document"),
    path("documents/<uuid:pk>/retire/", data.RetireDocument.as_view(), name="api-retire-document"),
    path("documents/<uuid:pk>/revisions/<int:number>/file/", data.DocumentFile.as_view(), name="api-document-file"),
]
