"""A release claims a system version for an environment. Its digest covers all that people approve."""

from django.db import models
from django.db.models import Q

from approvals.choices import ReleaseState
from approvals.lifecycle import RELEASES
from approvals.models.gate_policy import GatePolicyVersion
from portal.models import Audited, User
from portal.models.machines import ServiceAccount
from portal.triggers import append_only, follows, frozen
from usecases.choices import Environment, Tier
from usecases.models import SystemVersion, UseCase


class Release(Audited):
    """`digest` covers version, declared use case, tier, environment, policy and the runs cited at proposal.

    Later evidence changes the verdict, never the digest; a changed declaration no longer matches it.
    """

    use_case = models.ForeignKey(UseCase, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    system_version = models.ForeignKey(SystemVersion, on_delete=models.PROTECT, related_name="releases")
    environment = models.CharField(max_length=12, choices=Environment.choices)
    tier = models.CharField(max_length=10, choices=Tier.choices)
    policy = models.ForeignKey(GatePolicyVersion, on_delete=models.PROTECT, related_name="releases")
    canon = models.TextField()
    digest = models.CharField(max_length=64)
    lanes = models.JSONField()
    note = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=ReleaseState.choices, default=ReleaseState.PROPOSED)
    state_reason = models.TextField(blank=True)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="proposed_releases")
    proposed_by_account = models.ForeignKey(
        ServiceAccount, on_delete=models.PROTECT, null=True, related_name="proposed_releases"
    )
    proposed_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "release"
        constraints = [
            models.UniqueConstraint(fields=["use_case", "number"], name="release_number_is_unique"),
            models.UniqueConstraint(
                fields=["use_case", "environment"],
                condition=Q(state=ReleaseState.PROPOSED),
                name="release_one_is_proposed_per_environment",
            ),
            models.UniqueConstraint(
                fields=["use_case", "environment"],
                condition=Q(state__in=[ReleaseState.APPROVED, ReleaseState.SUSPENDED]),
                name="release_one_stands_per_environment",
            ),
            models.CheckConstraint(condition=Q(state__in=ReleaseState.values), name="release_state_is_known"),
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values), name="release_environment_is_known"
            ),
            models.CheckConstraint(condition=~Q(tier__in=["", Tier.BLOCKED]), name="release_tier_may_be_released"),
            models.CheckConstraint(
                condition=~Q(state=ReleaseState.APPROVED) | Q(approved_at__isnull=False, expires_at__isnull=False),
                name="release_approval_expires",
            ),
            models.CheckConstraint(
                condition=Q(proposed_by__isnull=False, proposed_by_account__isnull=True)
                | Q(proposed_by__isnull=True, proposed_by_account__isnull=False),
                name="release_has_one_proposer",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-proposed_at"], name="release_by_state"),
            models.Index(fields=["system_version"], name="release_of_version"),
        ]
        triggers = [
            follows(RELEASES, "state"),
            frozen(
                "use_case_id",
                "number",
                "system_version_id",
                "environment",
                "tier",
                "policy_id",
                "canon",
                "digest",
                "lanes",
                "proposed_by_id",
                "proposed_by_account_id",
                name="release_claim_is_fixed",
            ),
        ]

    def __str__(self) -> str:
        return f"release {self.number} of {self.use_case.reference}"

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("approvals:release", kwargs={"reference": self.use_case.reference, "number": self.number})


class ReleaseContributor(models.Model):
    """Who wrote what the release claims: version, evidence, answers, policy. They decide no independent lane."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="contributors")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="contributions")
    part = models.CharField(max_length=40)

    class Meta:
        db_table = "release_contributor"
        constraints = [
            models.UniqueConstraint(fields=["release", "person", "part"], name="release_contributor_is_named_once")
        ]
        triggers = append_only()
