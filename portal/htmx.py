"""Pages and their fragments: one template answers the browser whole and htmx in part."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as render_template
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from django_htmx.middleware import HtmxDetails


def wants_fragment(request: HttpRequest) -> bool:
    """True for an htmx request that swaps a part; a boosted link or a history miss wants the whole page."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    if htmx is None or not htmx:
        return False
    return not htmx.boosted and not htmx.history_restore_request


def render(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Renders the page, or only its named partial when htmx asks; caches keep the two apart by `Vary`."""
    name = f"{template}#{partial}" if partial and wants_fragment(request) else template
    response = render_template(request, name, dict(context or {}), status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """After a write: 303 for a browser; htmx is told to go there, since it would swap a followed redirect in place."""
    if wants_fragment(request):
        return HttpResponseClientRedirect(url)
    return HttpResponse(status=303, headers={"Location": url})


def toast(response: HttpResponse, text: str) -> HttpResponse:
    """Adds a short message that the page shows at its foot once the fragment has arrived."""
    return trigger_client_event(response, "toast", {"text": text})
