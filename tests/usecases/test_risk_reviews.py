"""Risk reviews: frozen answers, a rule's proposal, and a second person's conclusion within bounds."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused
from portal.models import AuditEvent
from tests.usecases.scenes import (
    HARMLESS,
    MODERATE,
    answered,
    cleared,
    codes,
    events,
    registered,
    sentences,
    source_of,
    submitted,
)
from usecases.actions.data_sources import request_data_use
from usecases.actions.discovery import answer_question
from usecases.actions.facts import record_fact
from usecases.actions.risk_reviews import conclude_risk_review, return_risk_review, submit_risk_review
from usecases.actions.stages import advance
from usecases.classification import Classification
from usecases.models import Fact, RiskReview, UseCase

LONG = "The attack surface is closed: every document is written by the policy office."
HIGH_BY_LAW = {**HARMLESS, "eu_tier": "high_risk_annex_iii"}


def conclude(cast, review, tier, rationale=LONG, who="rafael"):
    return conclude_risk_review(actor=cast.actor(who), review=review, tier=tier, rationale=rationale)


def stage(review):
    return UseCase.objects.get(pk=review.use_case_id).stage


def test_submitting_freezes_the_answers_and_what_they_lead_to(cast):
    review = submitted(cast)
    assert (review.number, review.state, review.proposed_tier, review.provisional) == (
        1,
        "submitted",
        "moderate",
        False,
    )
    assert review.factors["harm_severity"] == 3
    assert review.context == {"eu_tier": "none", "omb_high_impact": "no"}
    assert review.classification["score"] == 9
    assert stage(review) == "review"
    assert sentences("risk_review.submitted") == [
        f"submitted {review.use_case.reference} for risk review 1; the rules propose moderate."
    ]
    answer_question(
        actor=cast.actor("olivia"), use_case=review.use_case, question="harm_severity", value="5", seen_revision=1
    )
    review.refresh_from_db()
    assert review.factors["harm_severity"] == 3


def test_unanswered_and_unsure_count_as_their_worst_and_stay_provisional(cast):
    review = submitted(cast, {"harm_severity": "1", "novelty": "unsure"})
    assert (review.proposed_tier, review.provisional) == ("critical", True)
    assert review.factors["novelty"] is None
    assert "novelty" in review.classification["unanswered"]
    assert review.context == {"eu_tier": None, "omb_high_impact": None}
    assert sentences("risk_review.submitted")[0].endswith("the rules propose critical, provisionally.")


def test_what_was_stored_reads_back_as_the_classification(cast):
    review = submitted(cast, HIGH_BY_LAW)
    review.refresh_from_db()
    found = Classification.from_json(review.classification)
    assert found.to_json() == Classification.from_json(found.to_json()).to_json()
    assert (found.tier, [floor.id for floor in found.floors]) == ("high", ["F2"])


def test_a_conclusion_sets_the_tier_the_fact_and_the_stage(cast):
    review = conclude(cast, submitted(cast), "moderate", "As the rules propose.")
    use_case = UseCase.objects.get(pk=review.use_case_id)
    assert (use_case.tier, use_case.stage) == ("moderate", "pilot")
    assert (review.state, review.concluded_tier, review.concluded_by) == ("concluded", "moderate", cast.rafael)
    fact = Fact.objects.get(use_case=use_case, name="inherent_tier", until__isnull=True)
    assert (fact.value, fact.statement) == ("moderate", "Moderate, concluded in risk review 1.")
    assert sentences("risk_review.concluded") == [f"concluded risk review 1 of {use_case.reference} as moderate."]
    data = events("risk_review.concluded")[0].payload["data"]
    assert (data["computed"], data["final"], data["reason"]) == ("moderate", "moderate", "As the rules propose.")


def test_a_prohibited_use_is_stopped(cast):
    review = submitted(cast, {**HARMLESS, "eu_tier": "prohibited"})
    assert review.proposed_tier == "blocked"
    with pytest.raises(Refused) as refused:
        conclude(cast, review, "critical")
    assert codes(refused) == ["below_floor"]
    assert stage(review) == "review"
    conclude(cast, review, "blocked", "Article 5 names it.")
    assert stage(review) == "stopped"


def test_a_tier_is_raised_freely(cast):
    review = conclude(cast, submitted(cast), "critical", "Fraud.")
    assert (review.proposed_tier, review.concluded_tier) == ("moderate", "critical")


def test_a_tier_is_lowered_by_one_with_a_longer_reason(cast):
    review = submitted(cast)
    with pytest.raises(ValidationError) as invalid:
        conclude(cast, review, "low", "Fine by me.")
    assert list(invalid.value.message_dict) == ["rationale"]
    assert stage(review) == "review"
    assert conclude(cast, review, "low").concluded_tier == "low"


def test_a_tier_never_sinks_below_a_legal_floor(cast):
    review = submitted(cast, HIGH_BY_LAW)
    with pytest.raises(Refused) as refused:
        conclude(cast, review, "moderate")
    assert codes(refused) == ["below_floor"]
    assert refused.value.is_conflict
    assert RiskReview.objects.get().state == "submitted"
    assert UseCase.objects.get().tier == ""


def test_a_provisional_tier_is_raised_or_kept_not_lowered(cast):
    review = submitted(cast, {**MODERATE, "novelty": "unsure", "scale": "unsure"})
    assert (review.proposed_tier, review.provisional) == ("high", True)
    with pytest.raises(Refused) as refused:
        conclude(cast, review, "moderate")
    assert codes(refused) == ["provisional"]
    assert stage(review) == "review"
    assert conclude(cast, review, "high").concluded_tier == "high"


def test_a_review_goes_back_with_what_has_to_change(cast):
    review = return_risk_review(
        actor=cast.actor("rafael"), review=submitted(cast), rationale="Name the affected group."
    )
    assert (review.state, review.rationale, review.concluded_tier) == ("returned", "Name the affected group.", "")
    assert stage(review) == "discovery"
    assert sentences("risk_review.returned") == [f"returned risk review 1 of {review.use_case.reference} for changes."]
    again = submit_risk_review(actor=cast.actor("olivia"), use_case=review.use_case)
    assert (again.number, again.state) == (2, "submitted")


@pytest.mark.parametrize("verb", ["conclude", "return"])
def test_a_closing_without_a_reason_is_invalid(cast, verb):
    review = submitted(cast)
    with pytest.raises(ValidationError) as invalid:
        if verb == "conclude":
            conclude(cast, review, "moderate", " ")
        else:
            return_risk_review(actor=cast.actor("rafael"), review=review, rationale="")
    assert list(invalid.value.message_dict) == ["rationale"]
    assert (RiskReview.objects.get().state, stage(review)) == ("submitted", "review")


@pytest.mark.parametrize("who", ["arno", "amina", "dev", "sam", "otto", "admin", "pipeline"])
def test_only_a_risk_reviewer_concludes_or_returns(cast, who):
    review = submitted(cast)
    for attempt in (
        lambda: conclude(cast, review, "critical", who=who),
        lambda: return_risk_review(actor=cast.actor(who), review=review, rationale=LONG),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert "not_reviewer" in codes(refused)
    assert (RiskReview.objects.get().state, stage(review)) == ("submitted", "review")
    assert events("risk_review.concluded") + events("risk_review.returned") == []


def test_neither_submitter_nor_owner_concludes(cast):
    review = submitted(cast)
    with pytest.raises(Refused) as refused:
        conclude(cast, review, "moderate", who="olivia")
    assert codes(refused) == ["not_reviewer", "own_submission", "own_use_case"]
    UseCase.objects.update(owner=cast.rafael)
    with pytest.raises(Refused) as refused:
        conclude(cast, review, "moderate")
    assert codes(refused) == ["own_use_case"]
    assert RiskReview.objects.get().state == "submitted"


def test_a_closed_review_stays_closed(cast):
    review = conclude(cast, submitted(cast), "moderate")
    with pytest.raises(Refused) as refused:
        return_risk_review(actor=cast.actor("rafael"), review=review, rationale=LONG)
    assert codes(refused) == ["review_closed"]
    assert refused.value.is_conflict
    assert stage(review) == "pilot"


def test_an_unknown_tier_is_invalid(cast):
    with pytest.raises(ValidationError) as invalid:
        conclude(cast, submitted(cast), "tiny")
    assert list(invalid.value.message_dict) == ["tier"]


@pytest.mark.parametrize("who", ["rafael", "dev", "petra", "amina", "otto", "pipeline"])
def test_who_may_not_submit_changes_nothing(cast, who):
    use_case = answered(cast)
    with pytest.raises(Refused) as refused:
        submit_risk_review(actor=cast.actor(who), use_case=use_case)
    assert "not_submitting" in codes(refused)
    assert RiskReview.objects.count() == 0
    assert UseCase.objects.get().stage == "discovery"


def test_nothing_is_submitted_before_discovery_or_twice(cast):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        submit_risk_review(actor=cast.actor("olivia"), use_case=use_case)
    assert codes(refused) == ["discovery_not_started"]
    submit_risk_review(actor=cast.actor("olivia"), use_case=answered(cast, use_case=use_case))
    with pytest.raises(Refused) as refused:
        submit_risk_review(actor=cast.actor("olivia"), use_case=use_case)
    assert codes(refused) == ["already_under_review"]
    assert RiskReview.objects.count() == 1


def test_a_use_case_in_production_is_reviewed_again(cast):
    use_case = cleared(cast)
    advance(actor=cast.actor("amina"), use_case=use_case, verb="go_live")
    review = submit_risk_review(actor=cast.actor("olivia"), use_case=use_case)
    assert (review.number, stage(review)) == (2, "review")
    assert UseCase.objects.get().tier == "moderate"


def test_the_database_keeps_four_eyes_and_one_open_review(cast):
    review = submitted(cast)
    closing = {"state": "concluded", "concluded_tier": "low", "rationale": "Mine.", "concluded_at": timezone.now()}
    for change, rule in (
        ({**closing, "concluded_by": cast.olivia}, "risk_review_four_eyes"),
        ({**closing, "concluded_by": cast.rafael, "rationale": ""}, "risk_review_conclusion_is_complete"),
        ({**closing, "concluded_by": cast.rafael, "concluded_tier": ""}, "risk_review_conclusion_has_tier"),
        ({"factors": {}}, "frozen"),
        ({"proposed_tier": "low"}, "frozen"),
    ):
        with pytest.raises(DatabaseError, match=rule), transaction.atomic():
            RiskReview.objects.update(**change)
    copy = RiskReview.objects.get(pk=review.pk)
    copy.pk, copy.number = None, 2
    copy.id = UseCase().id
    with pytest.raises(IntegrityError, match="risk_review_one_is_open"), transaction.atomic():
        copy.save(force_insert=True)


def test_low_risk_with_everything_answered_clears_by_rule_without_a_meeting(cast):
    review = submitted(cast, HARMLESS)
    review.refresh_from_db()
    assert (review.state, review.concluded_tier, review.concluded_by) == ("concluded", "low", None)
    assert review.concluded_by_rule == "low-assesses-itself"
    assert review.rationale == "Every question is answered, the score of 1 is low and no floor applies."
    use_case = UseCase.objects.get()
    assert (use_case.tier, use_case.stage) == ("low", "pilot")
    told = (
        events("risk_review.submitted")[0].payload,
        AuditEvent.objects.get(payload__action="risk_review.concluded").payload,
    )
    assert [each["actor"]["kind"] for each in told] == ["person", "worker"]
    assert told[1]["sentence"] == (
        f"concluded risk review 1 of {use_case.reference} as low by the rule low-assesses-itself."
    )


@pytest.mark.parametrize(
    "answers",
    [
        {**HARMLESS, "novelty": "unsure"},
        {name: value for name, value in HARMLESS.items() if name != "scale"},
        {**HARMLESS, "user_exposure": "5"},
        {**HARMLESS, "eu_tier": "high_risk_annex_iii"},
        MODERATE,
    ],
)
def test_what_is_unsure_unanswered_raised_or_not_low_waits_for_a_person(cast, answers):
    review = submitted(cast, answers)
    assert (review.state, review.concluded_by_rule, stage(review)) == ("submitted", "", "review")


def test_a_rule_never_lowers_what_a_person_concluded(cast):
    use_case = cleared(cast)
    for question in ("harm_severity", "autonomy", "user_exposure", "attack_surface"):
        answer_question(actor=cast.actor("olivia"), use_case=use_case, question=question, value="1", seen_revision=1)
    review = submit_risk_review(actor=cast.actor("olivia"), use_case=use_case)
    assert (review.proposed_tier, review.state) == ("low", "submitted")
    assert UseCase.objects.get().tier == "moderate"


@pytest.mark.parametrize(("said", "state"), [("1", "submitted"), ("2", "concluded")])
def test_an_answer_that_the_declared_data_contradicts_waits_for_a_person(cast, said, state):
    use_case = registered(cast)
    request_data_use(
        actor=cast.actor("olivia"), use_case=use_case, data_source=source_of(cast), purpose="To answer from it."
    )
    answered(cast, {**HARMLESS, "data_sensitivity": said}, use_case)
    review = submit_risk_review(actor=cast.actor("olivia"), use_case=use_case)
    assert (review.proposed_tier, review.state) == ("low", state)


@pytest.mark.parametrize(("reported", "state"), [("high", "submitted"), ("review", "submitted"), ("none", "concluded")])
def test_an_impact_that_an_imported_register_reports_waits_for_a_person(cast, reported, state):
    use_case = answered(cast, HARMLESS)
    record_fact(
        actor=cast.actor("olivia"), use_case=use_case, name="reported_impact", value=reported, statement=reported
    )
    assert submit_risk_review(actor=cast.actor("olivia"), use_case=use_case).state == state


def test_the_database_lets_a_rule_clear_low_risk_only(cast):
    submitted(cast)
    closing = {"state": "concluded", "rationale": "By rule.", "concluded_at": timezone.now()}
    for change, rule in (
        ({**closing, "concluded_tier": "low", "concluded_by_rule": "x"}, "risk_review_rule_clears_low_only"),
        ({**closing, "concluded_tier": "moderate", "concluded_by_rule": "x"}, "risk_review_rule_clears_low_only"),
        ({**closing, "concluded_tier": "low"}, "risk_review_conclusion_is_complete"),
        (
            {**closing, "concluded_tier": "low", "concluded_by": cast.rafael, "concluded_by_rule": "x"},
            "risk_review_conclusion_is_complete",
        ),
    ):
        with pytest.raises(DatabaseError, match=rule), transaction.atomic():
            RiskReview.objects.update(**change)
    assert RiskReview.objects.get().state == "submitted"
