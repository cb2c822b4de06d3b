"""Reading the audit trail: who may, and how an event reads as a sentence."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from django.apps import apps
from django.core.exceptions import BadRequest
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import Ruling, organisation_capabilities, rule, unless
from portal.actors import Actor
from portal.audit import MENTION
from portal.models import AuditEvent, ServiceAccount, User

MOST_NAMESAKES = 50
TOLD_HEADERS = ("At", "Who", "Kind of actor", "What", "Reason", "Action", "About")


@dataclass(frozen=True)
class Line:
    """One line of the trail, ready for the page."""

    id: uuid.UUID
    at: datetime
    actor: str
    machine: bool
    sentence: str
    reason: str
    action: str
    seq: str
    url: str
    references: list[str]


def may_read_trail(actor: Actor) -> Ruling:
    return rule(
        [
            unless(
                "view_audit" in organisation_capabilities(actor),
                "not_auditor",
                _("Reading the whole trail needs the role of auditor or administrator; machines need the audit scope."),
            )
        ]
    )


def whole_trail(actor: Actor) -> QuerySet[AuditEvent]:
    """Every event, for those whose grants say so; nothing for everybody else."""
    if not may_read_trail(actor):
        return AuditEvent.objects.none()
    return AuditEvent.objects.all()


def narrowed(
    events: QuerySet[AuditEvent],
    *,
    about: str = "",
    who: str = "",
    action: str = "",
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[AuditEvent]:
    """Those about one reference, by whoever bears part of a name, of an action that begins so, within whole days."""
    if about:
        events = events.filter(references__contains=[about])
    if who:
        events = events.filter(_by(who))
    if action:
        events = events.filter(payload__action__startswith=action)
    if since:
        events = events.filter(recorded_at__gte=_midnight(since))
    if until and until < date.max:
        events = events.filter(recorded_at__lt=_midnight(until + timedelta(days=1)))
    return events


def _by(who: str) -> Q:
    people = User.objects.filter(name__icontains=who).values_list("pk", flat=True)[:MOST_NAMESAKES]
    accounts = ServiceAccount.objects.filter(name__icontains=who).values_list("pk", flat=True)[:MOST_NAMESAKES]
    return (
        Q(payload__actor__person__in=[str(pk) for pk in people])
        | Q(payload__actor__acting_for__in=[str(pk) for pk in people])
        | Q(payload__actor__account__in=[str(pk) for pk in accounts])
        | Q(payload__actor__name__icontains=who)
    )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def trail_of(use_case_id: uuid.UUID) -> QuerySet[AuditEvent]:
    """One use case's events. The caller has fetched the use case as the actor: that was the permission check."""
    return AuditEvent.objects.filter(use_case_id=use_case_id)


def newest_first(events: QuerySet[AuditEvent], before: str, size: int) -> tuple[list[AuditEvent], str]:
    """(a page of events, the key of the next page or ""). Keys are opaque: time and id of the last event shown.

    Raises BadRequest for a key that no page of ours handed out.
    """
    if before:
        at, pk = place(before)
        events = events.filter(recorded_at__lte=at).exclude(recorded_at=at, id__gte=pk)
    rows = list(events.order_by("-recorded_at", "-id")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    return rows, f"{rows[-1].recorded_at.isoformat()}_{rows[-1].pk}" if more else ""


def place(key: str) -> tuple[datetime, uuid.UUID]:
    """The moment and the event that a page's key names."""
    try:
        moment, _bar, event_id = key.partition("_")
        at, pk = datetime.fromisoformat(moment), uuid.UUID(event_id)
        if at.tzinfo is None:
            raise ValueError("A moment without its zone.")
    except ValueError as error:
        raise BadRequest(_("No page of the trail begins there. Start at its newest lines.")) from error
    return at, pk


def every_line(events: QuerySet[AuditEvent], size: int) -> Iterator[Line]:
    """All of these as sentences, newest first, page after page."""
    before = ""
    while True:
        rows, before = newest_first(events, before, size)
        yield from as_lines(rows)
        if not before:
            return


def told_row(line: Line) -> list[str]:
    """A line as a row of an export, under TOLD_HEADERS."""
    who = _("machine") if line.machine else _("person")
    return [line.at.isoformat(timespec="seconds"), line.actor, who, line.sentence, line.reason, line.action,
            ", ".join(line.references)]  # fmt: skip


def as_lines(events: Iterable[AuditEvent]) -> list[Line]:
    """The events as sentences; every name is looked up once."""
    events = list(events)
    names = _names(events)
    return [_line(event, names) for event in events]


def _line(event: AuditEvent, names: dict[str, str]) -> Line:
    payload = event.payload
    author = payload["actor"]
    who = names.get(author.get("person") or author.get("account") or "", author.get("name", author["kind"]))
    machine = author["kind"] != "person"
    return Line(
        id=event.pk,
        at=event.recorded_at,
        # A machine's name is an identifier, but here it begins a sentence.
        actor=who[:1].upper() + who[1:] if machine else _in_whose_name(who, author, names),
        machine=machine,
        sentence=MENTION.sub(lambda found: names.get(found[1], "somebody"), payload["sentence"]),
        reason=str(payload["data"].get("reason") or ""),
        action=payload["action"],
        seq=f"{_things().get(payload['object']['type'], payload['object']['type'])} · {payload['object']['rev']}",
        url="",
        references=event.references,
    )


def _in_whose_name(who: str, author: dict[str, str], names: dict[str, str]) -> str:
    """A delegate's act bears both names."""
    if "acting_for" not in author:
        return who
    return _("%(who)s for %(absent)s") % {"who": who, "absent": names.get(author["acting_for"], _("somebody"))}


@cache
def _things() -> dict[str, str]:
    """What the table of each kind of thing is called by people."""
    return {model._meta.db_table: str(model._meta.verbose_name).capitalize() for model in apps.get_models()}


def _names(events: list[AuditEvent]) -> dict[str, str]:
    people: set[str] = set()
    accounts: set[str] = set()
    for event in events:
        author = event.payload["actor"]
        people |= {author[key] for key in ("person", "acting_for") if key in author}
        accounts |= {author["account"]} if "account" in author else set()
        people |= set(MENTION.findall(event.payload["sentence"]))
    names = {str(pk): name for pk, name in User.objects.filter(pk__in=people).values_list("pk", "name")}
    if accounts:
        names |= {
            str(pk): name for pk, name in ServiceAccount.objects.filter(pk__in=accounts).values_list("pk", "name")
        }
    return names
