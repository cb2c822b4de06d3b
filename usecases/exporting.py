"""The register's lists as their exports show them; the columns of use cases are known to an import again."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from portal.actors import Actor
from portal.trail import TOLD_HEADERS, told_row
from usecases.choices import Pattern
from usecases.data_catalogue import page_of
from usecases.finding.pages import every_page
from usecases.finding.query import Query
from usecases.history import Wanted, timeline
from usecases.importing.rows import NOT_STATED
from usecases.models import DataSource, Fact, ImportedUseCase, UseCase

# So many that a page of them costs one round of queries, so few that they fit into memory.
_PAGE = 2000
HEADERS = (
    "Gatehouse reference", "Name", "Business outcome", "User group", "Pattern", "Unit", "Owner sign-in name", "Owner",
    "Stage", "Tier", "Reported stage", "Reported impact", "Source", "Registered at", "Changed at", "Tags",
)  # fmt: skip
# What stands under the columns that a list may be cut down to; the reference and the name always do.
_ALWAYS = ("Gatehouse reference", "Name")
_UNDER = {
    "unit": ("Unit",), "owner": ("Owner sign-in name", "Owner"), "stage": ("Stage",), "tier": ("Tier",),
    "reported": ("Reported stage",), "pattern": ("Pattern",), "tags": ("Tags",), "registered": ("Registered at",),
    "updated": ("Changed at",),
}  # fmt: skip
# In words that an import knows again.
_REPORTED = {"idea": "Idea", "pilot": "Pilot", "deployed": "Deployed", "retired": "Retired", "high": "High impact",
             "review": "To be reviewed", "none": "No high impact"}  # fmt: skip


def register_table(actor: Actor, query: Query) -> tuple[tuple[str, ...], Iterator[list[str]]]:
    """(headers, rows): everything that is known, or the columns that were chosen for the list."""
    rows = register_rows(actor, query)
    if not query.columns:
        return HEADERS, rows
    chosen = {*_ALWAYS, *(header for column in query.columns for header in _UNDER[column])}
    places = [place for place, header in enumerate(HEADERS) if header in chosen]
    return tuple(HEADERS[place] for place in places), ([row[place] for place in places] for row in rows)


def register_rows(actor: Actor, query: Query) -> Iterator[list[str]]:
    """Every use case that the query finds for the actor, in its order, page by page."""
    for page in every_page(actor, query, _PAGE):
        keys = [use_case.pk for use_case in page]
        facts = {
            (key, name): _REPORTED.get(str(value), str(value))
            for key, name, value in Fact.objects.filter(
                use_case__in=keys, name__in=("reported_stage", "reported_impact"), until__isnull=True
            ).values_list("use_case_id", "name", "value")
        }
        sources = dict(ImportedUseCase.objects.filter(use_case__in=keys).values_list("use_case_id", "source_name"))
        for use_case in page:
            yield _row(use_case, facts, sources.get(use_case.pk, ""))


def reported_stages(rows: Sequence[Any]) -> dict[Any, str]:
    """What the source of each of these says of its stage, in words, by id; nothing for those without a source."""
    known = Fact.objects.filter(use_case__in=[row.pk for row in rows], name="reported_stage", until__isnull=True)
    return {pk: _REPORTED.get(str(value), str(value)) for pk, value in known.values_list("use_case_id", "value")}


def _row(use_case: UseCase, facts: dict[tuple[Any, str], str], source: str) -> list[str]:
    return [
        use_case.reference,
        use_case.title,
        _said(use_case.business_outcome),
        _said(use_case.user_group),
        "" if use_case.pattern == Pattern.UNSTATED else use_case.get_pattern_display(),
        use_case.unit.name,
        use_case.owner.username,
        use_case.owner.name,
        use_case.get_stage_display(),
        use_case.get_tier_display() if use_case.tier else "",
        facts.get((use_case.pk, "reported_stage"), ""),
        facts.get((use_case.pk, "reported_impact"), ""),
        source,
        use_case.registered_at.isoformat(timespec="seconds"),
        use_case.updated_at.isoformat(timespec="seconds"),
        ", ".join(use_case.tags),
    ]


def _said(text: str) -> str:
    """What was not stated stays open, so that a later import does not take it for an answer."""
    return "" if text == NOT_STATED else text


SOURCE_HEADERS = (
    "Name", "System", "Owner", "Unit", "Classification", "Personal data", "Trust", "Certified until",
    "Refresh every hours", "Refreshed at", "Overdue", "Region", "Licence", "Use cases",
)  # fmt: skip


def source_rows(found: QuerySet[DataSource], order: str) -> Iterator[list[str]]:
    """Every data source of these, in this order, with how many use cases the actor may see that touch it."""
    cursor = ""
    while True:
        rows, cursor = page_of(found, order, cursor, _PAGE)
        yield from (_source(row) for row in rows)
        if not cursor:
            return


def _source(row: Any) -> list[str]:
    return [
        row.name,
        row.system,
        row.owner.name,
        row.unit.name,
        row.get_classification_display(),
        _yes(row.personal_data),
        row.get_grounding_display(),
        row.certified_until.isoformat() if row.certified_until else "",
        str(row.refresh_every_hours or ""),
        row.refreshed_at.isoformat(timespec="seconds") if row.refreshed_at else "",
        _yes(row.stale),
        row.region,
        row.licence,
        str(row.used_by),
    ]


COMPONENT_HEADERS = ("Name", "Kind", "Provider", "Version", "Digest", "In use", "Licence", "Region", "Retires on")


def component_rows(found: Any) -> Iterator[list[str]]:
    """Every component of these, by name; `in_use` is annotated for the actor."""
    after = ""
    while True:
        rows, after = found.page(after, _PAGE)
        for row in rows:
            retires = row.retires_on.isoformat() if row.retires_on else ""
            yield [row.name, str(row.get_kind_display()), row.provider, row.version, row.digest, _yes(row.in_use),
                   row.licence, row.region, retires]  # fmt: skip
        if not after:
            return


HISTORY_HEADERS = (*TOLD_HEADERS, "What changed")


def history_rows(use_case: UseCase, wanted: Wanted) -> Iterator[list[str]]:
    """Every line of the history that is wanted, newest first, with the fields that moved."""
    before = ""
    while True:
        entries, before = timeline(use_case, wanted, before, _PAGE)
        for entry in entries:
            moves = (
                f"{change.subject + ' · ' if change.subject else ''}{change.label}: "
                f"{change.said_before or '—'} → {change.said_after or '—'}"
                for change in entry.changes
            )
            yield [*told_row(entry.line), "; ".join(moves)]
        if not before:
            return


def _yes(holds: bool) -> str:
    return "Yes" if holds else "No"
