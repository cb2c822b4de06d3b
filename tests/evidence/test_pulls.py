"""Sources pulled into the portal from end to end: set up, read, counted, read again, changed at the source."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from evidence.actions import syncs
from evidence.actions.connectors import allow_host, change_connector, create_connector
from evidence.actions.synchronisation import run_sync
from evidence.choices import ConnectorKind, SyncState
from evidence.configuring import plain_fields
from evidence.connectors.registry import connector as connector_of
from evidence.models import Connector, EvaluationRun, SyncRun, UsageRecord
from tests.cast import Cast
from tests.evidence.connectors.azure_answers import KEYS, SCOPE, SECRET
from tests.evidence.connectors.phoenix_answers import Phoenix
from tests.evidence.connectors.servers import Server, serving
from tests.evidence.connectors.test_azure_cost import Azure
from tests.evidence.connectors.test_langfuse import METADATA, Langfuse
from tests.evidence.connectors.test_litellm import KEY, Litellm
from tests.evidence.scenes import counted, version_of
from tests.evidence.test_pages import signed_in
from usecases.models import SystemVersion


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncs, "ring", lambda _run_id: None)


@pytest.fixture
def version(cast: Cast) -> SystemVersion:
    return version_of(cast)


def row(metric: str, dimension: str, **more: Any) -> dict[str, Any]:
    common = {"scale_min": "0", "scale_max": "1", "direction": "higher", "threshold": "0.5", "kind": "numeric"}
    return {"metric": metric, "dimension": dimension, **common, **more}


def connected(cast: Cast, server: Server, kind: str, config: dict[str, Any], **more: Any) -> Connector:
    allow_host(actor=cast.actor("sam"), host="127.0.0.1", port=server.port, reason="test")
    config = {"base_url": server.url, **config}
    return create_connector(actor=cast.actor("petra"), kind=kind, name=f"Our {kind}", config=config, **more)


def synced(connector: Connector) -> SyncRun:
    run = SyncRun.objects.create(connector=connector, trigger="demand", next_at=timezone.now())
    run_sync(run.pk)
    run.refresh_from_db()
    assert run.state == SyncState.SUCCEEDED, run.error
    connector.refresh_from_db()
    return run


def test_a_phoenix_experiment_is_counted_and_a_late_judgement_is_a_revision(cast: Cast, version: SystemVersion) -> None:
    phoenix = Phoenix()
    phoenix.experiments[0]["metadata"] |= {"gatehouse.version_digest": version.digest}
    mapping = [row("groundedness", "groundedness"), row("flaky", "task_success"), row("safety", "safety")]
    config = {"labels": ["safety:safe=1", "safety:unsafe=0"], "projects": ["hr-policy-assistant"]}
    with serving(phoenix) as server:
        connector = connected(
            cast, server, "phoenix", config, dimension_mapping=mapping,
            use_case_mapping={"UC-2026-0042": version.use_case.reference},
        )  # fmt: skip
        first = synced(connector)
        run = EvaluationRun.objects.get()
        assert counted(run) == {
            "groundedness": (3, 3, 0, 0, 2), "safety": (3, 3, 0, 0, 3), "task_success": (3, 2, 1, 0, 2),
        }  # fmt: skip
        assert (run.system_version, run.revision, first.counts["created"]) == (version, 1, 1)
        assert ["“relevance” has no mapping" in each["reason"] for each in first.rejects] == [True]
        assert UsageRecord.objects.get().input_tokens == 1606
        assert synced(connector).counts["created"] == 0
        assert EvaluationRun.objects.count() == 1
        phoenix.rows[2]["annotations"][0] |= {"score": 0.0, "error": None}
        assert synced(connector).counts["revised"] == 1
    latest = EvaluationRun.objects.get(is_current=True)
    assert (latest.revision, counted(latest)["task_success"]) == (2, (3, 3, 0, 0, 2))


@pytest.mark.parametrize("dialect", ["v3", "v4"])
def test_a_langfuse_run_is_counted_and_a_late_score_is_a_revision(
    cast: Cast, version: SystemVersion, dialect: str
) -> None:
    langfuse = Langfuse(dialect)
    use_case = version.use_case.reference
    told = {"gatehouse.use_case": use_case, "gatehouse.version_digest": f"sha256:{version.digest}"}
    langfuse.runs[0]["metadata"] = {**METADATA, **told}
    mapping = [row("faithful", "groundedness"), row("safe", "safety", kind="boolean", threshold=None)]
    with serving(langfuse) as server:
        connector = connected(
            cast, server, "langfuse", {"public_key": "pk", "dialect": "auto"}, secrets={"secret_key": "sk"},
            dimension_mapping=mapping,
        )  # fmt: skip
        synced(connector)
        assert {heard.headers["authorization"] for heard in server.heard} == {"Basic cGs6c2s="}
        run = EvaluationRun.objects.get()
        assert counted(run) == {"groundedness": (3, 2, 0, 1, 1), "safety": (3, 3, 0, 0, 3)}
        late = {**langfuse.scores[0], "id": "late", "traceId": "t-q3", "timestamp": "2026-11-22T08:00:00Z"}
        langfuse.scores.append(late)
        assert synced(connector).counts["revised"] == 1
    assert counted(EvaluationRun.objects.get(is_current=True))["groundedness"] == (3, 3, 0, 0, 2)


def test_litellm_s_days_are_stored_restated_and_withdrawn(
    cast: Cast, version: SystemVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.connectors.progress.Progress.days", _these_days)
    litellm = Litellm()
    with serving(litellm) as server:
        connector = connected(
            cast, server, "litellm", {}, secrets={"token": "k"}, use_case_mapping={KEY: version.use_case.reference}
        )
        synced(connector)
        rows = UsageRecord.objects.order_by("day", "model")
        assert [(each.day.day, each.model, each.effective_cost) for each in rows] == [
            (21, "gpt-4o", Decimal("0.16")), (21, "gpt-4o-mini", Decimal("0.0234")),
            (22, "gpt-4o-mini", Decimal("0.0291")),
        ]  # fmt: skip
        assert {each.use_case for each in rows} == {version.use_case}
        assert synced(connector).counts["unchanged"] == 3
        results = litellm.activity["tag", f"use_case:{KEY}"][0]["results"]
        results[0]["metrics"]["spend"] = results[0]["breakdown"]["models"]["azure/gpt-4o-mini"]["metrics"]["spend"] = (
            0.5
        )
        results.pop()
        synced(connector)
    assert [(each.day.day, each.effective_cost) for each in UsageRecord.objects.all()] == [(22, Decimal("0.5"))]


def test_azure_s_bill_is_stored_and_another_sign_in_address_erases_the_secret(
    cast: Cast, version: SystemVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.connectors.progress.Progress.days_new_first", _these_days)
    azure = Azure()
    azure.rows["2026-11-21", "ActualCost"] = [("HR-Bot", "gpt-4o in", 12.5), ("", "x", 3.1)]
    azure.rows["2026-11-22", "ActualCost"] = [("hr-bot", "gpt-4o in", 0.25)]
    with serving(azure) as server:
        config = {"authority": server.url, "scope": SCOPE, **KEYS}
        connector = connected(
            cast, server, "azure_cost", config, secrets={"client_secret": SECRET},
            use_case_mapping={"hr-bot": version.use_case.reference},
        )  # fmt: skip
        run = synced(connector)
        rows = UsageRecord.objects.order_by("day")
        assert [(each.day.day, each.model, each.billed_cost, each.currency) for each in rows] == [
            (21, "gpt-4o in", Decimal("12.5"), "EUR"), (22, "gpt-4o in", Decimal("0.25"), "EUR"),
        ]  # fmt: skip
        assert any("3.1 EUR carry no use case" in each["reason"] for each in run.rejects)
        assert SECRET not in repr((run.error, run.rejects, connector.config, connector.cursor))
        moved = {**connector.config, "authority": "https://login.microsoftonline.us"}
        change_connector(actor=cast.actor("petra"), connector=connector, config=moved)
    connector.refresh_from_db()
    assert connector.secret is None


def test_a_cloud_s_connector_sends_nothing_to_an_address_that_is_not_its_vendor_s(cast: Cast) -> None:
    config = {"authority": "https://login.example.org", "scope": SCOPE, **KEYS}
    made: dict[str, Any] = {"kind": "azure_cost", "name": "Odd", "secrets": {"client_secret": SECRET}}
    connector = create_connector(actor=cast.actor("petra"), config=config, **made)
    run = SyncRun.objects.create(connector=connector, trigger="demand", next_at=timezone.now())
    run_sync(run.pk)
    run.refresh_from_db()
    assert run.error_kind == "refused"
    assert "login.example.org is not one of this vendor's own addresses" in run.error


def _these_days(_self: Any, _now: Any, _lookback: Any, _first: Any) -> Any:
    return iter([datetime(2026, 11, day, tzinfo=UTC).date() for day in (21, 22)])


@pytest.mark.parametrize("kind", sorted(ConnectorKind.values))
def test_every_kind_is_offered_explained_and_set_up_on_the_same_pages(cast: Cast, kind: str) -> None:
    client = signed_in("petra")
    chooser = client.get("/connectors/new/").content.decode()
    assert f'href="?kind={kind}"' in chooser
    assert "Verified against the running system:" in chooser
    assert "Verified by its specification:" in chooser
    page = client.get(f"/connectors/new/?kind={kind}").content.decode()
    assert "Verified " in page
    fields = {"name": "One", "base_url": "https://source.example.org", "public_key": "pk", "lookback_days": "7"}
    chosen = {"read": "tag", "dialect": "auto", "token": "canary-secret", "secret_key": "canary-secret"}
    told = {field.name: field.default for field in plain_fields(kind) if field.choices or field.kind == "url"}
    needed = {field.name: "needed" for field in plain_fields(kind) if field.required and field.name not in fields}
    chosen |= dict.fromkeys(("client_secret", "secret_access_key"), "canary-secret")
    filled = {**needed, **fields, **chosen, **told, "base_url": "https://source.example.org"}
    response = client.post(f"/connectors/new/?kind={kind}", {name: value or "" for name, value in filled.items()})
    connector = Connector.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/connectors/{connector.pk}/")
    for path in ("", "change/", "secret/", "mapping/"):
        shown = client.get(f"/connectors/{connector.pk}/{path}")
        assert shown.status_code == 200
        assert b"canary-secret" not in shown.content
    detail = client.get(f"/connectors/{connector.pk}/").content.decode()
    assert ("How its metrics are read" in detail) is connector_of(kind).reads_scores


@pytest.mark.parametrize(("kind", "field"), [("litellm", "read"), ("langfuse", "dialect")])
def test_a_choice_that_is_none_is_refused_by_its_field(cast: Cast, kind: str, field: str) -> None:
    config = {"base_url": "https://source.example.org", "public_key": "pk", field: "guess"}
    if kind == "litellm":
        del config["public_key"]
    with pytest.raises(ValidationError) as error:
        create_connector(actor=cast.actor("petra"), kind=kind, name="One", config=config)
    assert list(error.value.message_dict) == [field]
    assert Connector.objects.count() == 0


def test_trying_a_new_kind_out_shows_its_steps_and_what_is_there(cast: Cast) -> None:
    with serving(Phoenix()) as server:
        connector = connected(cast, server, "phoenix", {})
        page = " ".join(signed_in("petra").post(f"/connectors/{connector.pk}/test/").content.decode().split())
    assert "Recognise Phoenix: works" in page
    assert "hr-golden-set" in page
