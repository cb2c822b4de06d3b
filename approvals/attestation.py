"""What is signed: in-toto statements about a release decision and a gate answer, built from plain facts; pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_DECISION = "https://gatehouse.dev/attestation/release-decision/v1"
GATE_CHECK = "https://gatehouse.dev/attestation/gate-check/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
SUBJECT_NAME = "system-version"
GATE_REPLY_LIFETIME = timedelta(minutes=15)  # the longest a pipeline may lean on one answer

APPROVED = "approved"  # the only decision that a verifier accepts; every other word refuses
_DECISIONS = (APPROVED, "rejected", "returned", "revoked", "suspended")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built thing that carries the system version, matched by its digest alone (SHA-256, lower hex)."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Something kept elsewhere: where it is, and the SHA-256 of what was seen there."""

    uri: str
    sha256: str


@dataclass(frozen=True, slots=True)
class UseCaseFact:
    """The use case decided about: its address, human reference (UC-0001) and risk tier."""

    uri: str
    reference: str
    risk_tier: str


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """The gate policy in force at the decision."""

    uri: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CriterionFact:
    """How one criterion was judged; measured values travel as strings so that every reader sees the same digits."""

    id: str
    outcome: str
    observed: str = ""
    threshold: str = ""
    evaluated_at: datetime | None = None
    evidence: tuple[Reference, ...] = ()
    waiver: Reference | None = None


@dataclass(frozen=True, slots=True)
class GateFact:
    """The verdict the decision was taken on."""

    outcome: str
    criteria: tuple[CriterionFact, ...]


@dataclass(frozen=True, slots=True)
class ApprovalFact:
    """One person's decision in one lane, bound to the digests that person was shown.

    `content_digest` is the system version's, `release_digest` the whole release's; `issuer`, `name` and
    `acting_for` may be empty.
    """

    lane: str
    decision: str
    decided_at: datetime
    subject: str
    content_digest: str
    release_digest: str
    issuer: str = ""
    name: str = ""
    # The subject of the accountable owner, when somebody who acts for them signed.
    acting_for: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Everything a release statement says; `version_digest` is the subject, `release_digest` covers the release.

    `contributors` are the subjects of those who built the version, `independent_lanes` the lanes decided by
    someone who did not.
    """

    decision: str
    issued_at: datetime
    expires_at: datetime
    use_case: UseCaseFact
    release_uri: str
    release_number: int
    release_digest: str
    version_digest: str
    environment: str
    policy: PolicyFact
    gate: GateFact
    approvals: tuple[ApprovalFact, ...]
    contributors: tuple[str, ...]
    independent_lanes: tuple[str, ...]
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReplyFacts:
    """The answer to one gate check; `nonce`, `version_digest` and `artifacts` repeat what the pipeline asked."""

    allow: bool
    reasons: tuple[str, ...]
    nonce: str
    evaluated_at: datetime
    expires_at: datetime
    use_case: UseCaseFact
    environment: str
    version_digest: str
    artifacts: tuple[Artifact, ...] = ()
    attestations: tuple[Reference, ...] = ()


def release_statement(facts: ReleaseFacts) -> dict[str, Any]:
    """The in-toto statement of one release decision.

    Raises ValueError for a fact that must never be signed: an unknown decision, a malformed digest, a time without
    a zone, an expiry that is not after the issue, or an approval that nobody gave,
    that a lane spoke against, or that is bound to other content.
    """
    if facts.decision not in _DECISIONS:
        raise ValueError(f"decision is {facts.decision!r}; it must be one of {', '.join(_DECISIONS)}")
    if facts.expires_at <= facts.issued_at:
        raise ValueError("expires_at must be later than issued_at")
    if facts.decision == APPROVED:
        _require_approvals(facts)
    return _statement(RELEASE_DECISION, facts.version_digest, facts.artifacts, _release_predicate(facts))


def gate_reply_statement(facts: GateReplyFacts) -> dict[str, Any]:
    """The in-toto statement of one gate check's answer, good for 15 minutes at most.

    Raises ValueError for an answer that must never be signed: allowing with reasons against, denying without a
    reason, no nonce, or a life that is over or too long.
    """
    lifetime = facts.expires_at - facts.evaluated_at
    if not timedelta(0) < lifetime <= GATE_REPLY_LIFETIME:
        raise ValueError("a gate reply must expire after its evaluation, within 15 minutes")
    if facts.allow is bool(facts.reasons):
        raise ValueError("a gate reply gives reasons exactly when it denies")
    if not facts.nonce:
        raise ValueError("a gate reply repeats the nonce it was asked with")
    predicate = {
        "allow": facts.allow,
        "reasons": list(facts.reasons),
        "nonce": facts.nonce,
        "evaluatedAt": timestamp(facts.evaluated_at),
        "expiresAt": timestamp(facts.expires_at),
        "useCase": _use_case(facts.use_case),
        "environment": facts.environment,
        "digest": _digest(facts.version_digest),
        "artifacts": _artifacts(facts.artifacts),
        "attestations": [_reference(item) for item in facts.attestations],
    }
    return _statement(GATE_CHECK, facts.version_digest, facts.artifacts, predicate)


def canonical(statement: Mapping[str, Any]) -> bytes:
    """The RFC 8785 bytes of a statement: what is signed and what is digested."""
    data: bytes = rfc8785.dumps(dict(statement))
    return data


def statement_digest(statement: Mapping[str, Any]) -> str:
    """SHA-256 (lower hex) of the canonical statement."""
    return hashlib.sha256(canonical(statement)).hexdigest()


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC to the second, rounded down: an expiry never reads later than it is."""
    if moment.tzinfo is None:
        raise ValueError("a time in a statement needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _require_approvals(facts: ReleaseFacts) -> None:
    """An approval that nobody gave, or that was given to other content, is refused before it can be signed."""
    if not facts.approvals:
        raise ValueError("an approved release names at least one approval")
    for approval in facts.approvals:
        if approval.decision != "approve":
            raise ValueError(f"lane {approval.lane} decided to {approval.decision}: the release is not approved")
        if (approval.content_digest, approval.release_digest) != (facts.version_digest, facts.release_digest):
            raise ValueError(f"the approval in lane {approval.lane} is bound to other content than this release")


def _release_predicate(facts: ReleaseFacts) -> dict[str, Any]:
    return {
        "decision": facts.decision,
        "issuedAt": timestamp(facts.issued_at),
        "expiresAt": timestamp(facts.expires_at),
        "useCase": _use_case(facts.use_case),
        "release": {
            "uri": facts.release_uri,
            "number": facts.release_number,
            "digest": _digest(facts.release_digest),
        },
        "environment": facts.environment,
        "policy": {
            "uri": facts.policy.uri,
            "version": facts.policy.version,
            "digest": _digest(facts.policy.sha256),
        },
        "gate": {"outcome": facts.gate.outcome, "criteria": [_criterion(item) for item in facts.gate.criteria]},
        "approvals": [_approval(item) for item in facts.approvals],
        "separationOfDuties": {
            "contributors": sorted(set(facts.contributors)),
            "independentLanes": sorted(set(facts.independent_lanes)),
        },
    }


def _statement(
    predicate_type: str, digest: str, artifacts: Sequence[Artifact], predicate: dict[str, Any]
) -> dict[str, Any]:
    names = [item.name for item in artifacts]
    if SUBJECT_NAME in names:
        raise ValueError(f"an artifact cannot be called {SUBJECT_NAME}: that name is the version's own")
    if len(set(names)) < len(names):
        raise ValueError("an artifact is named twice: its name would stand for two digests")
    subject = [_resource(SUBJECT_NAME, digest), *_artifacts(artifacts)]
    return {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": predicate_type, "predicate": predicate}


def _artifacts(artifacts: Sequence[Artifact]) -> list[dict[str, Any]]:
    return [_resource(item.name, item.sha256) for item in sorted(artifacts, key=lambda item: item.name)]


def _criterion(fact: CriterionFact) -> dict[str, Any]:
    said: dict[str, Any] = {"id": fact.id, "outcome": fact.outcome}
    if fact.observed:
        said["observed"] = fact.observed
    if fact.threshold:
        said["threshold"] = fact.threshold
    if fact.evaluated_at is not None:
        said["evaluatedAt"] = timestamp(fact.evaluated_at)
    if fact.evidence:
        said["evidence"] = [_reference(item) for item in fact.evidence]
    if fact.waiver is not None:
        said["waiver"] = _reference(fact.waiver)
    return said


def _approval(fact: ApprovalFact) -> dict[str, Any]:
    approver = {"issuer": fact.issuer, "subject": fact.subject, "name": fact.name, "actingFor": fact.acting_for}
    return {
        "lane": fact.lane,
        "decision": fact.decision,
        "decidedAt": timestamp(fact.decided_at),
        "approver": {key: value for key, value in approver.items() if value},
        "contentDigest": _digest(fact.content_digest),
        "releaseDigest": _digest(fact.release_digest),
    }


def _use_case(fact: UseCaseFact) -> dict[str, str]:
    return {"uri": fact.uri, "reference": fact.reference, "riskTier": fact.risk_tier}


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": _digest(sha256)}


def _reference(item: Reference) -> dict[str, Any]:
    return {"uri": item.uri, "digest": _digest(item.sha256)}


def _digest(sha256: str) -> dict[str, str]:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256 digest: 64 lower-case hexadecimal digits")
    return {"sha256": sha256}
