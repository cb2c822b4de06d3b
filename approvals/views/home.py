"""The first page: what waits for you."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from approvals.docket import next_step, notices, own_use_cases, waiting_for
from portal.access import capabilities_anywhere
from portal.htmx import render


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    own = [{"use_case": use_case, "next": next_step(actor, use_case)} for use_case in own_use_cases(actor)]
    waiting = waiting_for(actor)
    said = {entry.url for entry in waiting if entry.says_all}
    context = {
        "waiting": waiting,
        "own": own,
        "notices": [notice for notice in notices(actor) if notice.url not in said],
        "may_register": "register" in capabilities_anywhere(actor),
    }
    return render(request, "home.html", context)
