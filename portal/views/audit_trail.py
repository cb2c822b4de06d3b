"""The whole trail, for those who may read it."""

from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.forms import TrailForm
from portal.http import Request
from portal.trail import as_lines, may_read_trail, narrowed, newest_first, whole_trail

PAGE = 60


@require_safe
def audit_trail(request: Request) -> HttpResponse:
    if not may_read_trail(request.actor):
        raise Http404
    form = TrailForm(request.GET)
    if not form.is_valid():
        raise BadRequest(_("One of the filters cannot be read. Leave it out, or write dates as 2026-11-23."))
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    events = narrowed(whole_trail(request.actor), **wanted)
    rows, older = newest_first(events, request.GET.get("before", "")[:80], PAGE)
    context = {
        "form": form,
        "filtered": bool(wanted),
        "lines": as_lines(rows),
        "older_url": "?" + urlencode({"before": older, **wanted}) if older else "",
    }
    return render(request, "portal/audit_trail.html", context)
