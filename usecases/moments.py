"""Any use case as of any moment, put together from what the database kept.

Who may look is judged by today's rights: what somebody may know of now they may know with its past, and who has lost
their part on it gets none of its past either. People, units and sources carry today's names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from usecases.choices import TeamRole
from usecases.models import DataUse, Fact, SystemVersion, UseCase, UseCaseUserPermission

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class NotKnownThen(Exception):
    """Nothing is known of that moment; `code` and the message say why."""

    def __init__(self, code: str, text: str, since: datetime) -> None:
        super().__init__(text)
        self.code, self.since = code, since


@dataclass(frozen=True)
class Part:
    person: Any
    role: str

    @property
    def label(self) -> str:
        return str(TeamRole(self.role).label) if self.role in TeamRole.values else self.role


@dataclass(frozen=True)
class Snapshot:
    """What was so at a moment: the description as an unsaved row, and what hung on it."""

    at: datetime
    use_case: UseCase
    team: list[Part]
    uses: list[Any]
    facts: list[Fact]
    version: SystemVersion | None
    told: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def known(self) -> list[dict[str, str]]:
        """What was known, for the page."""
        return [{"label": _plain(fact.name).capitalize(), "value": fact.statement} for fact in self.facts]


def _plain(name: str) -> str:
    return name.replace("_", " ")


def moment_of(text: str) -> datetime:
    """A day (its end, in UTC) or a moment, as ISO 8601. Raises ValidationError for anything else and for the future."""
    try:
        if _DAY.fullmatch(text):
            at = datetime.combine(date.fromisoformat(text), time.max, UTC)
            at = min(at, timezone.now()) if at.date() == timezone.now().date() else at
        else:
            at = datetime.fromisoformat(text)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError(
            {"as_of": _("Write a day as 2026-03-01, or a moment as 2026-03-01T12:00Z.")}, code="no_moment"
        ) from None
    if at > timezone.now():
        raise ValidationError({"as_of": _("This lies ahead. Choose a moment that is past.")}, code="future")
    return at


def as_of(use_case: UseCase, at: datetime) -> Snapshot:
    """What was so then. The caller has fetched the use case as the actor. Raises NotKnownThen."""
    kept = _history(UseCase).filter(pgh_obj=use_case, pgh_created_at__lte=at)
    row = kept.select_related("owner", "unit").order_by("-pgh_created_at", "-pgh_id").first()
    if at < use_case.registered_at or row is None:
        raise _unknown(use_case, at)
    version = SystemVersion.objects.filter(use_case=use_case, declared_at__lte=at).order_by("-number").first()
    snapshot = Snapshot(
        at=at,
        use_case=_described(row),
        team=_team(use_case, at),
        uses=_uses(use_case, at),
        facts=list(_facts_then(use_case, at)),
        version=version,
    )
    snapshot.told.update((key, (label, said)) for key, label, said in _told(snapshot))
    return snapshot


def changed_since(then: Snapshot, now: Snapshot) -> list[dict[str, str]]:
    """What differs, as `{label, before, after}`, in the order of the page."""
    keys = [*then.told, *(key for key in now.told if key not in then.told)]
    return [
        {
            "label": (now.told.get(key) or then.told[key])[0],
            "before": then.told.get(key, ("", ""))[1],
            "after": now.told.get(key, ("", ""))[1],
        }
        for key in keys
        if then.told.get(key, ("", ""))[1] != now.told.get(key, ("", ""))[1]
    ]


def _unknown(use_case: UseCase, at: datetime) -> NotKnownThen:
    if at < use_case.registered_at:
        text = _("It was registered later. Choose a moment since then.")
        return NotKnownThen("before_registration", text, use_case.registered_at)
    first = _history(UseCase).filter(pgh_obj=use_case).order_by("pgh_created_at").first()
    since = first.pgh_created_at if first is not None else timezone.now()
    text = _("The portal has kept every change only since later. What came before is told by the history's sentences.")
    return NotKnownThen("before_history", text, since)


def _history(model: type[Model]) -> Any:
    return model.pgh_event_model._default_manager  # type: ignore[attr-defined]


def _described(row: Any) -> UseCase:
    """The use case as it was, for showing; it is never saved."""
    known = {name.attname for name in UseCase._meta.concrete_fields}
    values = {
        column.attname: getattr(row, column.attname)
        for column in row._meta.concrete_fields
        if column.attname in known and not column.name.startswith("pgh_")
    }
    use_case = UseCase(**values, updated_at=row.pgh_created_at)
    use_case.owner, use_case.unit = row.owner, row.unit
    return use_case


def _latest(model: type[Model], at: datetime, **of: Any) -> Any:
    """The last line of every row of this kind up to then; who calls passes over those that were deleted."""
    kept = _history(model).filter(**of, pgh_created_at__lte=at)
    return kept.order_by("pgh_obj_id", "-pgh_created_at", "-pgh_id").distinct("pgh_obj_id")


def _team(use_case: UseCase, at: datetime) -> list[Part]:
    rows = _latest(UseCaseUserPermission, at, content_object=use_case).select_related("user", "permission")
    parts = [Part(row.user, row.permission.codename.removeprefix("team_")) for row in rows if row.pgh_label != "delete"]
    return sorted(parts, key=lambda part: (part.person.name, part.role))


def _uses(use_case: UseCase, at: datetime) -> list[Any]:
    rows = _latest(DataUse, at, use_case=use_case).select_related("data_source", "decided_by")
    return sorted((row for row in rows if row.pgh_label != "delete"), key=lambda row: row.data_source.name)


def _facts_then(use_case: UseCase, at: datetime) -> Any:
    """A fact keeps its own versions: it held from `as_of` until `until`."""
    then = Q(until__isnull=True) | Q(until__gt=at)
    return Fact.objects.filter(then, use_case=use_case, as_of__lte=at).order_by("name")


def _told(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """(key, label, words) of everything that is compared."""
    case = snapshot.use_case
    labels = {
        "title": _("Title"),
        "business_outcome": _("Business outcome"),
        "user_group": _("Users and affected people"),
        "pattern": _("Pattern"),
        "stage": _("Stage"),
        "tier": _("Risk tier"),
    }
    for name, label in labels.items():
        show = getattr(case, f"get_{name}_display", None)
        yield name, label, str(show() if show else getattr(case, name))
    yield "restricted", _("Restricted"), _("Yes") if case.restricted else _("No")
    yield "owner", _("Accountable owner"), case.owner.name
    yield "unit", _("Business unit"), case.unit.name
    for part in snapshot.team:
        yield f"team.{part.person.pk}.{part.role}", _("Team"), f"{part.person.name} ({part.label})"
    for use in snapshot.uses:
        until = _(", until %(day)s") % {"day": use.valid_until.isoformat()} if use.valid_until else ""
        yield (
            f"use.{use.pgh_obj_id}",
            _("Data: %(source)s") % {"source": use.data_source.name},
            (f"{use.get_state_display()}{until}"),
        )
    for fact in snapshot.facts:
        if fact.name not in (*labels, "owner_named"):
            yield f"fact.{fact.name}", _("Known: %(what)s") % {"what": _plain(fact.name)}, fact.statement
    if snapshot.version is not None:
        version = snapshot.version
        yield "version", _("Version"), f"{version.number} · {version.label}"
