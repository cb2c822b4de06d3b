"""The command palette and the search page: each finds what one may know of, in groups, and says when it is nothing."""

import pytest

from portal.palette import look_up
from tests.approvals.story import approved
from tests.usecases.conftest import client_of
from tests.usecases.scenes import registered, source_of
from usecases.actions.registration import edit_use_case

__all__ = ["client_of"]


def hits(cast, who, words, limit=5):
    return {group.title: [hit.label for hit in group.hits] for group in look_up(cast.actor(who), words, limit)}


def test_everything_of_the_name_is_found_in_groups(cast):
    use_case = registered(cast, title="Policy helper")
    source_of(cast, name="Policy library")
    assert hits(cast, "arno", "policy") == {
        "Use cases": [f"{use_case.reference} Policy helper"],
        "Data sources": ["Policy library"],
    }
    assert hits(cast, "arno", "plicy helper") == {"Use cases": [f"{use_case.reference} Policy helper"]}


def test_a_reference_finds_the_use_case_and_its_releases(cast):
    release = approved(cast)
    reference = release.use_case.reference
    found = hits(cast, "aud", reference.lower())
    assert found["Use cases"] == [f"{reference} {release.use_case.title}"]
    assert found["Releases"] == [f"{reference} · {release.system_version.label}"]
    assert hits(cast, "aud", release.system_version.label)["Releases"] == found["Releases"]
    assert "Releases" not in hits(cast, "otto", reference)


def test_people_are_found_only_by_those_who_look_after_them(cast):
    assert hits(cast, "admin", "rafa") == {"People": ["Rafael"]}
    assert hits(cast, "arno", "rafa") == {}


def test_pages_are_offered_to_whom_they_are_of_use_and_without_words_too(cast):
    assert hits(cast, "aud", "audit trail")["Pages"] == ["Audit trail"]
    assert hits(cast, "olivia", "audit trail") == {}
    assert "Register a use case" in hits(cast, "olivia", "", 20)["Pages"]
    assert list(hits(cast, "otto", "", 20)) == ["Pages"]
    assert "Register a use case" not in hits(cast, "otto", "", 20)["Pages"]


def test_what_is_hidden_leaves_no_trace(cast):
    hidden = registered(cast, by="arno", title="Ledger reader", owner=cast.fiona, unit=cast.units["Finance"])
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    for words in ("ledger", "ledgre reader", hidden.reference):
        assert hits(cast, "dev", words) == {}
        assert hits(cast, "aud", words) == {"Use cases": [f"{hidden.reference} Ledger reader"]}


def test_the_page_works_without_a_script_and_the_palette_takes_its_fragment(cast, client_of):
    registered(cast)
    page = client_of("amina").get("/search/?q=refund").content.decode()
    assert "<html" in page
    assert "Refund helper" in page
    fragment = client_of("amina", headers={"HX-Request": "true"}).get("/search/?q=refund").content.decode()
    assert "<html" not in fragment
    assert "Refund helper" in fragment
    assert "Nothing you may see is called so." in client_of("otto").get("/search/?q=refund").content.decode()


@pytest.mark.parametrize("words", ["%", "' OR 1=1", "a" * 500, "&|!()", "<b>"])
def test_no_words_break_it(cast, client_of, words):
    registered(cast)
    answer = client_of("amina").get("/search/", {"q": words})
    assert answer.status_code == 200
    assert b"<b>" not in answer.content.split(b"<main")[1]
