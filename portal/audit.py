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
from dataclasses import dataclass
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
    return record_many(actor, [Telling(action, thing, sentence, use_case, data, references)])[0]


@dataclass(frozen=True)
class Telling:
    """One fact of many that a verb tells at once; the words are those of `record`."""

    action: str
    thing: Audited
    sentence: str
    use_case: uuid.UUID | None = None
    data: Mapping[str, Any] | None = None
    references: Sequence[str] = ()


def record_many(actor: Actor, tellings: Sequence[Telling]) -> list[uuid.UUID]:
    """Tell many facts in few round trips: the same text, hash and order as one by one. Each thing at most once."""
    if not connection.in_atomic_block:
        raise RuntimeError("An audit event belongs into the transaction of the verb that causes it.")
    _count_revisions([telling.thing for telling in tellings])
    author, personal = _author(actor), _personal(actor)
    told = [_row(actor, telling, author, personal) for telling in tellings]
    with connection.cursor() as cursor:
        if len(told) == 1:
            cursor.execute(_INSERT, told[0])
        else:
            cursor.executemany(_INSERT, told)
    return [row["id"] for row in told]


def _row(actor: Actor, telling: Telling, author: dict[str, Any], personal: dict[str, str]) -> dict[str, Any]:
    event_id, salt, thing = uuid7(), os.urandom(16), telling.thing
    leaf = {
        "v": FORMAT,
        "id": str(event_id),
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": author,
        "action": telling.action,
        "sentence": telling.sentence,
        "object": {"type": thing._meta.db_table, "id": str(thing.pk), "rev": thing.audit_rev},
        "data": plain(telling.data or {}),
        "request_id": actor.origin.request_id,
        "pii_commit": hashlib.sha256(salt + rfc8785.dumps(personal)).hexdigest(),
    }
    canon = rfc8785.dumps(leaf)
    return {
        "id": event_id,
        "type": thing._meta.db_table,
        "object": thing.pk,
        "rev": thing.audit_rev,
        "canon": canon.decode(),
        "leaf": hashlib.sha256(b"\x00" + canon).digest(),
        "use_case": telling.use_case,
        "references": list(telling.references),
        "salt": salt,
        "personal": json.dumps(personal),
    }


def _count_revisions(things: Sequence[Audited]) -> None:
    """Counts on the objects' own rows: gapless per object, without a lock that others would wait for."""
    by_table: dict[str, dict[uuid.UUID, Audited]] = {}
    for thing in things:
        by_key = by_table.setdefault(thing._meta.db_table, {})
        if thing.pk in by_key:
            raise ValueError(f"{thing._meta.db_table} {thing.pk} has two facts told at once: tell them in turn.")
        by_key[thing.pk] = thing
    for name, by_key in by_table.items():
        table = connection.ops.quote_name(name)
        with connection.cursor() as cursor:
            # The table's name is our own model's, quoted.
            count = f"UPDATE {table} SET audit_rev = audit_rev + 1 WHERE id = ANY(%s) RETURNING id, audit_rev"  # noqa: S608  # nosec B608
            cursor.execute(count, [list(by_key)])
            found = dict(cursor.fetchall())
        for key, thing in by_key.items():
            if key not in found:
                raise RuntimeError(f"{name} {key} must be saved before its event is recorded.")
            thing.audit_rev = int(found[key])


def _author(actor: Actor) -> dict[str, Any]:
    author: dict[str, Any] = {"kind": actor.kind}
    if actor.person is not None:
        author["person"] = str(actor.person.pk)
    if actor.acting_for is not None:
        author["acting_for"] = str(actor.acting_for.pk)
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
