"""Addresses of the register's API."""

from django.urls import path

from usecases.api import imports, use_cases, work

IMPORT = "imports/<uuid:pk>/"
CASE = "use-cases/<str:reference>/"
urlpatterns = [
    path("use-cases/", use_cases.UseCases.as_view(), name="api-use-cases"),
    path(CASE, use_cases.UseCaseDetail.as_view(), name="api-use-case"),
    path(f"{CASE}versions/", use_cases.Versions.as_view(), name="api-versions"),
    path(f"{CASE}versions/<int:number>/", use_cases.VersionDetail.as_view(), name="api-version"),
    path(f"{CASE}answers/", work.Answers.as_view(), name="api-answers"),
    path(f"{CASE}answers/<slug:question>/", work.AnswerDetail.as_view(), name="api-answer"),
    path(f"{CASE}data-uses/", work.DataUses.as_view(), name="api-data-uses"),
    path(f"{CASE}checklist/", work.Checklist.as_view(), name="api-checklist"),
    path(f"{CASE}checklist/<slug:item>/confirm/", work.ConfirmItem.as_view(), name="api-confirm-item"),
    path(f"{CASE}checklist/<slug:item>/withdraw/", work.WithdrawConfirmation.as_view(), name="api-withdraw-item"),
    path(f"{CASE}risk-reviews/", work.RiskReviews.as_view(), name="api-risk-reviews"),
    path(f"{CASE}risk-reviews/<int:number>/conclude/", work.ConcludeRiskReview.as_view(), name="api-conclude-review"),
    path(f"{CASE}risk-reviews/<int:number>/return/", work.ReturnRiskReview.as_view(), name="api-return-review"),
    path("imports/", imports.Imports.as_view(), name="api-imports"),
    path(IMPORT, imports.ImportDetail.as_view(), name="api-import"),
    path(f"{IMPORT}reading/", imports.ImportReading.as_view(), name="api-import-reading"),
    path(f"{IMPORT}mapping/", imports.ImportMapping.as_view(), name="api-import-mapping"),
    path(f"{IMPORT}rows/", imports.ImportRows.as_view(), name="api-import-rows"),
    path(f"{IMPORT}check/", imports.ImportCheck.as_view(), name="api-import-check"),
    path(f"{IMPORT}apply/", imports.ImportApply.as_view(), name="api-import-apply"),
    path(f"{IMPORT}undo/", imports.ImportUndo.as_view(), name="api-import-undo"),
    path("data-sources/", work.DataSources.as_view(), name="api-data-sources"),
    path("data-uses/<uuid:pk>/approve/", work.ApproveDataUse.as_view(), name="api-approve-data-use"),
    path("data-uses/<uuid:pk>/refuse/", work.RefuseDataUse.as_view(), name="api-refuse-data-use"),
]
