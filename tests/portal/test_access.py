"""What a grant gives, where, when and to whom."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from portal import actors
from portal.access import (
    CAPABILITIES,
    SCOPE_CAPABILITIES,
    Allowed,
    Denied,
    Reason,
    Refused,
    capabilities_anywhere,
    capabilities_at,
    organisation_capabilities,
    require,
    rule,
    unit_paths_with,
    unless,
)
from portal.actors import NOBODY, Actor
from portal.choices import Role, Scope
from portal.models import BusinessUnit, Grant
from tests.cast import Cast


def _grant(
    role: str, unit: BusinessUnit | None = None, starts: float = -1, ends: float | None = None, **who: Any
) -> Grant:
    """`starts` and `ends` are hours from now."""
    now = timezone.now()
    until = None if ends is None else now + timedelta(hours=ends)
    return Grant.objects.create(
        role=role, unit=unit, valid_from=now + timedelta(hours=starts), valid_until=until, **who
    )


def _otto(cast: Cast) -> Actor:
    return cast.actor("otto")


# --- Rulings --------------------------------------------------------------------------------------------------------


def test_a_denial_collects_every_reason() -> None:
    ruling = rule([unless(False, "one", "First."), unless(True, "two", "Second."), unless(0, "three", "Third.")])
    assert ruling == Denied((Reason("one", "First."), Reason("three", "Third.")))
    assert not ruling


def test_without_a_reason_against_it_is_allowed() -> None:
    ruling = rule([unless(True, "one", "First."), None])
    assert ruling == Allowed()
    assert ruling
    require(ruling)


def test_a_refusal_names_all_reasons_and_is_a_conflict_only_when_all_are() -> None:
    state, person = Reason("late", "Too late.", conflict=True), Reason("not_you", "Not you.")
    with pytest.raises(Refused, match=r"Too late\. Not you\.") as refused:
        require(Denied((state, person)))
    assert (refused.value.code, refused.value.is_conflict) == ("late", False)
    assert Refused(Denied((state,))).is_conflict


# --- Grants ---------------------------------------------------------------------------------------------------------


def test_without_a_grant_there_is_nothing(cast: Cast) -> None:
    assert capabilities_anywhere(_otto(cast)) == frozenset()
    assert capabilities_at(_otto(cast), cast.units["Facilities"].path) == frozenset()


@pytest.mark.parametrize("role", Role.values)
def test_a_role_in_the_organisation_gives_its_capabilities_everywhere(cast: Cast, role: str) -> None:
    _grant(role, person=cast.otto)
    assert organisation_capabilities(_otto(cast)) == CAPABILITIES[role]
    assert capabilities_at(_otto(cast), cast.units["Finance"].path) == CAPABILITIES[role]
    # None is everywhere, an empty list nowhere: a directory keeps people and looks at nothing.
    assert unit_paths_with(_otto(cast), "view") == ([] if role == Role.DIRECTORY else None)


def test_a_role_in_a_unit_holds_there_and_below_and_nowhere_else(cast: Cast) -> None:
    technology = cast.units["Technology"]
    below = BusinessUnit.objects.create(name="Platform", parent=technology)
    _grant(Role.RISK, technology, person=cast.otto)
    actor = _otto(cast)
    assert capabilities_at(actor, technology.path) == CAPABILITIES[Role.RISK]
    assert capabilities_at(actor, below.path) == CAPABILITIES[Role.RISK]
    assert capabilities_at(actor, cast.units["Northwind Bank"].path) == frozenset()
    assert capabilities_at(actor, cast.units["Finance"].path) == frozenset()
    assert organisation_capabilities(actor) == frozenset()
    assert capabilities_anywhere(actor) == CAPABILITIES[Role.RISK]
    assert unit_paths_with(actor, "conclude_review") == [technology.path]
    assert unit_paths_with(actor, "manage_people") == []


def test_roles_add_up_only_where_they_meet(cast: Cast) -> None:
    _grant(Role.OWNER, cast.units["Technology"], person=cast.otto)
    _grant(Role.FINANCE, person=cast.otto)
    actor = _otto(cast)
    assert capabilities_at(actor, cast.units["Technology"].path) == {"view", "register"}
    assert capabilities_at(actor, cast.units["Finance"].path) == {"view"}


@pytest.mark.parametrize(
    ("starts", "ends", "holds"), [(-2, None, True), (-2, 1, True), (-2, -1, False), (1, None, False), (1, 2, False)]
)
def test_a_grant_holds_within_its_window(cast: Cast, starts: float, ends: float | None, holds: bool) -> None:
    _grant(Role.AUDITOR, starts=starts, ends=ends, person=cast.otto)
    assert ("view_audit" in organisation_capabilities(_otto(cast))) is holds


def test_the_inactive_may_nothing(cast: Cast) -> None:
    cast.aud.is_active = False
    assert organisation_capabilities(cast.actor("aud")) == frozenset()
    cast.accounts["pipeline"].is_active = False
    assert organisation_capabilities(cast.actor("pipeline")) == frozenset()


def test_a_groups_grant_is_its_members(cast: Cast) -> None:
    group = Group.objects.create(name="reviewers")
    _grant(Role.RISK, group=group)
    assert organisation_capabilities(_otto(cast)) == frozenset()
    cast.otto.groups.add(group)
    assert organisation_capabilities(_otto(cast)) == CAPABILITIES[Role.RISK]


@pytest.mark.parametrize("scope", Scope.values)
def test_a_token_gives_no_more_than_scope_and_account_both_allow(cast: Cast, scope: str) -> None:
    actor = actors.service(cast.accounts["pipeline"], frozenset({scope}))
    assert organisation_capabilities(actor) == CAPABILITIES[Role.PIPELINE] & SCOPE_CAPABILITIES[scope]


def test_unit_paths_respect_scopes(cast: Cast) -> None:
    account = cast.accounts["ingest"]
    assert unit_paths_with(actors.service(account, frozenset({Scope.EVIDENCE})), "push_evidence") is None
    assert unit_paths_with(actors.service(account, frozenset({Scope.READ})), "push_evidence") == []


@pytest.mark.parametrize("actor", [NOBODY, actors.worker("sweeper")])
def test_nobody_and_workers_hold_no_grants(db: None, actor: Actor) -> None:
    assert capabilities_anywhere(actor) == frozenset()


def test_grants_are_read_once_an_actor_and_anew_by_a_fresh_one(cast: Cast, django_assert_num_queries: Any) -> None:
    actor = cast.actor("aud")
    with django_assert_num_queries(1):
        assert "view_audit" in organisation_capabilities(actor)
        assert "view_audit" in capabilities_anywhere(actor)
    Grant.objects.filter(person=cast.aud).update(valid_until=timezone.now())
    assert "view_audit" in organisation_capabilities(actor)
    assert organisation_capabilities(actor.afresh()) == frozenset()


def test_afresh_notices_a_switched_off_account(cast: Cast) -> None:
    for name, row in (("aud", cast.aud), ("pipeline", cast.accounts["pipeline"])):
        actor = cast.actor(name)
        type(row).objects.filter(pk=row.pk).update(is_active=False)
        assert capabilities_anywhere(actor.afresh()) == frozenset()


def test_who_configures_decides_nothing() -> None:
    deciding = {"conclude_review", *(name for role in Role for name in CAPABILITIES[role] if name.startswith("decide"))}
    assert CAPABILITIES[Role.ADMINISTRATOR] & deciding == frozenset()
    for scope in Scope:
        assert SCOPE_CAPABILITIES[scope] & deciding == frozenset()


def test_keys_tell_people_and_machines_apart(cast: Cast) -> None:
    keys = {cast.actor(name).key for name in (*cast.people, *cast.accounts)} | {actors.worker("w").key, NOBODY.key}
    assert len(keys) == len(cast.people) + len(cast.accounts) + 2
    assert cast.actor("dev").is_person(cast.dev.pk)
    assert not cast.actor("pipeline").is_person(cast.accounts["pipeline"].pk)
