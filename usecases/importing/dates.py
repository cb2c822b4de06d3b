"""Dates as precise as they were written: a year stays a year. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Precision = Literal["year", "month", "day"]
Order = Literal["month_first", "day_first", ""]
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), start=1,
    )
    for name in names.split()
}  # fmt: skip
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}.*$")
_ISO = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")
_SLASHED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})[/.-](\d{4})")
_NAMED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)?[ -])?([A-Za-z]{3,9})\.?[ ,-]+(?:(\d{1,2})(?:st|nd|rd|th)?,? )?(\d{4}|\d{2})"
)
_EARLIEST, _LATEST = 1950, 2100


@dataclass(frozen=True)
class Dated:
    """`text` is 2024, 2024-01 or 2024-01-31."""

    text: str
    precision: Precision


def order_of(cells: Iterable[str]) -> Order:
    """Whether this column writes the month or the day first; "" when nothing tells, or both do."""
    firsts = seconds = False
    for cell in cells:
        if found := _SLASHED.fullmatch(_TIME.sub("", cell.strip())):
            firsts |= int(found[1]) > 12
            seconds |= int(found[2]) > 12
    if firsts == seconds:
        return ""
    return "day_first" if firsts else "month_first"


def dated(cell: str, order: Order = "") -> Dated | None:
    """The date in the cell, or None when it says none. Where day and month cannot be told apart, the year counts."""
    text = _TIME.sub("", cell.strip()).strip()
    if found := _ISO.fullmatch(text):
        return _made(found[1], found[2], found[3])
    if found := _MONTH_YEAR.fullmatch(text):
        return _made(found[2], found[1])
    if found := _NAMED.fullmatch(text):
        month = _MONTHS.get(found[2].lower())
        return _made(found[4], str(month), found[1] or found[3]) if month else None
    if found := _SLASHED.fullmatch(text):
        return _slashed(int(found[1]), int(found[2]), found[3], order)
    return None


def _slashed(first: int, second: int, year: str, order: Order) -> Dated | None:
    if order == "day_first" or (first > 12 and not order):
        return _made(year, str(second), str(first))
    if order == "month_first" or second > 12 or first == second:
        return _made(year, str(first), str(second))
    return _made(year)


def _made(year: str, month: str | None = None, day: str | None = None) -> Dated | None:
    whole = int(year) + (2000 if len(year) == 2 else 0)
    try:
        found = date(whole, int(month or 1), int(day or 1))
    except ValueError:
        return None
    # 7/15/1905 is the number 2023 shown as a date: what was meant is not ours to guess.
    if not _EARLIEST <= whole <= _LATEST:
        return None
    if day:
        return Dated(found.isoformat(), "day")
    return Dated(f"{whole}-{found.month:02d}", "month") if month else Dated(str(whole), "year")
