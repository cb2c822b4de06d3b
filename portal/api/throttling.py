"""Rate limits per actor, so that one caller cannot crowd out the others."""

import time
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from portal.api.authentication import actor_of

log = structlog.get_logger(__name__)


class ActorThrottle(BaseThrottle):
    """So many requests a window, counted in one number: the library's list of times grows with the rate."""

    scope = "actor"

    def allow_request(self, request: Request, view: Any) -> bool:
        limit, seconds = self._rate()
        self.left = seconds - time.time() % seconds
        actor = actor_of(request)
        who = actor.key if actor.signed_in else self.get_ident(request)
        key = f"throttle:{self.scope}:{who}:{int(time.time() // seconds)}"
        try:
            cache.add(key, 0, timeout=seconds * 2)
            return bool(cache.incr(key) <= limit)
        except Exception as error:
            # Without the counter the portal answers: refusing everybody would be the worse failure.
            log.warning("requests are not counted", reason=type(error).__name__)
            return True

    def wait(self) -> float:
        """Seconds until the next window."""
        return self.left

    def _rate(self) -> tuple[int, int]:
        rates = cast(dict[str, str], settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"])
        limit, seconds = SimpleRateThrottle.parse_rate(self, rates[self.scope])  # type: ignore[arg-type]
        assert limit is not None
        assert seconds is not None
        return limit, seconds
