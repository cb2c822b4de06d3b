"""The pages of this floor."""

from django.urls import path

from evidence.views import connectors, coverage, evidence, exports, hosts, mappings, runs

app_name = "evidence"
CASE = "use-cases/<str:reference>/evidence/"
CONNECTOR = "connectors/<uuid:pk>/"

urlpatterns = [
    path("components/<uuid:pk>/coverage/", coverage.coverage, name="component-coverage"),
    path(CASE, evidence.use_case, name="use-case"),
    path(f"{CASE}panel/", evidence.panel, name="panel"),
    path(f"{CASE}runs/<uuid:pk>/", evidence.run, name="run"),
    path(f"{CASE}charts/<slug:name>.json", evidence.chart, name="chart"),
    path("connectors/", connectors.listing, name="connectors"),
    path("connectors/new/", connectors.create, name="new-connector"),
    path("connectors/allowed-hosts/", hosts.hosts, name="allowed-hosts"),
    path("connectors/allowed-hosts/<uuid:pk>/withdraw/", hosts.withdraw, name="withdraw-host"),
    path(CONNECTOR, connectors.detail, name="connector"),
    path(f"{CONNECTOR}change/", connectors.change, name="change-connector"),
    path(f"{CONNECTOR}secret/", connectors.secret, name="connector-secret"),
    path(f"{CONNECTOR}mapping/", mappings.mapping, name="mapping"),
    path(f"{CONNECTOR}enable/", connectors.enable, name="enable-connector"),
    path(f"{CONNECTOR}disable/", connectors.disable, name="disable-connector"),
    path(f"{CONNECTOR}test/", runs.test, name="test-connector"),
    path(f"{CONNECTOR}sync/", runs.sync, name="sync"),
    path(f"{CONNECTOR}upload/", runs.upload, name="upload"),
    path(f"{CONNECTOR}runs/export/", exports.runs, name="export-runs"),
    path(f"{CONNECTOR}runs/<uuid:run_pk>/", runs.run, name="sync-run"),
    path(f"{CONNECTOR}runs/<uuid:run_pk>/retry/", runs.retry, name="retry-run"),
    path(f"{CONNECTOR}runs/<uuid:run_pk>/again/", runs.again, name="read-again"),
]
