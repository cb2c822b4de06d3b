"""How long an approval or a document counts, when its end is announced, what makes data more delicate; pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

# So many days ahead the end is announced; 0 is the end itself.
WARNINGS = (30, 7, 0)
SOON = timedelta(days=WARNINGS[0])
Term = Literal["open", "running", "ending", "lapsed"]


def term(until: date | None, today: date) -> Term:
    """`until` is the last day that counts: open without one, ending within thirty days, lapsed the day after it."""
    if until is None:
        return "open"
    if until < today:
        return "lapsed"
    return "ending" if until - today <= SOON else "running"


def due_warning(until: date | None, today: date, told: int | None) -> int | None:
    """The warning to give now, in days ahead, or None; `told` is the last one given for this end.

    Who was away for a week is warned once, of what holds now, not of everything that was missed.
    """
    if until is None:
        return None
    left = (until - today).days
    due = [days for days in WARNINGS if (left < 0 if days == 0 else left <= days)]
    if not due or (told is not None and told <= due[-1]):
        return None
    return due[-1]


def is_stale(every_hours: int | None, refreshed_at: datetime | None, now: datetime) -> bool:
    """The promise of freshness is broken: a promise, and no refresh reported within it. No promise is never broken."""
    if every_hours is None:
        return False
    return refreshed_at is None or now - refreshed_at > timedelta(hours=every_hours)


def raised(scale: Sequence[str], before: tuple[str, bool], after: tuple[str, bool]) -> bool:
    """(classification, personal data) became more delicate: a higher class, or personal data where there was none."""
    return scale.index(after[0]) > scale.index(before[0]) or (after[1] and not before[1])


def lowered(scale: Sequence[str], before: tuple[str, bool], after: tuple[str, bool]) -> bool:
    """(classification, personal data) became less delicate in either."""
    return scale.index(after[0]) < scale.index(before[0]) or (before[1] and not after[1])
