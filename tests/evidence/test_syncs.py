"""The queue: one run per period, leases, fencing, giving up; and reading a source through it."""

import copy
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from evidence.actions import synchronisation, syncs
from evidence.actions.connectors import allow_host, create_connector, disable_connector
from evidence.actions.syncs import LeaseLost
from evidence.choices import Dimension, SyncState
from evidence.connectors.base import Batch
from evidence.models import Connector, EvaluationRun, EvaluationScore, SyncRun, UsageRecord
from portal.access import Refused
from portal.files import FileTooLarge
from tests.cast import Cast
from tests.evidence.connectors.answers import Mlflow, captured
from tests.evidence.connectors.mlflow_mappings import MAPPINGS, RUN
from tests.evidence.connectors.servers import Server, respond, serving
from tests.evidence.scenes import case, run_of, version_of
from tests.evidence.test_connectors import mlflow
from tests.usecases.scenes import codes, sentences
from usecases.models import SystemVersion

FIELDS = ("metric", "dimension", "scale_min", "scale_max", "direction", "threshold", "kind")
NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[uuid.UUID]:
    """Which runs were rung for; no broker hears it."""
    told: list[uuid.UUID] = []
    monkeypatch.setattr(syncs, "ring", told.append)
    return told


def waiting(cast: Cast, **changes: Any) -> SyncRun:
    connector = mlflow(cast)
    return SyncRun.objects.create(connector=connector, trigger="demand", next_at=timezone.now(), **changes)


def state(run: SyncRun) -> str:
    run.refresh_from_db()
    return run.state


def expired(run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_two_schedulers_make_one_run_per_period(cast: Cast) -> None:
    connector = mlflow(cast, schedule_minutes=15)
    syncs.start_due(NOW)
    syncs.start_due(NOW + timedelta(seconds=10))
    (run,) = SyncRun.objects.all()
    assert (run.connector, run.trigger, run.period) == (connector, "schedule", NOW.replace(minute=30, second=0))
    SyncRun.objects.update(state=SyncState.SUCCEEDED)
    syncs.start_due(NOW + timedelta(seconds=20))
    assert SyncRun.objects.count() == 1
    syncs.start_due(NOW + timedelta(minutes=15))
    assert SyncRun.objects.count() == 2


def test_the_database_refuses_a_second_run_of_a_period_and_a_second_running_one(cast: Cast) -> None:
    connector = mlflow(cast)
    common = {"connector": connector, "trigger": "schedule", "next_at": NOW}
    SyncRun.objects.create(**common, period=NOW)
    with pytest.raises(IntegrityError, match="sync_run_one_per_period"), transaction.atomic():
        SyncRun.objects.create(**common, period=NOW)
    leased = {"state": "running", "token": uuid.uuid4(), "lease_until": NOW}
    SyncRun.objects.create(**common, **leased)
    with pytest.raises(IntegrityError, match="sync_run_one_at_a_time"), transaction.atomic():
        SyncRun.objects.create(**common, **leased)
    with pytest.raises(IntegrityError, match="sync_run_running_is_leased"), transaction.atomic():
        SyncRun.objects.create(connector=mlflow(cast, name="b"), trigger="demand", next_at=NOW, state="running")
    with pytest.raises(IntegrityError, match="sync_run_state_is_known"), transaction.atomic():
        SyncRun.objects.create(**common, state="lost")


def test_a_connector_still_at_work_or_switched_off_is_not_queued_again(cast: Cast) -> None:
    connector = mlflow(cast, schedule_minutes=15)
    syncs.start_due(NOW)
    syncs.start_due(NOW + timedelta(hours=1))
    assert SyncRun.objects.count() == 1
    disable_connector(actor=cast.actor("petra"), connector=connector)
    run = SyncRun.objects.get()
    assert (run.state, run.error) == ("dead", "The connector was switched off.")
    syncs.start_due(NOW + timedelta(hours=2))
    assert SyncRun.objects.count() == 1


def test_asking_twice_is_one_run_and_one_sentence(
    cast: Cast, rung: list[uuid.UUID], django_capture_on_commit_callbacks: Any
) -> None:
    connector, petra = mlflow(cast), cast.actor("petra")
    with django_capture_on_commit_callbacks(execute=True):
        first = syncs.request_sync(actor=petra, connector=connector)
        again = syncs.request_sync(actor=petra, connector=connector)
    assert (again.pk, SyncRun.objects.count(), rung) == (first.pk, 1, [first.pk, first.pk])
    assert sentences("sync_run.requested") == ["asked to read Experiments now."]


@pytest.mark.parametrize("name", ["olivia", "dev", "sam", "aud", "otto"])
def test_who_may_not_sync_is_refused_and_nothing_is_queued(cast: Cast, name: str) -> None:
    connector = mlflow(cast)
    with pytest.raises(Refused) as refused:
        syncs.request_sync(actor=cast.actor(name), connector=connector)
    assert codes(refused) == ["not_platform"]
    assert SyncRun.objects.count() == 0


def test_a_run_nobody_heard_of_is_rung_for_again(cast: Cast) -> None:
    run = waiting(cast)
    assert syncs.start_due() == []
    SyncRun.objects.filter(pk=run.pk).update(queued_at=timezone.now() - timedelta(seconds=21))
    assert syncs.start_due() == [run.pk]


def test_a_dead_broker_does_not_undo_the_request(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import current_app

    tried: list[Any] = []

    def dead(*args: Any, **_more: Any) -> None:
        tried.append(args[0])
        raise ConnectionError("no broker")

    run = waiting(cast)
    monkeypatch.undo()
    monkeypatch.setattr(current_app, "send_task", dead)
    syncs.ring(run.pk)
    assert tried == ["evidence.run_sync"], "the doorbell was really pressed"
    assert SyncRun.objects.get(pk=run.pk).state == SyncState.QUEUED


def test_a_run_is_claimed_once(cast: Cast) -> None:
    run = waiting(cast)
    lease = syncs.claim(run.pk)
    assert lease is not None
    assert (lease.attempt, state(run), syncs.claim(run.pk)) == (1, "running", None)
    other = SyncRun.objects.create(connector=run.connector, trigger="demand", next_at=timezone.now())
    assert (syncs.claim(other.pk), state(other)) == (None, "queued")


def test_an_expired_lease_is_taken_over_and_the_old_worker_is_kept_out(cast: Cast) -> None:
    version, run = version_of(cast), waiting(cast)
    old = syncs.claim(run.pk)
    assert old is not None
    expired(run)
    assert (syncs.reap(), state(run)) == ([run.pk], "failed")
    SyncRun.objects.filter(pk=run.pk).update(next_at=timezone.now())
    new = syncs.claim(run.pk)
    assert new is not None
    assert (new.attempt, new.token == old.token, syncs.heartbeat(old), syncs.heartbeat(new)) == (2, False, False, True)
    batch = Batch((run_of(use_case_key=version.use_case.reference, version_digest=version.digest),), (), "5")
    for write in (
        lambda: synchronisation.store_batch(old, run.connector, batch),
        lambda: syncs.finish(old),
        lambda: syncs.fail(old, kind="network", error="x", again=True),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert (EvaluationRun.objects.count(), state(run)) == (0, "running")
    assert Connector.objects.get(pk=run.connector_id).cursor == {}


def test_without_the_fence_the_old_worker_would_write(cast: Cast) -> None:
    """The negative control of the test above: it is the token that keeps the old worker out, nothing else."""
    version, run = version_of(cast), waiting(cast)
    old = syncs.claim(run.pk)
    assert old is not None
    expired(run)
    syncs.reap()
    batch = Batch((run_of(use_case_key=version.use_case.reference, version_digest=version.digest),), (), "5")
    synchronisation.store_batch(old, run.connector, batch, fence=lambda lease: SyncRun.objects.get(pk=lease.run_id))
    assert EvaluationRun.objects.count() == 1


def test_a_worker_that_dies_five_times_gives_the_run_up_and_a_button_tries_it_again(cast: Cast) -> None:
    run = waiting(cast)
    for attempt in range(1, 6):
        SyncRun.objects.filter(pk=run.pk).update(next_at=timezone.now())
        lease = syncs.claim(run.pk)
        assert lease is not None
        assert lease.attempt == attempt
        expired(run)
        syncs.reap()
    assert (state(run), run.error) == ("dead", "The worker stopped without a word.")
    assert sentences("sync_run.died") == [
        "gave up reading Experiments after attempt 5: The worker stopped without a word."
    ]
    retried = syncs.retry_run(actor=cast.actor("petra"), run=run)
    assert (retried.state, retried.attempt) == ("queued", 0)
    with pytest.raises(Refused) as refused:
        syncs.retry_run(actor=cast.actor("petra"), run=run)
    assert codes(refused) == ["not_dead"]


def test_waiting_grows_and_is_spread() -> None:
    assert all(1 <= syncs.backoff(attempt) <= min(900, 10 * 2**attempt) for attempt in range(1, 20) for _ in range(20))
    assert len({syncs.backoff(3) for _ in range(10)}) > 1


@pytest.fixture
def source() -> Iterator[tuple[Server, Mlflow]]:
    """MLflow with one run, as it was captured."""
    run = copy.deepcopy(captured("runs_search_by_tag")["runs"][0])
    system = Mlflow(
        captured("experiments_search")["experiments"], [run], {RUN: captured("traces_search_v3_by_run")["traces"]}
    )
    with serving(system) as server:
        yield server, system


def tag(run: Any, **tags: str) -> None:
    kept = [row for row in run["data"]["tags"] if row["key"] not in tags]
    run["data"]["tags"] = kept + [{"key": key, "value": value} for key, value in tags.items()]


def reading_from(cast: Cast, source: tuple[Server, Mlflow], version: SystemVersion | None = None) -> SyncRun:
    """A queued run of a connector to this source, allowed by security, its run tagged for the version."""
    server, system = source
    if version is not None:
        names = {"gatehouse.use_case": "refunds", "gatehouse.version_digest": version.digest}
        for run in system.runs:
            tag(run, **names)
    allow_host(actor=cast.actor("sam"), host="127.0.0.1", port=server.port, reason="test")
    known = [replace(m, dimension=m.dimension if m.dimension in Dimension.values else "coherence") for m in MAPPINGS]
    rows = [{name: getattr(m, name) for name in FIELDS} for m in known]
    for row in rows:
        row["threshold"] = row["scale_max"] if row["threshold"] is None else row["threshold"]
    connector = create_connector(
        actor=cast.actor("petra"),
        kind="mlflow",
        name="Loopback",
        config={"base_url": server.url},
        dimension_mapping=rows,
        use_case_mapping={"refunds": version.use_case.reference} if version else {},
    )
    return syncs.request_sync(actor=cast.actor("petra"), connector=connector)


def test_a_source_is_read_through_the_queue_and_again_changes_nothing(
    cast: Cast, source: tuple[Server, Mlflow]
) -> None:
    version = version_of(cast)
    run = reading_from(cast, source, version)
    assert synchronisation.run_sync(run.pk) is True
    run.refresh_from_db()
    assert (run.state, run.error, run.token) == ("succeeded", "", None)
    assert (run.counts["created"], run.counts["unchanged"]) == (1, 0)
    stored = EvaluationRun.objects.get()
    assert (stored.system_version, stored.source) == (version, run.connector.source)
    assert any(row.errored for row in stored.dimensions.all())
    assert Connector.objects.get().cursor == {"at": "1795422728068"}
    scores = EvaluationScore.objects.count()
    again = syncs.request_sync(actor=cast.actor("petra"), connector=run.connector)
    synchronisation.run_sync(again.pk)
    again.refresh_from_db()
    assert (again.counts["created"], again.counts["unchanged"]) == (0, 1)
    assert (EvaluationRun.objects.count(), EvaluationScore.objects.count()) == (1, scores)
    assert synchronisation.run_sync(again.pk) is False


def test_a_run_of_an_unknown_use_case_or_version_is_rejected_with_what_to_do(
    cast: Cast, source: tuple[Server, Mlflow]
) -> None:
    run = reading_from(cast, source)
    tag(source[1].runs[0], **{"gatehouse.use_case": "nobody", "gatehouse.version_digest": "a" * 64})
    synchronisation.run_sync(run.pk)
    run.refresh_from_db()
    reasons = [reject["reason"] for reject in run.rejects if reject["reference"] == RUN]
    assert "“nobody” means no use case here. Map it on the connector's page." in reasons
    assert (run.state, EvaluationRun.objects.count()) == ("succeeded", 0)


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [("401 Unauthorized", "auth", "dead"), ("500 Internal Server Error", "network", "failed")],
)
def test_what_cannot_pass_gives_up_at_once_and_what_may_pass_is_tried_again(
    cast: Cast, status: str, kind: str, expected: str
) -> None:
    with serving(respond(b"{}", status=status)) as server:
        run = reading_from(cast, (server, Mlflow([], [], {})))
        synchronisation.run_sync(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_kind, run.attempt) == (expected, kind, 1)
    assert run.error != ""


def test_an_internal_address_nobody_allowed_is_refused_and_not_tried_again(
    cast: Cast, source: tuple[Server, Mlflow]
) -> None:
    run = waiting(cast)
    Connector.objects.filter(pk=run.connector_id).update(config={"base_url": source[0].url.replace("http:", "https:")})
    synchronisation.run_sync(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_kind, source[0].connections) == ("dead", "refused", 0)


def test_what_breaks_on_our_side_is_named_and_its_text_kept_out(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    run = waiting(cast)

    def breaks(_lease: Any) -> None:
        raise RuntimeError("canary-secret")

    monkeypatch.setattr(synchronisation, "_read", breaks)
    synchronisation.run_sync(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_kind, run.error) == ("failed", "internal", "Reading broke off (RuntimeError).")


def test_an_uploaded_evaluation_file_is_kept_and_read(cast: Cast) -> None:
    version, dev = version_of(cast), cast.actor("petra")
    connector = create_connector(actor=dev, kind="evaluation_file", name="Files", config={})
    document = {
        "external_id": "r-1", "finished_at": "2026-11-01T10:00:00Z", "use_case": version.use_case.reference,
        "version_digest": version.digest,
        "metrics": {"g": {"dimension": "groundedness", "scale_min": 0, "scale_max": 1, "direction": "higher",
                          "threshold": 0.5}},
        "cases": [{"item": "a", "scores": {"g": 0.9}}, {"item": "b", "scores": {"g": {"error": "no answer"}}}],
    }  # fmt: skip
    run = syncs.request_file_sync(
        actor=dev, connector=connector, name="runs.json", chunks=[json.dumps(document).encode()]
    )
    synchronisation.run_sync(run.pk)
    run.refresh_from_db()
    assert (run.state, run.counts["created"], run.file_name) == ("succeeded", 1, "runs.json")
    assert sentences("sync_run.requested") == ["uploaded “runs.json” to Files."]


def test_an_uploaded_cost_file_becomes_usage_and_a_restated_one_replaces_it(cast: Cast) -> None:
    version, petra = version_of(cast), cast.actor("petra")
    mapping = {"refunds": version.use_case.reference}
    connector = create_connector(actor=petra, kind="focus_file", name="Bill", config={}, use_case_mapping=mapping)
    head = (
        "ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,BillingCurrency,ChargeCategory,ServiceName,Tags\n"
    )
    line = '2026-11-0{day}T00:00:00Z,2026-11-0{day}T23:59:59Z,{cost},{cost},EUR,Usage,OpenAI,"{{""use_case"": ""{key}""}}"\n'  # noqa: E501
    for cost, expected in (("1.50", {"1.500000000": 2}), ("2.25", {"2.250000000": 1})):
        days = (1, 2) if cost == "1.50" else (1,)
        rows = [line.format(day=day, cost=cost, key="refunds") for day in days]
        other = line.format(day=2, cost=cost, key="unmapped")
        text = head + "".join(rows) + other
        run = syncs.request_file_sync(actor=petra, connector=connector, name="bill.csv", chunks=[text.encode()])
        synchronisation.run_sync(run.pk)
        run.refresh_from_db()
        assert (run.state, run.error) == ("succeeded", "")
        costs = [str(cost) for cost in UsageRecord.objects.values_list("effective_cost", flat=True)]
        assert {cost: costs.count(cost) for cost in costs} == expected
        assert any("“unmapped” means no use case here." in reject["reason"] for reject in run.rejects)


def test_a_file_over_the_limit_is_refused_and_nothing_is_queued(cast: Cast) -> None:
    connector = create_connector(actor=cast.actor("petra"), kind="evaluation_file", name="Files", config={})
    chunk = b"x" * (1024 * 1024)
    with pytest.raises(FileTooLarge):
        syncs.request_file_sync(actor=cast.actor("petra"), connector=connector, name="big", chunks=[chunk] * 21)
    assert SyncRun.objects.count() == 0


def test_a_file_source_is_not_read_over_the_network_and_the_other_way_round(cast: Cast) -> None:
    petra = cast.actor("petra")
    files = create_connector(actor=petra, kind="evaluation_file", name="Files", config={})
    with pytest.raises(Refused) as refused:
        syncs.request_sync(actor=petra, connector=files)
    assert codes(refused) == ["reads_files"]
    with pytest.raises(Refused) as refused:
        syncs.request_file_sync(actor=petra, connector=mlflow(cast), name="x", chunks=[b"x"])
    assert codes(refused) == ["reads_network"]
    assert SyncRun.objects.count() == 0


def test_a_batch_is_stored_whole_or_not_at_all(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    version, run = version_of(cast), waiting(cast)
    lease = syncs.claim(run.pk)
    assert lease is not None
    target = {"use_case_key": version.use_case.reference, "version_digest": version.digest}
    readings = (run_of(**target), run_of(case("x", grounded="1"), external_id="two", **target))

    def full(*_args: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(syncs, "tally", full)
    with pytest.raises(OSError, match="disk full"):
        synchronisation.store_batch(lease, run.connector, Batch(readings, (), "9"))
    assert (EvaluationRun.objects.count(), Connector.objects.get().cursor) == (0, {})
