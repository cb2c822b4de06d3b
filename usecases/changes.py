"""How a change of a field reads: the field's name for people, and words for what is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import Permission
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from portal.models import BusinessUnit, User
from usecases.choices import TeamRole
from usecases.models import ChecklistConfirmation, DataSource, DataUse, RiskReview, UseCase, UseCaseUserPermission

LONGEST = 600


@dataclass(frozen=True)
class Thing:
    """A tracked table of the register: `parent` is its history's column that names the use case."""

    key: str
    label: str | Promise
    model: type[models.Model]
    parent: str
    # Names of its columns for people; a column that is not named here is told by its own name.
    fields: Mapping[str, str | Promise]

    @property
    def history(self) -> type[models.Model]:
        found: type[models.Model] = self.model.pgh_event_model  # type: ignore[attr-defined]
        return found


THINGS = (
    Thing(
        "use_case",
        lazy("Description and stage"),
        UseCase,
        "pgh_obj_id",
        {
            "title": lazy("Title"),
            "business_outcome": lazy("Business outcome"),
            "user_group": lazy("Users and affected people"),
            "pattern": lazy("Pattern"),
            "owner_id": lazy("Accountable owner"),
            "unit_id": lazy("Business unit"),
            "stage": lazy("Stage"),
            "restricted": lazy("Restricted"),
            "tier": lazy("Risk tier"),
        },
    ),
    Thing("team", lazy("Team"), UseCaseUserPermission, "content_object_id", {"user_id": lazy("Team")}),
    Thing(
        "data_use",
        lazy("Data"),
        DataUse,
        "use_case_id",
        {
            "state": lazy("State"),
            "purpose": lazy("Purpose"),
            "access_boundary": lazy("Access boundary"),
            "decided_by_id": lazy("Decided by"),
            "decided_for_id": lazy("Decided for"),
            "note": lazy("Note"),
            "valid_until": lazy("Valid until"),
        },
    ),
    Thing(
        "risk_review",
        lazy("Risk reviews"),
        RiskReview,
        "use_case_id",
        {
            "state": lazy("State"),
            "proposed_tier": lazy("Proposed tier"),
            "concluded_tier": lazy("Concluded tier"),
            "rationale": lazy("Rationale"),
            "concluded_by_id": lazy("Concluded by"),
        },
    ),
    Thing(
        "checklist_item",
        lazy("Checklist"),
        ChecklistConfirmation,
        "use_case_id",
        {
            "evidence": lazy("Evidence"),
            "link": lazy("Link"),
            "confirmed_by_id": lazy("Confirmed by"),
            "withdrawn_by_id": lazy("Withdrawn by"),
        },
    ),
)
BY_KEY = {thing.key: thing for thing in THINGS}
# Said by the line's own time, or by another column of the same change.
UNSAID = {
    "id", "number", "use_case_id", "content_object_id", "data_source_id", "permission_id", "registered_by_id",
    "registered_at", "requested_by_id", "requested_at", "decided_at", "submitted_by_id", "submitted_at", "concluded_at",
    "confirmed_at", "withdrawn_at", "provisional", "item",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One field of one thing, before and after: as stored, and in words. `subject` says which, where there are many."""

    thing: str
    subject: str
    field: str
    label: str
    before: Any
    after: Any
    said_before: str
    said_after: str


@dataclass(frozen=True)
class Row:
    """One line of a history table; `row` holds the columns by name, `before` what changed ones held."""

    thing: str
    key: int
    at: datetime
    label: str
    transaction: str
    role: str
    before: dict[str, Any] | None
    row: dict[str, Any]


def fields() -> list[tuple[str, str]]:
    """(key, name) of every field that a history can be narrowed to."""
    return [
        (f"{thing.key}.{column}", f"{thing.label}: {label}" if str(label) != str(thing.label) else str(label))
        for thing in THINGS
        for column, label in thing.fields.items()
    ]


def names_in(rows: Iterable[Row]) -> dict[str, str]:
    """Names of the people, units, sources and parts that these rows hold by their keys; one query."""
    keys: dict[type[models.Model], set[Any]] = {User: set(), BusinessUnit: set(), DataSource: set(), Permission: set()}
    for row in rows:
        for held in (row.row, row.before or {}):
            for column, value in held.items():
                target = _target(row.thing, column)
                if value is not None and target in keys:
                    keys[target].add(value)
    wanted = [
        model._default_manager.filter(pk__in=found)
        .order_by()
        .annotate(
            key=Concat(
                Value("part:" if model is Permission else "", output_field=TextField()), Cast("pk", TextField())
            ),
            words=Cast("codename" if model is Permission else "name", TextField()),
        )
        .values_list("key", "words")
        for model, found in keys.items()
        if found
    ]
    return dict(wanted[0].union(*wanted[1:], all=True)) if wanted else {}


def changes_in(row: Row, names: Mapping[str, str]) -> list[Change]:
    """What this row changed, field by field; a new row tells what it holds, a deleted one what it held."""
    thing, subject = BY_KEY[row.thing], _subject(row, names)
    if row.label == "update":
        held = row.before or {}
        ordered = [*thing.fields, *(column for column in row.row if column not in thing.fields)]
        told = [column for column in ordered if column in held and column not in UNSAID]
        pairs = [(column, held[column], row.row[column]) for column in told]
    else:
        told = [column for column in thing.fields if row.row.get(column) not in (None, "", False)]
        gone = row.label == "delete"
        pairs = [(column, row.row[column] if gone else None, None if gone else row.row[column]) for column in told]
    return [
        Change(
            thing=thing.key,
            subject=subject,
            field=column,
            label=_label(thing, column),
            before=before,
            after=after,
            said_before=words(row, column, before, names),
            said_after=words(row, column, after, names),
        )
        for column, before, after in pairs
    ]


def _label(thing: Thing, column: str) -> str:
    if column in thing.fields:
        return str(thing.fields[column])
    field = _field(thing.key, column)
    name = str(field.verbose_name) if field is not None else column
    return name[:1].upper() + name[1:]


def _subject(row: Row, names: Mapping[str, str]) -> str:
    match row.thing:
        case "data_use":
            return names.get(str(row.row["data_source_id"]), "")
        case "risk_review":
            return _("Review %(number)s") % {"number": row.row["number"]}
        case "checklist_item":
            return str(row.row["item"])
        case _:
            return ""


def words(row: Row, column: str, value: Any, names: Mapping[str, str]) -> str:
    """The stored value as people say it; empty for nothing."""
    if value is None or value == "":
        return ""
    if row.thing == "team" and column == "user_id":
        part = names.get(f"part:{row.row['permission_id']}", "").removeprefix("team_")
        role = str(TeamRole(part).label) if part in TeamRole.values else part
        return f"{names.get(str(value), _('somebody'))} ({role})"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    field = _field(row.thing, column)
    if isinstance(field, models.ForeignKey):
        return names.get(str(value), _("somebody") if field.related_model is User else str(value))
    if isinstance(field, models.DateTimeField):
        return formats.date_format(timezone.localtime(datetime.fromisoformat(value)), "DATETIME_FORMAT")
    if isinstance(field, models.DateField):
        return formats.date_format(date.fromisoformat(value), "DATE_FORMAT")
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _field(thing: str, column: str) -> Any:
    """The model's field behind the column, or None for a column that is no more."""
    try:
        return BY_KEY[thing].model._meta.get_field(column.removesuffix("_id"))
    except FieldDoesNotExist:
        return None


def _target(thing: str, column: str) -> Any:
    field = _field(thing, column)
    return field.related_model if isinstance(field, models.ForeignKey) else None
