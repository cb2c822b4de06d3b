"""The pages of people and access: an administrator's whole way through them, and nobody else's."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.choices import Role
from portal.models import ApiToken, AuditEvent, Grant, Identity, ServiceAccount, User
from tests.api.callers import Machine, signed_in
from tests.cast import Cast


@pytest.fixture
def admin(cast: Cast) -> Client:
    return signed_in("admin")


def _text(response: Any) -> str:
    """The page's words, without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_register_shows_who_may_what_where(cast: Cast, admin: Client) -> None:
    Grant.objects.create(
        person=cast.otto,
        role=Role.LEGAL,
        valid_from=timezone.now() - timedelta(days=2),
        valid_until=timezone.now() - timedelta(days=1),
    )
    text = _text(admin.get("/people/"))
    assert re.search(
        r"Olivia Head of customer service Customer service Business owner \(Customer service\) Active", text
    )
    assert re.search(r"Otto Nobody in particular Facilities None Active", text), "a role that ended is no role"
    assert "pipeline" in text


def test_the_register_finds_by_name(cast: Cast, admin: Client) -> None:
    text = _text(admin.get("/people/?q=OLIV"))
    assert "Head of customer service" in text
    assert "Nobody in particular" not in text
    assert "Nobody of this name" in _text(admin.get("/people/?q=xyz"))


def test_the_register_costs_the_same_for_many(cast: Cast, admin: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get("/people/").status_code == 200
        return len(captured)

    few = queries()
    for number in range(30):
        person = User.objects.create(username=f"u{number}", name=f"U{number}")
        Grant.objects.create(person=person, role=Role.OWNER, unit=cast.units["Risk"], valid_from=timezone.now())
        ServiceAccount.objects.create(name=f"m{number}", owner=person)
    assert queries() == few
    assert few <= 12


def test_only_live_tokens_are_counted(cast: Cast, admin: Client) -> None:
    live, revoked = Machine(cast, "ingest"), Machine(cast, "ingest")
    ApiToken.objects.filter(pk=revoked.token.pk).update(revoked_at=timezone.now())
    rows = re.findall(r"ingest</a>.*?</tr>", admin.get("/people/").content.decode(), re.DOTALL)
    assert re.search(r'class="figure"[^>]*>\s*1\s*<', rows[0]), live.token.prefix


def test_a_person_is_added_and_given_a_role(cast: Cast, admin: Client) -> None:
    typed = {"username": "Noor", "name": "Noor", "email": "noor@example.org", "unit": str(cast.units["Risk"].pk)}
    response = admin.post("/people/new/", typed)
    noor = User.objects.get(username="noor")
    assert (response.status_code, response["Location"]) == (302, f"/people/{noor.pk}/")
    page = admin.get(response["Location"])
    assert "Noor was added. Give a role next." in _text(page)
    given = admin.post(f"/access/person/{noor.pk}/grants/", {"role": "risk", "reason": "New"})
    assert given["Location"] == f"/people/{noor.pk}/"
    text = _text(admin.get(f"/people/{noor.pk}/"))
    assert "Risk reviewer · the whole organisation" in text
    assert "Given by Admin" in text
    ended = admin.post(f"/grants/{noor.grants.get().pk}/end/")
    assert ended["Location"] == f"/people/{noor.pk}/"
    assert "No role" in _text(admin.get(f"/people/{noor.pk}/"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "This field is required."),
        ({"username": "OTTO", "name": "Otto"}, "Somebody signs in by this name already."),
        ({"username": "two words", "name": "X"}, "valid"),
        ({"username": "x", "name": "X", "password": "short"}, "too short"),
        ({"username": "x", "name": "Xenia Xeniadou", "password": "xenia xeniadou"}, "too similar"),
        ({"username": "x", "name": "x" * 121}, "at most 120"),
        ({"username": "x", "name": "X\x00"}, "Null characters are not allowed."),
    ],
)
def test_what_was_typed_wrong_stays_and_adds_nobody(
    cast: Cast, admin: Client, typed: dict[str, str], said: str
) -> None:
    people = User.objects.count()
    response = admin.post("/people/new/", typed)
    assert response.status_code == 422
    assert said in _text(response)
    assert User.objects.count() == people
    if typed.get("name") == "Otto":
        assert 'value="OTTO"' in response.content.decode()
    if "password" in typed:
        assert f'value="{typed["password"]}"' not in response.content.decode()


def test_a_service_account_gets_a_role_and_a_token_that_is_shown_once(cast: Cast, admin: Client) -> None:
    added = admin.post("/service-accounts/new/", {"name": "builds", "owner": str(cast.petra.pk)})
    account = ServiceAccount.objects.get(name="builds")
    assert added["Location"] == f"/service-accounts/{account.pk}/"
    admin.post(f"/access/account/{account.pk}/grants/", {"role": "pipeline"})
    issued = admin.post(
        f"/service-accounts/{account.pk}/tokens/", {"label": "ci", "scopes": ["read", "gate"], "days": "30"}
    )
    assert (issued.status_code, issued["Location"]) == (302, f"/service-accounts/{account.pk}/")
    shown = admin.get(issued["Location"])
    assert "no-store" in shown["Cache-Control"]
    [text] = set(re.findall(r"gth_[0-9a-f]{12}\.[\w-]+", shown.content.decode()))
    me = Client().get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"})
    assert me.json()["capabilities"] == ["ask_gate", "view"]
    page = admin.get(f"/service-accounts/{account.pk}/").content.decode()
    assert text.split(".")[1] not in page
    assert text.split(".")[0] in page
    admin.post(f"/tokens/{account.tokens.get().pk}/revoke/")
    assert Client().get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert "Revoked" in _text(admin.get(f"/service-accounts/{account.pk}/"))


def test_an_issued_token_waits_sealed_for_its_own_page(cast: Cast, admin: Client) -> None:
    account, other = cast.accounts["pipeline"], cast.accounts["ingest"]
    asked = {"label": "ci", "scopes": ["read"], "days": "1"}
    admin.post(f"/service-accounts/{account.pk}/tokens/", asked)
    prefix = account.tokens.get().prefix
    session = Session.objects.get(session_key=admin.session.session_key)
    assert prefix not in str(session.get_decoded()), "a session stands in the database, where no secret may"
    assert "Copy this token now" not in _text(admin.get(f"/service-accounts/{other.pk}/"))
    admin.post(f"/service-accounts/{account.pk}/tokens/", asked)
    assert admin.head(f"/service-accounts/{account.pk}/").status_code == 200
    assert "Copy this token now" in _text(admin.get(f"/service-accounts/{account.pk}/"))
    assert "Copy this token now" not in _text(admin.get(f"/service-accounts/{account.pk}/"))
    assert account.tokens.count() == 2


def test_ending_access_asks_once_more_by_name(cast: Cast, admin: Client) -> None:
    machine = Machine(cast, "pipeline")
    grant = cast.olivia.grants.get()
    asked = {
        f"/grants/{grant.pk}/end/": ("End the role of Olivia?", f"/people/{cast.olivia.pk}/"),
        f"/people/{cast.olivia.pk}/deactivate/": ("Switch off Olivia?", f"/people/{cast.olivia.pk}/"),
        f"/tokens/{machine.token.pk}/revoke/": (
            f"Revoke the token “{machine.token.label}”?",
            f"/service-accounts/{machine.token.account_id}/",
        ),
        f"/service-accounts/{machine.token.account_id}/deactivate/": (
            "Switch off pipeline?",
            f"/service-accounts/{machine.token.account_id}/",
        ),
    }
    events = AuditEvent.objects.count()
    for url, (question, back) in asked.items():
        page, holder = admin.get(url), admin.get(back)
        assert question in _text(page)
        assert f'action="{url}"' in page.content.decode()
        assert f'href="{back}"' in page.content.decode()
        dialogs = re.findall(r"<dialog id=\"([^\"]+)\".*?</dialog>", holder.content.decode(), re.DOTALL)
        [opener] = re.findall(rf'href="{url}"[^>]*?data-dialog="([^"]+)"', holder.content.decode(), re.DOTALL)
        assert opener in dialogs
        assert question in _text(holder)
    assert AuditEvent.objects.count() == events, "asking changes nothing"
    refused = _text(admin.get(f"/grants/{cast.admin.grants.get().pk}/end/"))
    assert "This is the last administrator." in refused
    assert "Nobody switches off their own account." in _text(admin.get(f"/people/{cast.admin.pk}/deactivate/"))


def test_on_ones_own_page_no_role_is_offered(cast: Cast, admin: Client) -> None:
    own = admin.get(f"/people/{cast.admin.pk}/").content.decode()
    assert f"/access/person/{cast.admin.pk}/grants/" not in own
    assert "Nobody gives access to themselves. Ask another administrator." in own
    assert f"/access/person/{cast.otto.pk}/grants/" in admin.get(f"/people/{cast.otto.pk}/").content.decode()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "This field is required."),
        ({"label": "x", "scopes": ["decide"], "days": "1"}, "is not one of the available choices"),
        ({"label": "x", "scopes": ["read"], "days": "366"}, "less than or equal to 365"),
        ({"label": "x", "scopes": ["read"], "days": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_token_asked_for_wrongly_is_not_issued(cast: Cast, admin: Client, typed: dict[str, Any], said: str) -> None:
    response = admin.post(f"/service-accounts/{cast.accounts['ingest'].pk}/tokens/", typed)
    assert response.status_code == 422
    assert said in _text(response)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("who", "typed"),
    [
        ("otto", {"role": "pipeline"}),
        ("otto", {"role": "emperor"}),
        ("ingest", {"role": "approver"}),
        ("otto", {"role": "risk", "valid_until": "2020-01-01T00:00"}),
        ("otto", {"role": "risk", "reason": "x" * 501}),
        ("otto", {"role": "risk", "unit": "00000000-0000-7000-8000-000000000000"}),
    ],
)
def test_a_role_asked_for_wrongly_is_not_given(cast: Cast, admin: Client, who: str, typed: dict[str, str]) -> None:
    grants = Grant.objects.count()
    machine = who in cast.accounts
    pk = cast.accounts[who].pk if machine else cast.people[who].pk
    response = admin.post(f"/access/{'account' if machine else 'person'}/{pk}/grants/", typed)
    assert response.status_code == 422
    assert Grant.objects.count() == grants


def test_a_verbs_refusal_is_a_page_with_its_reason(cast: Cast, admin: Client) -> None:
    response = admin.post(f"/access/person/{cast.admin.pk}/grants/", {"role": "approver"})
    assert response.status_code == 403
    assert "Nobody gives access to themselves." in _text(response)
    last = admin.post(f"/grants/{cast.admin.grants.get().pk}/end/")
    assert last.status_code == 409
    assert "This is the last administrator." in _text(last)


def test_an_account_is_switched_off_and_on(cast: Cast, admin: Client) -> None:
    for base, holder in (("people", cast.otto), ("service-accounts", cast.accounts["ingest"])):
        url = f"/{base}/{holder.pk}/"
        assert admin.post(f"{url}deactivate/")["Location"] == url
        page = _text(admin.get(url))
        assert "This account is switched off" in page
        assert "Switch this account on" in page
        assert "Give a role" not in page
        assert admin.post(f"{url}reactivate/")["Location"] == url
        assert "Switch this account off" in _text(admin.get(url))
    own = _text(admin.get(f"/people/{cast.admin.pk}/"))
    assert "Nobody switches off their own account." in own


def test_sign_ins_are_shown(cast: Cast, admin: Client) -> None:
    Identity.objects.create(user=cast.otto, issuer="https://sso.example", subject="<b>s-1</b>")
    page = admin.get(f"/people/{cast.otto.pk}/").content.decode()
    assert "https://sso.example" in page
    assert "&lt;b&gt;s-1&lt;/b&gt;" in page


def test_there_are_two_kinds_of_holders_only(cast: Cast, admin: Client) -> None:
    assert admin.post(f"/access/group/{cast.otto.pk}/grants/", {"role": "risk"}).status_code == 404
    assert admin.post(f"/access/account/{cast.otto.pk}/grants/", {"role": "risk"}).status_code == 404


def test_the_trail_is_a_page_for_those_who_may(cast: Cast, admin: Client) -> None:
    for number in range(61):
        admin.post(f"/people/{cast.otto.pk}/{'deactivate' if number % 2 == 0 else 'reactivate'}/")
    auditor = signed_in("aud")
    page = auditor.get("/audit-trail/?action=person.")
    assert "switched off the account of Otto." in _text(page)
    older = re.search(r'href="(\?before=[^"]+)"', page.content.decode())
    assert older
    rest = auditor.get("/audit-trail/" + older[1].replace("&amp;", "&"))
    assert _text(rest).count("switched") == 1
    assert "Nothing matches" in _text(auditor.get("/audit-trail/?about=UC-9999"))
    assert signed_in("dev").get("/audit-trail/").status_code == 404
    assert admin.get("/audit-trail/").status_code == 404, "who configures does not read what is restricted"


def test_the_trail_is_narrowed_by_person_action_and_days(cast: Cast, admin: Client) -> None:
    admin.post(f"/people/{cast.otto.pk}/deactivate/")
    admin.post(f"/access/person/{cast.fiona.pk}/grants/", {"role": "finance"})
    auditor, today = signed_in("aud"), timezone.localdate()

    def shown(**filters: Any) -> list[str]:
        return [line.action for line in auditor.get("/audit-trail/", filters).context["lines"]]

    assert shown(who="admin")[:2] == ["grant.given", "person.deactivated"]
    assert shown(who="Olivia") == []
    assert shown(who="adm", action="person.d") == ["person.deactivated"]
    assert shown(action="person.d", since=today, until=today) == ["person.deactivated"]
    assert shown(action="person.d", until=today - timedelta(days=1)) == []
    assert shown(action="person.d", since=today + timedelta(days=1)) == []
    assert shown(action="person.d", until="9999-12-31") == ["person.deactivated"]
    page = _text(auditor.get("/audit-trail/?who=nobody-of-this-name"))
    assert "Nothing matches" in page
    assert "Show everything" in page


@pytest.mark.parametrize("query", ["before=nonsense", "since=yesterday", "until=2026-02-30", f"who={'x' * 81}"])
def test_a_question_to_the_trail_that_cannot_be_read_says_so(cast: Cast, query: str) -> None:
    response = signed_in("aud").get(f"/audit-trail/?{query}")
    assert response.status_code == 400
    assert "This request could not be read" in _text(response)


def test_the_apis_reference_is_a_page(cast: Cast) -> None:
    response = signed_in("otto").get("/api/docs/")
    assert response.status_code == 200
    assert "GET /api/v1/audit-events/" in _text(response)
    assert "GET /api/v1/me/" in _text(response)
