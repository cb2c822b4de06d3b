"""The statements that are signed: exactly what they say, and what must never be signed."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.attestation import (
    ApprovalFact,
    Artifact,
    CriterionFact,
    GateFact,
    GateReplyFacts,
    PolicyFact,
    Reference,
    ReleaseFacts,
    UseCaseFact,
    canonical,
    gate_reply_statement,
    release_statement,
    statement_digest,
    timestamp,
)

VERSION, RELEASE, POLICY, IMAGE, EVIDENCE = ("1" * 64, "2" * 64, "3" * 64, "4" * 64, "5" * 64)
NOON = datetime(2026, 8, 22, 12, 0, 3, 999_999, tzinfo=UTC)
USE_CASE = UseCaseFact("https://portal.example/use-cases/UC-0001", "UC-0001", "high")
APPROVAL = ApprovalFact(
    lane="risk",
    decision="approve",
    decided_at=NOON - timedelta(hours=1),
    subject="amina",
    content_digest=VERSION,
    release_digest=RELEASE,
    issuer="https://login.example/v2.0",
    name="Amina Approver",
)
RELEASE_FACTS = ReleaseFacts(
    decision="approved",
    issued_at=NOON,
    expires_at=NOON + timedelta(days=90),
    use_case=USE_CASE,
    release_uri="https://portal.example/use-cases/UC-0001/releases/7",
    release_number=7,
    release_digest=RELEASE,
    version_digest=VERSION,
    environment="production",
    policy=PolicyFact("https://portal.example/policies/high/4", "4", POLICY),
    gate=GateFact(
        "pass",
        (
            CriterionFact(
                "groundedness", "pass", "0.93", ">=0.90", NOON, (Reference("https://e.example/9", EVIDENCE),)
            ),
            CriterionFact("red-team", "waived", waiver=Reference("https://portal.example/waivers/2", POLICY)),
        ),
    ),
    approvals=(APPROVAL,),
    contributors=("dev", "arno", "dev"),
    independent_lanes=("risk",),
    artifacts=(Artifact("image", IMAGE),),
)
REPLY = GateReplyFacts(
    allow=False,
    reasons=("The release expired.",),
    nonce="n-1",
    evaluated_at=NOON,
    expires_at=NOON + timedelta(minutes=15),
    use_case=USE_CASE,
    environment="production",
    version_digest=VERSION,
    artifacts=(Artifact("image", IMAGE),),
    attestations=(Reference("https://portal.example/attestations/1", EVIDENCE),),
)


def release(**changes: Any) -> dict[str, Any]:
    return release_statement(dataclasses.replace(RELEASE_FACTS, **changes))


def reply(**changes: Any) -> dict[str, Any]:
    return gate_reply_statement(dataclasses.replace(REPLY, **changes))


def test_a_release_statement_says_who_approved_what_on_which_grounds():
    assert release() == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "system-version", "digest": {"sha256": VERSION}},
            {"name": "image", "digest": {"sha256": IMAGE}},
        ],
        "predicateType": "https://gatehouse.dev/attestation/release-decision/v1",
        "predicate": {
            "decision": "approved",
            "issuedAt": "2026-08-22T12:00:03Z",
            "expiresAt": "2026-11-20T12:00:03Z",
            "useCase": {
                "uri": "https://portal.example/use-cases/UC-0001",
                "reference": "UC-0001",
                "riskTier": "high",
            },
            "release": {
                "uri": "https://portal.example/use-cases/UC-0001/releases/7",
                "number": 7,
                "digest": {"sha256": RELEASE},
            },
            "environment": "production",
            "policy": {"uri": "https://portal.example/policies/high/4", "version": "4", "digest": {"sha256": POLICY}},
            "gate": {
                "outcome": "pass",
                "criteria": [
                    {
                        "id": "groundedness",
                        "outcome": "pass",
                        "observed": "0.93",
                        "threshold": ">=0.90",
                        "evaluatedAt": "2026-08-22T12:00:03Z",
                        "evidence": [{"uri": "https://e.example/9", "digest": {"sha256": EVIDENCE}}],
                    },
                    {
                        "id": "red-team",
                        "outcome": "waived",
                        "waiver": {"uri": "https://portal.example/waivers/2", "digest": {"sha256": POLICY}},
                    },
                ],
            },
            "approvals": [
                {
                    "lane": "risk",
                    "decision": "approve",
                    "decidedAt": "2026-08-22T11:00:03Z",
                    "approver": {
                        "issuer": "https://login.example/v2.0",
                        "subject": "amina",
                        "name": "Amina Approver",
                    },
                    "contentDigest": {"sha256": VERSION},
                    "releaseDigest": {"sha256": RELEASE},
                }
            ],
            "separationOfDuties": {"contributors": ["arno", "dev"], "independentLanes": ["risk"]},
        },
    }


def test_a_gate_reply_repeats_the_question_and_gives_the_reasons():
    assert reply() == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "system-version", "digest": {"sha256": VERSION}},
            {"name": "image", "digest": {"sha256": IMAGE}},
        ],
        "predicateType": "https://gatehouse.dev/attestation/gate-check/v1",
        "predicate": {
            "allow": False,
            "reasons": ["The release expired."],
            "nonce": "n-1",
            "evaluatedAt": "2026-08-22T12:00:03Z",
            "expiresAt": "2026-08-22T12:15:03Z",
            "useCase": {
                "uri": "https://portal.example/use-cases/UC-0001",
                "reference": "UC-0001",
                "riskTier": "high",
            },
            "environment": "production",
            "digest": {"sha256": VERSION},
            "artifacts": [{"name": "image", "digest": {"sha256": IMAGE}}],
            "attestations": [{"uri": "https://portal.example/attestations/1", "digest": {"sha256": EVIDENCE}}],
        },
    }


def test_an_approver_without_issuer_or_name_is_named_by_subject_alone():
    approval = dataclasses.replace(APPROVAL, issuer="", name="")
    assert release(approvals=(approval,))["predicate"]["approvals"][0]["approver"] == {"subject": "amina"}


def test_a_rejection_needs_no_approval():
    assert release(decision="rejected", approvals=())["predicate"]["decision"] == "rejected"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decision": "APPROVED"}, "decision is 'APPROVED'"),
        ({"decision": ""}, "decision is ''"),
        ({"expires_at": NOON}, "later than issued_at"),
        ({"approvals": ()}, "at least one approval"),
        ({"approvals": (dataclasses.replace(APPROVAL, decision="reject"),)}, "lane risk decided to reject"),
        ({"approvals": (dataclasses.replace(APPROVAL, content_digest=IMAGE),)}, "bound to other content"),
        ({"approvals": (APPROVAL, dataclasses.replace(APPROVAL, release_digest=IMAGE))}, "bound to other content"),
        ({"artifacts": (Artifact("system-version", IMAGE),)}, "the version's own"),
        ({"artifacts": (Artifact("image", IMAGE), Artifact("image", EVIDENCE))}, "named twice"),
        ({"artifacts": (Artifact("image", "A" * 64),)}, "not a SHA-256 digest"),
        ({"artifacts": (Artifact("image", "4" * 40),)}, "not a SHA-256 digest"),
        ({"issued_at": NOON.replace(tzinfo=None), "expires_at": datetime(2027, 1, 1)}, "needs a time zone"),
    ],
)
def test_a_release_that_must_not_be_signed_is_refused(changes: dict[str, Any], says: str):
    with pytest.raises(ValueError, match=says):
        release(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expires_at": NOON + timedelta(minutes=15, microseconds=1)}, "within 15 minutes"),
        ({"expires_at": NOON}, "after its evaluation"),
        ({"allow": True}, "exactly when it denies"),
        ({"reasons": ()}, "exactly when it denies"),
        ({"nonce": ""}, "repeats the nonce"),
        ({"version_digest": "short"}, "not a SHA-256 digest"),
    ],
)
def test_a_gate_reply_that_must_not_be_signed_is_refused(changes: dict[str, Any], says: str):
    with pytest.raises(ValueError, match=says):
        reply(**changes)


def test_the_canonical_bytes_are_sorted_compact_json_and_their_hash_is_the_digest():
    statement = release()
    assert canonical(statement) == json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    assert statement_digest(statement) == hashlib.sha256(canonical(statement)).hexdigest()


def test_the_order_in_which_artifacts_are_declared_does_not_matter():
    one, two = Artifact("image", IMAGE), Artifact("wheel", EVIDENCE)
    assert canonical(release(artifacts=(one, two))) == canonical(release(artifacts=(two, one)))
    assert canonical(reply(artifacts=(one, two))) == canonical(reply(artifacts=(two, one)))


def test_times_are_utc_whatever_zone_they_come_in():
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert timestamp(tokyo) == "2026-08-22T12:00:03Z"


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(microseconds=1), timedelta(minutes=15)))
def test_no_gate_reply_reads_as_living_longer_than_fifteen_minutes(evaluated: datetime, life: timedelta):
    if evaluated > datetime(9999, 1, 1, tzinfo=UTC) or evaluated.year < 1000:
        evaluated = NOON
    said = reply(evaluated_at=evaluated, expires_at=evaluated + life)["predicate"]
    start, end = (datetime.strptime(said[key], "%Y-%m-%dT%H:%M:%SZ") for key in ("evaluatedAt", "expiresAt"))
    assert timedelta(0) <= end - start <= timedelta(minutes=15)
    assert end.replace(tzinfo=UTC) <= evaluated + life
