"""Signing in: OIDC with the library's holes closed, and the local door for the demo and for break-glass.

The library checks neither audience nor issuer, lets an expired token raise, and matches people by e-mail. Here a
person is (issuer, tenant, subject); an e-mail address never opens an account; roles come from a bounded claim and
missing roles mean none.
"""

import hashlib
from typing import Any

import jwt
import structlog
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView
from requests import RequestException

from portal import actors
from portal.audit import mention, record
from portal.models import Identity, ProvisionedPerson, User

log = structlog.get_logger(__name__)
LEEWAY_SECONDS = 60
MAX_ROLES = 200


class LocalBackend(ModelBackend):
    """Name and password, where the installation leaves that door open. Permissions are not its business."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not settings.LOCAL_SIGN_IN:
            return None
        user = super().authenticate(request, username=username, password=password, **kwargs)
        return user if isinstance(user, User) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return False


class OidcBackend(OIDCAuthenticationBackend):
    """Authorisation code flow with PKCE; every claim that decides is verified here."""

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.filter(pk=user_id).first()
        return user if user is not None and user.is_active else None

    def authenticate(self, request: HttpRequest | None, **kwargs: Any) -> User | None:
        if not settings.OIDC_ENABLED or "nonce" not in kwargs:
            return None
        try:
            user: User | None = super().authenticate(request, **kwargs)
        except (RequestException, KeyError, ValueError) as error:
            log.warning("sign-in failed", reason=type(error).__name__)
            return None
        return user

    def _verify_jws(self, payload: bytes | str, key: Any) -> dict[str, Any]:
        """Signature, algorithm, issuer, audience and times, all required. Raises SuspiciousOperation."""
        try:
            claims: dict[str, Any] = jwt.decode(
                payload,
                key,
                algorithms=[settings.OIDC_RP_SIGN_ALGO],
                audience=settings.OIDC_RP_CLIENT_ID,
                issuer=settings.OIDC_OP_ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise SuspiciousOperation(f"The ID token is not acceptable: {type(error).__name__}.") from None
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != settings.OIDC_RP_CLIENT_ID:
            raise SuspiciousOperation("The ID token was made for another party.")
        return claims

    def get_payload_data(self, token: bytes | str, key: Any) -> dict[str, Any]:
        return self._verify_jws(token, key)

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> User | None:
        """The person behind the verified ID token. Userinfo is not asked: it could only contradict."""
        return sign_in_identity(payload)


@transaction.atomic
def sign_in_identity(claims: dict[str, Any]) -> User | None:
    """The person of this identity, made at the first sign-in without any access; None when switched off."""
    key = {
        "issuer": claims["iss"],
        "tenant": str(claims.get("tid", "")),
        "subject": str(claims.get("oid") or claims["sub"]),
    }
    identity = Identity.objects.select_for_update(of=("self",)).select_related("user").filter(**key).first()
    if identity is None:
        identity = _new_person(key, claims)
    user = identity.user
    if not user.is_active:
        return None
    _take_over(user, claims)
    Identity.objects.filter(pk=identity.pk).update(last_sign_in_at=timezone.now())
    return user


def _new_person(key: dict[str, str], claims: dict[str, Any]) -> Identity:
    known = ProvisionedPerson.objects.select_related("person").filter(external_id=key["subject"]).first()
    if known is not None and not known.person.identities.exists():
        # The directory announced them under the very key the provider signs; an e-mail address still opens nothing.
        return Identity.objects.create(user=known.person, **key)
    short = hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest()[:16]
    user = User(username=f"sso-{short}", name=_name(claims), email=_email(claims))
    user.set_unusable_password()
    user.save()
    identity = Identity.objects.create(user=user, **key)
    record(
        actors.person(user, actors.Origin(method="oidc")),
        "person.joined",
        user,
        f"signed in for the first time; {mention(user)} has no access until somebody gives it.",
        data={"issuer": key["issuer"], "tenant": key["tenant"]},
    )
    return identity


def _take_over(user: User, claims: dict[str, Any]) -> None:
    """Name and groups follow the provider at every sign-in; only groups known here count, a missing claim is none."""
    claimed = claims.get(settings.OIDC_ROLES_CLAIM)
    names = [str(name) for name in claimed][:MAX_ROLES] if isinstance(claimed, list) else []
    # A group that a directory keeps by SCIM has one source: its members are not the claim's to say.
    kept = user.groups.filter(provisioned__isnull=False)
    user.groups.set([*Group.objects.filter(name__in=names, provisioned__isnull=True), *kept])
    if user.name != _name(claims) or user.email != _email(claims):
        User.objects.filter(pk=user.pk).update(name=_name(claims), email=_email(claims))


def _name(claims: dict[str, Any]) -> str:
    return str(claims.get("name") or claims.get("preferred_username") or claims["sub"])[:120]


def _email(claims: dict[str, Any]) -> str:
    return str(claims.get("email") or "")[:254]


def begin_session(request: HttpRequest, user: User, method: str) -> None:
    """Start a session with a new key and remember when and how the person signed in."""
    backend = "portal.sso.OidcBackend" if method == "oidc" else "portal.sso.LocalBackend"
    login(request, user, backend=backend)
    now = int(timezone.now().timestamp())
    request.session.update({"signed_in_at": now, "seen_at": now, "signed_in_by": method})


class _WhereConfigured:
    """Without a provider in the settings there is nothing at these addresses."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.OIDC_ENABLED:
            raise Http404
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class StartView(_WhereConfigured, OIDCAuthenticationRequestView):
    """Where people leave for the provider."""


class CallbackView(_WhereConfigured, OIDCAuthenticationCallbackView):
    """Where the provider sends people back to. A sign-in always starts a new session."""

    def login_success(self) -> HttpResponse:
        target = self.success_url
        begin_session(self.request, self.user, "oidc")
        return redirect(target)

    def login_failure(self) -> HttpResponse:
        return redirect(f"{reverse('sign-in')}?failed=1")
