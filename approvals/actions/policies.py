"""Publishing gate policies, and telling the register which one a use case will be judged by."""

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals.declarations import policy_in_force
from approvals.gating import load_policies, policy_digest
from approvals.models import GatePolicyVersion
from portal.actors import worker
from portal.audit import record
from usecases.actions.facts import close_fact, record_fact
from usecases.choices import FactSource, Tier
from usecases.models import UseCase

INSTALLER = "installer"
GATE_KEEPER = "gate keeper"


@transaction.atomic
def publish() -> list[str]:
    """Put the shipped policies in force; a tier whose policy is unchanged keeps it. One line per policy published.

    Raises ValueError when changed content was shipped under a version that is already published.
    """
    told = []
    for tier, policy in load_policies().items():
        digest = policy_digest(policy)
        current = GatePolicyVersion.objects.select_for_update().filter(tier=tier, retired_at__isnull=True).first()
        if current is not None and current.digest == digest:
            continue
        if GatePolicyVersion.objects.filter(tier=tier, version=str(policy.version)).exists():
            raise ValueError(f"The gate policy of tier {tier} changed; raise its version above {policy.version}.")
        if current is not None:
            GatePolicyVersion.objects.filter(pk=current.pk).update(retired_at=timezone.now())
        published = GatePolicyVersion.objects.create(
            tier=tier, version=str(policy.version), definition=policy.to_json(), digest=digest
        )
        sentence = f"published version {policy.version} of the gate policy for the risk tier {tier}."
        record(worker(INSTALLER), "gate_policy.published", published, sentence, data={"tier": tier, "digest": digest})
        told.append(f"gate policy {tier} {policy.version}")
    return told


@transaction.atomic
def fix_gate_criteria(*, use_case: UseCase) -> None:
    """Write down which policy this use case is judged by, so that the bar is known before the result is.

    The checklist reads the fact `gate_criteria`; without a policy in force it is closed.
    """
    policy = policy_in_force(use_case.tier) if use_case.tier not in ("", Tier.BLOCKED) else None
    if policy is None:
        close_fact(use_case=use_case, name="gate_criteria")
        return
    count = len(policy.definition["criteria"])
    record_fact(
        actor=worker(GATE_KEEPER),
        use_case=use_case,
        name="gate_criteria",
        value={
            "tier": policy.tier,
            "version": policy.version,
            "digest": policy.digest,
            "thresholds": _pass_shares(policy.definition["criteria"], use_case.pattern),
        },
        statement=f"Judged by gate policy {policy.tier} {policy.version} with {count} criteria.",
        source=FactSource.VERB,
        confidence="stated",
    )


def _pass_shares(criteria: list[dict[str, Any]], pattern: str) -> dict[str, str]:
    """The share of cases that has to pass, by dimension, for the chart of scores on the floor below."""
    shares: dict[str, str] = {}
    for row in criteria:
        if not row.get("patterns") or pattern in row["patterns"]:
            limit = Decimal(str(row["threshold"]))
            shares[row["dimension"]] = str(limit if row["statistic"] == "pass_rate" else 1 - limit)
    return shares
