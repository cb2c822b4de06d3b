"""One change to many: the preview says what will happen to each row and why not; the change is all or nothing."""

import pytest
from django.core.exceptions import ValidationError

from portal.access import Refused
from portal.models import Notice
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions.bulk import KINDS, ask_owner, change_many, preview
from usecases.actions.registration import edit_use_case
from usecases.actions.stages import stop_use_case
from usecases.actions.tags import tag_use_case
from usecases.finding import pages
from usecases.models import UseCase


@pytest.fixture
def three(cast):
    """One to change, one that is so already, one that was stopped; all Olivia's."""
    olivia = cast.actor("olivia")
    _first, second, third = (registered(cast, title=title) for title in ("First", "Second", "Third"))
    tag_use_case(actor=olivia, use_case=second, add=["wave-1"])
    stop_use_case(actor=olivia, use_case=third, reason="The budget went elsewhere.")
    return list(UseCase.objects.select_related("owner", "unit").order_by("number"))


def outcomes(lines):
    return {line.use_case.title: line.outcome for line in lines}


def test_the_preview_says_row_by_row_what_changes_and_why_not(cast, three):
    lines = preview(cast.actor("olivia"), KINDS["add-tag"], "Wave 1", three)
    assert outcomes(lines) == {"First": "change", "Second": "same", "Third": "refused"}
    assert lines[0].text == "gets the tag wave-1"
    assert [reason.code for reason in lines[2].reasons] == ["stopped"]
    lines = preview(cast.actor("rafael"), KINDS["add-tag"], "wave-1", three)
    assert set(outcomes(lines).values()) == {"refused"}
    assert [reason.code for reason in lines[2].reasons] == ["not_editor", "stopped"]
    assert UseCase.objects.get(title="First").tags == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_asks_the_same_number_of_times_for_one_row_and_for_many(
    cast, kind, django_assert_num_queries, django_assert_max_num_queries
):
    for number in range(12):
        registered(cast, title=f"Number {number}")
    rows = list(UseCase.objects.select_related("owner", "unit"))
    value = str(cast.units["Finance"].pk) if kind == "change-unit" else "wave-1"
    with django_assert_max_num_queries(3) as one:
        preview(cast.actor("olivia"), KINDS[kind], value, rows[:1])
    with django_assert_num_queries(len(one)):
        preview(cast.actor("olivia"), KINDS[kind], value, rows)


def test_many_are_changed_by_the_same_verb_each_with_its_own_sentence(cast, three):
    assert change_many(actor=cast.actor("olivia"), kind=KINDS["add-tag"], value="gdpr", use_cases=three[:2]) == 2
    assert [use_case.tags for use_case in UseCase.objects.order_by("number")] == [["gdpr"], ["gdpr", "wave-1"], []]
    assert len(events("use_case.tagged")) == 3
    change_many(actor=cast.actor("olivia"), kind=KINDS["remove-tag"], value="gdpr", use_cases=three[:2])
    change_many(actor=cast.actor("olivia"), kind=KINDS["restrict"], value="", use_cases=three[:2])
    assert UseCase.objects.filter(restricted=True).count() == 2
    now = UseCase.objects.select_related("owner", "unit").exclude(stage="stopped")
    lines = preview(cast.actor("olivia"), KINDS["unrestrict"], "", now)
    assert outcomes(lines) == {"First": "change", "Second": "change"}


def test_one_that_may_not_be_changed_leaves_all_as_they_were(cast, three):
    with pytest.raises(Refused) as refused:
        change_many(actor=cast.actor("olivia"), kind=KINDS["add-tag"], value="gdpr", use_cases=three)
    assert codes(refused) == ["stopped"]
    assert UseCase.objects.filter(tags__contains=["gdpr"]).count() == 0
    assert len(events("use_case.tagged")) == 1


@pytest.mark.parametrize("value", ["", "  ", "ü"])
def test_a_tag_that_is_none_is_refused_before_anything_is_shown(cast, three, value):
    olivia, kind = cast.actor("olivia"), KINDS["add-tag"]
    with pytest.raises(ValidationError, match="no tag"):
        preview(olivia, kind, value, three)
    with pytest.raises(ValidationError, match="no tag"):
        change_many(actor=olivia, kind=kind, value=value, use_cases=three)
    assert UseCase.objects.get(title="First").tags == []


def test_owners_are_asked_to_look_again(cast):
    use_case = registered(cast)
    ask_owner(actor=cast.actor("rafael"), use_case=use_case, note="The rules changed.")
    notice = Notice.objects.get(person=cast.olivia, url=use_case.get_absolute_url())
    assert notice.text == f"Rafael asks you to look at {use_case.reference} “Refund helper” again. The rules changed."
    assert sentences("use_case.owner_asked") == [f"asked @[{cast.olivia.pk}] to look at {use_case.reference} again."]
    with pytest.raises(Refused) as refused:
        ask_owner(actor=cast.actor("fiona"), use_case=use_case)
    assert (codes(refused), Notice.objects.filter(url=use_case.get_absolute_url()).count()) == (["not_asking"], 1)


def test_the_pages_preview_change_and_tell(cast, client_of, three):
    client = client_of("olivia")
    chosen = {"kind": "add-tag", "value": "gdpr", "query": "?sort=title", "ref": [row.reference for row in three]}
    page = client.post("/use-cases/bulk/", {**chosen, "scope": "chosen"})
    assert page.status_code == 200
    text = " ".join(page.content.decode().split())
    assert "2 will change, 1 may not be changed, 0 are so already." in text
    assert "This use case was stopped." in text
    assert UseCase.objects.filter(tags__contains=["gdpr"]).count() == 0
    done = client.post("/use-cases/bulk/apply/", {**chosen, "ref": chosen["ref"][:2]})
    assert (done.status_code, done["Location"]) == (302, "/use-cases/?sort=title")
    assert UseCase.objects.filter(tags__contains=["gdpr"]).count() == 2
    assert "2 use cases were changed." in client.get("/use-cases/").content.decode()


def test_what_changed_since_the_preview_is_shown_again_and_nothing_is_done(cast, client_of, three):
    chosen = {"kind": "add-tag", "value": "gdpr", "ref": [row.reference for row in three]}
    answer = client_of("olivia").post("/use-cases/bulk/apply/", chosen)
    assert answer.status_code == 409
    assert "Something has changed since the preview" in answer.content.decode()
    assert UseCase.objects.filter(tags__contains=["gdpr"]).count() == 0


def test_all_that_match_are_taken_up_to_the_most(cast, client_of, three, monkeypatch):
    asked = {"kind": "ask-owner", "scope": "all", "query": "?stage=registered"}
    page = client_of("olivia").post("/use-cases/bulk/", asked)
    assert outcomes(page.context["lines"]["change"]) == {"First": "change", "Second": "change"}
    monkeypatch.setattr("usecases.views.bulk.MOST_AT_ONCE", 1)
    monkeypatch.setattr(pages.all_rows, "__defaults__", (1,))
    page = client_of("olivia").post("/use-cases/bulk/", asked)
    assert page.context["total"] == 1
    assert "These are the first 1." in page.content.decode()


def test_what_one_may_not_see_is_not_in_a_preview(cast, client_of):
    hidden = registered(cast, by="arno", title="Ledger reader", owner=cast.fiona, unit=cast.units["Finance"])
    edit_use_case(actor=cast.actor("fiona"), use_case=hidden, restricted=True)
    answers = [
        client_of("olivia").post("/use-cases/bulk/", {"kind": "ask-owner", "ref": [reference], "scope": "chosen"})
        for reference in (hidden.reference, "UC-9999", "nonsense")
    ]
    assert {(answer.status_code, b"Ledger" in answer.content) for answer in answers} == {(422, False)}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Choose what to change."),
        ({"kind": "delete"}, "Choose what to change."),
        ({"kind": "restrict"}, "Choose at least one row."),
        ({"kind": "add-tag", "value": "ü", "ref": "{reference}"}, "is no tag"),
    ],
)
def test_what_is_missing_is_said_before_the_preview_and_before_the_change(cast, client_of, sent, said):
    use_case = registered(cast)
    sent = {key: value.format(reference=use_case.reference) for key, value in sent.items()}
    for address in ("/use-cases/bulk/", "/use-cases/bulk/apply/"):
        answer = client_of("olivia").post(address, sent)
        assert answer.status_code == 422
        assert said in answer.content.decode()
    assert UseCase.objects.get().tags == []


def test_use_cases_move_to_another_unit_where_their_mover_may_register(cast, three):
    finance = str(cast.units["Finance"].pk)
    lines = preview(cast.actor("arno"), KINDS["change-unit"], finance, three)
    assert outcomes(lines) == {"First": "change", "Second": "change", "Third": "refused"}
    assert lines[0].text == "moves from Customer service to Finance; the roles there see it from then on"
    assert change_many(actor=cast.actor("arno"), kind=KINDS["change-unit"], value=finance, use_cases=three[:2]) == 2
    moved = dict(UseCase.objects.values_list("title", "unit__name"))
    assert moved == {"First": "Finance", "Second": "Finance", "Third": "Customer service"}
    assert sentences("use_case.moved")[0] == f"moved {three[0].reference} from Customer service to Finance."
    again = preview(cast.actor("arno"), KINDS["change-unit"], finance, UseCase.objects.filter(title="First"))
    assert outcomes(again) == {"First": "same"}


def test_nothing_moves_into_a_unit_in_which_one_may_not_register(cast, three):
    finance = str(cast.units["Finance"].pk)
    lines = preview(cast.actor("olivia"), KINDS["change-unit"], finance, three[:1])
    assert [reason.code for reason in lines[0].reasons] == ["not_registrar"]
    with pytest.raises(Refused) as refused:
        change_many(actor=cast.actor("olivia"), kind=KINDS["change-unit"], value=finance, use_cases=three[:2])
    assert codes(refused) == ["not_registrar"]
    with pytest.raises(ValidationError, match="Choose the business unit"):
        preview(cast.actor("olivia"), KINDS["change-unit"], "nowhere", three)
    assert set(UseCase.objects.values_list("unit__name", flat=True)) == {"Customer service"}
    assert events("use_case.moved") == []


def test_the_unit_is_chosen_in_the_list_and_comes_back_from_the_preview(cast, client_of, three):
    client, unit = client_of("arno"), str(cast.units["Finance"].pk)
    given = {"kind": "change-unit", "scope": "chosen", "ref": [three[0].reference], "value": "", "unit": unit}
    page = client.post("/use-cases/bulk/", given).content.decode()
    assert "moves from Customer service to Finance" in page
    done = client.post("/use-cases/bulk/apply/", {"kind": "change-unit", "value": unit, "ref": [three[0].reference]})
    assert done.status_code == 302
    assert UseCase.objects.get(pk=three[0].pk).unit.name == "Finance"
