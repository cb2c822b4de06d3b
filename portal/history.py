"""History the database keeps itself: every change of a tracked row becomes a row of its history, whoever made it.

The audit trail is the sentence (who did what, and why); this is the field (what the row was). Triggers write it, so raw
SQL is caught too. A change belongs to the next sentence of its own transaction; one without a sentence was made in the
database itself, by the role that signed in there.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pghistory
import pghistory.models
import pgtrigger
import pgtrigger.compiler
from django.db import models
from django.db.migrations.operations import RunPython

from portal.triggers import append_only


def this_transaction() -> models.Func:
    """A key of the transaction that writes. Its number alone would come again in a database restored elsewhere."""
    return models.Func(
        template="(pg_current_xact_id()::text || '@' || extract(epoch FROM now())::text)",
        output_field=models.TextField(),
    )


class FieldEvent(pghistory.models.Event):
    """One change of one row: the row as it was afterwards (or last, when deleted), and what its changed columns held.

    `pgh_before` is null unless the row was changed in place. `pgh_role` is the database role that signed in.
    """

    pgh_id = models.BigAutoField(primary_key=True)
    pgh_created_at = models.DateTimeField()
    pgh_before = models.JSONField(null=True)
    pgh_transaction = models.TextField(db_default=this_transaction())
    pgh_role = models.TextField(db_default=models.Func(template="session_user::text", output_field=models.TextField()))

    class Meta:
        abstract = True


class RecorderSql(pgtrigger.compiler.UpsertTriggerSql):
    """A trigger whose function writes as its owner, on a fixed path, and which no setting of the session silences.

    Nobody else may use the function: whoever can put it on a table of their own could write history with it.
    """

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp;
            REVOKE ALL ON FUNCTION {pgid}() FROM PUBLIC;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE TRIGGER {pgid}
                {when} {operation} ON {table}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class Recorder(pgtrigger.Trigger):
    """Writes the history of one kind of change: whole statements for new and deleted rows, row by row for changes.

    A changed row is compared before anything is called, so that what does not count (`audit_rev` moves with every
    sentence) costs nothing.
    """

    event_model: type[models.Model]

    def get_columns(self) -> list[str]:
        tracked: Any = self.event_model
        names = {field.name for field in tracked.pgh_tracked_model._meta.fields}
        return [str(field.column) for field in self.event_model._meta.fields if field.name in names]

    def get_func(self, model: Any) -> str:
        columns = self.get_columns()
        row, source = {
            "insert": ("added", " FROM added"),
            "update": ("NEW", ""),
            "delete": ("removed", " FROM removed"),
        }[str(self.name).removeprefix("record_")]
        values = {column: f'{row}."{column}"' for column in columns}
        values["pgh_created_at"] = "clock_timestamp()"
        values["pgh_label"] = f"'{str(self.name).removeprefix('record_')}'"
        values["pgh_obj_id"] = f'{row}."{model._meta.pk.column}"'
        values["pgh_before"] = " || ".join(map(_held_before, columns)) if row == "NEW" else "NULL::jsonb"
        table = self.event_model._meta.db_table
        names = ", ".join(f'"{name}"' for name in values)
        # Names of our own models' tables and columns.
        return f'INSERT INTO public."{table}" ({names}) SELECT {", ".join(values.values())}{source}; RETURN NULL;'  # nosec B608

    def compile(self, model: Any) -> pgtrigger.compiler.Trigger:
        sql = RecorderSql(
            pgid=self.get_pgid(model),
            func=self.get_func(model),
            table=model._meta.db_table,
            when=self.when,
            operation=self.operation,
            referencing=self.referencing or "",
            level=self.level,
            condition=self.render_condition(model),
        )
        return pgtrigger.compiler.Trigger(name=self.name, sql=sql)


class Tracker(pghistory.RowEvent):
    """Puts a recorder on the tracked table."""

    row = "NEW"

    def add_event_trigger(self, event_model: Any) -> None:
        operation = str(self.label)
        recorder = Recorder(
            name=f"record_{operation}",
            operation=self.operation,
            when=pgtrigger.After,
            level=pgtrigger.Row if operation == "update" else pgtrigger.Statement,
            referencing=_ROWS.get(operation),
        )
        recorder.event_model = event_model
        if operation == "update":
            changed = " OR ".join(f'OLD."{name}" IS DISTINCT FROM NEW."{name}"' for name in recorder.get_columns())
            recorder.condition = pgtrigger.Condition(changed)
        pgtrigger.register(recorder)(event_model.pgh_tracked_model)


def tracked(
    *, exclude: Iterable[str] = (), fields: list[str] | None = None, parent: str | None = None
) -> Callable[[type[models.Model]], type[models.Model]]:
    """Class decorator: the table gets a history table `<table>_history`, append-only and closed to the application.

    `exclude` names columns that never change or are told elsewhere; `parent` the foreign key by which its history is
    looked up besides its own key.
    """

    def decorate(model: type[models.Model]) -> type[models.Model]:
        table = model._meta.db_table
        short = table.replace("permission", "role")
        indexes = [models.Index(fields=["pgh_obj", "-pgh_created_at"], name=f"{short}_past"[:30])]
        if parent:
            indexes.append(models.Index(fields=[parent, "-pgh_created_at"], name=f"{short}_past_of"[:30]))
        decorated: type[models.Model] = pghistory.track(
            *(Tracker(name, operation=operation, row=row) for name, operation, row in _OPERATIONS),
            fields=fields,
            exclude=None if fields else ["audit_rev", *exclude],
            obj_field=pghistory.ObjForeignKey(related_name="+", db_index=False),
            context_field=None,  # type: ignore[arg-type] # the sentence of the same transaction is the context
            base_model=FieldEvent,
            model_name=f"{model.__name__}History",
            meta={"db_table": f"{table}_history", "indexes": indexes, "triggers": append_only()},
        )(model)
        return decorated

    return decorate


def begins(app: str, *names: str) -> RunPython:
    """A migration's step: what stands already becomes the first line of its history; what has one is passed over."""

    def begin(apps: Any, schema_editor: Any) -> None:
        for name in names:
            schema_editor.execute(_first_lines(apps.get_model(app, name), apps.get_model(app, f"{name}History")))

    return RunPython(begin, RunPython.noop)


def _first_lines(model: Any, history: Any) -> str:
    columns = [field.column for field in history._meta.fields if not field.name.startswith("pgh_")]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(f'row."{column}"' for column in columns)
    key = model._meta.pk.column
    # Names of our own models' tables and columns.
    return (
        f'INSERT INTO "{history._meta.db_table}" ({names}, pgh_created_at, pgh_label, pgh_obj_id)'  # noqa: S608  # nosec B608
        f' SELECT {values}, clock_timestamp(), \'{BASELINE}\', row."{key}" FROM "{model._meta.db_table}" AS row'
        f' WHERE NOT EXISTS (SELECT FROM "{history._meta.db_table}" AS known WHERE known.pgh_obj_id = row."{key}")'
    )


BASELINE = "baseline"
_ROWS = {
    "insert": pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]
    "delete": pgtrigger.Referencing(old="removed"),  # type: ignore[no-untyped-call]
}
_OPERATIONS = (
    ("insert", pgtrigger.Insert, "NEW"),
    ("update", pgtrigger.Update, "NEW"),
    ("delete", pgtrigger.Delete, "OLD"),
)


def _held_before(column: str) -> str:
    changed = f'OLD."{column}" IS DISTINCT FROM NEW."{column}"'
    return f"CASE WHEN {changed} THEN jsonb_build_object('{column}', OLD.\"{column}\") ELSE '{{}}'::jsonb END"
