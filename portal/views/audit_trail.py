"""The whole trail, for those who may read it."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.http import Request
from portal.trail import as_lines, may_read_trail, newest_first, whole_trail

PAGE = 60


@require_safe
def audit_trail(request: Request) -> HttpResponse:
    if not may_read_trail(request.actor):
        raise Http404
    events = whole_trail(request.actor)
    reference = request.GET.get("about", "").strip().upper()[:40]
    action = request.GET.get("action", "").strip()[:60]
    if reference:
        events = events.filter(references__contains=[reference])
    if action:
        events = events.filter(payload__action__startswith=action)
    rows, older = newest_first(events, request.GET.get("before", "")[:80], PAGE)
    context = {"lines": as_lines(rows), "older": older, "about": reference, "action": action}
    return render(request, "portal/audit_trail.html", context)
