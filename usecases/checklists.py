"""The pilot checklist as it stands, judged from facts and from what people confirmed. Reads, never writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from django.utils import timezone
from django.utils.translation import gettext as _

from usecases.choices import FactSource
from usecases.data_approvals import objections, uses_of
from usecases.models import ChecklistConfirmation, Fact, UseCase

CONTENT = Path(__file__).parent / "content" / "checklist.yaml"
UNSURE = "unsure"
DATA_FACT = "data_sources_approved"
# Never stored: what the calendar made of a fact since somebody last wrote it.
OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One thing to have before real users; `confirm` asks for a person, `satisfied_by` names facts."""

    id: str
    title: str
    why: str
    satisfied_by: tuple[str, ...]
    confirm: bool
    evidence: tuple[str, ...]
    frameworks: tuple[tuple[str, tuple[str, ...]], ...]
    strength: str
    note: str


@dataclass(frozen=True, slots=True)
class ItemStatus:
    """`state`: satisfied (by facts), confirmed (by a person) or open; `statement`: what is known or missing.

    `stated_by` is the key of the actor whose word a satisfied item rests on; empty when the portal measured or
    recorded all of it.
    """

    item: ChecklistItem
    state: Literal["satisfied", "confirmed", "open"]
    statement: str
    source: str = ""
    as_of: datetime | None = None
    confirmation: ChecklistConfirmation | None = None
    missing: tuple[str, ...] = ()
    stated_by: str = ""

    @property
    def done(self) -> bool:
        return self.state != "open"


@cache
def checklist_items() -> tuple[ChecklistItem, ...]:
    """The shipped checklist."""
    rows = yaml.safe_load(CONTENT.read_text(encoding="utf-8"))["items"]
    return tuple(
        ChecklistItem(
            id=row["id"],
            title=row["title"],
            why=row["why"],
            satisfied_by=tuple(row["satisfied_by"]),
            confirm=row["confirm"],
            evidence=tuple(row["evidence"]),
            frameworks=tuple((name, tuple(clauses)) for name, clauses in row["frameworks"].items() if clauses),
            strength=row["strength"],
            note=row["note"],
        )
        for row in rows
    )


def known_facts(use_case: UseCase) -> dict[str, Fact]:
    """What is known now, by name. Approvals of data that ended since are said to have ended, whatever was stored."""
    facts = {fact.name: fact for fact in Fact.objects.filter(use_case=use_case, until__isnull=True).order_by("name")}
    if against := objections(uses_of(use_case.pk)):
        known = facts.get(DATA_FACT)
        facts[DATA_FACT] = Fact(
            use_case=use_case,
            name=DATA_FACT,
            value=None,
            statement=" ".join(reason.text for reason in against),
            source=FactSource.VERB,
            confidence=OVERTAKEN,
            as_of=known.as_of if known else timezone.now(),
        )
    return facts


def pilot_checklist(use_case: UseCase, facts: Mapping[str, Fact] | None = None) -> list[ItemStatus]:
    """Every item in order, with its state; three queries whatever is known, one if `facts` were read before."""
    if facts is None:
        facts = known_facts(use_case)
    standing = ChecklistConfirmation.objects.filter(use_case=use_case, withdrawn_at__isnull=True)
    confirmations = {row.item: row for row in standing.select_related("confirmed_by")}
    return [_status(item, facts, confirmations.get(item.id)) for item in checklist_items()]


def item_status(use_case: UseCase, item_id: str) -> ItemStatus | None:
    """One item's state; None when the checklist has no such item."""
    return next((status for status in pilot_checklist(use_case) if status.item.id == item_id), None)


def _status(item: ChecklistItem, facts: Mapping[str, Fact], confirmation: ChecklistConfirmation | None) -> ItemStatus:
    missing = tuple(name for name in item.satisfied_by if not _holds(facts.get(name)))
    if missing:
        return ItemStatus(item, "open", _missing_words(missing[0], facts), confirmation=confirmation, missing=missing)
    if confirmation is not None:
        who, when = confirmation.confirmed_by.name, confirmation.confirmed_at
        return ItemStatus(item, "confirmed", confirmation.evidence, who, when, confirmation)
    if item.confirm:
        return ItemStatus(item, "open", _("A person must confirm this and say what proves it."))
    known = [facts[name] for name in item.satisfied_by]
    newest = max(known, key=lambda fact: fact.as_of)
    statement = " ".join(fact.statement for fact in known)
    stated = [fact for fact in known if fact.source == FactSource.PERSON]
    by = max(stated, key=lambda fact: fact.as_of).recorded_by if stated else ""
    return ItemStatus(item, "satisfied", statement, str(FactSource(newest.source).label), newest.as_of, stated_by=by)


def _holds(fact: Fact | None) -> bool:
    return fact is not None and fact.confidence not in (UNSURE, OVERTAKEN)


def _missing_words(name: str, facts: Mapping[str, Fact]) -> str:
    if name in facts and facts[name].confidence == OVERTAKEN:
        return facts[name].statement
    if name in facts:
        return _("Answered with “I do not know yet”.")
    words = {
        "owner_named": _("No accountable owner is named."),
        "user_group": _("The user group is not described."),
        "business_outcome": _("The business outcome is not described."),
        "data_sources_approved": _("No data source is declared, or not all are approved by their owners."),
        "evaluation_set": _("No evaluation set with test questions has been recorded."),
        "gate_criteria": _("No gate criteria have been fixed."),
        "cost_recorded": _("No cost has been recorded."),
        "support_process": _("The discovery question about support is not answered."),
    }
    return words.get(name, _("Not known yet."))
