"""What the database knows, read from its catalogue: closed tables, protected people, complete pairs, known roles."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from approvals.models import GatePolicyVersion
from evidence.models import AllowedHost
from portal.access import CAPABILITIES, SCOPE_CAPABILITIES
from portal.choices import Role, Scope
from portal.history import FieldEvent
from portal.models import User
from tests.cast import Cast
from tests.databases import as_owner

FLOORS = ("portal", "usecases", "evidence", "approvals")
# (table, column) where a person may be erased with the row, and why.
CASCADES_FOR_A_REASON = {
    ("notice", "person_id"): "what somebody was told is theirs, not the record's",
    ("use_case_user_permission", "user_id"): "guardian's own base model; people are never deleted, only switched off",
}
# Pairs of which one side is always there, and what guards the other.
ONE_SIDED_FOR_A_REASON = {
    "release.proposed": "the time is written with the row; a person or a service account, by release_has_one_proposer",
    "system_version.declared": "the same, by system_version_has_one_author",
    "gate_policy.published": "the time is written with the row; nobody published what the portal ships with",
}


def our_models() -> Iterator[type[models.Model]]:
    for label in FLOORS:
        yield from apps.get_app_config(label).get_models()


def told_models() -> Iterator[type[models.Model]]:
    """Our models without the histories, which copy rows that were held to the rules when they were written."""
    return (model for model in our_models() if not is_history(model))


def is_history(model: type[models.Model]) -> bool:
    return issubclass(model, FieldEvent)


def append_only_tables() -> list[str]:
    return sorted(
        model._meta.db_table
        for model in our_models()
        if any(trigger.name == "append_only" for trigger in getattr(model._meta, "triggers", []))
    )


def privileges(role: str) -> dict[str, set[str]]:
    """The rights of a role by table, from the catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, wanted FROM pg_class c CROSS JOIN unnest(%s::text[]) AS wanted"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND has_table_privilege(%s, c.oid, wanted)",
            [["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"], role],
        )
        found: dict[str, set[str]] = {}
        for table, right in cursor.fetchall():
            found.setdefault(table, set()).add(right)
    return found


@pytest.mark.django_db
def test_append_only_tables_are_closed_to_the_application() -> None:
    tables = append_only_tables()
    assert {"audit_event", "answer", "decision", "verdict", "attestation"} <= set(tables)
    rights = privileges("gatehouse_app")
    histories = {model._meta.db_table for model in our_models() if is_history(model)}
    assert {"use_case_history", "use_case_user_permission_history", "access_grant_history"} <= histories <= set(tables)
    assert {table: rights[table] for table in tables} == {
        table: {"SELECT"} if table in histories else {"SELECT", "INSERT"} for table in tables
    }


@pytest.mark.django_db
def test_the_application_truncates_references_and_triggers_nothing() -> None:
    rights = privileges("gatehouse_app")
    assert len(rights) > 30
    assert {table: found for table, found in rights.items() if found - {"SELECT", "INSERT", "UPDATE", "DELETE"}} == {}


@pytest.mark.django_db
def test_the_auditor_reads_and_nothing_more() -> None:
    rights = privileges("gatehouse_auditor")
    assert {"audit_event", "decision", "use_case"} <= rights.keys()
    assert {table: found for table, found in rights.items() if found != {"SELECT"}} == {}


@pytest.mark.django_db
def test_every_append_only_table_has_its_triggers_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal AND t.tgenabled = 'O'"
            " AND (t.tgname LIKE 'pgtrigger_append_only%' OR t.tgname LIKE 'pgtrigger_no_truncate%') GROUP BY 1"
        )
        found = dict(cursor.fetchall())
    assert found == dict.fromkeys(append_only_tables(), 2)


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["audit_event", "decision", "verdict", "attestation"])
def test_even_the_owner_cannot_empty_an_append_only_table(table: str) -> None:
    with as_owner() as owner, pytest.raises(Exception, match="append-only: TRUNCATE"):
        owner.execute(f"TRUNCATE {table} CASCADE")


def test_nobody_who_acted_can_be_deleted() -> None:
    loose = {
        (model._meta.db_table, field.column)
        for model in told_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.remote_field.model is User
        if field.remote_field.on_delete is not models.PROTECT
    }
    assert loose == CASCADES_FOR_A_REASON.keys()


@pytest.mark.django_db
def test_the_database_itself_refuses_to_delete_somebody_who_acted() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE confrelid = 'person'::regclass AND confdeltype <> 'a'")
        assert cursor.fetchone() == (0,)


def pairs() -> Iterator[tuple[type[models.Model], str]]:
    """(model, what) for every nullable `what_at` beside a nullable `what_by`."""
    for model in told_models():
        names = {field.name: field for field in model._meta.fields}
        for name, field in names.items():
            other = names.get(f"{name.removesuffix('_at')}_by")
            if name.endswith("_at") and other is not None and (field.null or other.null):
                yield model, name.removesuffix("_at")


def test_a_time_and_its_person_are_there_together_or_not_at_all() -> None:
    unguarded = {
        f"{model._meta.db_table}.{what}"
        for model, what in pairs()
        if not any(
            isinstance(constraint, models.CheckConstraint)
            and f"{what}_at" in str(constraint.condition)
            and f"{what}_by" in str(constraint.condition)
            for constraint in model._meta.constraints
        )
    }
    assert len(list(pairs())) > 3
    assert unguarded == ONE_SIDED_FOR_A_REASON.keys()


def test_every_stored_state_and_kind_is_held_to_its_words() -> None:
    unguarded = {
        f"{model._meta.db_table}.{field.name}"
        for model in told_models()
        for field in model._meta.local_fields
        if field.choices and field.name in ("state", "kind", "stage", "tier", "lane", "outcome", "role")
        if not any(
            isinstance(constraint, models.CheckConstraint) and f"'{field.name}" in str(constraint.condition)
            for constraint in model._meta.constraints
        )
    }
    assert unguarded == set()


def test_every_constraint_is_named_after_its_model_so_that_its_error_can_be_told() -> None:
    nameless = [
        constraint.name
        for model in our_models()
        for constraint in model._meta.constraints
        if not constraint.name.startswith((model._meta.db_table, model._meta.model_name, snake(model.__name__)))
        and not constraint.name.startswith(model._meta.db_table.removeprefix("access_"))
    ]
    assert nameless == []


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


DECIDING = {
    "conclude_review",
    *(capability for found in CAPABILITIES.values() for capability in found if "decide_" in capability),
}
CONFIGURING = {"manage_people", "issue_tokens"}


def test_no_role_both_configures_and_decides() -> None:
    both = [role for role in Role if CAPABILITIES[role] & DECIDING and CAPABILITIES[role] & CONFIGURING]
    assert both == []
    assert CAPABILITIES[Role.ADMINISTRATOR] & DECIDING == set()
    assert len(DECIDING) > 5


def test_no_scope_lets_a_machine_decide() -> None:
    assert set(SCOPE_CAPABILITIES) == set(Scope)
    assert {scope for scope in Scope if SCOPE_CAPABILITIES[scope] & (DECIDING | CONFIGURING)} == set()
    for role in (Role.PIPELINE, Role.INGEST):
        assert CAPABILITIES[role] & (DECIDING | CONFIGURING) == set()


def test_every_role_says_what_it_may_do() -> None:
    assert set(CAPABILITIES) == set(Role)
    # A directory keeps people and looks at nothing.
    assert [role for role, capabilities in CAPABILITIES.items() if "view" not in capabilities] == [Role.DIRECTORY]


@pytest.mark.django_db
def test_a_withdrawn_host_names_who_withdrew_it(cast: Cast) -> None:
    host = AllowedHost.objects.create(host="mlflow.internal", port=443, reason="Ours.", allowed_by=cast.sam)
    with pytest.raises(IntegrityError, match="allowed_host_withdrawal_is_complete"), transaction.atomic():
        AllowedHost.objects.filter(pk=host.pk).update(withdrawn_at=timezone.now())
    host.refresh_from_db()
    assert (host.withdrawn_at, host.withdrawn_by) == (None, None)


@pytest.mark.django_db
def test_a_gate_policy_is_for_a_tier_that_exists() -> None:
    before = GatePolicyVersion.objects.count()
    with pytest.raises(IntegrityError, match="gate_policy_tier_is_known"), transaction.atomic():
        GatePolicyVersion.objects.create(tier="gentle", version="1", definition={}, digest="d" * 64)
    assert GatePolicyVersion.objects.count() == before
