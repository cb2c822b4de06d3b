"""How long something has waited, in the words of the docket."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.docket import Entry


@pytest.mark.parametrize(
    ("waited", "said", "late"),
    [
        (timedelta(seconds=-5), ("", "just now"), False),
        (timedelta(minutes=59), ("", "just now"), False),
        (timedelta(minutes=61), ("1", "h"), False),
        (timedelta(hours=23, minutes=59), ("23", "h"), False),
        (timedelta(days=1, minutes=1), ("1", "day"), False),
        (timedelta(days=30), ("30", "days"), True),
    ],
)
def test_what_waits_tells_its_age_in_days_then_hours_then_just_now(
    waited: timedelta, said: tuple[str, str], late: bool
) -> None:
    entry = Entry(timezone.now() - waited, "Release 1", "/", "", "Sign")
    assert ((entry.age, entry.unit), entry.late) == (said, late)
