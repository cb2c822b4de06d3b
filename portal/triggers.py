"""Database triggers shared by every floor: what is append-only stays so, whoever writes."""

import pgtrigger

from portal.lifecycle import Lifecycle

_REFUSE = (
    "RAISE EXCEPTION 'append-only: % on % is refused', TG_OP, TG_TABLE_NAME "
    "USING ERRCODE = 'integrity_constraint_violation';"
)


def append_only() -> list[pgtrigger.Trigger]:
    """Refuses UPDATE, DELETE and TRUNCATE. Privileges are the wall; this is the sign on it."""
    return [
        pgtrigger.Trigger(
            name="append_only",
            operation=pgtrigger.Update | pgtrigger.Delete,
            when=pgtrigger.Before,
            level=pgtrigger.Row,
            func=_REFUSE,
        ),
        pgtrigger.Trigger(
            name="no_truncate",
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            level=pgtrigger.Statement,
            func=_REFUSE,
        ),
    ]


def frozen(*fields: str, name: str) -> pgtrigger.Trigger:
    """Refuses a change of the named columns; the rest of the row may move on."""
    changed = " OR ".join(f'NEW."{field}" IS DISTINCT FROM OLD."{field}"' for field in fields)
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Update,
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        func=f"IF {changed} THEN RAISE EXCEPTION 'frozen: % may not change on %', '{', '.join(fields)}', TG_TABLE_NAME"
        " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
    )


def inserted_only_if(condition: str, *, name: str) -> pgtrigger.Trigger:
    """Refuses a new row for which the SQL condition on NEW does not hold."""
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        func=f"IF NOT ({condition}) THEN RAISE EXCEPTION '{name} is violated on %', TG_TABLE_NAME"
        " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
    )


def follows(lifecycle: Lifecycle, field: str) -> pgtrigger.Trigger:
    """Refuses a change of state that the lifecycle's table does not know."""
    return pgtrigger.FSM(name=f"{field}_follows_lifecycle", field=field, transitions=sorted(lifecycle.pairs()))


def acts_in_window(absent: str, delegate: str, *, name: str) -> str:
    """SQL for a trigger: refuse unless today, in UTC, the delegate acts for the absent person.

    The shared lock waits for whoever ends the window and then reads what that left.
    """
    return f"""
    PERFORM 1 FROM absence WHERE person_id = NEW."{absent}" AND delegate_id = NEW."{delegate}" AND closed_at IS NULL
        AND (clock_timestamp() AT TIME ZONE 'UTC')::date BETWEEN first_day AND last_day FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION '{name}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
"""


def present(field: str, *, name: str) -> pgtrigger.Trigger:
    """Refuses to name somebody whose account is switched off, also while it is being switched off.

    The shared lock waits for whoever switches the account off and then reads what that left.
    """
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf(field),  # type: ignore[no-untyped-call]
        when=pgtrigger.Before,
        level=pgtrigger.Row,
        func=f'PERFORM 1 FROM person WHERE id = NEW."{field}" AND is_active FOR SHARE;'
        " IF NOT FOUND THEN RAISE EXCEPTION 'absent: % of % must name somebody whose account is on',"
        f" '{field}', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW;",
    )
