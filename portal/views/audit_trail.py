"""The whole trail, for those who may read it."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.exports import exported, kind_of
from portal.forms import TrailForm
from portal.http import Request
from portal.trail import (
    TOLD_HEADERS,
    as_lines,
    every_line,
    may_read_trail,
    narrowed,
    newest_first,
    told_row,
    whole_trail,
)

PAGE, EXPORTED = 60, 2_000


def _wanted(request: Request) -> tuple[TrailForm, dict[str, Any]]:
    form = TrailForm(request.GET)
    if not form.is_valid():
        raise BadRequest(_("One of the filters cannot be read. Leave it out, or write dates as 2026-11-23."))
    return form, {name: value for name, value in form.cleaned_data.items() if value}


@require_safe
def audit_trail(request: Request) -> HttpResponse:
    if not may_read_trail(request.actor):
        raise Http404
    form, wanted = _wanted(request)
    events = narrowed(whole_trail(request.actor), **wanted)
    rows, older = newest_first(events, request.GET.get("before", "")[:80], PAGE)
    context = {
        "form": form,
        "filtered": bool(wanted),
        "lines": as_lines(rows),
        "export_query": urlencode(wanted),
        "older_url": "?" + urlencode({"before": older, **wanted}) if older else "",
    }
    return render(request, "portal/audit_trail.html", context)


@require_safe
def export(request: Request) -> HttpResponseBase:
    """What the page shows, all of it, as `?format=csv|xlsx|json`."""
    if not may_read_trail(request.actor):
        raise Http404
    events = narrowed(whole_trail(request.actor), **_wanted(request)[1])
    rows = (told_row(line) for line in every_line(events, EXPORTED))
    return exported(kind_of(request.GET), "audit-trail", TOLD_HEADERS, rows)
