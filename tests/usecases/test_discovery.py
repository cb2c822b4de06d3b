"""Answering discovery questions: nothing typed is lost, nothing is overwritten, unsure is an answer."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from portal.access import Refused
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions.content import CONTENT, publish, publish_questionnaire
from usecases.actions.discovery import StaleAnswer, answer_question
from usecases.actions.stages import stop_use_case
from usecases.actions.team import add_to_team
from usecases.models import Answer, Fact, Questionnaire, UseCase
from usecases.questionnaires import current_questionnaire, latest_answers, questions_of

SUPPORT = "The service desk, on working days from 8 to 18."


def say(cast, use_case, question, value, who="olivia", **more):
    return answer_question(actor=cast.actor(who), use_case=use_case, question=question, value=value, **more)


def fact(use_case, name):
    return Fact.objects.filter(use_case=use_case, name=name, until__isnull=True).first()


def test_the_first_answer_starts_discovery_and_becomes_a_fact(cast):
    use_case = registered(cast)
    answer = say(cast, use_case, "support_process", f"  {SUPPORT}\r\n")
    assert (answer.revision, answer.value, answer.unsure, answer.answered_by) == (1, SUPPORT, False, cast.olivia)
    assert UseCase.objects.get(pk=use_case.pk).stage == "discovery"
    known = fact(use_case, "support_process")
    assert (known.value, known.statement, known.confidence) == (SUPPORT, SUPPORT, "stated")
    assert sentences("answer.saved") == [
        "answered “Who supports it after go-live, during which hours, and what happens when it fails?” "
        f"for {use_case.reference}."
    ]


def test_a_choice_is_known_by_its_words(cast):
    use_case = registered(cast)
    say(cast, use_case, "harm_severity", "3")
    assert (fact(use_case, "harm_severity").value, fact(use_case, "harm_severity").statement) == (
        "3",
        "Noticeable loss or distress",
    )
    [told] = sentences("answer.saved")
    assert told.endswith(f"” for {use_case.reference}: Noticeable loss or distress.")


@pytest.mark.parametrize("how", [{"value": "unsure"}, {"value": None, "unsure": True}])
def test_not_knowing_is_an_answer_of_its_own(cast, how):
    use_case = registered(cast)
    answer = answer_question(actor=cast.actor("olivia"), use_case=use_case, question="harm_severity", **how)
    assert (answer.value, answer.unsure) == (None, True)
    assert (fact(use_case, "harm_severity").value, fact(use_case, "harm_severity").confidence) == ("unsure", "unsure")


def test_the_same_answer_again_writes_nothing(cast):
    use_case = registered(cast)
    first = say(cast, use_case, "reuse", "The connection to the library.")
    again = say(cast, use_case, "reuse", "The connection to the library. ", seen_revision=0)
    assert again == first
    assert Answer.objects.count() == 1
    assert len(events("answer.saved")) == 1


def test_saying_nothing_where_nothing_was_said_writes_nothing(cast):
    use_case = registered(cast)
    assert say(cast, use_case, "reuse", "  ") is None
    assert Answer.objects.count() == 0
    assert UseCase.objects.get(pk=use_case.pk).stage == "registered"


def test_a_changed_answer_is_a_new_revision_and_closes_the_older_fact(cast):
    use_case = registered(cast)
    say(cast, use_case, "reuse", "Nothing.")
    say(cast, use_case, "reuse", "The connection.", seen_revision=1)
    assert list(Answer.objects.order_by("revision").values_list("revision", "value")) == [
        (1, "Nothing."),
        (2, "The connection."),
    ]
    assert latest_answers(use_case)["reuse"].value == "The connection."
    assert fact(use_case, "reuse").value == "The connection."
    assert Fact.objects.filter(use_case=use_case, name="reuse").count() == 2


def test_an_answer_taken_back_closes_its_fact(cast):
    use_case = registered(cast)
    say(cast, use_case, "reuse", "Nothing.")
    answer = say(cast, use_case, "reuse", "", seen_revision=1)
    assert (answer.revision, answer.value, answer.unsure) == (2, None, False)
    assert fact(use_case, "reuse") is None


def test_taking_back_the_outcome_leaves_what_was_registered(cast):
    use_case = registered(cast)
    say(cast, use_case, "business_outcome", "Half the time.")
    say(cast, use_case, "business_outcome", "", seen_revision=1)
    assert fact(use_case, "business_outcome").statement == "Refund questions are answered within one hour."


def test_an_answer_over_one_not_seen_is_refused_with_both_texts(cast):
    use_case = registered(cast)
    add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.otto, role="contributor")
    say(cast, use_case, "reuse", "What Otto wrote.", who="otto")
    with pytest.raises(StaleAnswer) as refused:
        say(cast, use_case, "reuse", "What Olivia wrote.", seen_revision=0)
    assert codes(refused) == ["stale_answer"]
    assert refused.value.is_conflict
    assert str(refused.value) == ("Otto changed this answer while you were writing. Compare both, then save again.")
    assert (refused.value.current.value, refused.value.typed) == ("What Otto wrote.", "What Olivia wrote.")
    assert Answer.objects.count() == 1
    say(cast, use_case, "reuse", "What Olivia wrote.", seen_revision=1)
    assert latest_answers(use_case)["reuse"].value == "What Olivia wrote."


def test_an_answer_of_ones_own_other_window_is_called_so(cast):
    use_case = registered(cast)
    say(cast, use_case, "reuse", "In the first window.")
    with pytest.raises(StaleAnswer) as refused:
        say(cast, use_case, "reuse", "In the second.")
    assert str(refused.value) == "You changed this answer in another window. Compare both, then save again."
    assert Answer.objects.get().value == "In the first window."


@pytest.mark.parametrize("who", ["rafael", "dev", "amina", "otto", "pipeline"])
def test_who_may_not_answer_changes_nothing(cast, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        say(cast, use_case, "reuse", "Mine.", who=who)
    assert "not_answering" in codes(refused)
    assert ("not_a_person" in codes(refused)) is (who == "pipeline")
    assert Answer.objects.count() == 0
    assert UseCase.objects.get(pk=use_case.pk).stage == "registered"


def test_a_stopped_use_case_takes_no_answers(cast):
    use_case = registered(cast)
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    with pytest.raises(Refused) as refused:
        say(cast, use_case, "reuse", "Late.")
    assert codes(refused) == ["stopped"]
    assert Answer.objects.count() == 0


@pytest.mark.parametrize(
    ("question", "value", "field"),
    [
        ("no_such_question", "x", "question"),
        ("harm_severity", "6", "value"),
        ("harm_severity", 3, "value"),
        ("reuse", "x" * 4001, "value"),
        ("reuse", "a\x00b", "value"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(cast, question, value, field):
    use_case = registered(cast)
    with pytest.raises(ValidationError) as invalid:
        say(cast, use_case, question, value)
    assert list(invalid.value.message_dict) == [field]
    assert Answer.objects.count() == 0


def test_an_answer_row_is_never_changed_or_deleted(cast):
    use_case = registered(cast)
    say(cast, use_case, "reuse", "Nothing.")
    for attempt in (lambda: Answer.objects.update(value="Else."), lambda: Answer.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert Answer.objects.get().value == "Nothing."


def test_the_database_refuses_two_answers_under_one_revision_and_a_value_that_is_unsure(cast):
    use_case = registered(cast)
    answer = say(cast, use_case, "reuse", "Nothing.")
    row = {"use_case": use_case, "questionnaire": answer.questionnaire, "question": "reuse", "answered_by": cast.otto}
    with pytest.raises(IntegrityError, match="answer_revision_is_unique"), transaction.atomic():
        Answer.objects.create(**row, revision=1, value="Else.")
    with pytest.raises(IntegrityError, match="answer_is_a_value_or_unsure"), transaction.atomic():
        Answer.objects.create(**row, revision=2, value="Else.", unsure=True)


def test_publishing_again_publishes_nothing(cast):
    before = Questionnaire.objects.count()
    assert publish() == []
    assert Questionnaire.objects.count() == before == 1


def test_an_edited_version_is_an_error_that_says_what_to_do(cast, tmp_path):
    edited = tmp_path / "discovery.yaml"
    text = (CONTENT / "discovery.yaml").read_text(encoding="utf-8")
    edited.write_text(text.replace("title: Discovery", "title: Questions", 1), encoding="utf-8")
    with pytest.raises(RuntimeError, match="Raise its version"):
        publish_questionnaire(edited)
    assert current_questionnaire().title == "Discovery"
    edited.write_text(
        text.replace("title: Discovery", "title: Questions", 1).replace("\nversion: 1\n", "\nversion: 2\n", 1),
        encoding="utf-8",
    )
    assert publish_questionnaire(edited) == "questionnaire discovery 2"
    assert current_questionnaire().title == "Questions"


def test_the_published_questionnaire_asks_twenty_one_questions_with_examples(cast):
    questions = list(questions_of(current_questionnaire().definition))
    assert len(questions) == 21
    assert all(question.help and question.good and question.weak for question in questions)
    assert all(value != "unsure" for question in questions for value, _label in question.options)


def test_a_published_definition_does_not_change(cast):
    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
        Questionnaire.objects.update(definition={})
    assert current_questionnaire().definition != {}
