"""How far a source was read: runs up to a moment, usage up to a day; both kept in one cursor text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self

from evidence.connectors.errors import SchemaError
from evidence.readings import Finality

SETTLE: Final = timedelta(days=2)  # late events of a day arrive meanwhile
_FORM: Final = re.compile(r"(\d{1,15})/(\d{4}-\d{2}-\d{2})?")


@dataclass(frozen=True, slots=True)
class Progress:
    """`runs` is the newest moment read, in milliseconds since the epoch (0: none); `usage` the newest day (UTC)."""

    runs: int = 0
    usage: date | None = None

    @classmethod
    def of(cls, cursor: str) -> Self:
        """What a stored cursor says; SchemaError when it was not written by this connector."""
        if not cursor:
            return cls()
        found = _FORM.fullmatch(cursor)
        try:
            if found:
                return cls(int(found[1]), date.fromisoformat(found[2]) if found[2] else None)
        except ValueError:
            pass
        mend = "Reset the connector's cursor and sync again."
        raise SchemaError("The stored cursor is not one of this kind of source.", mend=mend)

    def text(self) -> str:
        return f"{self.runs}/{self.usage or ''}"

    def read_runs(self, until: int, now: datetime) -> Self:
        """Never beyond now: a source whose clock runs ahead must not hide runs that are still to come."""
        return replace(self, runs=max(self.runs, min(until, round(now.timestamp() * 1000))))

    def read_day(self, day: date) -> Self:
        return replace(self, usage=max(day, self.usage or day))

    def runs_since(self, lookback: timedelta) -> int:
        return max(0, self.runs - int(lookback.total_seconds() * 1000))

    def days(self, now: datetime, lookback: timedelta, first: int) -> Iterator[date]:
        """The days to read, oldest first, today last; `first` is how many the first visit reads."""
        today = now.astimezone(UTC).date()
        back = today - timedelta(days=max(first, 1) - 1)
        day = min(self.usage - timedelta(days=lookback.days), today) if self.usage else back
        while day <= today:
            yield day
            day += timedelta(days=1)

    def days_new_first(self, now: datetime, lookback: timedelta, first: int) -> Iterator[date]:
        """The same days, those never read before the others: a source that allows few calls is not read in vain.

        New days come oldest first, so that the cursor tells the truth; then those that may have been restated, newest
        first.
        """
        known = self.usage
        days = list(self.days(now, lookback, first))
        if known is None:
            yield from days
            return
        yield from (day for day in days if day > known)
        yield from (day for day in reversed(days) if day <= known)


def bounds(day: date) -> tuple[datetime, datetime]:
    """The first moment of a day (UTC) and that of the next one."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def finality_of(day: date, now: datetime, settle: timedelta = SETTLE) -> Finality:
    """Final once the day has been over long enough for what comes late."""
    return "final" if bounds(day)[1] + settle <= now else "provisional"
