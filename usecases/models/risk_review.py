"""Risk reviews: what was submitted, what was proposed by rule, what a second person concluded."""

from django.db import models
from django.db.models import F, Q

from portal.history import tracked
from portal.models import Audited, User
from portal.triggers import follows, frozen
from usecases.choices import ReviewState, Tier
from usecases.lifecycle import RISK_REVIEWS
from usecases.models.use_case import UseCase


# What was submitted is frozen on the row itself.
@tracked(exclude=["factors", "context", "scheme_version", "scheme_digest", "classification"], parent="use_case")
class RiskReview(Audited):
    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="risk_reviews")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=ReviewState.choices, default=ReviewState.SUBMITTED)
    # What was submitted, frozen: answers, the rule set's version and digest, and what it proposed.
    factors = models.JSONField()
    context = models.JSONField()
    scheme_version = models.CharField(max_length=40)
    scheme_digest = models.CharField(max_length=64)
    classification = models.JSONField()
    proposed_tier = models.CharField(max_length=10, choices=Tier.choices)
    provisional = models.BooleanField()
    submitted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="submitted_risk_reviews")
    submitted_at = models.DateTimeField(auto_now_add=True)
    concluded_tier = models.CharField(max_length=10, choices=Tier.choices, blank=True, default="")
    rationale = models.TextField(blank=True)
    concluded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="concluded_risk_reviews")
    # Named instead of a person when a rule of the scheme clears it: low risk, everything answered, no floor.
    concluded_by_rule = models.CharField(max_length=60, blank=True, default="", db_default="")
    concluded_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "risk_review"
        constraints = [
            models.UniqueConstraint(fields=["use_case", "number"], name="risk_review_number_is_unique"),
            models.UniqueConstraint(
                fields=["use_case"], condition=Q(state=ReviewState.SUBMITTED), name="risk_review_one_is_open"
            ),
            models.CheckConstraint(
                condition=Q(concluded_by__isnull=True) | ~Q(concluded_by=F("submitted_by")),
                name="risk_review_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=ReviewState.SUBMITTED,
                    concluded_by__isnull=True,
                    concluded_by_rule="",
                    concluded_at__isnull=True,
                )
                | Q(
                    ~Q(state=ReviewState.SUBMITTED),
                    ~Q(rationale=""),
                    Q(concluded_by__isnull=False, concluded_by_rule="")
                    | Q(Q(concluded_by__isnull=True), ~Q(concluded_by_rule="")),
                    concluded_at__isnull=False,
                ),
                name="risk_review_conclusion_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(concluded_by_rule="")
                | Q(
                    state=ReviewState.CONCLUDED,
                    proposed_tier=Tier.LOW,
                    concluded_tier=Tier.LOW,
                    provisional=False,
                ),
                name="risk_review_rule_clears_low_only",
            ),
            models.CheckConstraint(
                condition=~Q(state=ReviewState.CONCLUDED) | ~Q(concluded_tier=""),
                name="risk_review_conclusion_has_tier",
            ),
            models.CheckConstraint(condition=Q(state__in=ReviewState.values), name="risk_review_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["submitted_at"], condition=Q(state=ReviewState.SUBMITTED), name="risk_review_waiting")
        ]
        triggers = [
            follows(RISK_REVIEWS, "state"),
            frozen(
                "use_case_id",
                "factors",
                "context",
                "classification",
                "proposed_tier",
                "submitted_by_id",
                name="risk_review_submission_is_fixed",
            ),
        ]

    def __str__(self) -> str:
        return f"risk review {self.number} of {self.use_case.reference}"
