"""The request as our middleware leaves it: with an origin, an actor, and htmx's headers read."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from portal.actors import Actor, Origin


class Request(HttpRequest):
    """For annotations only; every request has these once `RequestContextMiddleware` has seen it."""

    origin: Origin
    actor: Actor
    htmx: HtmxDetails
