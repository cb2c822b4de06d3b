"""Every error has its status, its stable code and its words, as problem+json and as a page; a failure tells nothing."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.api.callers import Machine, signed_in
from tests.cast import Cast

REASONS = [{"code": "first", "text": "Not you."}, {"code": "second", "text": "Not now."}]
EXPECTED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "refused": (403, "first", {"detail": "Not you. Not now.", "reasons": REASONS}),
    "conflict": (409, "late", {"detail": "Too late.", "reasons": [{"code": "late", "text": "Too late."}]}),
    "invalid": (
        400,
        "invalid",
        {"errors": [{"field": "scores.1.value", "message": "Too small."}, {"field": "", "message": "Odd."}]},
    ),
    "django-invalid": (400, "invalid", {"errors": [{"field": "name", "message": "Too long."}]}),
    "django-invalid-plain": (400, "invalid", {"errors": [{"field": "", "message": "Odd."}]}),
    "forbidden": (403, "forbidden", {"detail": "Not here."}),
    "suspicious": (400, "bad_request", {}),
    "too-big": (413, "body_too_large", {}),
    "parse": (400, "parse_error", {"detail": "Line 3 is odd."}),
    "coded": (401, "token_revoked", {"detail": "Gone."}),
    "media": (415, "unsupported_media_type", {"detail": 'Unsupported media type "text/odd" in request.'}),
}


@pytest.mark.parametrize("what", EXPECTED)
def test_an_expected_error_is_a_problem_with_its_code(machine: Machine, what: str) -> None:
    status, code, rest = EXPECTED[what]
    response = machine.get(f"/api/v1/probe/raise/{what}/")
    body = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert response.status_code == body.pop("status") == status
    assert body.pop("code") == code
    assert body.pop("title")
    assert body.pop("type") == "about:blank"
    assert body == rest


def test_being_asked_to_slow_down_says_for_how_long(machine: Machine) -> None:
    response = machine.get("/api/v1/probe/raise/throttled/")
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (429, "throttled", "9")


def test_what_may_not_be_known_answers_as_what_does_not_exist(machine: Machine) -> None:
    answers = [
        machine.get(path)
        for path in ("/api/v1/probe/raise/http404/", "/api/v1/probe/raise/not-found/", "/api/v1/nowhere/")
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert answers[0].content == answers[1].content == answers[2].content
    assert answers[0].json()["code"] == "not_found"
    differing = {"X-Request-ID", "Allow", "Vary", "Content-Length"}
    kept = [{name: value for name, value in answer.items() if name not in differing} for answer in answers]
    assert kept[0] == kept[1]


def test_a_hidden_page_reads_as_a_page_that_does_not_exist(cast: Cast) -> None:
    client = signed_in("otto")

    def text(path: str) -> str:
        return re.sub(r'(value|content)="[A-Za-z0-9]{64}"', "", client.get(path).content.decode())

    hidden = text(f"/people/{cast.olivia.pk}/")
    assert "There is nothing here" in hidden
    assert hidden == text("/people/00000000-0000-7000-8000-000000000000/")
    assert "Olivia" not in hidden


def test_an_unexpected_error_of_the_api_tells_nothing(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    response = machine.get("/api/v1/probe/raise/unexpected/")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert response.json() == {
        "type": "about:blank",
        "title": "Something broke on our side.",
        "status": 500,
        "code": "server_error",
    }
    assert response["X-Request-ID"]


PAGES = {"refused": 403, "conflict": 409, "http404": 404, "forbidden": 403, "suspicious": 400, "too-big": 413}


@pytest.mark.parametrize("what", PAGES)
def test_the_same_errors_are_pages_for_people(cast: Cast, what: str) -> None:
    response = signed_in("otto").get(f"/probe/raise/{what}/")
    assert response.status_code == PAGES[what]
    assert response["Content-Type"].startswith("text/html")
    text = response.content.decode()
    assert "details" not in text
    assert "the reason stays inside" not in text
    if what == "refused":
        assert "Not you." in text
        assert "Not now." in text


def test_htmx_gets_the_problem_as_a_fragment(cast: Cast) -> None:
    response = signed_in("otto").get("/probe/raise/conflict/", headers={"HX-Request": "true"})
    assert response.status_code == 409
    assert "Too late." in response.content.decode()
    assert "<html" not in response.content.decode()


def test_an_unexpected_error_of_a_page_tells_nothing(cast: Cast) -> None:
    response = signed_in("otto").get("/probe/raise/unexpected/")
    assert response.status_code == 500
    assert "The portal failed" in response.content.decode()
    for inside in ("secret detail", "RuntimeError", "Traceback"):
        assert inside not in response.content.decode()


def test_without_a_sign_in_the_api_asks_for_a_token(db: None) -> None:
    response = Client().get("/api/v1/me/")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="gatehouse"'
