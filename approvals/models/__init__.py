"""What was decided, on what grounds."""

from approvals.models.attestation import Attestation
from approvals.models.decision import Decision
from approvals.models.gate_policy import GatePolicyVersion
from approvals.models.release import Release, ReleaseContributor
from approvals.models.verdict import Verdict

__all__ = ["Attestation", "Decision", "GatePolicyVersion", "Release", "ReleaseContributor", "Verdict"]
