"""Migration operations that narrow what the application's role may do: privileges are the wall behind the triggers."""

from django.db.migrations.operations import RunSQL

APP_ROLE = "gatehouse_app"


def append_only_for_app(*tables: str) -> RunSQL:
    """The application may add rows to these tables and read them, nothing else."""
    return _for_role(
        "; ".join(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}" for table in tables),
        "; ".join(f"GRANT UPDATE, DELETE ON {table} TO {APP_ROLE}" for table in tables),
    )


def written_by_triggers_only(*tables: str) -> RunSQL:
    """The application may read these tables; their triggers' functions, which are the owner's, write them."""
    return _for_role(
        "; ".join(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}" for table in tables),
        "; ".join(f"GRANT INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}" for table in tables),
    )


def _for_role(forward: str, backward: str) -> RunSQL:
    """Runs only where the role exists, so that a schema can also be built without the role split."""
    wrapped = "DO $do$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN {sql}; END IF; END $do$"
    return RunSQL(wrapped.format(role=APP_ROLE, sql=forward), wrapped.format(role=APP_ROLE, sql=backward))
