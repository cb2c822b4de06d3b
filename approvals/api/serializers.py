"""What the API takes and gives about releases: every field by name."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from approvals.attestation import SUBJECT_NAME
from approvals.choices import LaneKey, Outcome, ReleaseState
from approvals.models import Attestation, Release, Verdict
from portal.api.serializers import StrictSerializer
from usecases.choices import Environment

SHA256 = r"^[0-9a-f]{64}\Z"
NOT_SHA256: dict[str, Any] = {"invalid": _("This is not a SHA-256 digest: 64 lower-case hexadecimal digits.")}


def sha256(**options: Any) -> serializers.RegexField:
    return serializers.RegexField(SHA256, error_messages=NOT_SHA256, trim_whitespace=False, **options)


class ReleaseInput(StrictSerializer):
    use_case = serializers.CharField(max_length=20, help_text=_("Its reference, such as UC-0042."))
    version = sha256(help_text=_("The digest of the system version."))
    environment = serializers.ChoiceField(Environment.choices)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class DecisionInput(StrictSerializer):
    """`digest` is the version's; `lane` may be left out by who has exactly one lane open."""

    digest = sha256(required=False)
    release_digest = sha256(required=False)
    lane = serializers.ChoiceField(LaneKey.choices, required=False)
    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class WithdrawalInput(StrictSerializer):
    digest = sha256(required=False)
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class ArtifactInput(StrictSerializer):
    name = serializers.CharField(max_length=200, trim_whitespace=False)
    sha256 = sha256()


class GateQuestion(StrictSerializer):
    use_case = serializers.CharField(max_length=40, trim_whitespace=False)
    environment = serializers.ChoiceField(Environment.choices)
    digest = sha256()
    artifacts = serializers.ListField(child=ArtifactInput(), max_length=200, required=False, default=list)
    nonce = serializers.CharField(min_length=1, max_length=200, trim_whitespace=False)

    def validate_artifacts(self, artifacts: list[dict[str, str]]) -> list[dict[str, str]]:
        names = [item["name"] for item in artifacts]
        if len(set(names)) < len(names) or SUBJECT_NAME in names:
            raise serializers.ValidationError(_("Each artifact has a name of its own, and none is “system-version”."))
        return artifacts


class DecisionOutput(serializers.Serializer[Any]):
    lane = serializers.ChoiceField(LaneKey.choices)
    kind = serializers.CharField()
    person = serializers.CharField(source="person.name")
    comment = serializers.CharField()
    version_digest = serializers.CharField()
    release_digest = serializers.CharField()
    decided_at = serializers.DateTimeField()


class ReleaseOutput(serializers.Serializer[Release]):
    id = serializers.UUIDField()
    use_case = serializers.CharField(source="use_case.reference")
    number = serializers.IntegerField()
    environment = serializers.ChoiceField(Environment.choices)
    version = serializers.CharField(source="system_version.label")
    digest = serializers.CharField(source="system_version.digest", help_text=_("The system version's digest."))
    release_digest = serializers.CharField(source="digest", help_text=_("The digest of all that is approved."))
    tier = serializers.CharField()
    state = serializers.ChoiceField(ReleaseState.choices)
    state_reason = serializers.CharField()
    note = serializers.CharField()
    lanes = serializers.ListField(child=serializers.CharField())
    decisions = DecisionOutput(many=True)
    proposed_by = serializers.SerializerMethodField()
    proposed_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)

    def get_proposed_by(self, release: Release) -> str:
        return str(release.proposed_by or release.proposed_by_account)


class VerdictOutput(serializers.Serializer[Verdict]):
    outcome = serializers.ChoiceField(Outcome.choices)
    allows = serializers.BooleanField()
    criteria = serializers.JSONField()
    warnings = serializers.ListField(child=serializers.CharField())
    policy_digest = serializers.CharField()
    watermark = serializers.CharField()
    runs = serializers.ListField(child=serializers.UUIDField())
    judged_by = serializers.CharField()
    judged_at = serializers.DateTimeField()


class AttestationOutput(serializers.Serializer[Attestation]):
    id = serializers.UUIDField()
    predicate_type = serializers.CharField()
    statement_digest = serializers.CharField()
    key_id = serializers.CharField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    envelope = serializers.JSONField()


class GateAnswer(serializers.Serializer[Any]):
    allow = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())
    codes = serializers.ListField(child=serializers.CharField())
    nonce = serializers.CharField()
    evaluated_at = serializers.CharField()
    expires_at = serializers.CharField()
    attestations = serializers.ListField(child=serializers.UUIDField())
    envelope = serializers.JSONField()
