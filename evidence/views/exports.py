"""A connector's runs as a file: those that its page shows, all of them, with what they brought and left out."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from evidence.querysets import sync_runs
from evidence.views.connectors import fetch
from evidence.views.presentation import outcome, state_of
from portal.exports import exported, kind_of

COUNTS = ("found", "created", "revised", "unchanged", "usage", "rejected")
HEADERS = (
    "Connector", "Asked at", "Started at", "Finished at", "Trigger", "Asked by", "State", "Outcome", "Attempt", "File",
    "Found", "New", "Revised", "Unchanged", "Daily rows", "Left out",
)  # fmt: skip


@require_safe
def runs(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    connector = fetch(request, pk)
    found = sync_runs(connector).defer("rejects", "told").iterator(chunk_size=500)
    return exported(kind_of(request.GET), "sync-runs", HEADERS, _rows(connector.name, found))


def _rows(name: str, found: Any) -> Iterator[list[str]]:
    for run in found:
        yield [
            name,
            _at(run.queued_at),
            _at(run.started_at),
            _at(run.finished_at),
            str(run.get_trigger_display()),
            run.requested_by.name if run.requested_by else "",
            state_of(run),
            outcome(run),
            str(run.attempt),
            run.file_name,
            *(str(run.counts.get(key, 0)) for key in COUNTS),
        ]


def _at(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
