"""The pilot checklist: green by facts where facts can say it, by a person with evidence where they cannot."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.access import Refused
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions.checklists import confirm_item, withdraw_confirmation
from usecases.actions.discovery import answer_question
from usecases.actions.facts import record_fact
from usecases.actions.stages import stop_use_case
from usecases.checklists import checklist_items, item_status, pilot_checklist
from usecases.models import ChecklistConfirmation, Fact


def states(use_case):
    return {status.item.id: status.state for status in pilot_checklist(use_case)}


def confirm(cast, use_case, item="PC08", who="olivia", evidence="The dashboard is read every Monday."):
    return confirm_item(actor=cast.actor(who), use_case=use_case, item=item, evidence=evidence, link="")


def test_registering_turns_three_items_green(cast):
    use_case = registered(cast)
    assert states(use_case) == {
        **dict.fromkeys([f"PC{number:02d}" for number in range(1, 12)], "open"),
        "PC01": "satisfied",
        "PC02": "satisfied",
        "PC03": "satisfied",
    }
    first = item_status(use_case, "PC01")
    assert (first.statement, first.source) == ("Olivia is its accountable owner.", "A person's answer")
    assert first.as_of == Fact.objects.get(use_case=use_case, name="owner_named").as_of
    assert item_status(use_case, "PC04").statement == (
        "No data source is declared, or not all are approved by their owners."
    )
    assert item_status(use_case, "PC99") is None


def test_a_fact_from_another_floor_turns_its_item_green(cast):
    use_case = registered(cast)
    record_fact(actor=cast.actor("ingest"), use_case=use_case, name="evaluation_set", value=214, statement="214 cases.")
    status = item_status(use_case, "PC05")
    assert (status.state, status.statement, status.source) == ("satisfied", "214 cases.", "Recorded by the portal")


def test_a_person_confirms_with_evidence_and_may_withdraw(cast):
    use_case = registered(cast)
    confirmation = confirm(cast, use_case)
    status = item_status(use_case, "PC08")
    assert (status.state, status.statement, status.source) == (
        "confirmed",
        "The dashboard is read every Monday.",
        "Olivia",
    )
    withdraw_confirmation(actor=cast.actor("olivia"), confirmation=confirmation, reason="Nobody reads it.")
    assert states(use_case)["PC08"] == "open"
    confirmation.refresh_from_db()
    assert (confirmation.withdrawn_by, confirmation.evidence) == (cast.olivia, "The dashboard is read every Monday.")
    assert sentences("checklist_item.confirmed") == [f"confirmed “Monitoring plan” for {use_case.reference}."]
    assert sentences("checklist_item.withdrawn") == [
        f"withdrew the confirmation of “Monitoring plan” for {use_case.reference}."
    ]
    confirm(cast, use_case, evidence="It is read again.")
    assert states(use_case)["PC08"] == "confirmed"


def test_support_needs_the_answer_first_and_the_person_then(cast):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        confirm(cast, use_case, "PC10")
    assert codes(refused) == ["fact_missing"]
    olivia = cast.actor("olivia")
    answer_question(actor=olivia, use_case=use_case, question="support_process", value=None, unsure=True)
    assert item_status(use_case, "PC10").statement == "Answered with “I do not know yet”."
    answer_question(
        actor=olivia, use_case=use_case, question="support_process", value="The service desk.", seen_revision=1
    )
    assert states(use_case)["PC10"] == "open"
    confirm(cast, use_case, "PC10", evidence="The runbook.")
    assert states(use_case)["PC10"] == "confirmed"


@pytest.mark.parametrize(("item", "code"), [("PC01", "read_from_facts"), ("PC08", "already_confirmed")])
def test_what_needs_no_confirmation_takes_none(cast, item, code):
    use_case = registered(cast)
    confirm(cast, use_case, "PC08")
    with pytest.raises(Refused) as refused:
        confirm(cast, use_case, item)
    assert codes(refused) == [code]
    assert refused.value.is_conflict
    assert ChecklistConfirmation.objects.count() == 1


@pytest.mark.parametrize("who", ["rafael", "dev", "petra", "otto", "pipeline"])
def test_who_may_not_confirm_changes_nothing(cast, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        confirm(cast, use_case, who=who)
    assert "not_confirming" in codes(refused)
    assert ChecklistConfirmation.objects.count() == 0
    standing = confirm(cast, use_case)
    with pytest.raises(Refused) as refused:
        withdraw_confirmation(actor=cast.actor(who), confirmation=standing)
    assert "not_confirming" in codes(refused)
    assert states(use_case)["PC08"] == "confirmed"
    assert events("checklist_item.withdrawn") == []


def test_a_withdrawn_confirmation_is_not_withdrawn_again(cast):
    use_case = registered(cast)
    confirmation = withdraw_confirmation(actor=cast.actor("olivia"), confirmation=confirm(cast, use_case))
    with pytest.raises(Refused) as refused:
        withdraw_confirmation(actor=cast.actor("olivia"), confirmation=confirmation)
    assert codes(refused) == ["withdrawn"]
    assert len(events("checklist_item.withdrawn")) == 1


def test_an_unknown_item_or_no_evidence_is_invalid(cast):
    use_case = registered(cast)
    with pytest.raises(ValidationError) as invalid:
        confirm(cast, use_case, "PC99")
    assert list(invalid.value.message_dict) == ["item"]
    with pytest.raises(ValidationError) as invalid:
        confirm(cast, use_case, evidence=" ")
    assert list(invalid.value.message_dict) == ["evidence"]
    assert ChecklistConfirmation.objects.count() == 0


def test_a_stopped_use_case_takes_no_confirmation(cast):
    use_case = registered(cast)
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    with pytest.raises(Refused) as refused:
        confirm(cast, use_case)
    assert codes(refused) == ["stopped"]


def test_the_database_keeps_the_rules_of_a_confirmation(cast):
    use_case = registered(cast)
    confirm(cast, use_case)
    row = {"use_case": use_case, "item": "PC08", "confirmed_by": cast.arno}
    with pytest.raises(IntegrityError, match="checklist_confirmation_stands_once"), transaction.atomic():
        ChecklistConfirmation.objects.create(**row, evidence="Else.")
    for change, rule in (
        ({"evidence": ""}, "checklist_confirmation_names_evidence"),
        ({"withdrawn_by": cast.arno}, "checklist_confirmation_withdrawal_is_complete"),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            ChecklistConfirmation.objects.update(**change)


def test_the_checklist_has_eleven_items_with_reason_and_evidence():
    items = checklist_items()
    assert [item.id for item in items] == [f"PC{number:02d}" for number in range(1, 12)]
    assert all(item.why and item.evidence for item in items)


def test_the_checklist_reads_three_times_whatever_is_known(cast, django_assert_num_queries):
    use_case = registered(cast)
    with django_assert_num_queries(3):
        pilot_checklist(use_case)
    confirm(cast, use_case)
    confirm(cast, use_case, "PC07", evidence="Roles.")
    with django_assert_num_queries(3):
        pilot_checklist(use_case)
