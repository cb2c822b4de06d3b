"""The commands of an installation: the first administrator, and a provider's addresses."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from portal.access import Refused, organisation_capabilities
from portal.actions.people import create_first_administrator
from portal.actors import person
from portal.choices import Role
from portal.management.commands import create_administrator
from portal.models import AuditEvent, Grant, User
from tests.cast import Cast

GOOD = "a long enough passphrase"


def _create(monkeypatch: pytest.MonkeyPatch, password: str = GOOD, username: str = "root", **options: Any) -> str:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("create_administrator", username, stdout=out, **options)
    return out.getvalue()


def test_a_fresh_installation_gets_its_first_administrator(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _create(monkeypatch, name="Robin") == "root administers this portal and can sign in.\n"
    created = User.objects.get()
    grant = Grant.objects.get()
    assert (created.name, created.is_superuser, grant.person, grant.granted_by, grant.unit) == (
        "Robin",
        False,
        created,
        None,
        None,
    )
    assert "manage_people" in organisation_capabilities(person(created))
    told = AuditEvent.objects.filter(object_type__in=["person", "access_grant"]).order_by("recorded_at")
    assert list(told.values_list("payload__action", "payload__actor__name")) == [
        ("person.added", "installer"),
        ("grant.given", "installer"),
    ]
    assert not AuditEvent.objects.filter(canon__contains=GOOD).exists()
    client = Client()
    assert client.post("/sign-in/", {"username": "root", "password": GOOD}).status_code == 302
    assert client.get("/people/").status_code == 200


def test_there_is_no_second_first_administrator(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    people = User.objects.count()
    with pytest.raises(CommandError, match="There is an administrator already"):
        _create(monkeypatch)
    Grant.objects.filter(role=Role.ADMINISTRATOR).update(valid_until=timezone.now())
    with pytest.raises(CommandError, match="There is an administrator already"):
        _create(monkeypatch)
    assert User.objects.count() == people


@pytest.mark.parametrize(
    ("password", "options"),
    [
        ("", {}),
        ("short", {}),
        ("password1234", {}),
        ("robin.robinson", {"name": "Robin Robinson"}),
        (GOOD, {"name": "x" * 121}),
    ],
)
def test_a_weak_password_or_an_odd_name_makes_nobody(
    db: None, monkeypatch: pytest.MonkeyPatch, password: str, options: dict[str, str]
) -> None:
    with pytest.raises(CommandError):
        _create(monkeypatch, password, "robin", **options)
    assert not User.objects.exists()


def test_at_a_terminal_the_password_is_typed_twice(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter([GOOD, "another long passphrase", GOOD, GOOD])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(create_administrator.getpass, "getpass", lambda prompt: next(typed))
    with pytest.raises(CommandError, match="differ"):
        call_command("create_administrator", "root")
    assert not User.objects.exists()
    call_command("create_administrator", "root", stdout=io.StringIO())
    assert User.objects.get().username == "root"


def test_two_installers_at_once_make_one_administrator(transactional_db: None) -> None:
    start = threading.Barrier(2)
    refused: list[str] = []

    def install(username: str) -> None:
        try:
            start.wait(10)
            create_first_administrator(username=username, name=username, password=GOOD)
        except Refused as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=install, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["administrator_exists"]
    assert (User.objects.count(), Grant.objects.count()) == (1, 1)


# --- The provider's addresses ---------------------------------------------------------------------------------------


class Provider(ThreadingHTTPServer):
    """Answers the well-known address with what the test puts into `answer`; `{url}` is its own address."""

    answer = "{}"
    status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        body = self.server.answer.replace("{url}", self.server.url).encode()
        found = self.path == "/.well-known/openid-configuration"
        self.send_response(self.server.status if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


COMPLETE = (
    '{"issuer": "{url}", "authorization_endpoint": "{url}/a", "token_endpoint": "{url}/t", "jwks_uri": "{url}/k"}'
)


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider(("127.0.0.1", 0), _Handler)
    server.answer = COMPLETE
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _discover(issuer: str) -> list[str]:
    out = io.StringIO()
    call_command("oidc_discover", issuer, stdout=out)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("suffix", ["", "/.well-known/openid-configuration"])
def test_the_providers_addresses_are_printed_as_settings(provider: Provider, suffix: str) -> None:
    assert _discover(provider.url + suffix) == [
        f"OIDC_ISSUER={provider.url}",
        f"OIDC_AUTHORIZATION_ENDPOINT={provider.url}/a",
        f"OIDC_TOKEN_ENDPOINT={provider.url}/t",
        f"OIDC_JWKS_ENDPOINT={provider.url}/k",
        "OIDC_CLIENT_ID=",
        "OIDC_CLIENT_SECRET=",
    ]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (COMPLETE.replace('"issuer": "{url}"', '"issuer": "https://other.example"'), 200, "another issuer"),
        ('{"issuer": "{url}", "token_endpoint": 3}', 200, "lacks authorization_endpoint, token_endpoint, jwks_uri"),
        (COMPLETE.replace("{url}/t", "http://token.example/t"), 200, "is not an https address"),
        (COMPLETE.replace("{url}/t", "https://t.example/\\nX=1"), 200, "is not an https address"),
        ("<html>", 200, "does not answer with JSON"),
        ("[]", 200, "does not answer with a JSON object"),
        ("{}", 500, "answers 500"),
        ("{}", 302, "answers 302"),
        (" " * 300_000, 200, "more than 262144 bytes"),
    ],
)
def test_a_document_that_cannot_be_trusted_is_refused(provider: Provider, answer: str, status: int, said: str) -> None:
    provider.answer, provider.status = answer, status
    with pytest.raises(CommandError, match=said):
        _discover(provider.url)


@pytest.mark.parametrize("issuer", ["http://sso.example", "ftp://127.0.0.1", "sso.example", "https://", "http://[", ""])
def test_only_https_or_this_machine_is_asked(issuer: str) -> None:
    with pytest.raises(CommandError, match="is not an"):
        _discover(issuer)


def test_a_provider_that_is_not_there_is_told(provider: Provider) -> None:
    with pytest.raises(CommandError, match="does not answer: ConnectError"):
        _discover("http://127.0.0.1:1")
