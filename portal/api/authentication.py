"""Who calls the API: a service account by bearer token, or a person by session. Default deny."""

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal import actors
from portal.models import ApiToken, User

PREFIX = "ghp_"
# How exact "last used" is; anything finer would write a row on every call.
LAST_USED_STEP = timedelta(minutes=1)


def new_token() -> tuple[str, str, bytes]:
    """(the token to hand over once, its prefix, the SHA-256 of its secret)."""
    prefix = PREFIX + secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    return f"{prefix}.{secret}", prefix, hashlib.sha256(secret.encode()).digest()


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer ghp_<prefix>.<secret>`."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        scheme, _space, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        prefix, _dot, secret = credentials.strip().partition(".")
        token = ApiToken.objects.select_related("account").filter(prefix=prefix).first()
        expected = bytes(token.secret_sha256) if token else bytes(32)
        if not hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), expected) or token is None:
            raise AuthenticationFailed(_("This token is not known. Check that it was copied whole."))
        now = timezone.now()
        if token.revoked_at is not None:
            raise AuthenticationFailed(_("This token was revoked. Ask an administrator for a new one."))
        if token.expires_at <= now:
            raise AuthenticationFailed(_("This token has expired. Ask an administrator for a new one."))
        if not token.account.is_active:
            raise AuthenticationFailed(_("The service account of this token is switched off."))
        ApiToken.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_STEP), pk=token.pk
        ).update(last_used_at=now)
        origin = replace(request._request.origin, method="token")  # type: ignore[attr-defined]
        actor = actors.service(token.account, frozenset(token.scopes), origin)
        request._request.actor = actor  # type: ignore[attr-defined]
        return token.account, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="gatehouse"'


class PersonSessionAuthentication(SessionAuthentication):
    """The browser's session, with CSRF enforced."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        return (found[0], None) if found else None


class SignedIn(BasePermission):
    """Somebody. What they may do is the verb's to say."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return actor_of(request).signed_in


def actor_of(request: Request) -> actors.Actor:
    """The actor of an API request; reading `auth` makes sure authentication has run."""
    _ = request.auth
    actor: actors.Actor = request._request.actor  # type: ignore[attr-defined]
    return actor
