"""One use case's history as people read it: each sentence of the trail with the fields it changed.

A change belongs to the first sentence of its own transaction that was told after it. What no sentence told was done in
the database itself, and stands as a line of its own.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from portal.history import BASELINE
from portal.models import AuditEvent
from portal.trail import Line, as_lines, narrowed, newest_first, place, trail_of
from usecases.changes import BY_KEY, THINGS, Change, Row, changes_in, names_in
from usecases.models import UseCase

PAGE = 40
# No transaction of ours lives that long (statements and idling are limited), so nothing further away is looked at.
LONGEST_TRANSACTION = timedelta(hours=1)
MOST_CHANGES = 2000
DATABASE = "database"
# First words of the actions that a use case's trail tells, as they are chosen from.
KINDS = [
    *((thing.key, thing.label) for thing in THINGS),
    ("answer", lazy("Discovery answers")),
    ("system_version", lazy("Versions")),
    ("evaluation_run", lazy("Evaluation runs")),
    ("usage", lazy("Usage")),
    ("release", lazy("Releases and their decisions")),
    ("decision", lazy("Decisions")),
    ("comment", lazy("Comments")),
]
# What is told under other words, and belongs to it for whoever reads.
ALONG = {"release": ("decision", "attestation", "gate")}
_FIRST_ID = uuid.UUID(int=0)

# Names of our own tables and columns.
_CHANGES = " UNION ALL ".join(
    f"SELECT '{thing.key}' AS thing, pgh_id, pgh_created_at AS at, pgh_label AS label, pgh_transaction AS transaction,"  # noqa: S608  # nosec B608
    f" pgh_role AS role, pgh_before AS before, to_jsonb(kept) AS row FROM {thing.history._meta.db_table} AS kept"
    f" WHERE {thing.parent} = %(use_case)s AND pgh_label <> '{BASELINE}'"
    for thing in THINGS
)
_COLUMNS = "c.thing, c.pgh_id, c.at, c.label, c.transaction, c.role, c.before, c.row"

_SPOKEN = f"""
WITH shown AS MATERIALIZED (
    SELECT a.id, a.recorded_at, a.transaction,
           (SELECT max(p.recorded_at) FROM audit_event AS p
             WHERE p.use_case_id = a.use_case_id AND p.transaction = a.transaction
               AND p.recorded_at < a.recorded_at AND p.recorded_at > a.recorded_at - %(span)s) AS since
      FROM audit_event AS a WHERE a.id = ANY(%(sentences)s) AND a.transaction <> ''
)
SELECT shown.id, {_COLUMNS} FROM shown JOIN ({_CHANGES}) AS c
    ON c.transaction = shown.transaction AND c.at <= shown.recorded_at AND (shown.since IS NULL OR c.at > shown.since)
 WHERE c.at BETWEEN %(earliest)s AND %(latest)s
 ORDER BY c.at, c.pgh_id LIMIT %(most)s
"""  # noqa: S608  # nosec B608

_UNSPOKEN = f"""
SELECT (SELECT a.id FROM audit_event AS a
         WHERE a.use_case_id = %(use_case)s AND a.transaction = c.transaction
           AND a.recorded_at < c.at AND a.recorded_at > c.at - %(span)s
         ORDER BY a.recorded_at DESC LIMIT 1), {_COLUMNS}
  FROM ({_CHANGES}) AS c
 WHERE c.at >= %(earliest)s AND c.at < %(latest)s
   AND (%(thing)s = '' OR c.thing = %(thing)s)
   AND (%(field)s = '' OR c.label <> 'update' OR jsonb_exists(c.before, %(field)s))
   AND NOT EXISTS (
       SELECT FROM audit_event AS a WHERE a.use_case_id = %(use_case)s AND a.transaction = c.transaction
          AND a.recorded_at >= c.at AND a.recorded_at < c.at + %(span)s)
 ORDER BY c.at DESC, c.pgh_id DESC LIMIT %(most)s
"""  # noqa: S608  # nosec B608


@dataclass(frozen=True)
class Entry:
    """One line of the timeline: who, what, why, and the fields that moved with it."""

    at: datetime
    line: Line
    kind: str
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """What part of a history; everything empty is all of it. `kind` is the first word of an action."""

    field: str = ""
    who: str = ""
    kind: str = ""

    @property
    def thing(self) -> str:
        return self.field.partition(".")[0] or (self.kind if self.kind in BY_KEY else "")

    @property
    def column(self) -> str:
        return self.field.partition(".")[2]

    @property
    def sentences(self) -> bool:
        return self.who.casefold() != DATABASE

    @property
    def unspoken(self) -> bool:
        return (not self.who or not self.sentences) and (not self.kind or self.kind in BY_KEY)


def timeline(use_case: UseCase, wanted: Wanted, before: str = "", size: int = PAGE) -> tuple[list[Entry], str]:
    """(a page of the history, newest first; the key of the next page or ""). The caller has fetched the use case as
    the actor. Raises BadRequest for a key of somewhere else. A page narrowed to one field may be shorter than `size`.
    """
    events, older = newest_first(_sentences(use_case, wanted), before, size)
    latest = place(before)[0] if before else datetime.max.replace(tzinfo=UTC)
    earliest = events[-1].recorded_at if older else datetime.min.replace(tzinfo=UTC)
    loose = _unspoken(use_case, wanted, earliest, latest, size + 1) if wanted.unspoken else []
    if len(loose) > size:
        loose = loose[:size]
        cut = loose[-1][1].at
        events, older = [event for event in events if event.recorded_at >= cut], f"{cut.isoformat()}_{_FIRST_ID}"
    entries = _told(use_case, events, loose)
    if wanted.field:
        entries = [entry for entry in entries if any(_is(change, wanted) for change in entry.changes)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True), older


def _is(change: Change, wanted: Wanted) -> bool:
    return (change.thing, change.field) == (wanted.thing, wanted.column)


def _sentences(use_case: UseCase, wanted: Wanted) -> QuerySet[AuditEvent]:
    if not wanted.sentences:
        return AuditEvent.objects.none()
    events = narrowed(trail_of(use_case.pk), who=wanted.who)
    if wanted.kind:
        words = Q()
        for kind in (wanted.kind, *ALONG.get(wanted.kind, ())):
            words |= Q(payload__action__startswith=f"{kind}.")
        events = events.filter(words)
    if not wanted.field:
        return events
    thing = BY_KEY[wanted.thing]
    kept = thing.history._default_manager.filter(**{thing.parent: use_case.pk})
    moved = kept.exclude(pgh_label="update") | kept.filter(pgh_before__has_key=wanted.column)
    return events.filter(transaction__in=moved.values("pgh_transaction"))


def _told(
    use_case: UseCase, events: Sequence[AuditEvent], loose: Sequence[tuple[uuid.UUID | None, Row]]
) -> list[Entry]:
    spoken = _spoken(use_case, events)
    names = names_in([row for _event, row in (*spoken, *loose)])
    speakers = {event_id for event_id, _row in loose if event_id is not None}
    known = [*events, *AuditEvent.objects.filter(pk__in=speakers)] if speakers else events
    lines = {line.id: line for line in as_lines(known)}
    entries = [
        Entry(
            event.recorded_at,
            lines[event.pk],
            lines[event.pk].action.partition(".")[0],
            [change for event_id, row in spoken if event_id == event.pk for change in changes_in(row, names)],
        )
        for event in events
    ]
    groups: dict[tuple[str, str], list[tuple[uuid.UUID | None, Row]]] = {}
    for event_id, row in loose:
        groups.setdefault((row.transaction, row.role), []).append((event_id, row))
    for found in groups.values():
        changes = [change for _event, row in reversed(found) for change in changes_in(row, names)]
        event_id, row = found[0]
        entries.append(
            Entry(row.at, _without_words(row, lines.get(event_id) if event_id else None), row.thing, changes)
        )
    return entries


def _without_words(row: Row, speaker: Line | None) -> Line:
    """A line for what nobody told: by whoever spoke in the same transaction, else by the database itself."""
    who = speaker.actor if speaker else _("The database")
    said = _("changed more in the same step.") if speaker else _("was changed by hand, as %(role)s; no verb told why.")
    return Line(
        id=uuid.UUID(int=row.key),
        at=row.at,
        actor=who,
        machine=speaker is None or speaker.machine,
        sentence=said % {"role": row.role},
        reason="",
        action=f"{row.thing}.{'changed' if row.label == 'update' else row.label + 'ed'}",
        seq="",
        url="",
        references=[],
    )


def _spoken(use_case: UseCase, events: Sequence[AuditEvent]) -> list[tuple[uuid.UUID, Row]]:
    if not events:
        return []
    moments = [event.recorded_at for event in events]
    return _rows(
        _SPOKEN,
        use_case=use_case.pk,
        sentences=[event.pk for event in events],
        earliest=min(moments) - LONGEST_TRANSACTION,
        latest=max(moments),
        span=LONGEST_TRANSACTION,
        most=MOST_CHANGES,
    )


def _unspoken(
    use_case: UseCase, wanted: Wanted, earliest: datetime, latest: datetime, most: int
) -> list[tuple[uuid.UUID | None, Row]]:
    return _rows(
        _UNSPOKEN,
        use_case=use_case.pk,
        earliest=earliest,
        latest=latest,
        thing=wanted.thing,
        field=wanted.column,
        span=LONGEST_TRANSACTION,
        most=most,
    )


def _rows(statement: str, **values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [(event_id, Row(*row)) for event_id, *row in _parsed(cursor.fetchall())]


def _parsed(rows: Iterable[Sequence[Any]]) -> Iterable[list[Any]]:
    """Django leaves jsonb of raw statements as text."""
    for row in rows:
        yield [json.loads(value) if index > 6 and isinstance(value, str) else value for index, value in enumerate(row)]
