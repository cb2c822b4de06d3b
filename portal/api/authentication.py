"""Who calls the API: a service account by bearer token, or a person by session. Default deny."""

import hashlib
import hmac
import re
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal import actors
from portal.http import Request as PortalRequest
from portal.models import ApiToken, User

PREFIX = "gth_"
_PREFIX = re.compile(r"gth_[0-9a-f]{12}")
# How exact "last used" is; anything finer would write a row on every call.
LAST_USED_STEP = timedelta(minutes=1)


def new_token() -> tuple[str, str, bytes]:
    """(the token to hand over once, its prefix, the SHA-256 of its secret)."""
    prefix = PREFIX + secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    return f"{prefix}.{secret}", prefix, hashlib.sha256(secret.encode()).digest()


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer gth_<prefix>.<secret>`."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        scheme, _space, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = _known(credentials.strip())
        now = timezone.now()
        _require_valid(token, now)
        if token.last_used_at is None or token.last_used_at < now - LAST_USED_STEP:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        inner = cast(PortalRequest, request._request)
        origin = replace(inner.origin, method="token")
        inner.actor = actors.service(token.account, frozenset(token.scopes), origin)
        return token.account, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="gatehouse"'


def _known(credentials: str) -> ApiToken:
    """The token with this prefix and secret. One refusal for both, in the same time: a prefix cannot be probed for."""
    prefix, _dot, secret = credentials.partition(".")
    token = None
    if _PREFIX.fullmatch(prefix):
        token = ApiToken.objects.select_related("account").filter(prefix=prefix).first()
    expected = bytes(token.secret_sha256) if token else bytes(32)
    if not hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), expected) or token is None:
        raise AuthenticationFailed(_("This token is not known. Check that it was copied whole."), "token_unknown")
    return token


def _require_valid(token: ApiToken, now: datetime) -> None:
    if token.revoked_at is not None:
        raise AuthenticationFailed(_("This token was revoked. Ask an administrator for a new one."), "token_revoked")
    if token.expires_at <= now:
        raise AuthenticationFailed(_("This token has expired. Ask an administrator for a new one."), "token_expired")
    if not token.account.is_active:
        raise AuthenticationFailed(_("The service account of this token is switched off."), "account_inactive")


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
    return cast(PortalRequest, request._request).actor
