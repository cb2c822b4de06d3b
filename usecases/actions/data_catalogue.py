"""What becomes of a data source in the catalogue: changing it, handing it over, certifying it, reports of a refresh."""

from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from portal.models import BusinessUnit
from usecases import data_policies as policies
from usecases.actions.authors import person_of
from usecases.actions.data_sources import reopen_data_uses, require_free_name
from usecases.choices import DataClass
from usecases.models import DataSource, DataUse, UseCase
from usecases.validity import raised

# A reporter's clock may run ahead of ours by so much.
CLOCKS_DIFFER = timedelta(minutes=5)
LABELS = {
    "name": "name",
    "system": "system",
    "description": "description",
    "unit": "business unit",
    "classification": "classification",
    "personal_data": "personal data",
    "region": "region",
    "licence": "licence",
    "retention": "retention",
    "grounding": "trust for grounding",
    "refresh_every_hours": "promise of freshness",
}


@transaction.atomic
def change_data_source(*, actor: Actor, data_source: DataSource, reason: str = "", **changes: Any) -> DataSource:
    """Change what the catalogue says of a source; more delicate data have every approval confirmed again.

    Raises Refused; ValidationError for a name that the unit has already. Changing nothing tells nothing.
    """
    unknown = changes.keys() - LABELS.keys()
    if unknown:
        raise TypeError(f"A data source has no {', '.join(sorted(unknown))} to change here.")
    # Use cases first, then the source, then its uses: one order of locks everywhere.
    touched = DataUse.objects.filter(data_source=data_source).values("use_case_id")
    list(UseCase.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=touched).order_by("pk"))
    source = _locked(data_source)
    before = {field: getattr(source, field) for field in changes}
    differing = {field: value for field, value in changes.items() if value != before[field]}
    require(policies.may_change_data_source(actor, source, differing))
    if not differing:
        return source
    if {"name", "unit"} & differing.keys():
        require_free_name(differing.get("unit", source.unit), differing.get("name", source.name), source.pk)
    was = (source.classification, source.personal_data)
    for field, value in differing.items():
        setattr(source, field, value)
    more_delicate = raised(DataClass.values, was, (source.classification, source.personal_data))
    if more_delicate:
        source.certified_by = source.certified_at = source.certified_until = source.warned = None
        source.certification_note = ""
    source.save()
    what = ", ".join(LABELS[field] for field in LABELS if field in differing)
    record(
        actor,
        "data_source.changed",
        source,
        f"changed {what} of the data source {source.name}.",
        data={
            "reason": reason.strip(),
            "before": {field: _plain(before[field]) for field in differing},
            "after": {field: _plain(value) for field, value in differing.items()},
        },
    )
    if more_delicate:
        reopen_data_uses(actor=actor, data_source=source, why=_why_reopened(was, source))
    return source


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, BusinessUnit) else value


def _why_reopened(was: tuple[str, bool], source: DataSource) -> str:
    said = []
    if source.classification != was[0]:
        text = _("its classification rose from %(before)s to %(after)s")
        labels = {"before": DataClass(was[0]).label, "after": DataClass(source.classification).label}
        said.append(text % {key: str(label).lower() for key, label in labels.items()})
    if source.personal_data and not was[1]:
        said.append(_("it holds personal data now"))
    return "{}.".format(_(" and ").join(said))


@transaction.atomic
def certify_data_source(*, actor: Actor, data_source: DataSource, valid_until: date, note: str = "") -> DataSource:
    """Its owner vouches for what the catalogue says of it, until a day. Raises Refused; ValidationError for a past day.

    While no certificate was ever given nothing is claimed; one that has lapsed speaks against building on the source.
    """
    if valid_until <= timezone.localdate():
        raise ValidationError({"valid_until": _("This day is past. Choose a later one.")})
    source = _locked(data_source)
    require(policies.may_certify_data_source(actor, source))
    source.certified_by, source.certified_at = person_of(actor), timezone.now()
    source.certified_until, source.certification_note, source.warned = valid_until, note.strip(), None
    source.save()
    record(
        actor,
        "data_source.certified",
        source,
        f"certified the data source {source.name} until {valid_until:%Y-%m-%d}.",
        data={"valid_until": valid_until, "reason": note.strip()},
    )
    return source


@transaction.atomic
def report_refresh(*, actor: Actor, data_source: DataSource, refreshed_at: datetime) -> DataSource:
    """When the source was last refreshed, as its system says. An older report than the one known changes nothing.

    Raises Refused; ValidationError for a moment that is still to come.
    """
    if refreshed_at > timezone.now() + CLOCKS_DIFFER:
        raise ValidationError({"refreshed_at": _("This moment is still to come. Report a refresh once it is done.")})
    source = _locked(data_source)
    require(policies.may_report_refresh(actor, source))
    if source.refreshed_at is not None and refreshed_at <= source.refreshed_at:
        return source
    source.refreshed_at = refreshed_at
    source.save(update_fields=["refreshed_at"])
    record(
        actor,
        "data_source.refreshed",
        source,
        f"reported that the data source {source.name} was refreshed.",
        data={"refreshed_at": refreshed_at},
    )
    return source


def _locked(data_source: DataSource) -> DataSource:
    found: DataSource = (
        DataSource.objects.select_for_update(of=("self",)).select_related("owner", "unit").get(pk=data_source.pk)
    )
    return found
