"""The releases of a use case as a file: those that its list shows, all of them."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from approvals.querysets import releases_of
from portal.exports import exported, kind_of
from usecases.models import UseCase

HEADERS = (
    "Use case", "Release", "Environment", "Version", "State", "Proposed by", "Proposed at", "Approved at", "Policy",
)  # fmt: skip


@require_safe
def releases(request: HttpRequest, reference: str) -> HttpResponseBase:
    use_case: UseCase = UseCase.objects.get_visible(request.actor, reference)  # type: ignore[attr-defined]
    found = releases_of(use_case).iterator(chunk_size=500)
    return exported(kind_of(request.GET), f"{use_case.reference}-releases", HEADERS, _rows(found))


def _rows(found: Any) -> Iterator[list[str]]:
    for release in found:
        by = release.proposed_by or release.proposed_by_account
        yield [
            release.use_case.reference,
            str(release.number),
            str(release.get_environment_display()),
            release.system_version.label,
            str(release.get_state_display()),
            by.name if by else "",
            release.proposed_at.isoformat(timespec="seconds"),
            release.approved_at.isoformat(timespec="seconds") if release.approved_at else "",
            str(release.policy),
        ]
