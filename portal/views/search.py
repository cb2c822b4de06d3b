"""Search over everything: the command palette's answers, and the same as a page for who has no script."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portal import htmx
from portal.http import Request
from portal.palette import MAX_WORDS, look_up

IN_THE_PALETTE, ON_THE_PAGE = 5, 10


@require_safe
def search(request: Request) -> HttpResponse:
    words = request.GET.get("q", "")[:MAX_WORDS]
    limit = IN_THE_PALETTE if htmx.wants_fragment(request) else ON_THE_PAGE
    groups = look_up(request.actor, words, limit)
    return htmx.render(request, "portal/search.html", {"q": words.strip(), "groups": groups}, partial="hits")
