"""Watching retirements: the register knows which versions are newest, this floor which ones are released."""

from approvals.models import Release
from approvals.querysets import JUDGED
from usecases.actions.retirements import review_retirements


def watch() -> dict[str, int]:
    """Open, repeat and close the work that retirements make, counting what waits or stands in releases."""
    return review_retirements(released=Release.objects.filter(state__in=JUDGED).values("system_version_id"))
