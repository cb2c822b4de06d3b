"""Risk reviews: submitted by the team, concluded or returned by a second person."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor, worker
from portal.audit import record
from portal.models import User
from usecases import policies
from usecases.actions.authors import person_of
from usecases.actions.facts import record_fact
from usecases.actions.stages import advance
from usecases.choices import ReviewState, Stage, Tier
from usecases.classification import TIERS
from usecases.lifecycle import RISK_REVIEWS
from usecases.models import RiskReview, UseCase
from usecases.reviews import rule_for, score

MIN_RATIONALE_TO_LOWER = 20


@transaction.atomic
def submit_risk_review(*, actor: Actor, use_case: UseCase) -> RiskReview:
    """Freeze the present answers and the tier they lead to, and hand them to a reviewer or to a rule.

    Low risk with every question answered and no floor clears by rule, without a meeting. Raises Refused.
    """
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_submit_risk_review(actor, use_case))
    scored = score(use_case)
    found = scored.classification
    highest = RiskReview.objects.filter(use_case=use_case).aggregate(highest=Max("number"))["highest"]
    review = RiskReview.objects.create(
        use_case=use_case,
        number=(highest or 0) + 1,
        factors=scored.factors,
        context=scored.context,
        scheme_version=found.scheme_version,
        scheme_digest=found.scheme_digest,
        classification=found.to_json(),
        proposed_tier=found.tier,
        provisional=found.provisional,
        submitted_by=person_of(actor),
    )
    provisional = ", provisionally" if found.provisional else ""
    record(
        actor,
        "risk_review.submitted",
        review,
        f"submitted {use_case.reference} for risk review {review.number}; the rules propose "
        f"{Tier(found.tier).label.lower()}{provisional}.",
        use_case=use_case.pk,
        data={
            "number": review.number,
            "proposed": found.tier,
            "score": found.score,
            "provisional": found.provisional,
            "scheme": found.scheme_version,
        },
        references=[use_case.reference],
    )
    verb = "submit_risk_review" if use_case.stage == Stage.DISCOVERY else "reopen_review"
    advance(actor=actor, use_case=use_case, verb=verb)
    review.use_case = use_case
    if rule := rule_for(use_case, scored):
        _conclude_by_rule(review, rule)
    return review


def _conclude_by_rule(review: RiskReview, rule: str) -> None:
    text = _("Every question is answered, the score of %(score)s is %(tier)s and no floor applies.")
    tier = Tier(review.proposed_tier)
    rationale = text % {"score": review.classification["score"], "tier": tier.label.lower()}
    _close(review, "conclude_risk_review", rationale, tier=tier, rule=rule)
    _clear(worker("risk scheme"), review, rationale)


@transaction.atomic
def conclude_risk_review(*, actor: Actor, review: RiskReview, tier: str, rationale: str) -> RiskReview:
    """A second person sets the tier: raised freely, lowered with a longer reason and within bounds.

    Raises Refused; ValidationError for an unknown tier or too short a rationale.
    """
    review = _lock(review)
    if tier not in Tier.values:
        raise ValidationError({"tier": _("Choose one of the tiers.")})
    require(policies.may_conclude_risk_review(actor, review, tier))
    rationale = rationale.strip()
    lowered = TIERS.index(tier) < TIERS.index(review.proposed_tier)
    if lowered and len(rationale) < MIN_RATIONALE_TO_LOWER:
        text = _("Lowering the proposed tier needs a reason of at least %(count)s characters.")
        raise ValidationError({"rationale": text % {"count": MIN_RATIONALE_TO_LOWER}})
    _close(review, "conclude_risk_review", rationale, tier=tier, person=person_of(actor))
    _clear(actor, review, rationale)
    return review


def _clear(actor: Actor, review: RiskReview, rationale: str) -> None:
    """What follows from a conclusion: the tier on the use case, the sentence, the fact, the stage."""
    use_case, tier = review.use_case, Tier(review.concluded_tier)
    use_case.tier = tier
    use_case.save(update_fields=["tier", "updated_at"])
    by_rule = f" by the rule {review.concluded_by_rule}" if review.concluded_by_rule else ""
    record(
        actor,
        "risk_review.concluded",
        review,
        f"concluded risk review {review.number} of {use_case.reference} as {tier.label.lower()}{by_rule}.",
        use_case=use_case.pk,
        data={
            "number": review.number,
            "computed": review.proposed_tier,
            "final": tier,
            "reason": rationale,
            "rule": review.concluded_by_rule,
        },
        references=[use_case.reference],
    )
    statement = _("%(tier)s, concluded in risk review %(number)s.") % {"tier": tier.label, "number": review.number}
    record_fact(actor=actor, use_case=use_case, name="inherent_tier", value=tier.value, statement=statement)
    verb = "stop" if tier == Tier.BLOCKED else "clear_for_pilot"
    advance(actor=actor, use_case=use_case, verb=verb, reason=rationale if verb == "stop" else "")


@transaction.atomic
def return_risk_review(*, actor: Actor, review: RiskReview, rationale: str) -> RiskReview:
    """Back to discovery, with what has to change. Raises Refused; ValidationError without a rationale."""
    review = _lock(review)
    require(policies.may_conclude_risk_review(actor, review))
    rationale = rationale.strip()
    _close(review, "return_risk_review", rationale, person=person_of(actor))
    use_case = review.use_case
    record(
        actor,
        "risk_review.returned",
        review,
        f"returned risk review {review.number} of {use_case.reference} for changes.",
        use_case=use_case.pk,
        data={"number": review.number, "reason": rationale},
        references=[use_case.reference],
    )
    advance(actor=actor, use_case=use_case, verb="return_risk_review")
    return review


def _lock(review: RiskReview) -> RiskReview:
    use_case = UseCase.objects.lock(review.use_case)
    review = RiskReview.objects.select_for_update().get(pk=review.pk)
    review.use_case = use_case
    return review


def _close(
    review: RiskReview, verb: str, rationale: str, *, tier: str = "", person: User | None = None, rule: str = ""
) -> None:
    if not rationale:
        raise ValidationError({"rationale": _("Give the reason; it is what the team and the auditor will read.")})
    review.state = ReviewState(RISK_REVIEWS.target(verb, review.state))
    review.concluded_tier, review.rationale = tier, rationale
    review.concluded_by, review.concluded_by_rule, review.concluded_at = person, rule, timezone.now()
    review.save(
        update_fields=["state", "concluded_tier", "rationale", "concluded_by", "concluded_by_rule", "concluded_at"]
    )
