"""How numbers, times, money and people are written on a page; plain functions that return text."""

import datetime
import hashlib
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.formats import number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

NO_BREAK = "\u00a0"
UNKNOWN = "—"

Number = int | float | Decimal | str


def name_of(person: Any) -> str:
    """The name to show for a user, a mapping with a `name`, or a plain name; empty for nobody."""
    if person is None:
        return ""
    if isinstance(person, Mapping):
        return str(person.get("name") or "")
    return str(getattr(person, "name", "") or person).strip()


def initials_of(name: str) -> str:
    """At most two letters: first of the first word, first of the last."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def as_decimal(value: Number | None) -> Decimal | None:
    """The finite number behind a value, or None for nothing, NaN, infinity and words."""
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def grouped(number: Decimal, digits: int | None) -> str:
    """A number in the reader's language with grouped thousands; `digits` None keeps what it has."""
    if digits is not None:
        number = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    return number_format(number, use_l10n=True, force_grouping=True)


def quantity_text(value: Number | None, unit: str = "", digits: int | None = None) -> str:
    """`1,234 ms`, with a no-break space; a dash when there is no number."""
    number = as_decimal(value)
    if number is None:
        return UNKNOWN
    text = grouped(number, digits)
    return f"{text}{NO_BREAK}{unit}" if unit else text


def percent_text(fraction: Number | None, digits: int = 1) -> str:
    """A fraction of one as per cent: 0.895 is `89.5 %`."""
    number = as_decimal(fraction)
    return UNKNOWN if number is None else quantity_text(number * 100, "%", digits)


def money_text(amount: Number | None, currency: str, digits: int = 2) -> str:
    """`1,234.50 EUR`; an amount too small for two decimals keeps its first two significant figures."""
    number = as_decimal(amount)
    if number is None:
        return UNKNOWN
    if number and abs(number) < Decimal(1).scaleb(-digits):
        digits = 1 - number.adjusted()
    return f"{grouped(number, digits)}{NO_BREAK}{currency}"


def axis_value(value: Number | None, unit: str) -> str:
    """A value on a measured axis: fractions are shown as per cent, everything else with its unit."""
    return percent_text(value) if unit == "%" else quantity_text(value, unit)


def absolute_text(moment: datetime.date) -> str:
    """`23 Nov 2026` for a date, `23 Nov 2026, 13:47` in the current time zone for a moment."""
    if isinstance(moment, datetime.datetime):
        local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
        return f"{_day(local)}, {local:%H:%M}"
    return _day(moment)


def _day(moment: datetime.date) -> str:
    """As Django's `j M Y`, whose formatter costs ten times as much: a list shows fifty of these."""
    return f"{moment.day} {str(MONTHS_3[moment.month]).title()} {moment.year}"


def relative_text(moment: datetime.date) -> str:
    """How far from now, in one unit: `3 days ago`, `in 2 hours`, `today`."""
    if isinstance(moment, datetime.datetime):
        return _relative_moment(moment)
    days = (moment - timezone.localdate()).days
    near = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}
    if days in near:
        return near[days]
    if days > 0:
        return ngettext("in %(count)d day", "in %(count)d days", days) % {"count": days}
    return ngettext("%(count)d day ago", "%(count)d days ago", -days) % {"count": -days}


def _relative_moment(moment: datetime.datetime) -> str:
    now = timezone.now() if timezone.is_aware(moment) else datetime.datetime.now()
    if abs((moment - now).total_seconds()) < 60:
        return _("just now")
    if moment > now:
        return _("in %(span)s") % {"span": timesince(now, moment, depth=1)}
    return _("%(span)s ago") % {"span": timesince(moment, now, depth=1)}


def element_id(prefix: str, *parts: object) -> str:
    """A short id that is the same for the same content, so that a cached page does not change."""
    told = "\x1f".join(str(part) for part in parts)
    return f"{prefix}-{hashlib.blake2s(told.encode(), digest_size=4).hexdigest()}"
