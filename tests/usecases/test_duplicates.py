"""What is registered already shows while one types, as far as one may see it, and is joined instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usecases.scenes import registered
from usecases.actions.registration import edit_use_case
from usecases.actions.stages import stop_use_case
from usecases.actions.stewardship import request_to_join
from usecases.duplicates import MOST_WORDS, likely_duplicates, shared, telling_words
from usecases.models import UseCase

OUTCOME = "Agents answer refund questions of customers within an hour."


def found(cast, who, title="", outcome=""):
    return [each.use_case.title for each in likely_duplicates(cast.actor(who), title, outcome)]


@given(st.text(max_size=400))
def test_telling_words_are_few_different_and_from_the_text(text):
    words = telling_words(text)
    assert len(words) == len(set(words)) <= MOST_WORDS
    assert shared(words, text) == words


@given(st.text(max_size=200), st.text(max_size=200))
def test_what_is_shared_is_part_of_both(one, other):
    words = telling_words(one)
    assert set(shared(words, other)) <= set(words)
    assert shared(words, "") == []


def test_a_similar_name_and_the_same_words_are_both_found(cast):
    registered(cast)
    registered(cast, title="Menu planner", business_outcome="Waste in the canteen falls.", user_group="Cooks.")
    assert found(cast, "arno", "Refund helpers") == ["Refund helper"]
    assert found(cast, "arno", "Quick answers", OUTCOME) == ["Refund helper"]
    [match] = likely_duplicates(cast.actor("arno"), "Quick answers", OUTCOME)
    assert match.why == "the same words: agents, refund, questions, hour"
    assert found(cast, "arno", "Contract reader", "Lawyers read contracts in half the time.") == []


@pytest.mark.parametrize("title", ["", "Re", "& | ! ( ) : *", "'; DROP", "a" * 5000, "\u0001 refund \\"])
def test_whatever_is_typed_is_only_compared(cast, title):
    registered(cast)
    assert found(cast, "arno", title, title * 3) in ([], ["Refund helper"])


def test_what_is_hidden_leaves_no_trace(cast, client_of, api):
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    address = "/use-cases/similar/?title=Refund+helper&business_outcome=Refund+questions+answered+within+hour"
    for who in ("arno", "amina", "otto"):
        assert client_of(who).get(address).content.strip() == b""
        assert api(who).get("use-cases/similar/", title="Refund helper").json()["results"] == []
    assert found(cast, "rafael", "Refund helper") == ["Refund helper"]
    assert found(cast, "olivia", "Refund helper") == ["Refund helper"]


def test_each_says_what_one_may_do_about_it(cast):
    use_case = registered(cast)
    before = likely_duplicates(cast.actor("arno"), "Refund helper")[0]
    assert before.may_ask
    request_to_join(actor=cast.actor("arno"), use_case=use_case)
    after = likely_duplicates(cast.actor("arno"), "Refund helper")[0]
    assert (after.asked, after.may_ask) == (True, False)
    own = likely_duplicates(cast.actor("olivia"), "Refund helper")[0]
    assert (own.on_the_team, own.may_ask) == (True, False)
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    assert not likely_duplicates(cast.actor("dev"), "Refund helper")[0].may_ask


def test_never_more_than_five_the_closest_first(cast):
    for number in range(8):
        registered(cast, title=f"Refund helper {'x' * number}")
    titles = found(cast, "arno", "Refund helper x")
    assert len(titles) == 5
    assert titles[0] == "Refund helper x"


def test_the_api_says_why_and_where(cast, api):
    use_case = registered(cast)
    [result] = api("pipeline").get("use-cases/similar/", title="Refund helpers").json()["results"]
    assert result["reference"] == use_case.reference
    assert result["why"] == "a similar name"
    assert 0.3 < result["closeness"] < 1
    assert api("pipeline").get("use-cases/similar/", title="x" * 161).status_code == 400


def test_a_refused_registration_shows_them_again(cast, client_of):
    registered(cast)
    page = client_of("arno").post("/use-cases/new/", {"title": "Refund helper"})
    assert page.status_code == 422
    assert "Registered already?" in page.content.decode()
    assert UseCase.objects.count() == 1


def test_words_and_names_are_looked_up_by_index(cast):
    """Both ways have a GIN index to go by; without one the register would be read row by row at every key."""
    from django.db import connection, transaction

    registered(cast)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        by_words = UseCase.objects.all().about(["refund", "agents"]).explain()
        by_name = UseCase.objects.all().similar_to("Refund helper").explain()
    assert "use_case_search" in by_words
    assert "use_case_title_trigrams" in by_name
