"""Around every request: bounds, identity of the request, sign-in, CSRF, host, headers."""

import logging
from typing import Any
from uuid import UUID

import pytest
from django.test import Client, RequestFactory

from portal.errors import csrf_failure
from portal.models import AuditEvent, AuditPersonalData, Notice
from tests.api.callers import Machine, signed_in
from tests.cast import PASSWORD, Cast


@pytest.fixture(autouse=True)
def _with_probe(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.api.probe"


@pytest.fixture
def machine(cast: Cast) -> Machine:
    return Machine(cast)


# --- Bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/sign-in/", 16 * 1024), ("/api/v1/gate/check/", 64 * 1024), ("/api/v1/probe/echo/", 1024 * 1024)],
)
def test_a_body_over_its_routes_limit_is_413_before_it_is_read(machine: Machine, path: str, limit: int) -> None:
    exact, over = (
        machine.client.post(path, b'"' + b"a" * (size - 2) + b'"', "application/json", headers=machine.headers)
        for size in (limit, limit + 1)
    )
    assert exact.status_code != 413
    assert over.status_code == 413
    if path.startswith("/api/"):
        assert over.json()["code"] == "body_too_large"
        assert str(limit) in over.json()["detail"]


def test_the_limit_is_what_is_announced_not_what_is_sent(machine: Machine) -> None:
    response = machine.client.post("/sign-in/", b"a=1", "application/x-www-form-urlencoded", CONTENT_LENGTH="99999999")
    assert response.status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "²", "0x10", "9" * 5000, " 5"])
def test_a_length_that_is_no_number_is_refused(machine: Machine, length: str) -> None:
    response = machine.client.post("/sign-in/", b"a=1", "application/x-www-form-urlencoded", CONTENT_LENGTH=length)
    assert response.status_code == 413


def test_a_chunked_body_is_refused(machine: Machine) -> None:
    response = machine.post("/api/v1/probe/echo/", {}, **{"Transfer-Encoding": "chunked"})
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/api/v1/audit-events/?about=%00", "/people/?q=a%00b", "/peo%00ple/"])
def test_a_nul_in_the_address_is_400(cast: Cast, path: str) -> None:
    assert signed_in("admin").get(path).status_code == 400


def test_too_many_fields_are_a_problem_and_no_failure(cast: Cast, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    response = signed_in("otto").post("/probe/form/", {f"f{number}": "1" for number in range(4)})
    assert response.status_code == 413


# --- Who asks -------------------------------------------------------------------------------------------------------


def test_signed_out_a_page_leads_to_the_door_and_back(db: None) -> None:
    response = Client().get("/audit-trail/?about=UC-0001")
    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=/audit-trail/%3Fabout%3DUC-0001")


def test_signed_out_a_form_is_not_taken(db: None) -> None:
    response = Client().post("/people/new/", {"name": "X"})
    assert response.status_code == 401
    assert "You are signed out" in response.content.decode()


def test_signed_out_htmx_is_led_to_the_door(db: None) -> None:
    response = Client().get("/people/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"], response.content) == (401, "/sign-in/", b"")


@pytest.mark.parametrize("path", ["/nowhere/", "/people/", "/api/docs/", "/connectors/", "/api/v2/"])
def test_what_is_not_opened_is_closed(db: None, path: str) -> None:
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("path", ["/livez", "/sign-in/", "/metrics"])
def test_the_open_addresses_need_no_sign_in(db: None, path: str) -> None:
    assert Client().get(path).status_code == 200


def test_a_token_opens_no_page(machine: Machine) -> None:
    assert machine.get("/people/").status_code == 302


def test_the_actor_remembers_how_and_when_the_person_signed_in(cast: Cast) -> None:
    client = Client(headers={"User-Agent": "Browser/1"}, REMOTE_ADDR="192.0.2.7")
    client.post("/sign-in/", {"username": "admin", "password": PASSWORD})
    response = client.post("/people/new/", {"username": "noor", "name": "Noor"})
    assert response.status_code == 302
    event = AuditEvent.objects.get(payload__action="person.added")
    author = event.payload["actor"]
    assert (author["kind"], author["method"], author["person"]) == ("person", "password", str(cast.admin.pk))
    assert len(author["session_commit"]) == 32
    assert client.session.session_key not in event.canon
    assert author["signed_in_at"].endswith("Z")
    assert event.payload["request_id"] == response["X-Request-ID"]
    personal = AuditPersonalData.objects.get(event=event).values
    assert (personal["address"], personal["agent"]) == ("192.0.2.7", "Browser/1")


# --- The request's id, headers --------------------------------------------------------------------------------------


def test_every_answer_carries_its_own_request_id_and_never_the_callers(cast: Cast) -> None:
    ids = {
        Client().get(path, headers={"X-Request-ID": "forged\u0000"})["X-Request-ID"]
        for path in ("/livez", "/sign-in/", "/people/", "/api/v1/me/", "/nowhere/")
    }
    assert len(ids) == 5
    assert all(UUID(value) for value in ids)


@pytest.mark.parametrize("path", ["/sign-in/", "/people/", "/nowhere/", "/api/v1/me/", "/api/docs/"])
def test_headers_protect_every_kind_of_answer(cast: Cast, path: str) -> None:
    response = signed_in("admin").get(path)
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in response["Cache-Control"]
    assert "unsafe-inline" not in response["Content-Security-Policy"]


def test_cookies_are_out_of_scripts_reach(cast: Cast) -> None:
    client = signed_in("otto")
    cookie = client.cookies["gatehouse_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert set(client.cookies) == {"gatehouse_session"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "a b"])
def test_a_forged_host_is_refused(cast: Cast, host: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    for path in ("/sign-in/", "/people/", "/livez"):
        response = Client(SERVER_NAME="127.0.0.1").get(path, headers={"Host": host})
        assert response.status_code == 400
        assert host not in response.content.decode()


# --- CSRF -----------------------------------------------------------------------------------------------------------


def test_a_form_from_elsewhere_is_refused_and_changes_nothing(cast: Cast) -> None:
    notice = Notice.objects.create(person=cast.admin, text="Read me.")
    client = signed_in("admin", csrf=True)
    response = client.post(f"/notices/{notice.pk}/read/")
    assert response.status_code == 403
    assert "This form is no longer valid" in response.content.decode()
    notice.refresh_from_db()
    assert notice.read_at is None


def test_the_pages_own_form_is_taken(cast: Cast) -> None:
    notice = Notice.objects.create(person=cast.admin, text="Read me.")
    client = signed_in("admin", csrf=True)
    token = client.get("/people/").content.decode().split('name="csrf-token" content="')[1].split('"')[0]
    assert client.post(f"/notices/{notice.pk}/read/", {"csrfmiddlewaretoken": token}).status_code == 302
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_the_door_itself_asks_for_the_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/sign-in/", {"username": "otto", "password": PASSWORD}).status_code == 403


def test_a_csrf_failure_of_the_api_is_a_problem(rf: RequestFactory) -> None:
    response = csrf_failure(rf.post("/api/v1/x/"))
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
