"""The history of one use case: every field with the sentence that moved it, bounded, narrowed, and hidden as it is."""

from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.db import connection, transaction
from django.utils import timezone

from portal.models import AuditEvent
from tests.cast import Cast
from tests.usecases.scenes import cleared, registered, source_of
from tests.usecases.test_pages import text_of
from usecases.actions.data_sources import approve_data_use, request_data_use
from usecases.actions.registration import edit_use_case
from usecases.actions.team import add_to_team, remove_from_team
from usecases.history import Entry, Wanted, timeline
from usecases.models import UseCase

ALL = Wanted()


def said(entry: Entry) -> list[tuple[str, str, str]]:
    return [(change.label, change.said_before, change.said_after) for change in entry.changes]


def raw(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.django_db
def test_a_sentence_carries_the_fields_it_changed_in_words(cast: Cast) -> None:
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("arno"), use_case=use_case, title="Refund desk", pattern="agent")
    entries, older = timeline(use_case, ALL)
    assert older == ""
    newest = entries[0]
    told = f"changed the title, the pattern of {use_case.reference}."
    assert (newest.line.actor, newest.line.sentence, newest.kind) == ("Arno", told, "use_case")
    assert said(newest) == [
        ("Title", "Refund helper", "Refund desk"),
        ("Pattern", "Answers from documents", "Agent with tools"),
    ]


@pytest.mark.django_db
def test_each_verb_of_one_transaction_gets_its_own_fields(cast: Cast) -> None:
    use_case = registered(cast)
    joined, told = timeline(use_case, ALL)[0]
    assert said(joined) == [("Team", "", "Olivia (Use case owner)")]
    assert ("Accountable owner", "", "Olivia") in said(told)
    assert ("Business unit", "", "Customer service") in said(told)
    assert ("Stage", "", "Registered") in said(told)


@pytest.mark.django_db
def test_team_and_data_are_told_with_people_and_sources_by_name(cast: Cast) -> None:
    use_case, source = registered(cast), source_of(cast)
    add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.dev, role="engineering")
    remove_from_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.dev, role="engineering")
    use = request_data_use(actor=cast.actor("olivia"), use_case=use_case, data_source=source, purpose="To answer.")
    approve_data_use(actor=cast.actor("petra"), data_use=use, note="Fine.")
    approved, asked, left, added, *_older = timeline(use_case, ALL)[0]
    assert said(added) == [("Team", "", "Dev (Engineering)")]
    assert said(left) == [("Team", "Dev (Engineering)", "")]
    assert said(asked) == [("State", "", "Waiting for its owner"), ("Purpose", "", "To answer.")]
    assert said(approved) == [
        ("State", "Waiting for its owner", "Approved"),
        ("Decided by", "", "Petra"),
        ("Note", "", "Fine."),
    ]
    assert {change.subject for change in approved.changes} == {"Policy library"}


@pytest.mark.django_db(transaction=True)
def test_a_change_by_hand_stands_as_the_databases_own_between_the_sentences(committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    raw("UPDATE use_case SET title = 'By hand', tier = 'high' WHERE id = %s", use_case.pk)
    edit_use_case(actor=committed_cast.actor("olivia"), use_case=use_case, title="By verb")
    entries, _older = timeline(use_case, ALL)
    assert [entry.line.actor for entry in entries] == ["Olivia", "The database", "Olivia", "Olivia"]
    by_hand = entries[1]
    assert by_hand.line.machine
    assert by_hand.line.sentence == "was changed by hand, as gatehouse_app; no verb told why."
    assert said(by_hand) == [("Title", "Refund helper", "By hand"), ("Risk tier", "", "High")]
    assert said(entries[0]) == [("Title", "By hand", "By verb")]
    assert [entry.line.actor for entry in timeline(use_case, Wanted(who="database"))[0]] == ["The database"]
    assert [entry.line.actor for entry in timeline(use_case, Wanted(who="oliv"))[0]] == ["Olivia"] * 3


@pytest.mark.django_db(transaction=True)
def test_what_is_changed_after_the_last_sentence_of_a_step_is_not_lost(committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    with transaction.atomic():
        edit_use_case(actor=committed_cast.actor("olivia"), use_case=use_case, title="By verb")
        UseCase.objects.filter(pk=use_case.pk).update(tier="low")
    rest = timeline(use_case, ALL)[0][0]
    assert (rest.line.actor, rest.line.sentence) == ("Olivia", "changed more in the same step.")
    assert said(rest) == [("Risk tier", "", "Low")]


@pytest.mark.django_db(transaction=True)
def test_pages_join_without_a_gap_or_a_line_twice(committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    for number in range(7):
        edit_use_case(actor=committed_cast.actor("olivia"), use_case=use_case, title=f"Verb {number}")
        raw("UPDATE use_case SET title = %s WHERE id = %s", f"Hand {number}", use_case.pk)
        raw("UPDATE use_case SET title = %s WHERE id = %s", f"Again {number}", use_case.pk)
    everything = [said(entry) for entry in timeline(use_case, ALL, size=100)[0]]
    assert len(everything) == 2 + 3 * 7
    found, key = [], ""
    for _page in range(30):
        entries, key = timeline(use_case, ALL, key, size=2)
        found += [said(entry) for entry in entries]
        if not key:
            break
    assert found == everything


@pytest.mark.django_db
def test_the_history_narrows_to_a_field_and_to_a_kind(cast: Cast) -> None:
    use_case = cleared(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund desk")
    stages = timeline(use_case, Wanted(field="use_case.stage"))[0]
    moves = [change.said_after for entry in stages for change in entry.changes if change.field == "stage"]
    assert moves == ["Pilot", "Risk review", "Discovery", "Registered"]
    reviews = timeline(use_case, Wanted(kind="risk_review"))[0]
    assert {entry.kind for entry in reviews} == {"risk_review"}
    assert [said(entry)[0] for entry in reviews][-1] == ("State", "", "Waiting for a reviewer")


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["yesterday", "2026-01-01T00:00:00_x", "_"])
def test_a_page_key_of_elsewhere_is_refused(cast: Cast, key: str) -> None:
    use_case = registered(cast)
    with pytest.raises(BadRequest, match="No page of the trail begins there"):
        timeline(use_case, ALL, key)


def test_the_page_shows_fields_filters_and_refuses_what_it_cannot_read(cast: Cast, client_of: Any) -> None:
    use_case = registered(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund desk")
    olivia = client_of("olivia")
    page = text_of(olivia.get(f"{use_case.get_absolute_url()}history/"))
    assert "before:</span> Refund helper</del>" in page
    assert "after:</span> Refund desk</ins>" in page
    narrowed = text_of(olivia.get(f"{use_case.get_absolute_url()}history/?field=use_case.pattern"))
    assert "Refund desk</ins>" not in narrowed
    assert olivia.get(f"{use_case.get_absolute_url()}history/?field=use_case.nothing").status_code == 400
    assert client_of("otto").get(f"{use_case.get_absolute_url()}history/").status_code == 404


@pytest.mark.django_db
def test_what_was_told_before_histories_were_kept_still_reads(cast: Cast) -> None:
    use_case = registered(cast)
    event = AuditEvent.objects.filter(use_case_id=use_case.pk).earliest("recorded_at")
    AuditEvent.objects.create(
        object_type="use_case",
        object_id=use_case.pk,
        object_rev=99,
        canon=event.canon,
        leaf_hash=event.leaf_hash,
        use_case_id=use_case.pk,
        transaction="",
        recorded_at=timezone.now(),
    )
    assert timeline(use_case, ALL)[0][0].changes == []
