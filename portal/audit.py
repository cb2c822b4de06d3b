"""record(): the only writer of the audit trail. One sentence per fact, in the transaction that makes the fact.

The hashed text is restricted canonical JSON (RFC 8785): no floats, keys of lower-case letters, digits and
underscores. People are named by id (`@[…]`), so that erasing a name leaves every hash valid; name and address stand
behind a salted commitment in a side table.
"""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import rfc8785
from django.db import connection

from portal.actors import Actor
from portal.identifiers import uuid7
from portal.models.audit import Audited
from portal.models.people import User

FORMAT = 1
_KEY = re.compile(r"^[a-z0-9_]{1,64}$")
MENTION = re.compile(r"@\[([0-9a-f-]{36})\]")

_INSERT = """
WITH event AS (
    INSERT INTO audit_event (id, object_type, object_id, object_rev, canon, leaf_hash, use_case_id, "references")
    VALUES (%(id)s, %(type)s, %(object)s, %(rev)s, %(canon)s, %(leaf)s, %(use_case)s, %(references)s)
), pending AS (
    INSERT INTO audit_pending (event_id) VALUES (%(id)s)
)
INSERT INTO audit_personal_data (event_id, salt, "values") VALUES (%(id)s, %(salt)s, %(personal)s)
"""


def mention(person: User) -> str:
    """A person inside a sentence: an id in the trail, a name on the page."""
    return f"@[{person.pk}]"


def record(
    actor: Actor,
    action: str,
    thing: Audited,
    sentence: str,
    *,
    use_case: uuid.UUID | None = None,
    data: Mapping[str, Any] | None = None,
    references: Sequence[str] = (),
) -> uuid.UUID:
    """Tell the fact. `action` is `<subject>.<participle>`; `sentence` continues "<who> …" and ends with a full stop.

    Must run inside the verb's transaction. `data` holds plain values; floats are refused, decimals become text.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit event belongs into the transaction of the verb that causes it.")
    event_id = uuid7()
    salt = os.urandom(16)
    personal = _personal(actor)
    leaf = {
        "v": FORMAT,
        "id": str(event_id),
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": _author(actor),
        "action": action,
        "sentence": sentence,
        "object": {"type": thing._meta.db_table, "id": str(thing.pk), "rev": _next_revision(thing)},
        "data": plain(data or {}),
        "request_id": actor.origin.request_id,
        "pii_commit": hashlib.sha256(salt + rfc8785.dumps(personal)).hexdigest(),
    }
    canon = rfc8785.dumps(leaf)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "id": event_id,
                "type": leaf["object"]["type"],
                "object": thing.pk,
                "rev": leaf["object"]["rev"],
                "canon": canon.decode(),
                "leaf": hashlib.sha256(b"\x00" + canon).digest(),
                "use_case": use_case,
                "references": list(references),
                "salt": salt,
                "personal": json.dumps(personal),
            },
        )
    return event_id


def _next_revision(thing: Audited) -> int:
    """Counts on the object's own row: gapless per object, without a lock that others would wait for."""
    table = connection.ops.quote_name(thing._meta.db_table)
    with connection.cursor() as cursor:
        # The table's name is our own model's, quoted.
        count = f"UPDATE {table} SET audit_rev = audit_rev + 1 WHERE id = %s RETURNING audit_rev"  # noqa: S608  # nosec B608
        cursor.execute(count, [thing.pk])
        row = cursor.fetchone()
    if row is None:
        raise RuntimeError(f"{thing._meta.db_table} {thing.pk} must be saved before its event is recorded.")
    thing.audit_rev = row[0]
    return int(row[0])


def _author(actor: Actor) -> dict[str, Any]:
    author: dict[str, Any] = {"kind": actor.kind}
    if actor.person is not None:
        author["person"] = str(actor.person.pk)
    if actor.account is not None:
        author["account"] = str(actor.account.pk)
    if actor.kind == "worker":
        author["name"] = actor.name
    if actor.origin.session_commit:
        author["session_commit"] = actor.origin.session_commit
    if actor.origin.signed_in_at:
        author["signed_in_at"] = plain(actor.origin.signed_in_at)
    if actor.origin.method:
        author["method"] = actor.origin.method
    return author


def _personal(actor: Actor) -> dict[str, str]:
    values = {"name": actor.name, "address": actor.origin.address, "agent": actor.origin.agent}
    if actor.person is not None:
        values["email"] = actor.person.email
    return {key: value for key, value in values.items() if value}


def plain(value: Any) -> Any:
    """The value in the restricted canonical form; a float or an odd key is a programming error and says so."""
    match value:
        case None | bool() | str():
            return value
        case int():
            if abs(value) > 2**53 - 1:
                raise ValueError(f"{value} is too large for canonical JSON: pass it as text.")
            return int(value)
        case float():
            raise ValueError(f"{value!r}: floats have no canonical form here: pass a Decimal or text.")
        case Decimal() | uuid.UUID():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Mapping():
            if odd := [key for key in value if not _KEY.match(str(key))]:
                raise ValueError(f"{odd[0]!r} is no key for the trail: lower-case letters, digits, underscores.")
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
        case _:
            return str(value)
