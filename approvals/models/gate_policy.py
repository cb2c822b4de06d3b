"""Published gate policies: immutable, addressed by digest, so that every verdict can name what it was judged by."""

from django.db import models

from portal.models import Audited, User
from portal.triggers import frozen
from usecases.choices import Tier


class GatePolicyVersion(Audited):
    tier = models.CharField(max_length=10, choices=Tier.choices)
    version = models.CharField(max_length=40)
    definition = models.JSONField()
    digest = models.CharField(max_length=64, unique=True)
    # Null: the content shipped with the portal.
    published_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="published_policies")
    published_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "gate_policy"
        constraints = [
            models.UniqueConstraint(fields=["tier", "version"], name="gate_policy_version_is_unique"),
            models.UniqueConstraint(
                fields=["tier"], condition=models.Q(retired_at__isnull=True), name="gate_policy_one_is_in_force"
            ),
            models.CheckConstraint(condition=models.Q(tier__in=Tier.values), name="gate_policy_tier_is_known"),
        ]
        triggers = [frozen("tier", "version", "definition", "digest", "published_by_id", name="gate_policy_is_fixed")]
