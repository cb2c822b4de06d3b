"""SCIM's filters and PATCH, in the forms that providers send them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.scim.words import (
    ENTERPRISE,
    ScimError,
    condition,
    member_ids,
    operations,
    patched_group,
    patched_person,
    person_fields,
)

KNOWN = ["username", "externalid"]


def ops(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ('userName eq "noor@example.org"', ("username", "noor@example.org")),
        ('username EQ "a \\"b\\""', ("username", 'a "b"')),
        ('externalId eq "4f2"', ("externalid", "4f2")),
    ],
)
def test_a_filter_names_one_attribute_and_its_value(text: str, found: Any) -> None:
    assert condition(text, KNOWN) == found


@pytest.mark.parametrize(
    "text", ['userName co "a"', "userName eq a", 'password eq "a"', 'userName eq "a" or id eq "b"']
)
def test_any_other_filter_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ScimError) as caught:
        condition(text, KNOWN)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidFilter")


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "replace", "path": "active", "value": False},
        {"op": "replace", "value": {"active": False}},
        {"op": "Add", "value": {"active": "false"}},
        {"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": False},
    ],
)
def test_every_providers_way_of_switching_off_is_understood(operation: dict[str, Any]) -> None:
    assert patched_person(ops(operation)) == {"active": False}


@pytest.mark.parametrize(
    ("operation", "found"),
    [
        ({"op": "Replace", "path": 'emails[type eq "work"].value', "value": "n@e.org"}, {"email": "n@e.org"}),
        ({"op": "replace", "path": "emails", "value": [{"value": "n@e.org", "primary": True}]}, {"email": "n@e.org"}),
        ({"op": "Add", "path": "name.familyName", "value": "Haddad"}, {"family_name": "Haddad"}),
        ({"op": "replace", "value": {"name.givenName": "Noor"}}, {"given_name": "Noor"}),
        ({"op": "replace", "path": "name", "value": {"givenName": "Noor"}}, {"given_name": "Noor"}),
        ({"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "m-1"}, {"manager": "m-1"}),
        ({"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"value": "m-1"}]}, {"manager": "m-1"}),
        ({"op": "replace", "value": {ENTERPRISE: {"manager": {"value": "m-1"}}}}, {"manager": "m-1"}),
        ({"op": "Remove", "path": f"{ENTERPRISE}:manager"}, {"manager": ""}),
        ({"op": "remove", "path": "title"}, {"title": ""}),
        ({"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"}, {}),
        ({"op": "replace", "path": "phoneNumbers", "value": []}, {}),
    ],
)
def test_an_operation_changes_what_is_kept_and_nothing_else(operation: dict[str, Any], found: dict[str, Any]) -> None:
    assert patched_person(ops(operation)) == found


def test_the_work_address_is_taken_before_others_and_the_primary_before_that() -> None:
    home, work = {"value": "h@e.org", "type": "home"}, {"value": "w@e.org", "type": "work"}
    assert person_fields({"emails": [home, work]}) == {"email": "w@e.org"}
    assert person_fields({"emails": [work, {**home, "primary": True}]}) == {"email": "h@e.org"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "invalidSyntax"),
        ({"Operations": []}, "invalidSyntax"),
        (ops({"op": "move", "path": "title"}), "invalidSyntax"),
        (ops({"op": "remove"}), "noTarget"),
        (ops({"op": "replace", "path": 5, "value": 1}), "invalidPath"),
        (ops({"op": "replace", "path": "active", "value": "off"}), "invalidValue"),
        (ops({"op": "replace", "path": "title", "value": "x" * 256}), "invalidValue"),
        (ops({"op": "replace", "value": "x"}), "invalidValue"),
        (ops(*[{"op": "replace", "path": "title", "value": "x"}] * 101), "invalidSyntax"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(body: Any, kind: str) -> None:
    with pytest.raises(ScimError) as caught:
        patched_person(body)
    assert caught.value.scim_type == kind


@pytest.mark.parametrize(
    ("operation", "steps"),
    [
        ({"op": "Add", "path": "members", "value": [{"value": "a"}, {"value": "b"}]}, [("add", ["a", "b"])]),
        ({"op": "Remove", "path": "members", "value": [{"value": "a"}]}, [("drop", ["a"])]),
        ({"op": "remove", "path": 'members[value eq "a"]'}, [("drop", ["a"])]),
        ({"op": "remove", "path": "members"}, [("set", [])]),
        ({"op": "replace", "path": "members", "value": [{"value": "a"}]}, [("set", ["a"])]),
        ({"op": "replace", "value": {"id": "7", "displayName": "Risk"}}, [("name", "Risk")]),
        ({"op": "Replace", "path": "displayName", "value": "Risk"}, [("name", "Risk")]),
    ],
)
def test_a_groups_members_come_and_go_in_every_providers_way(operation: dict[str, Any], steps: Any) -> None:
    assert list(patched_group(ops(operation))) == steps


def test_a_thousand_members_are_taken_and_one_more_is_not() -> None:
    members = [{"value": str(n)} for n in range(1001)]
    assert len(member_ids(members[:1000])) == 1000
    with pytest.raises(ScimError) as caught:
        member_ids(members)
    assert caught.value.scim_type == "tooMany"


LEAF = st.sampled_from([None, True, 7, "", "a", "False", [], {}])
PLAIN = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(st.sampled_from(["value", "name", "active"]), LEAF)
PATHS = st.sampled_from(["active", "emails", "name", "members", "manager", ENTERPRISE, 'members[value eq "a"]', ""])
OPERATIONS = st.fixed_dictionaries({"op": st.sampled_from(["add", "Replace", "remove"]), "path": PATHS, "value": PLAIN})


@given(st.lists(OPERATIONS, max_size=4) | PLAIN)
def test_whatever_is_sent_is_read_or_refused_in_words(sent: Any) -> None:
    for read in (patched_person, patched_group, operations):
        try:
            found = read({"Operations": sent})
            assert isinstance(found, dict) or list(found) is not None
        except ScimError as error:
            assert error.status == 400 and error.detail
