"""The request as our middleware leaves it, and what its views have in common."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from portal.actors import Actor, Origin

View = Callable[..., HttpResponse]


class Request(HttpRequest):
    """For annotations only; every request has these once `RequestContextMiddleware` has seen it."""

    origin: Origin
    actor: Actor
    htmx: HtmxDetails


def form_only(page: str, *names: str) -> Callable[[View], View]:
    """For an address that only takes a form: opened by itself it leads to the `page` whose form it is.

    A refused form is shown at the form's own address, and whoever reloads it or keeps it as a bookmark opens that.
    `page` is a URL's name, `names` the view's arguments it takes over. Nothing is looked up on the way.
    """

    def decorate(view: View) -> View:
        posted: View = require_POST(view)

        @wraps(posted)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in ("GET", "HEAD"):
                back: HttpResponse = redirect(page, **{name: kwargs[name] for name in names})
                return back
            return posted(request, *args, **kwargs)

        return answer

    return decorate
