"""The pages of the evidence floor: who sees them, what they say, what comes back when something cannot be used."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from evidence.actions import syncs
from evidence.actions.connectors import allow_host, create_connector
from evidence.actions.usage import Target, record_usage
from evidence.models import AllowedHost, Connector, EvaluationRun, SyncRun
from portal.actors import worker
from tests.cast import PASSWORD, Cast
from tests.evidence.connectors.servers import respond, serving
from tests.evidence.scenes import BROKEN, FINISHED, case, recorded, usage, version_of
from tests.evidence.test_connectors import ROW, mlflow
from usecases.actions.versions import declare_version
from usecases.models import UseCase

WORKER = worker("connector")


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "ring", lambda _run_id: None)


def signed_in(name: str) -> Client:
    client = Client()
    client.post("/sign-in/", {"username": name, "password": PASSWORD})
    return client


def measured(cast: Cast, runs: int = 2) -> UseCase:
    version = version_of(cast)
    for number in range(runs):
        recorded(
            WORKER, version, case("q-1", "edge_case", grounded="0.9", toxic="1"),
            case("q-2", "unsafe_prompt", grounded=BROKEN, toxic="5"),
            external_id=f"r-{number}", finished_at=FINISHED + timedelta(days=number),
        )  # fmt: skip
    readings = [usage(timezone.now().date() - timedelta(days=day), successful_outcomes=5) for day in range(3)]
    record_usage(actor=WORKER, readings=readings, source="s", resolve=lambda _reading: Target(version.use_case))
    return version.use_case


def test_the_evidence_tab_shows_counts_failures_and_cost(cast: Cast) -> None:
    use_case = measured(cast)
    page = signed_in("olivia").get(f"/use-cases/{use_case.reference}/evidence/").content.decode()
    assert "Groundedness 1/2" in " ".join(strip_tags(page).split())
    assert "1 judge failure" in page
    assert f"/use-cases/{use_case.reference}/evidence/charts/scores.json" in page
    assert "3.37" in page
    assert "vendor/plotly" in page


def test_an_empty_tab_says_how_evidence_arrives(cast: Cast) -> None:
    use_case = version_of(cast).use_case
    page = signed_in("olivia").get(f"/use-cases/{use_case.reference}/evidence/").content.decode()
    assert "Nothing was measured yet" in page
    assert "No use was recorded" in page


def test_a_run_s_page_lists_failed_judges_apart_and_every_item(cast: Cast) -> None:
    use_case = measured(cast, runs=1)
    run = EvaluationRun.objects.get()
    page = signed_in("olivia").get(f"/use-cases/{use_case.reference}/evidence/runs/{run.pk}/").content.decode()
    assert "Judges that failed" in page
    assert BROKEN in page
    assert "Unsafe prompt" in page
    other = version_of(cast, model={"provider": "a", "name": "b", "version": "1"}).use_case
    response = signed_in("olivia").get(f"/use-cases/{other.reference}/evidence/runs/{run.pk}/")
    assert response.status_code == 404


def test_charts_are_figures_with_what_is_required_when_the_gate_says_so(cast: Cast) -> None:
    from usecases.actions.facts import record_fact

    use_case = measured(cast)
    client = signed_in("olivia")
    base = f"/use-cases/{use_case.reference}/evidence/charts/"
    figure = client.get(f"{base}scores.json?dimension=groundedness").json()
    assert [trace["y"] for trace in figure["data"]] == [[0.5, 0.5]]
    assert figure["layout"].get("shapes", []) == []
    thresholds = {"groundedness": "0.85"}
    record_fact(actor=WORKER, use_case=use_case, name="gate_criteria", value={"thresholds": thresholds}, statement="x")
    figure = client.get(f"{base}scores.json?dimension=groundedness").json()
    assert [shape["y0"] for shape in figure["layout"]["shapes"]] == [0.85]
    cost = client.get(f"{base}cost.json").json()
    assert cost["data"][0]["y"] == [1.123456789] * 3
    assert client.get(f"{base}secrets.json").status_code == 404


def test_a_version_is_named_by_its_label_alone(cast: Cast) -> None:
    use_case = measured(cast, runs=1)
    (version,) = use_case.versions.all()
    newer = declare_version(
        actor=cast.actor("dev"), use_case=use_case, label="1.1",
        manifest={**version.manifest, "model": {"provider": "azure", "name": "gpt-4.1", "version": "2025-04-14"}},
    )  # fmt: skip
    recorded(cast.actor("dev"), newer, case("q-1", grounded="0.9"), external_id="later")
    base = f"/use-cases/{use_case.reference}/evidence/"
    figure = signed_in("olivia").get(f"{base}charts/scores.json?dimension=groundedness").json()
    assert "version 1.1" in json.dumps(figure["layout"])
    page = " ".join(signed_in("olivia").get(base).content.decode().split())
    assert "<td>1.1</td>" in page
    assert f"<td>{newer.number} " not in page


def test_the_panel_is_a_part_of_the_overview(cast: Cast) -> None:
    use_case = measured(cast, runs=1)
    page = signed_in("olivia").get(f"/use-cases/{use_case.reference}/evidence/panel/").content.decode()
    assert "<html" not in page
    assert "All evidence" in page
    assert "3.37" in page


def test_who_may_not_know_of_the_use_case_sees_none_of_its_evidence(cast: Cast) -> None:
    use_case = measured(cast, runs=1)
    run = EvaluationRun.objects.get()
    client = signed_in("otto")
    for path in ("", "panel/", f"runs/{run.pk}/", "charts/scores.json", "charts/cost.json"):
        assert client.get(f"/use-cases/{use_case.reference}/evidence/{path}").status_code == 404


def test_older_runs_are_a_page_away(cast: Cast) -> None:
    version = version_of(cast)
    for number in range(33):
        finished = FINISHED - timedelta(hours=number // 2)
        recorded(WORKER, version, external_id=f"r-{number}", name=f"Run {number:02}", finished_at=finished)
    client, base = signed_in("olivia"), f"/use-cases/{version.use_case.reference}/evidence/"
    response = client.get(base)
    older = client.get(f"{base}?before={response.context['older']}")
    names = [run.name for page in (response, older) for run in page.context["runs"]]
    assert (len(names), len(set(names)), older.context["older"]) == (33, 33, "")
    assert client.get(f"{base}?before=nonsense").status_code == 404


@pytest.mark.parametrize("runs", [1, 12])
def test_the_tab_asks_the_database_the_same_number_of_times_for_any_number_of_runs(cast: Cast, runs: int) -> None:
    use_case = measured(cast, runs=runs)
    client = signed_in("petra")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(f"/use-cases/{use_case.reference}/evidence/").status_code == 200
    assert len(queries) <= 12


def test_the_list_of_connectors_shows_ticks_and_costs_few_queries(cast: Cast) -> None:
    for number in range(5):
        connector = mlflow(cast, name=f"Source {number}")
        for state in ("succeeded", "dead"):
            SyncRun.objects.create(connector=connector, trigger="demand", next_at=timezone.now(), state=state)
    client = signed_in("petra")
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/connectors/")
    assert response.content.decode().count('class="ticks"') == 5
    assert len(queries) <= 8


@pytest.mark.parametrize(
    ("name", "status"),
    [("petra", 200), ("admin", 200), ("sam", 200), ("aud", 200), ("olivia", 404), ("dev", 404), ("otto", 404)],
)
def test_connector_pages_exist_for_platform_security_and_audit_only(cast: Cast, name: str, status: int) -> None:
    connector = mlflow(cast)
    run = SyncRun.objects.create(connector=connector, trigger="demand", next_at=timezone.now())
    client, one = signed_in(name), f"/connectors/{connector.pk}/"
    paths = ["/connectors/", "/connectors/new/", "/connectors/new/?kind=mlflow", "/connectors/allowed-hosts/", one]
    for path in [*paths, f"{one}change/", f"{one}secret/", f"{one}mapping/", f"{one}runs/{run.pk}/"]:
        response = client.get(path)
        assert (path, response.status_code) == (path, status)
        assert b"canary-secret" not in response.content


def test_a_connector_is_set_up_on_its_page(cast: Cast) -> None:
    client = signed_in("petra")
    fields = {"name": "Experiments", "base_url": "https://mlflow.example.org", "experiments": "one, two",
              "token": "t", "schedule_minutes": "60", "lookback_days": "7"}  # fmt: skip
    response = client.post("/connectors/new/?kind=mlflow", fields)
    connector = Connector.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/connectors/{connector.pk}/")
    assert (connector.config["experiments"], connector.schedule_minutes) == (["one", "two"], 60)


def test_what_cannot_be_used_comes_back_with_what_was_typed(cast: Cast) -> None:
    client = signed_in("petra")
    fields = {"name": "Experiments", "base_url": "not an address", "lookback_days": "7"}
    response = client.post("/connectors/new/?kind=mlflow", fields)
    assert (response.status_code, Connector.objects.count()) == (422, 0)
    assert 'value="not an address"' in response.content.decode()


def test_changing_the_host_on_the_page_erases_the_secret_and_says_so(cast: Cast) -> None:
    connector, client = mlflow(cast), signed_in("petra")
    fields = {"name": connector.name, "base_url": "https://other.example.org", "lookback_days": "7"}
    response = client.post(f"/connectors/{connector.pk}/change/", fields, follow=True)
    connector.refresh_from_db()
    assert connector.secret is None
    assert "The host changed, so the secret was erased." in response.content.decode()


def _rows(*rows: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"rows-TOTAL_FORMS": len(rows), "rows-INITIAL_FORMS": 0, "lines": ""}
    for number, row in enumerate(rows):
        data |= {f"rows-{number}-{name}": value for name, value in row.items()}
    return data


def test_the_mapping_is_edited_on_its_page(cast: Cast) -> None:
    connector, client = mlflow(cast), signed_in("petra")
    use_case = version_of(cast).use_case
    data = {**_rows({**ROW, "kind": "numeric"}, {"metric": ""}), "lines": f"refunds=prod = {use_case.reference}"}
    response = client.post(f"/connectors/{connector.pk}/mapping/", data)
    assert response.status_code == 302, response.content.decode()
    connector.refresh_from_db()
    assert [row["metric"] for row in connector.dimension_mapping] == ["safety"]
    assert connector.use_case_mapping == {"refunds=prod": use_case.reference}
    assert "safety" in client.get(f"/connectors/{connector.pk}/mapping/").content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (_rows({**ROW, "scale_max": ""}), "cannot be guessed"),
        ({**_rows(), "lines": "nonsense"}, "Line 1 is not"),
        ({**_rows(), "lines": "refunds = UC-9999"}, "There is no use case UC-9999"),
    ],
)
def test_a_mapping_that_cannot_be_used_comes_back(cast: Cast, changes: dict[str, Any], words: str) -> None:
    connector = mlflow(cast)
    response = signed_in("petra").post(f"/connectors/{connector.pk}/mapping/", changes)
    assert response.status_code == 422
    assert words in response.content.decode()
    connector.refresh_from_db()
    assert (connector.dimension_mapping, connector.use_case_mapping) == ([], {})


def test_testing_a_connection_shows_each_step_and_how_to_mend_it(cast: Cast) -> None:
    with serving(respond(b"{}", status="401 Unauthorized")) as server:
        allow_host(actor=cast.actor("sam"), host="127.0.0.1", port=server.port, reason="test")
        connector = mlflow(cast, config={"base_url": server.url})
        page = " ".join(signed_in("petra").post(f"/connectors/{connector.pk}/test/").content.decode().split())
    assert "Resolve the address: works" in page
    assert "does not work" in page


def test_an_internal_address_that_nobody_allowed_is_not_tried(cast: Cast) -> None:
    connector = mlflow(cast, config={"base_url": "https://169.254.169.254"})
    page = " ".join(signed_in("petra").post(f"/connectors/{connector.pk}/test/").content.decode().split())
    assert "Resolve the address: does not work" in page


def test_a_file_is_uploaded_on_the_connector_s_page(cast: Cast) -> None:
    connector = create_connector(actor=cast.actor("petra"), kind="evaluation_file", name="Files", config={})
    client = signed_in("petra")
    file = SimpleUploadedFile("runs.json", json.dumps({"external_id": "x"}).encode())
    response = client.post(f"/connectors/{connector.pk}/upload/", {"file": file})
    run = SyncRun.objects.get()
    assert response["Location"] == f"/connectors/{connector.pk}/runs/{run.pk}/"
    assert "runs.json" in client.get(response["Location"]).content.decode()
    assert client.post(f"/connectors/{connector.pk}/upload/").status_code == 422


def test_a_run_that_gave_up_is_tried_again_by_a_button(cast: Cast) -> None:
    connector, client = mlflow(cast), signed_in("petra")
    run = SyncRun.objects.create(connector=connector, trigger="demand", next_at=timezone.now(), state="dead")
    place = f"/connectors/{connector.pk}/runs/{run.pk}/"
    assert "Try again" in client.get(place).content.decode()
    assert client.post(f"{place}retry/").status_code == 302
    assert client.post(f"{place}retry/").status_code == 409
    run.refresh_from_db()
    assert run.state == "queued"


def test_reading_now_and_switching_off_are_buttons_with_refusals(cast: Cast) -> None:
    connector = mlflow(cast)
    for path in ("sync", "disable", "enable", "test"):
        assert signed_in("aud").post(f"/connectors/{connector.pk}/{path}/").status_code == 403
    assert SyncRun.objects.count() == 0
    client = signed_in("petra")
    assert client.post(f"/connectors/{connector.pk}/sync/").status_code == 302
    assert client.post(f"/connectors/{connector.pk}/disable/").status_code == 302
    assert client.post(f"/connectors/{connector.pk}/sync/").status_code == 409
    page = client.get(f"/connectors/{connector.pk}/").content.decode()
    assert "This connector is switched off. Switch it on first." in page


def test_security_allows_and_closes_addresses_on_its_page(cast: Cast) -> None:
    client = signed_in("sam")
    assert client.post("/connectors/allowed-hosts/", {"host": "", "port": "1"}).status_code == 422
    fields = {"host": "mlflow.internal", "port": "5000", "reason": "Experiments"}
    assert client.post("/connectors/allowed-hosts/", fields).status_code == 302
    host = AllowedHost.objects.get()
    assert signed_in("petra").post("/connectors/allowed-hosts/", fields).status_code == 403
    assert client.post(f"/connectors/allowed-hosts/{host.pk}/withdraw/").status_code == 302
    host.refresh_from_db()
    assert host.withdrawn_by == cast.sam


def test_costs_per_outcome_are_left_open_without_outcomes(cast: Cast) -> None:
    version = version_of(cast)
    reading = usage(effective_cost=Decimal(10))
    record_usage(actor=WORKER, readings=[reading], source="s", resolve=lambda _reading: Target(version.use_case))
    page = signed_in("olivia").get(f"/use-cases/{version.use_case.reference}/evidence/").content.decode()
    assert "No outcomes known" in page
