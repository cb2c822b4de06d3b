"""The months of raw usage: made ahead and when first needed, dropped whole when nobody keeps them any more."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from evidence.models import UsageDay

log = structlog.get_logger(__name__)

EARLIEST = date(2015, 1, 1)
AHEAD = timedelta(days=366)
MADE_AHEAD = 3

_THERE = """
SELECT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'usage_record'::regclass
"""


@dataclass(slots=True)
class Calendar:
    """Answers whether a day can be stored, and makes its month when it is new. Ask before locking anything else.

    A month that has sums and no raw rows was dropped: one late row would replace its sums by itself, so it is closed.
    """

    today: date = field(default_factory=lambda: timezone.now().date())
    _open: dict[tuple[int, int], bool] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)

    def require_open(self, day: date) -> None:
        """Raises ValidationError with what to do instead."""
        if not EARLIEST <= day <= self.today + AHEAD:
            raise ValidationError(_("The day is before 2015 or more than a year ahead."))
        month = (day.year, day.month)
        if month not in self._open:
            self._open[month] = self._opened(date(*month, 1))
        if not self._open[month]:
            raise ValidationError(_("The daily rows of this month are no longer kept; only its sums are."))

    def _opened(self, first: date) -> bool:
        if not self._there:
            with connection.cursor() as cursor:
                cursor.execute(_THERE)
                self._there = {row[0] for row in cursor.fetchall()}
        if f"{first:%Y%m}" in self._there:
            return True
        if UsageDay.objects.filter(day__gte=first, day__lt=next_month(first)).exists():
            return False
        make_month(first)
        return True


def next_month(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1)


def make_month(day: date) -> bool:
    """Whether the month of this day is new. The owner's function does it: the application alters no table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_month_made(%s)", [day])
        return bool(cursor.fetchone()[0])


@transaction.atomic
def make_months_ahead(today: date | None = None) -> int:
    """The current month and the next three exist; how many are new."""
    month = (today or timezone.now().date()).replace(day=1)
    made = 0
    for _number in range(MADE_AHEAD + 1):
        made += make_month(month)
        month = next_month(month)
    return made


@transaction.atomic
def drop_old_months(today: date | None = None) -> list[str]:
    """Drop raw months that are older than the setting keeps, such as ["202411"]; the sums stay. Off unless above 0."""
    kept = settings.USAGE_KEPT_MONTHS
    if kept <= 0:
        return []
    first = (today or timezone.now().date()).replace(day=1)
    for _number in range(kept):
        first = (first - timedelta(days=1)).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_months_dropped(%s)", [first])
        dropped: list[str] = cursor.fetchone()[0]
    if dropped:
        log.info("usage_months_dropped", months=dropped, kept_months=kept)
    return dropped
