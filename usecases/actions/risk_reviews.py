"""Risk reviews: submitted by the team, concluded or returned by a second person."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases import policies
from usecases.actions.authors import person_of
from usecases.actions.facts import record_fact
from usecases.actions.stages import advance
from usecases.choices import ReviewState, Stage, Tier
from usecases.classification import TIERS
from usecases.lifecycle import RISK_REVIEWS
from usecases.models import RiskReview, UseCase
from usecases.reviews import score

MIN_RATIONALE_TO_LOWER = 20


@transaction.atomic
def submit_risk_review(*, actor: Actor, use_case: UseCase) -> RiskReview:
    """Freeze the present answers and the tier they lead to, and hand them to a reviewer. Raises Refused."""
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
    return review


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
    _close(actor, review, "conclude_risk_review", rationale, tier=tier)
    use_case = review.use_case
    use_case.tier = Tier(tier)
    use_case.save(update_fields=["tier", "updated_at"])
    label = Tier(tier).label
    record(
        actor,
        "risk_review.concluded",
        review,
        f"concluded risk review {review.number} of {use_case.reference} as {label.lower()}.",
        use_case=use_case.pk,
        data={"number": review.number, "computed": review.proposed_tier, "final": tier, "reason": rationale},
        references=[use_case.reference],
    )
    statement = _("%(tier)s, concluded in risk review %(number)s.") % {"tier": label, "number": review.number}
    record_fact(actor=actor, use_case=use_case, name="inherent_tier", value=tier, statement=statement)
    verb = "stop" if tier == Tier.BLOCKED else "clear_for_pilot"
    advance(actor=actor, use_case=use_case, verb=verb, reason=rationale if verb == "stop" else "")
    return review


@transaction.atomic
def return_risk_review(*, actor: Actor, review: RiskReview, rationale: str) -> RiskReview:
    """Back to discovery, with what has to change. Raises Refused; ValidationError without a rationale."""
    review = _lock(review)
    require(policies.may_conclude_risk_review(actor, review))
    rationale = rationale.strip()
    _close(actor, review, "return_risk_review", rationale)
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


def _close(actor: Actor, review: RiskReview, verb: str, rationale: str, tier: str = "") -> None:
    if not rationale:
        raise ValidationError({"rationale": _("Give the reason; it is what the team and the auditor will read.")})
    review.state = ReviewState(RISK_REVIEWS.target(verb, review.state))
    review.concluded_tier, review.rationale = tier, rationale
    review.concluded_by, review.concluded_at = person_of(actor), timezone.now()
    review.save(update_fields=["state", "concluded_tier", "rationale", "concluded_by", "concluded_at"])
