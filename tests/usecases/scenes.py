"""Situations that several tests start from, made by the verbs themselves."""

from typing import Any

from portal.models import AuditEvent
from tests.cast import Cast
from usecases.actions.data_sources import declare_data_source
from usecases.actions.discovery import answer_question
from usecases.actions.registration import register_use_case
from usecases.actions.risk_reviews import conclude_risk_review, submit_risk_review
from usecases.models import DataSource, RiskReview, UseCase

HARMLESS = {
    "harm_severity": "1",
    "decision_effect": "1",
    "data_sensitivity": "1",
    "irreversibility": "1",
    "autonomy": "1",
    "user_exposure": "1",
    "attack_surface": "1",
    "scale": "1",
    "novelty": "1",
    "eu_tier": "none",
    "omb_high_impact": "no",
}
# Impact 3, exposure 3: moderate by score alone, no floor.
MODERATE = {**HARMLESS, "harm_severity": "3", "autonomy": "3", "user_exposure": "3", "attack_surface": "3"}
MANIFEST: dict[str, Any] = {
    "schema": "gatehouse.manifest/v1",
    "model": {"provider": "azure", "name": "gpt-4o", "version": "2024-11-20"},
    "prompts": [{"name": "system", "version": "7", "text": "Answer from the sources only."}],
}


def registered(cast: Cast, by: str = "olivia", **changes: Any) -> UseCase:
    """“Refund helper”, owned by Olivia in customer service."""
    values = {
        "title": "Refund helper",
        "business_outcome": "Refund questions are answered within one hour.",
        "user_group": "Twelve agents of customer service.",
        "pattern": "retrieval",
        "owner": cast.olivia,
        "unit": cast.units["Customer service"],
        **changes,
    }
    return register_use_case(actor=cast.actor(by), **values)


def answered(cast: Cast, answers: dict[str, str] = MODERATE, use_case: UseCase | None = None) -> UseCase:
    use_case = use_case or registered(cast)
    olivia = cast.actor("olivia")
    for question, value in answers.items():
        answer_question(actor=olivia, use_case=use_case, question=question, value=value)
    use_case.refresh_from_db()
    return use_case


def submitted(cast: Cast, answers: dict[str, str] = MODERATE) -> RiskReview:
    return submit_risk_review(actor=cast.actor("olivia"), use_case=answered(cast, answers))


def cleared(cast: Cast, answers: dict[str, str] = MODERATE) -> UseCase:
    """At the stage of pilot, with the tier the rules propose."""
    review = submitted(cast, answers)
    conclude_risk_review(
        actor=cast.actor("rafael"), review=review, tier=review.proposed_tier, rationale="As the rules propose."
    )
    return UseCase.objects.get(pk=review.use_case_id)


def source_of(cast: Cast, owner: str = "petra", name: str = "Policy library") -> DataSource:
    return declare_data_source(
        actor=cast.actor("arno"),
        name=name,
        system="SharePoint",
        owner=cast.people[owner],
        unit=cast.units["Technology"],
        classification="internal",
        personal_data=False,
    )


def events(action: str = "") -> list[AuditEvent]:
    """Told so far, oldest first."""
    found = AuditEvent.objects.order_by("recorded_at", "id")
    return list(found.filter(payload__action=action) if action else found.exclude(payload__actor__kind="worker"))


def sentences(action: str = "") -> list[str]:
    return [event.payload["sentence"] for event in events(action)]


def codes(refused: Any) -> list[str]:
    """The codes of a caught refusal."""
    return [reason.code for reason in refused.value.reasons]
