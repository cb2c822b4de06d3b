"""People, machines, roles and tokens: who may change them, what happens, and what the trail says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused, organisation_capabilities
from portal.actions import people as verbs
from portal.actions.tokens import issue_token, revoke_token
from portal.choices import Role
from portal.models import ApiToken, AuditEvent, BusinessUnit, Grant, ServiceAccount, User
from portal.trail import as_lines
from tests.api.callers import signed_in
from tests.cast import Cast


def _codes(act: Callable[[], Any]) -> list[str]:
    """The codes of the refusal; nothing may have been told or changed."""
    before = AuditEvent.objects.count(), Grant.objects.count(), ApiToken.objects.count(), User.objects.count()
    with pytest.raises(Refused) as refused:
        act()
    now = AuditEvent.objects.count(), Grant.objects.count(), ApiToken.objects.count(), User.objects.count()
    assert now == before
    return [reason.code for reason in refused.value.reasons]


def _last(action: str) -> str:
    [event] = AuditEvent.objects.filter(payload__action=action).order_by("-recorded_at")[:1]
    [line] = as_lines([event])
    return f"{line.actor} {line.sentence}"


def _new(cast: Cast, username: str = "Second", password: str = "") -> User:
    return verbs.add_person(
        actor=cast.actor("admin"),
        username=username,
        name="Second",
        email="second@example.org",
        title="Administrator",
        unit=cast.units["Technology"],
        password=password,
    )


def _give(cast: Cast, holder: User | ServiceAccount, role: str, by: str = "admin", **more: Any) -> Grant:
    return verbs.give_grant(actor=cast.actor(by), holder=holder, role=role, unit=None, **more)


def test_a_person_is_added_without_any_access(cast: Cast) -> None:
    person = _new(cast)
    assert (person.username, person.has_usable_password(), person.grants.count()) == ("second", False, 0)
    assert _last("person.added") == "Admin added Second to the portal."


def test_units_nest_by_path(cast: Cast) -> None:
    parent = cast.units["Risk"]
    unit = verbs.add_business_unit(actor=cast.actor("admin"), name="Model risk", parent=parent)
    assert unit.path == f"{parent.path}{unit.pk.hex}."
    assert _last("business_unit.added") == "Admin added the business unit Model risk below Risk."


def test_a_service_account_has_an_owner(cast: Cast) -> None:
    account = verbs.add_service_account(actor=cast.actor("admin"), name="builds", owner=cast.petra)
    assert account.owner == cast.petra
    assert _last("service_account.added") == "Admin added the service account builds, owned by Petra."


@pytest.mark.parametrize("name", ["olivia", "aud", "otto", "pipeline"])
def test_only_administrators_manage_people(cast: Cast, name: str) -> None:
    actor = cast.actor(name)
    expected = ["not_a_person", "not_administrator"] if name == "pipeline" else ["not_administrator"]
    grant = Grant.objects.filter(person=cast.olivia).get()
    attempts: list[Callable[[], Any]] = [
        lambda: verbs.add_business_unit(actor=actor, name="X", parent=None),
        lambda: verbs.add_person(actor=actor, username="x", name="X", email="", title="", unit=None),
        lambda: verbs.add_service_account(actor=actor, name="x", owner=cast.petra),
        lambda: verbs.give_grant(actor=actor, holder=cast.leo, role=Role.OWNER, unit=None),
        lambda: verbs.end_grant(actor=actor, grant=grant),
        lambda: verbs.deactivate_person(actor=actor, person=cast.leo),
        lambda: verbs.deactivate_service_account(actor=actor, account=cast.accounts["ingest"]),
    ]
    for attempt in attempts:
        assert _codes(attempt) == expected
    assert not BusinessUnit.objects.filter(name="X").exists()
    assert not ServiceAccount.objects.filter(name="x").exists()
    cast.leo.refresh_from_db()
    assert cast.leo.is_active


def test_an_administrator_of_one_unit_manages_nobody(cast: Cast) -> None:
    Grant.objects.create(person=cast.otto, role=Role.ADMINISTRATOR, unit=cast.units["Risk"], valid_from=timezone.now())
    assert _codes(lambda: _give(cast, cast.leo, Role.OWNER, by="otto")) == ["not_administrator"]


def test_a_role_is_given_with_its_reason(cast: Cast) -> None:
    until = timezone.now() + timedelta(days=3)
    grant = verbs.give_grant(
        actor=cast.actor("admin"),
        holder=cast.otto,
        role=Role.RISK,
        unit=cast.units["Risk"],
        valid_until=until,
        reason="Stands in for Rafael",
    )
    assert (grant.granted_by, grant.valid_until) == (cast.admin, until)
    assert _last("grant.given") == "Admin gave Otto the role of risk reviewer in Risk."
    assert AuditEvent.objects.filter(payload__action="grant.given").latest("recorded_at").payload["data"] == {
        "holder": str(cast.otto.pk),
        "role": "risk",
        "unit": str(cast.units["Risk"].pk),
        "reason": "Stands in for Rafael",
    }


def test_nobody_gives_access_to_themselves_in_policy_and_database(cast: Cast) -> None:
    assert _codes(lambda: _give(cast, cast.admin, Role.APPROVER)) == ["own_grant"]
    with pytest.raises(IntegrityError, match="grant_is_not_to_oneself"), transaction.atomic():
        Grant.objects.create(person=cast.admin, role=Role.APPROVER, valid_from=timezone.now(), granted_by=cast.admin)


@pytest.mark.parametrize("role", [Role.APPROVER, Role.RISK, Role.SECURITY, Role.PRIVACY, Role.OWNER])
def test_a_machine_never_gets_a_role_that_decides(cast: Cast, role: str) -> None:
    assert _codes(lambda: _give(cast, cast.accounts["ingest"], role)) == ["wrong_holder"]


def test_a_machine_that_configures_still_manages_nobody(cast: Cast) -> None:
    _give(cast, cast.accounts["ingest"], Role.ADMINISTRATOR)
    machine = cast.actor("ingest")
    assert "configure_connectors" in organisation_capabilities(machine)
    assert _codes(lambda: _give(cast, cast.otto, Role.OWNER, by="ingest")) == ["not_a_person", "not_administrator"]
    assert _codes(
        lambda: issue_token(actor=machine, account=cast.accounts["pipeline"], label="t", scopes=["read"])
    ) == [
        "not_a_person",
        "not_administrator",
    ]


@pytest.mark.parametrize("role", [Role.PIPELINE, Role.INGEST])
def test_a_person_never_gets_a_machines_role(cast: Cast, role: str) -> None:
    assert _codes(lambda: _give(cast, cast.otto, role)) == ["wrong_holder"]


def test_a_switched_off_account_gets_no_role(cast: Cast) -> None:
    verbs.deactivate_person(actor=cast.actor("admin"), person=cast.otto)
    assert _codes(lambda: _give(cast, cast.otto, Role.OWNER)) == ["inactive"]


def test_a_role_that_ended_before_it_starts_is_refused(cast: Cast) -> None:
    past = timezone.now() - timedelta(minutes=1)
    assert _codes(lambda: _give(cast, cast.otto, Role.OWNER, valid_until=past)) == ["ends_before_start"]


def test_an_ended_role_opens_nothing_at_the_next_request(cast: Cast) -> None:
    client = signed_in("aud")
    assert client.get("/audit-trail/").status_code == 200
    verbs.end_grant(actor=cast.actor("admin"), grant=cast.aud.grants.get())
    assert client.get("/audit-trail/").status_code == 404
    assert _last("grant.ended") == "Admin ended the role of auditor of Aud."
    assert _codes(lambda: verbs.end_grant(actor=cast.actor("admin"), grant=cast.aud.grants.get())) == ["ended"]


def test_the_last_administrator_stays(cast: Cast) -> None:
    last = cast.admin.grants.get()
    assert _codes(lambda: verbs.end_grant(actor=cast.actor("admin"), grant=last)) == ["last_administrator"]
    _give(cast, _new(cast), Role.ADMINISTRATOR)
    verbs.end_grant(actor=cast.actor("admin"), grant=last)
    assert organisation_capabilities(cast.actor("admin")) == frozenset()


def test_switching_a_person_off_ends_sessions_and_tokens_at_once(cast: Cast) -> None:
    client, other = signed_in("petra"), signed_in("aud")
    token, _text = issue_token(
        actor=cast.actor("admin"), account=cast.accounts["ingest"], label="t", scopes=["read"], days=1
    )
    verbs.deactivate_person(actor=cast.actor("admin"), person=cast.petra)
    assert client.get("/").status_code == 302
    assert other.get("/audit-trail/").status_code == 200
    assert Session.objects.count() == 1
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert organisation_capabilities(cast.actor("petra").afresh()) == frozenset()
    assert _last("person.deactivated") == "Admin switched off the account of Petra."
    data = AuditEvent.objects.get(payload__action="person.deactivated").payload["data"]
    assert data == {"person": str(cast.petra.pk), "sessions_ended": 1, "tokens_revoked": 1}


def test_a_failing_switch_off_leaves_sessions_and_tokens(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one transaction: either everything ends or nothing does."""
    client = signed_in("petra")

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("trail")

    monkeypatch.setattr(verbs, "record", broken)
    with pytest.raises(RuntimeError, match="trail"):
        verbs.deactivate_person(actor=cast.actor("admin"), person=cast.petra)
    assert User.objects.get(pk=cast.petra.pk).is_active
    assert client.get("/sign-in/").status_code == 200
    assert Session.objects.count() == 1


def test_nobody_switches_themselves_off_or_anybody_twice(cast: Cast) -> None:
    admin = cast.actor("admin")
    assert _codes(lambda: verbs.deactivate_person(actor=admin, person=cast.admin)) == ["oneself"]
    verbs.deactivate_person(actor=admin, person=cast.otto)
    assert _codes(lambda: verbs.deactivate_person(actor=admin, person=cast.otto)) == ["inactive"]


def test_an_account_is_switched_on_again(cast: Cast) -> None:
    admin = cast.actor("admin")
    assert _codes(lambda: verbs.reactivate_person(actor=admin, person=cast.aud)) == ["active"]
    verbs.deactivate_person(actor=admin, person=cast.aud)
    verbs.reactivate_person(actor=admin, person=cast.aud)
    assert "view_audit" in organisation_capabilities(cast.actor("aud").afresh())
    assert _last("person.reactivated") == "Admin switched the account of Aud on again."


def test_a_machine_is_switched_off_and_on(cast: Cast) -> None:
    admin, account = cast.actor("admin"), cast.accounts["ingest"]
    token, _text = issue_token(actor=admin, account=account, label="t", scopes=["read"], days=1)
    verbs.deactivate_service_account(actor=admin, account=account)
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert _last("service_account.deactivated") == "Admin switched off the service account ingest."
    assert _codes(lambda: issue_token(actor=admin, account=account, label="t", scopes=["read"])) == ["inactive"]
    verbs.reactivate_service_account(actor=admin, account=account)
    assert _last("service_account.reactivated") == "Admin switched the service account ingest on again."
    assert ServiceAccount.objects.get(pk=account.pk).is_active


# --- Tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_issued_and_told_without_its_secret(cast: Cast) -> None:
    token, text = issue_token(
        actor=cast.actor("admin"), account=cast.accounts["ingest"], label="nightly", scopes=["read", "read", "evidence"]
    )
    assert text.startswith(f"{token.prefix}.")
    assert token.scopes == ["evidence", "read"]
    assert _last("token.issued") == "Admin issued the token “nightly” to the service account ingest."
    assert text.split(".")[1] not in AuditEvent.objects.get(payload__action="token.issued").canon


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (1, 1), (90, 90), (4000, 365)])
def test_a_token_lives_between_a_day_and_a_year(cast: Cast, asked: int, given: int) -> None:
    token, _text = issue_token(
        actor=cast.actor("admin"), account=cast.accounts["ingest"], label="t", scopes=["read"], days=asked
    )
    assert round((token.expires_at - token.created_at).total_seconds() / 86400) == given


def test_only_administrators_issue_tokens(cast: Cast) -> None:
    account = cast.accounts["ingest"]
    for name, expected in (("petra", ["not_administrator"]), ("pipeline", ["not_a_person", "not_administrator"])):
        actor = cast.actor(name)
        assert _codes(lambda: issue_token(actor=actor, account=account, label="t", scopes=["read"])) == expected  # noqa: B023


def test_no_token_for_a_machine_whose_owner_has_left(cast: Cast) -> None:
    verbs.deactivate_person(actor=cast.actor("admin"), person=cast.petra)
    account = cast.accounts["ingest"]
    assert _codes(lambda: issue_token(actor=cast.actor("admin"), account=account, label="t", scopes=["read"])) == [
        "owner_inactive"
    ]


def test_the_owner_may_revoke_and_others_may_not(cast: Cast) -> None:
    token, _text = issue_token(
        actor=cast.actor("admin"), account=cast.accounts["ingest"], label="t", scopes=["read"], days=1
    )
    assert _codes(lambda: revoke_token(actor=cast.actor("olivia"), token=token)) == ["not_administrator"]
    revoke_token(actor=cast.actor("petra"), token=token)
    assert _last("token.revoked") == "Petra revoked the token “t” of the service account ingest."
    assert _codes(lambda: revoke_token(actor=cast.actor("petra"), token=token)) == ["revoked"]
