"""The register's rows as its export shows them: the columns an import knows again."""

from collections.abc import Iterator
from typing import Any

from portal.actors import Actor
from usecases.choices import Pattern
from usecases.finding.pages import every_page
from usecases.finding.query import Query
from usecases.importing.rows import NOT_STATED
from usecases.models import Fact, ImportedUseCase, UseCase

# So many that a page of them costs one round of queries, so few that they fit into memory.
_PAGE = 2000
HEADERS = (
    "Gatehouse reference", "Name", "Business outcome", "User group", "Pattern", "Unit", "Owner sign-in name", "Owner",
    "Stage", "Tier", "Reported stage", "Reported impact", "Source", "Registered at", "Changed at",
)  # fmt: skip
# In words that an import knows again.
_REPORTED = {"idea": "Idea", "pilot": "Pilot", "deployed": "Deployed", "retired": "Retired", "high": "High impact",
             "review": "To be reviewed", "none": "No high impact"}  # fmt: skip


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
    ]


def _said(text: str) -> str:
    """What was not stated stays open, so that a later import does not take it for an answer."""
    return "" if text == NOT_STATED else text
