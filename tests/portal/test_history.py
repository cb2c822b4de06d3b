"""The history the database keeps: caught whoever writes, closed to tampering, and cheap enough for every write."""

import time
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from portal.history import FieldEvent
from portal.models import AuditEvent
from tests.bench.population import fill_register
from tests.cast import Cast
from tests.databases import as_owner
from tests.usecases.scenes import registered
from usecases.actions.registration import edit_use_case
from usecases.models import UseCase

History: Any = UseCase.pgh_event_model  # type: ignore[attr-defined]


def rows(use_case: UseCase) -> list[Any]:
    return list(History.objects.filter(pgh_obj=use_case).order_by("pgh_id"))


def app(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.django_db
def test_a_new_row_and_every_changed_column_are_kept_with_what_they_held(cast: Cast) -> None:
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund desk", pattern="agent")
    first, second = rows(use_case)
    assert (first.pgh_label, first.title, first.pgh_before) == ("insert", "Refund helper", None)
    assert (second.pgh_label, second.title) == ("update", "Refund desk")
    assert second.pgh_before == {"title": "Refund helper", "pattern": "retrieval"}
    assert first.pgh_role == "gatehouse_app"


@pytest.mark.django_db
def test_a_write_that_changes_nothing_that_counts_leaves_no_line(cast: Cast) -> None:
    use_case = registered(cast)
    app("UPDATE use_case SET audit_rev = audit_rev + 1, updated_at = now(), title = title WHERE id = %s", use_case.pk)
    assert len(rows(use_case)) == 1


@pytest.mark.django_db(transaction=True)
def test_raw_sql_of_the_application_and_of_the_owner_is_caught_and_names_the_role(committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    app("UPDATE use_case SET title = 'By the application' WHERE id = %s", use_case.pk)
    with as_owner() as owner:
        owner.execute("UPDATE use_case SET title = 'By the owner' WHERE id = %s", [use_case.pk])
    told = set(AuditEvent.objects.filter(use_case_id=use_case.pk).values_list("transaction", flat=True))
    kept = rows(use_case)
    assert [(row.title, row.pgh_role, row.pgh_transaction in told) for row in kept] == [
        ("Refund helper", "gatehouse_app", True),
        ("By the application", "gatehouse_app", False),
        ("By the owner", "gatehouse_owner", False),
    ]


@pytest.mark.django_db
def test_a_session_that_ignores_triggers_is_recorded_all_the_same(cast: Cast) -> None:
    use_case = registered(cast)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = 'use_case'::regclass AND NOT tgisinternal")
        names = ",".join(name for (name,) in cursor.fetchall())
        assert "record_update" in names
        cursor.execute(f"SET LOCAL pgtrigger.ignore = '{{{names}}}'")
        cursor.execute("UPDATE use_case SET stage = 'production' WHERE id = %s", [use_case.pk])
        cursor.execute("SET LOCAL pgtrigger.ignore = '{}'")
    # The control: the setting silenced the trigger that holds the stage to its lifecycle.
    assert UseCase.objects.get(pk=use_case.pk).stage == "production"
    assert rows(use_case)[-1].pgh_before == {"stage": "registered"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO use_case_history SELECT * FROM use_case_history",
        "UPDATE use_case_history SET title = 'Never was'",
        "DELETE FROM use_case_history",
        "TRUNCATE use_case_history",
        "ALTER TABLE use_case DISABLE TRIGGER USER",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_cannot_tamper_with_history(cast: Cast, statement: str) -> None:
    use_case = registered(cast)
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        app(statement)
    assert [row.title for row in rows(use_case)] == ["Refund helper"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    ["UPDATE use_case_history SET title = 'Never was'", "DELETE FROM use_case_history", "TRUNCATE use_case_history"],
)
def test_the_trigger_refuses_the_owner_and_only_the_trigger_does(committed_cast: Cast, statement: str) -> None:
    use_case = registered(committed_cast)
    with as_owner() as owner, pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        owner.execute(statement)
    assert len(rows(use_case)) == 1
    with as_owner() as owner:
        owner.execute("ALTER TABLE use_case_history DISABLE TRIGGER USER")
        assert owner.execute(statement).rowcount in (1, -1)
        owner.rollback()
    assert [row.title for row in rows(use_case)] == ["Refund helper"]


@pytest.mark.django_db
def test_the_recording_functions_cannot_be_put_on_a_table_of_ones_own(cast: Cast) -> None:
    use_case = registered(cast)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = 'use_case'::regclass AND p.proname LIKE '%%record_insert%%'"
        )
        (function,) = cursor.fetchone() or ("",)
        cursor.execute("CREATE TEMP TABLE forged (LIKE use_case)")
    with pytest.raises(DatabaseError, match="permission denied for function"), transaction.atomic():
        app(
            "CREATE TRIGGER forge AFTER INSERT ON forged REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    assert len(rows(use_case)) == 1


@pytest.mark.django_db
def test_every_recorder_writes_as_its_owner_on_a_fixed_path() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, p.prosecdef, pg_get_userbyid(p.proowner), p.proconfig,"
            " has_function_privilege('gatehouse_app', p.oid, 'EXECUTE')"
            " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgname LIKE 'pgtrigger_record_%%'"
        )
        found = cursor.fetchall()
    path = ["search_path=pg_catalog, public, pg_temp"]
    assert {(*row[1:3], tuple(row[3]), row[4]) for row in found} == {(True, "gatehouse_owner", tuple(path), False)}
    tables = sorted(row[0] for row in found)
    expected = sorted(model.pgh_tracked_model._meta.db_table for model in histories() for _kind in range(3))
    assert tables == expected


def histories() -> list[Any]:
    return list(FieldEvent.__subclasses__())


@pytest.mark.django_db
def test_twenty_thousand_rows_written_at_once_are_all_recorded(cast: Cast) -> None:
    started = time.perf_counter()
    fill_register(cast, 20_000)
    taken = time.perf_counter() - started
    assert History.objects.count() == 20_000
    assert taken < 120
