"""The local door, the session's limits, and single sign-on with a real provider on loopback."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group
from django.core.exceptions import SuspiciousOperation
from django.test import Client
from django.utils import timezone

from portal.models import AuditEvent, Identity, User
from portal.sso import OidcBackend, sign_in_identity
from tests.cast import PASSWORD, Cast


def _sign_in(client: Client, username: str, password: str = PASSWORD, **extra: str) -> Any:
    return client.post("/sign-in/", {"username": username, "password": password, **extra})


def test_the_right_password_opens_the_door(client: Client, cast: Cast) -> None:
    response = _sign_in(client, "Olivia")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/people/").status_code == 404


def test_a_wrong_password_says_so_and_opens_nothing(client: Client, cast: Cast) -> None:
    response = _sign_in(client, "olivia", "wrong")
    assert response.status_code == 422
    assert "do not match" in response.content.decode()
    assert client.get("/audit-trail/").status_code == 302


def test_a_switched_off_account_does_not_sign_in(client: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.olivia.pk).update(is_active=False)
    assert _sign_in(client, "olivia").status_code == 422


def test_an_open_session_ends_with_the_account(client: Client, cast: Cast) -> None:
    _sign_in(client, "aud")
    assert client.get("/audit-trail/").status_code == 200
    User.objects.filter(pk=cast.aud.pk).update(is_active=False)
    assert client.get("/audit-trail/").status_code == 302
    assert client.post("/sign-out/").status_code == 401


def test_guessing_is_stopped_after_eight_tries(client: Client, cast: Cast) -> None:
    answers = [_sign_in(client, "olivia", "wrong").status_code for _ in range(9)]
    assert answers[:7] == [422] * 7
    assert answers[8] == 429
    assert _sign_in(client, "olivia").status_code == 429


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_next_page_is_never_somebody_elses(client: Client, cast: Cast, target: str) -> None:
    assert _sign_in(client, "olivia", next=target)["Location"] == "/"


def test_signing_in_changes_the_sessions_key(client: Client, cast: Cast) -> None:
    client.get("/sign-in/")
    before = client.session.session_key
    _sign_in(client, "olivia")
    assert client.session.session_key != before


@pytest.mark.parametrize(("pause", "status"), [(timedelta(minutes=29), 200), (timedelta(minutes=31), 302)])
def test_an_idle_session_ends(client: Client, cast: Cast, settings: Any, pause: timedelta, status: int) -> None:
    settings.SESSION_IDLE = timedelta(minutes=30)
    _sign_in(client, "aud")
    with time_machine.travel(timezone.now() + pause, tick=False):
        assert client.get("/audit-trail/").status_code == status


def test_a_session_ends_twelve_hours_after_sign_in_however_busy(client: Client, cast: Cast, settings: Any) -> None:
    settings.SESSION_IDLE = timedelta(hours=13)
    _sign_in(client, "aud")
    with time_machine.travel(timezone.now() + timedelta(hours=12, minutes=1), tick=False):
        assert client.get("/audit-trail/").status_code == 302


def test_an_expired_htmx_request_is_sent_to_the_door(client: Client, cast: Cast) -> None:
    response = client.get("/audit-trail/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"]) == (401, "/sign-in/")


def test_no_header_of_a_page_lets_it_be_framed_cached_or_scripted_inline(client: Client, cast: Cast) -> None:
    response = client.get("/sign-in/")
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"


# --- Single sign-on -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider_address() -> Iterator[str]:
    """A real OpenID provider in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    for _attempt in range(100):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{issuer}/.well-known/openid-configuration").raise_for_status()
            break
        time.sleep(0.1)
    yield issuer
    process.terminate()
    process.wait(5)


@pytest.fixture
def provider(settings: Any, provider_address: str) -> str:
    """The provider, and the portal configured for it."""
    issuer = provider_address
    found = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    settings.OIDC_ENABLED = True
    settings.OIDC_OP_ISSUER = found["issuer"]
    settings.OIDC_OP_AUTHORIZATION_ENDPOINT = found["authorization_endpoint"]
    settings.OIDC_OP_TOKEN_ENDPOINT = found["token_endpoint"]
    settings.OIDC_OP_USER_ENDPOINT = found["userinfo_endpoint"]
    settings.OIDC_OP_JWKS_ENDPOINT = found["jwks_uri"]
    settings.OIDC_RP_CLIENT_ID = "gatehouse"
    settings.OIDC_RP_CLIENT_SECRET = "secret"
    settings.OIDC_VERIFY_KID = False
    settings.AUTHENTICATION_BACKENDS = [
        "axes.backends.AxesStandaloneBackend",
        "portal.sso.OidcBackend",
        "portal.sso.LocalBackend",
    ]
    return issuer


def _round_trip(client: Client, issuer: str, subject: str, claims: dict[str, Any]) -> Any:
    httpx.put(f"{issuer}/users/{subject}", json=claims).raise_for_status()
    start = client.get("/oidc/start/")
    assert start.status_code == 302
    assert "code_challenge_method=S256" in start["Location"]
    back = httpx.post(start["Location"], data={"sub": subject})
    assert back.status_code in (302, 303)
    return client.get(back.headers["Location"].replace("http://testserver", ""))


def test_a_first_sign_in_makes_a_person_without_access(client: Client, cast: Cast, provider: str) -> None:
    response = _round_trip(client, provider, "s-1", {"name": "Noor", "email": "olivia@example.org"})
    assert (response.status_code, response["Location"]) == (302, "/")
    identity = Identity.objects.get(subject="s-1")
    assert identity.user.pk != cast.olivia.pk, "an e-mail address opens nobody's account"
    assert identity.user.name == "Noor"
    assert not identity.user.grants.exists()
    assert client.get("/audit-trail/").status_code == 404
    assert AuditEvent.objects.filter(payload__action="person.joined").count() == 1


def test_groups_follow_the_provider_at_every_sign_in(client: Client, cast: Cast, provider: str) -> None:
    for name in ("reviewers", "admins"):
        Group.objects.create(name=name)
    _round_trip(client, provider, "s-2", {"name": "Noor", "roles": ["reviewers", "unmapped"]})
    person = Identity.objects.get(subject="s-2").user
    assert set(person.groups.values_list("name", flat=True)) == {"reviewers"}
    _round_trip(Client(), provider, "s-2", {"name": "Noor", "roles": ["admins"]})
    assert set(person.groups.values_list("name", flat=True)) == {"admins"}
    _round_trip(Client(), provider, "s-2", {"name": "Noor"})
    assert not person.groups.exists(), "a missing claim means no roles"


def test_a_switched_off_person_is_not_let_in_by_the_provider(client: Client, cast: Cast, provider: str) -> None:
    _round_trip(client, provider, "s-3", {"name": "Noor"})
    User.objects.filter(pk=Identity.objects.get(subject="s-3").user_id).update(is_active=False)
    response = _round_trip(Client(), provider, "s-3", {"name": "Noor"})
    assert response["Location"] == "/sign-in/?failed=1"


@pytest.fixture
def backend(settings: Any) -> OidcBackend:
    settings.OIDC_ENABLED = True
    settings.OIDC_OP_ISSUER = "https://issuer.example"
    settings.OIDC_RP_CLIENT_ID = "gatehouse"
    for name in ("TOKEN", "USER", "JWKS", "AUTHORIZATION"):
        setattr(settings, f"OIDC_OP_{name}_ENDPOINT", "https://issuer.example/x")
    return OidcBackend()


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _token(algorithm: str = "RS256", key: Any = KEY, **changes: Any) -> str:
    now = int(timezone.now().timestamp())
    claims = {"iss": "https://issuer.example", "aud": "gatehouse", "sub": "s", "iat": now, "exp": now + 300}
    claims.update(changes)
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm=algorithm)


def test_a_proper_id_token_is_accepted(backend: OidcBackend) -> None:
    assert backend.get_payload_data(_token(), KEY.public_key())["sub"] == "s"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": "another-app"},
        {"aud": ["gatehouse", "another-app"], "azp": "another-app"},
        {"aud": ["gatehouse", "another-app"]},
        {"exp": 1},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"sub": None},
    ],
)
def test_an_id_token_for_or_from_somebody_else_is_refused(backend: OidcBackend, changes: dict[str, Any]) -> None:
    with pytest.raises(SuspiciousOperation):
        backend.get_payload_data(_token(**changes), KEY.public_key())


@pytest.mark.parametrize("forged", [_token("none", None), _token("HS256", "x" * 32)])
def test_an_id_token_without_the_agreed_algorithm_is_refused(backend: OidcBackend, forged: str) -> None:
    with pytest.raises(SuspiciousOperation):
        backend.get_payload_data(forged, KEY.public_key())


def test_the_same_subject_of_another_tenant_is_another_person(cast: Cast) -> None:
    first = sign_in_identity({"iss": "https://i", "sub": "a", "tid": "one", "name": "Noor"})
    second = sign_in_identity({"iss": "https://i", "sub": "a", "tid": "two", "name": "Noor"})
    again = sign_in_identity({"iss": "https://i", "sub": "a", "tid": "one", "name": "Noor"})
    assert first is not None
    assert second is not None
    assert first.pk != second.pk
    assert again == first
