"""Rate limits per actor, so that one caller cannot crowd out the others."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from portal.api.authentication import actor_of

if TYPE_CHECKING:
    from rest_framework.views import APIView


class ActorThrottle(SimpleRateThrottle):
    scope = "actor"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        actor = actor_of(request)
        ident = actor.key if actor.signed_in else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}
