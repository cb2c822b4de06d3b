"""An identity provider keeps people and groups: the exchanges that Microsoft Entra and Okta document, and the walls."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.actions.people import add_service_account, give_grant
from portal.actions.tokens import issue_token
from portal.choices import Role, Scope
from portal.models import ApiToken, AuditEvent, Grant, Identity, ProvisionedGroup, ProvisionedPerson, User
from portal.sso import begin_session, sign_in_identity
from portal.trail import as_lines
from tests.cast import Cast
from tests.usecases.scenes import registered
from usecases.actions.team import add_to_team
from usecases.models import StewardshipRequest, UseCase
from usecases.policies import team_roles

pytestmark = pytest.mark.django_db

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# As Microsoft Entra announces somebody.
NOOR = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
    "externalId": "0a21b4c6-noor",
    "userName": "Noor.Haddad@example.org",
    "active": True,
    "displayName": "Noor Haddad",
    "title": "Team lead",
    "emails": [{"primary": True, "type": "work", "value": "noor.haddad@example.org"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "Noor Haddad", "familyName": "Haddad", "givenName": "Noor"},
}


class Directory:
    """A provider that calls with its token."""

    def __init__(self, cast: Cast, scopes: list[str] | None = None, role: str = Role.DIRECTORY) -> None:
        self.account = add_service_account(actor=cast.actor("admin"), name=f"directory {role}", owner=cast.petra)
        give_grant(actor=cast.actor("admin"), holder=self.account, role=role, unit=None)
        _token, self.text = issue_token(
            actor=cast.actor("admin"), account=self.account, label="scim", scopes=scopes or [Scope.SCIM], days=365
        )
        self.client = Client(raise_request_exception=False)

    def send(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        text = "" if body is None else json.dumps(body)
        return self.client.generic(
            method,
            f"/scim/v2/{path}",
            text,
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {self.text}", "Accept": "application/scim+json"},
            query_params=query,
        )

    def get(self, path: str, **query: str) -> Any:
        response = self.send("GET", path, **query)
        assert response.status_code == 200, response.content
        return response.json()

    def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
        return self.send("PATCH", path, body)

    def add(self, **changes: Any) -> User:
        response = self.send("POST", "Users", {**NOOR, **changes})
        assert response.status_code == 201, response.content
        return User.objects.get(pk=response.json()["id"])


@pytest.fixture
def directory(cast: Cast) -> Directory:
    return Directory(cast)


def refused(response: Any, status: int, kind: str | None = None) -> str:
    """The sentence of a refusal in SCIM's own form."""
    body = response.json()
    assert (response.status_code, body["schemas"], body["status"]) == (status, [ERROR], str(status)), body
    assert body.get("scimType") == kind
    assert response["Content-Type"] == "application/scim+json"
    return str(body["detail"])


def off(person: User) -> dict[str, Any]:
    return {"op": "Replace", "path": "active", "value": "False"}


def test_entra_looks_for_somebody_makes_them_and_finds_them(directory: Directory) -> None:
    empty = directory.get("Users", filter='userName eq "noor.haddad@example.org"')
    assert (empty["totalResults"], empty["Resources"]) == (0, [])
    made = directory.send("POST", "Users", NOOR)
    assert made.status_code == 201
    body = made.json()
    assert made["Location"] == body["meta"]["location"] and body["meta"]["location"].endswith(
        f"/scim/v2/Users/{body['id']}"
    )
    assert {key: body[key] for key in ("userName", "externalId", "displayName", "active", "title")} == {
        key: NOOR[key] for key in ("userName", "externalId", "displayName", "active", "title")
    }
    assert (body["name"]["givenName"], body["emails"][0]["value"]) == ("Noor", "noor.haddad@example.org")
    for wanted in ('userName eq "NOOR.haddad@example.org"', 'externalId eq "0a21b4c6-noor"', f'id eq "{body["id"]}"'):
        assert directory.get("Users", filter=wanted)["Resources"] == [body]
    person = User.objects.get(pk=body["id"])
    assert not person.has_usable_password()
    assert not Grant.objects.filter(person=person).exists(), "nobody gets a role by being announced"
    line = as_lines([AuditEvent.objects.get(payload__action="person.provisioned")])[0]
    assert (line.actor, line.sentence) == ("Directory directory", "added Noor Haddad.")


def test_somebody_is_announced_once(directory: Directory) -> None:
    directory.add()
    assert "userName" in refused(directory.send("POST", "Users", NOOR), 409, "uniqueness")
    again = {**NOOR, "userName": "other@example.org"}
    assert "externalId" in refused(directory.send("POST", "Users", again), 409, "uniqueness")
    assert ProvisionedPerson.objects.count() == 1


def test_entra_patches_attributes_one_by_one(directory: Directory) -> None:
    person = directory.add()
    answer = directory.patch(
        f"Users/{person.pk}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "noor@example.org"},
        {"op": "Replace", "path": "name.familyName", "value": "Aziz"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
    )
    assert answer.status_code == 200
    person.refresh_from_db()
    assert (person.email, person.name, person.provisioned.family_name) == ("noor@example.org", "Noor Aziz", "Aziz")
    event = AuditEvent.objects.get(payload__action="person.changed")
    assert event.payload["data"]["changed"] == ["name", "email", "family_name"]


def test_okta_replaces_the_whole_person(directory: Directory) -> None:
    person = directory.add()
    body = {
        "schemas": NOOR["schemas"],
        "userName": "noor@example.org",
        "name": {"givenName": "Noor", "familyName": "H"},
    }
    assert directory.send("PUT", f"Users/{person.pk}", {**body, "active": True}).status_code == 200
    person.refresh_from_db()
    assert (person.username, person.name, person.email, person.title) == ("noor@example.org", "Noor H", "", "")


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "replace", "value": {"active": False}},
        {"op": "Replace", "path": "active", "value": False},
    ],
)
def test_switching_off_ends_sessions_and_keys_and_asks_the_manager_to_stand_in(
    cast: Cast, directory: Directory, operation: dict[str, Any], rf: Any
) -> None:
    manager = directory.add(userName="lena@example.org", externalId="lena", displayName="Lena")
    person = directory.add(**{ENTERPRISE: {"manager": {"value": str(manager.pk)}}})
    use_case = registered(cast, by="arno", owner=person)
    machine = add_service_account(actor=cast.actor("admin"), name="theirs", owner=person)
    token, _text = issue_token(actor=cast.actor("admin"), account=machine, label="x", scopes=["read"], days=1)
    _open_session(rf, person)
    answer = directory.patch(f"Users/{person.pk}", operation)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert not Session.objects.exists()
    assert ApiToken.objects.get(pk=token.pk).revoked_at is not None
    asked = StewardshipRequest.objects.get()
    assert (asked.kind, asked.person, asked.use_case, asked.state) == ("stand_in", manager, use_case, "open")
    assert UseCase.objects.get(pk=use_case.pk).owner == person, "nothing moves before somebody accepts"
    assert not UseCase.objects.without_present_owner().exists()


def _open_session(rf: Any, person: User) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    request = rf.get("/")
    request.session = SessionStore()
    begin_session(request, person, "oidc")
    request.session.save()
    assert Session.objects.count() == 1


def test_without_a_manager_an_administrator_is_asked(cast: Cast, directory: Directory) -> None:
    person = directory.add()
    registered(cast, by="arno", owner=person)
    assert directory.patch(f"Users/{person.pk}", off(person)).status_code == 200
    assert StewardshipRequest.objects.get().person == cast.admin


def test_who_holds_something_stays_when_nobody_can_be_asked(cast: Cast, directory: Directory) -> None:
    person = directory.add()
    registered(cast, by="arno", owner=person)
    Grant.objects.filter(role=Role.ADMINISTRATOR).update(valid_until=timezone.now())
    assert "give them a manager" in refused(directory.patch(f"Users/{person.pk}", off(person)), 409)
    assert User.objects.get(pk=person.pk).is_active
    assert not StewardshipRequest.objects.exists()


def test_delete_switches_off_and_the_person_stays(directory: Directory) -> None:
    person = directory.add()
    for _time in range(2):
        assert directory.send("DELETE", f"Users/{person.pk}").status_code == 204
    assert directory.get(f"Users/{person.pk}")["active"] is False
    assert AuditEvent.objects.filter(payload__action="person.deactivated").count() == 1


def test_who_returns_returns_without_roles_groups_and_team_parts(cast: Cast, directory: Directory) -> None:
    person, use_case = directory.add(), registered(cast)
    give_grant(actor=cast.actor("admin"), holder=person, role=Role.RISK, unit=None)
    add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=person, role="contributor")
    person.groups.add(Group.objects.create(name="Risk"))
    directory.patch(f"Users/{person.pk}", off(person))
    answer = directory.patch(f"Users/{person.pk}", {"op": "replace", "value": {"active": True}})
    assert answer.json()["active"] is True
    assert not Grant.objects.filter(person=person, valid_until__isnull=True).exists()
    assert team_roles(person, use_case) == []
    assert not person.groups.exists()
    ended = AuditEvent.objects.get(payload__action="grant.ended").payload["sentence"]
    assert ended == f"ended the role of risk reviewer of @[{person.pk}], who returns without it."


@pytest.mark.parametrize("name", ["admin", "olivia"])
def test_a_local_account_is_not_the_directorys_to_see_or_to_change(cast: Cast, directory: Directory, name: str) -> None:
    person = cast.people[name]
    assert directory.get("Users", filter=f'userName eq "{name}"')["totalResults"] == 0
    refused(directory.send("GET", f"Users/{person.pk}"), 404)
    refused(directory.patch(f"Users/{person.pk}", off(person)), 404)
    refused(directory.send("DELETE", f"Users/{person.pk}"), 404)
    refused(directory.send("POST", "Users", {**NOOR, "userName": name}), 409, "uniqueness")
    assert User.objects.get(pk=person.pk).is_active


def test_who_was_given_a_password_here_is_changed_by_people_only(cast: Cast, directory: Directory) -> None:
    person = directory.add()
    person.set_password("correct horse battery staple")
    person.save()
    assert "by people only" in refused(directory.patch(f"Users/{person.pk}", off(person)), 403)
    assert User.objects.get(pk=person.pk).is_active


def test_the_last_administrator_stays(cast: Cast, directory: Directory) -> None:
    person = directory.add()
    give_grant(actor=cast.actor("admin"), holder=person, role=Role.ADMINISTRATOR, unit=None)
    Grant.objects.filter(person=cast.admin).update(valid_until=timezone.now())
    assert "last administrator" in refused(directory.patch(f"Users/{person.pk}", off(person)), 409)


def test_somebody_announced_signs_in_under_the_same_key(directory: Directory) -> None:
    person = directory.add()
    claims = {"iss": "https://login.example", "sub": "pairwise", "oid": NOOR["externalId"], "name": "Noor Haddad"}
    assert sign_in_identity(claims) == person
    other = sign_in_identity({**claims, "oid": "somebody-else", "email": "noor.haddad@example.org"})
    assert other not in (None, person), "an address opens nothing"


def test_somebody_who_signed_in_before_is_taken_over_and_not_doubled(directory: Directory) -> None:
    before = sign_in_identity({"iss": "https://login.example", "sub": NOOR["externalId"], "name": "Noor"})
    assert directory.add() == before
    assert Identity.objects.get().user == before


def test_groups_are_made_filled_and_emptied(cast: Cast, directory: Directory) -> None:
    noor = directory.add()
    lena = directory.add(userName="lena@example.org", externalId="lena", displayName="Lena")
    made = directory.send("POST", "Groups", {"displayName": "Risk office", "externalId": "g-1", "members": []})
    assert made.status_code == 201
    path = f"Groups/{made.json()['id']}"
    assert directory.get("Groups", filter='displayName eq "risk office"', excludedAttributes="members")[
        "Resources"
    ] == [{key: value for key, value in made.json().items() if key != "members"}]
    added = directory.patch(
        path, {"op": "Add", "path": "members", "value": [{"value": str(noor.pk)}, {"value": str(lena.pk)}]}
    )
    assert [each["value"] for each in added.json()["members"]] == sorted([str(noor.pk), str(lena.pk)])
    assert directory.get(f"Users/{noor.pk}")["groups"] == [{"value": made.json()["id"], "display": "Risk office"}]
    removed = directory.patch(path, {"op": "remove", "path": f'members[value eq "{noor.pk}"]'})
    assert [each["display"] for each in removed.json()["members"]] == ["Lena"]
    replaced = directory.send("PUT", path, {"displayName": "Risk", "members": [{"value": str(noor.pk)}]})
    assert (replaced.json()["displayName"], len(replaced.json()["members"])) == ("Risk", 1)
    events = AuditEvent.objects.filter(payload__action="group.changed").order_by("object_rev")
    assert [event.payload["sentence"] for event in events] == [
        "changed the group Risk office: 2 in, 0 out.",
        "changed the group Risk office: 0 in, 1 out.",
        "changed the group Risk: 1 in, 1 out.",
    ]


def test_a_group_takes_none_but_the_directorys_people(cast: Cast, directory: Directory) -> None:
    made = directory.send("POST", "Groups", {"displayName": "Risk"}).json()
    for value in (str(cast.olivia.pk), str(uuid.uuid4()), "x"):
        answer = directory.patch(f"Groups/{made['id']}", {"op": "add", "path": "members", "value": [{"value": value}]})
        refused(answer, 400, "invalidValue")
    assert not Group.objects.get(name="Risk").user_set.exists()


def test_a_group_that_makes_administrators_is_filled_by_people(cast: Cast, directory: Directory) -> None:
    person, group = directory.add(), Group.objects.create(name="Keepers")
    since = timezone.now() - timedelta(minutes=1)
    Grant.objects.create(group=group, role=Role.ADMINISTRATOR, valid_from=since, reason="test")
    body = {"displayName": "Keepers", "members": [{"value": str(person.pk)}]}
    assert "administrator" in refused(directory.send("POST", "Groups", body), 403)
    assert not ProvisionedGroup.objects.exists()
    assert not group.user_set.exists()


def test_groups_of_the_directory_outlive_a_sign_in_without_the_claim(directory: Directory) -> None:
    person = directory.add()
    body = {"displayName": "Risk", "members": [{"value": str(person.pk)}]}
    directory.send("POST", "Groups", body)
    person.groups.add(Group.objects.create(name="Of the claim"))
    sign_in_identity({"iss": "https://login.example", "sub": NOOR["externalId"], "name": "Noor Haddad"})
    assert [group.name for group in person.groups.all()] == ["Risk"]


@pytest.mark.parametrize(
    ("scopes", "role"),
    [(list(Scope.values), Role.DIRECTORY), (["read"], Role.DIRECTORY), (["scim"], Role.ADMINISTRATOR)],
)
def test_only_a_token_for_this_alone_opens_it(cast: Cast, scopes: list[str], role: str) -> None:
    refused(Directory(cast, scopes, role).send("GET", "Users"), 403)


def test_a_directorys_token_opens_nothing_else(cast: Cast, directory: Directory) -> None:
    registered(cast)
    headers = {"Authorization": f"Bearer {directory.text}"}
    assert directory.client.get("/api/v1/use-cases/", headers=headers).json()["results"] == []
    assert directory.client.get("/api/v1/audit-events/", headers=headers).status_code == 403


def test_without_a_token_or_with_an_unknown_one_it_says_what_is_asked_for(cast: Cast, directory: Directory) -> None:
    answer = Client().get("/scim/v2/Users")
    refused(answer, 401)
    assert answer["WWW-Authenticate"] == 'Bearer realm="gatehouse"'
    directory.text = "gth_000000000000.x"
    refused(directory.send("GET", "Users"), 401)


def test_every_error_is_in_scims_words(directory: Directory) -> None:
    refused(directory.send("GET", f"Users/{uuid.uuid4()}"), 404)
    refused(directory.send("GET", "Nothing"), 404)
    refused(directory.send("GET", "Users", filter='userName co "a"'), 400, "invalidFilter")
    refused(directory.send("GET", "Users", startIndex="x"), 400, "invalidValue")
    refused(directory.send("POST", "Bulk", {}), 404)
    refused(directory.send("PUT", "Users", {}), 405)
    refused(directory.send("POST", "Users", {"active": True}), 400, "invalidValue")
    refused(directory.send("POST", "Users", {**NOOR, "userName": "x" * 81}), 400, "invalidValue")
    refused(directory.send("POST", "Users", {**NOOR, "emails": "no address"}), 400, "invalidValue")
    refused(directory.send("POST", "Users", {**NOOR, "title": "x" * 300 * 1024}), 413)
    assert not ProvisionedPerson.objects.exists()


def test_a_refused_change_changes_nothing_of_it(directory: Directory) -> None:
    person = directory.add()
    answer = directory.patch(
        f"Users/{person.pk}",
        {"op": "replace", "path": "title", "value": "Head"},
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": str(uuid.uuid4())},
    )
    refused(answer, 400, "invalidValue")
    assert User.objects.get(pk=person.pk).title == "Team lead"


def test_a_list_is_read_in_pages_with_the_same_queries_however_many(directory: Directory) -> None:
    for number in range(3):
        directory.add(userName=f"p{number}@example.org", externalId=f"p{number}")
    page = directory.get("Users", startIndex="2", count="1")
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, 2, 1)
    assert page["Resources"][0]["userName"] == "p1@example.org"
    assert directory.get("Users", count="0")["Resources"] == []
    counts = []
    for count in ("1", "3"):
        directory.get("Users", count=count)
        with CaptureQueriesContext(connection) as asked:
            directory.get("Users", count=count)
        counts.append(len(asked))
    assert counts == [5, 5]


@pytest.mark.parametrize("path", ["ServiceProviderConfig", "ResourceTypes", "ResourceTypes/User", "Schemas"])
def test_the_provider_says_what_it_can(directory: Directory, path: str) -> None:
    body = directory.get(path)
    if path == "ServiceProviderConfig":
        assert (body["patch"]["supported"], body["bulk"]["supported"]) == (True, False)
    elif path == "ResourceTypes/User":
        assert body["endpoint"] == "/Users"
    else:
        assert body["totalResults"] == len(body["Resources"]) > 1
    assert directory.get(f"Schemas/{ENTERPRISE}")["name"] == "EnterpriseUser"
