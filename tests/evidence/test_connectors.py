"""Setting connectors up, their secrets, and the two roles that open an internal address."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from evidence.actions.connectors import (
    allow_host,
    change_connector,
    create_connector,
    disable_connector,
    enable_connector,
    secret_names,
    set_secret,
    withdraw_host,
)
from evidence.actions.synchronisation import allowed_endpoints
from evidence.models import AllowedHost, Connector
from evidence.sealing import SealBroken, unseal
from portal.access import Refused
from portal.choices import Role
from portal.models import AuditEvent, Grant
from tests.cast import Cast
from tests.usecases.scenes import codes, registered, sentences
from usecases.models import UseCase

ROW = {"metric": "safety", "dimension": "safety", "scale_min": 0, "scale_max": 7, "direction": "lower", "threshold": 2}


def mlflow(cast: Cast, by: str = "petra", **changes: Any) -> Connector:
    values: dict[str, Any] = {
        "kind": "mlflow",
        "name": "Experiments",
        "config": {"base_url": "https://mlflow.example.org"},
        "secrets": {"token": "canary-secret"},
        **changes,
    }
    return create_connector(actor=cast.actor(by), **values)


def test_a_connector_is_stored_with_its_secret_sealed_and_told_nowhere(cast: Cast) -> None:
    connector = mlflow(cast, dimension_mapping=[ROW], schedule_minutes=60)
    connector.refresh_from_db()
    assert connector.dimension_mapping == [
        {
            "metric": "safety", "dimension": "safety", "scale_min": "0", "scale_max": "7", "direction": "lower",
            "threshold": "2", "kind": "numeric",
        }
    ]  # fmt: skip
    assert unseal(connector.pk, connector.secret) == {"token": "canary-secret"}
    assert secret_names(connector) == ["token"]
    assert sentences("connector.created") == ["set up the connector Experiments."]
    assert not AuditEvent.objects.filter(canon__contains="canary").exists()


def test_a_secret_transplanted_to_another_connector_does_not_open(cast: Cast) -> None:
    first, second = mlflow(cast), mlflow(cast, name="Other")
    Connector.objects.filter(pk=second.pk).update(secret=first.secret)
    second.refresh_from_db()
    with pytest.raises(SealBroken):
        unseal(second.pk, second.secret)


@pytest.mark.parametrize("name", ["olivia", "rafael", "sam", "dev", "aud", "otto"])
def test_who_does_not_run_the_platform_sets_nothing_up(cast: Cast, name: str) -> None:
    with pytest.raises(Refused) as refused:
        mlflow(cast, by=name)
    assert codes(refused) == ["not_platform"]
    assert Connector.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"name": " "}, "name"),
        ({"config": {}}, "base_url"),
        ({"config": {"base_url": "ftp://x"}}, "base_url"),
        ({"config": {"base_url": "https://user:secret@host"}}, "base_url"),
        ({"config": {"base_url": "https://x.example", "token": "plain"}}, "config"),
        ({"secrets": {"unknown": "x"}}, "secret"),
        ({"schedule_minutes": 1}, "schedule_minutes"),
        ({"lookback_days": 400}, "lookback_days"),
        ({"use_case_mapping": {"refunds": "UC-9999"}}, "use_case_mapping"),
        ({"kind": "focus_file", "config": {}, "secrets": {}, "schedule_minutes": 60}, "schedule_minutes"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_field(cast: Cast, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        mlflow(cast, **changes)
    assert list(error.value.message_dict) == [field]
    assert Connector.objects.count() == 0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**ROW, "scale_max": None}, "cannot be guessed"),
        ({**ROW, "direction": ""}, "higher or lower"),
        ({**ROW, "dimension": "charm"}, "Choose the dimension"),
        ({**ROW, "threshold": ""}, "from which value on"),
        ({**ROW, "threshold": 9}, "must lie on its scale"),
        ({**ROW, "scale_min": 8}, "smaller to a larger"),
        ({**ROW, "weight": 1}, "these keys"),
    ],
)
def test_a_mapping_without_scale_direction_or_threshold_is_refused(cast: Cast, row: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        mlflow(cast, dimension_mapping=[row])


def test_a_metric_is_mapped_once(cast: Cast) -> None:
    with pytest.raises(ValidationError, match="mapped twice"):
        mlflow(cast, dimension_mapping=[ROW, ROW])


def test_another_host_erases_the_secret_and_another_path_does_not(cast: Cast) -> None:
    connector = mlflow(cast)
    petra = cast.actor("petra")
    kept = change_connector(actor=petra, connector=connector, config={"base_url": "https://mlflow.example.org/two"})
    assert secret_names(kept) == ["token"]
    moved = change_connector(actor=petra, connector=connector, config={"base_url": "https://elsewhere.example.org"})
    moved.refresh_from_db()
    assert moved.secret is None
    assert sentences("connector.changed")[-1] == (
        "changed the settings of the connector Experiments. Its host changed, so its secret was erased."
    )


@pytest.mark.parametrize("address", ["http://mlflow.example.org", "https://mlflow.example.org:8443"])
def test_another_scheme_or_port_is_another_host(cast: Cast, address: str) -> None:
    changed = change_connector(actor=cast.actor("petra"), connector=mlflow(cast), config={"base_url": address})
    assert changed.secret is None


def test_a_changed_mapping_reads_from_the_beginning(cast: Cast) -> None:
    connector = mlflow(cast)
    Connector.objects.filter(pk=connector.pk).update(cursor={"at": "17"})
    use_case = registered(cast)
    mapping = {"refunds": use_case.reference}
    changed = change_connector(actor=cast.actor("petra"), connector=connector, use_case_mapping=mapping)
    assert (changed.cursor, changed.use_case_mapping) == ({}, mapping)


def test_a_use_case_the_editor_may_not_see_cannot_be_mapped(cast: Cast) -> None:
    connector, use_case = mlflow(cast), registered(cast)
    UseCase.objects.filter(pk=use_case.pk).update(restricted=True)
    with pytest.raises(ValidationError, match="There is no use case"):
        change_connector(
            actor=cast.actor("petra"), connector=connector, use_case_mapping={"refunds": use_case.reference}
        )


def test_a_secret_is_replaced_and_removed(cast: Cast) -> None:
    connector, petra = mlflow(cast), cast.actor("petra")
    changed = set_secret(actor=petra, connector=connector, secrets={"token": "", "password": "p"})
    assert secret_names(changed) == ["password"]
    assert set_secret(actor=petra, connector=connector, secrets={}).secret is None
    assert sentences("connector.secret_set") == [
        "replaced the secret of the connector Experiments.",
        "removed the secret of the connector Experiments.",
    ]


def test_a_connector_is_switched_off_and_on_once_each(cast: Cast) -> None:
    connector, petra = mlflow(cast), cast.actor("petra")
    assert disable_connector(actor=petra, connector=connector).enabled is False
    with pytest.raises(Refused) as refused:
        disable_connector(actor=petra, connector=connector)
    assert (codes(refused), refused.value.is_conflict) == (["disabled"], True)
    assert enable_connector(actor=petra, connector=connector).enabled is True
    with pytest.raises(Refused) as refused:
        enable_connector(actor=petra, connector=connector)
    assert codes(refused) == ["enabled"]


def test_security_opens_an_internal_address_and_closes_it_again(cast: Cast) -> None:
    sam = cast.actor("sam")
    allowed = allow_host(actor=sam, host="MLflow.internal.", port=5000, reason="Experiments of the claims team.")
    assert allowed_endpoints() == {("mlflow.internal", 5000)}
    withdraw_host(actor=sam, host=allowed)
    assert allowed_endpoints() == frozenset()
    with pytest.raises(Refused) as refused:
        withdraw_host(actor=sam, host=allowed)
    assert codes(refused) == ["withdrawn"]
    assert sentences("allowed_host.allowed") == [
        "allowed connectors to reach mlflow.internal:5000: Experiments of the claims team."
    ]
    assert len(sentences("allowed_host.withdrawn")) == 1


@pytest.mark.parametrize("name", ["petra", "admin", "olivia", "aud"])
def test_who_sets_connectors_up_does_not_open_addresses(cast: Cast, name: str) -> None:
    with pytest.raises(Refused) as refused:
        allow_host(actor=cast.actor(name), host="10.0.0.5", port=80, reason="x")
    assert codes(refused) == ["not_security"]
    assert AllowedHost.objects.count() == 0


def test_who_holds_both_roles_does_not_open_addresses_either(cast: Cast) -> None:
    Grant.objects.create(
        person=cast.sam, role=Role.PLATFORM, valid_from=timezone.now() - timedelta(minutes=1), reason="both"
    )
    with pytest.raises(Refused) as refused:
        allow_host(actor=cast.actor("sam"), host="10.0.0.5", port=80, reason="x")
    assert codes(refused) == ["two_roles"]
    assert AllowedHost.objects.count() == 0


@pytest.mark.parametrize(
    ("host", "port", "reason", "field"),
    [
        ("", 80, "x", "host"),
        ("http://x", 80, "x", "host"),
        ("2130706433", 80, "x", "host"),
        ("two words", 80, "x", "host"),
        ("under;score", 80, "x", "host"),
        ("-x.internal", 80, "x", "host"),
        ("x..internal", 80, "x", "host"),
        ("10.0.0.5:80", 80, "x", "host"),
        ("x.internal/path", 80, "x", "host"),
        ("x" * 64, 80, "x", "host"),
        ("x.internal", 65536, "x", "port"),
        ("x.internal", 0, "x", "port"),
        ("x.internal", 80, " ", "reason"),
    ],
)
def test_an_address_that_is_none_is_refused_by_field(cast: Cast, host: str, port: int, reason: str, field: str) -> None:
    with pytest.raises(ValidationError) as error:
        allow_host(actor=cast.actor("sam"), host=host, port=port, reason=reason)
    assert list(error.value.message_dict) == [field]
    assert AllowedHost.objects.count() == 0


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",  # metadata of most clouds
        "169.254.10.1",
        "168.63.129.16",  # wire server
        "100.100.100.200",
        "224.0.0.1",
        "0.0.0.0",
        "[fe80::1]",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:5",
    ],
)
def test_what_no_connector_may_reach_is_refused_when_it_is_entered(cast: Cast, host: str) -> None:
    with pytest.raises(ValidationError, match="No connector may reach it"):
        allow_host(actor=cast.actor("sam"), host=host, port=80, reason="x")
    assert AllowedHost.objects.count() == 0


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("[FD12::0:1]", "fd12::1"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("Bücher.internal", "xn--bcher-kva.internal"),
        ("mlflow_2.internal", "mlflow_2.internal"),
    ],
)
def test_a_host_is_kept_in_the_form_connectors_ask_for(cast: Cast, host: str, kept: str) -> None:
    assert allow_host(actor=cast.actor("sam"), host=host, port=80, reason="x").host == kept


def test_the_database_holds_one_standing_permission_per_address_and_sane_ones(cast: Cast) -> None:
    allow_host(actor=cast.actor("sam"), host="x.internal", port=80, reason="x")
    with pytest.raises(ValidationError, match="allowed already"):
        allow_host(actor=cast.actor("sam"), host="x.internal", port=80, reason="x")
    for changes, constraint in (
        ({"host": "x.internal", "port": 80, "reason": "x"}, "allowed_host_stands_once"),
        ({"host": "y", "port": 70000, "reason": "x"}, "allowed_host_port_is_a_port"),
        ({"host": "y", "port": 80, "reason": ""}, "allowed_host_reason_is_not_blank"),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            AllowedHost.objects.create(allowed_by=cast.sam, **changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"name": ""}, "connector_name_is_not_blank"),
        ({"kind": "fax"}, "connector_kind_is_known"),
        ({"schedule_minutes": 0}, "connector_schedule_is_sane"),
    ],
)
def test_the_database_refuses_connectors_that_make_no_sense(
    cast: Cast, changes: dict[str, Any], constraint: str
) -> None:
    connector = mlflow(cast)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Connector.objects.filter(pk=connector.pk).update(**changes)
