"""What happens around every request: origin, bounds, session limits, actor, and refusals as pages."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import actors
from portal.errors import Problem, problem_of, respond
from portal.http import Request
from portal.models import User

Handler = Callable[[HttpRequest], HttpResponse]

# Addresses open to nobody in particular; everything else needs a sign-in (the API asks for itself).
PUBLIC_PREFIXES = ("/static/", "/.well-known/", "/api/v1/", "/otlp/", "/oidc/", "/scim/v2/")
PUBLIC_PATHS = ("/livez", "/readyz", "/metrics", "/favicon.ico", "/sign-in/")


class RequestContextMiddleware:
    """Gives every request an id, returned to the caller and written in every log line and audit event."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        request_id = str(uuid.uuid4())
        request.origin = actors.Origin(
            request_id=request_id,
            address=request.META.get("REMOTE_ADDR", ""),
            agent=request.META.get("HTTP_USER_AGENT", "")[:200],
        )
        request.actor = actors.NOBODY
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class BoundsMiddleware:
    """Refuses what no route could take, before anything reads it.

    A body over its route's limit; a chunked one, since its size is unknown; a NUL in the address, which PostgreSQL
    cannot store and no name of ours holds.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path or "\x00" in query or "%00" in query:
            text = _("The address holds a NUL character. Leave it out.")
            return respond(request, Problem(400, "bad_request", _("This request cannot be read."), text))
        limit = next(
            (limit for prefix, limit in settings.BODY_LIMITS.items() if request.path.startswith(prefix)),
            settings.BODY_LIMIT_DEFAULT,
        )
        if "HTTP_TRANSFER_ENCODING" in request.META or not _fits(request.META.get("CONTENT_LENGTH") or "0", limit):
            text = _("This address takes at most %(limit)s bytes, with a Content-Length.") % {"limit": limit}
            return respond(request, Problem(413, "body_too_large", _("The request is too large."), text))
        return self.get_response(request)


def _fits(length: str, limit: int) -> bool:
    return len(length) <= 12 and length.isascii() and length.isdecimal() and int(length) <= limit


class SessionLimitsMiddleware:
    """A session ends twelve hours after sign-in and after idling, for every method, and with the person's account."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        now = timezone.now()
        signed_in_at = datetime.fromtimestamp(request.session.get("signed_in_at", 0), UTC)
        seen_at = datetime.fromtimestamp(request.session.get("seen_at", 0), UTC)
        too_old = now - signed_in_at > settings.SESSION_ABSOLUTE or now - seen_at > settings.SESSION_IDLE
        if too_old or not request.user.is_active:
            logout(request)
        elif (now - seen_at).total_seconds() > 60:
            request.session["seen_at"] = int(now.timestamp())
        return self.get_response(request)


class ActorMiddleware:
    """Names the actor of a browser request; the API's token authentication names its own."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and user.is_active:
            key = request.session.session_key or ""
            request.actor = actors.person(
                user,
                replace(
                    request.origin,
                    session_commit=hashlib.sha256(key.encode()).hexdigest()[:32],
                    signed_in_at=datetime.fromtimestamp(request.session.get("signed_in_at", 0), UTC),
                    method=request.session.get("signed_in_by", ""),
                ),
            )
        return self.get_response(request)


class SignInRequiredMiddleware:
    """Default deny: a page nobody opened to the public asks for a sign-in."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        public = request.path in PUBLIC_PATHS or request.path.startswith(PUBLIC_PREFIXES)
        if public or request.actor.signed_in:
            return self.get_response(request)
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=401)
            response["HX-Redirect"] = reverse(settings.LOGIN_URL)
            return response
        if request.method not in ("GET", "HEAD"):
            return respond(request, Problem(401, "signed_out", _("You are signed out."), _("Sign in and try again.")))
        return redirect_to_login(request.get_full_path(), reverse(settings.LOGIN_URL))


class ProblemMiddleware:
    """Turns a verb's refusal into its page, with every reason; what people were shown stays in no cache."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith("/.well-known/"):
            response.setdefault("Cache-Control", "no-store, private")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        problem = problem_of(exception)
        return respond(request, problem) if problem is not None else None
