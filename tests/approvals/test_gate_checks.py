"""Asking the gate: it allows exactly one thing, and every doubt is a no with its reason."""

import json
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

import gatehouse
from approvals import signing
from approvals.actions import gate_checks
from approvals.actions.attestations import issue_attestation
from approvals.actions.gate_checks import Reply, check
from approvals.actions.gates import sweep
from approvals.models import Attestation, GatePolicyVersion, Release
from portal.access import Refused
from portal.models import AuditEvent, Grant, User
from tests.approvals.story import a_release, a_run, a_version, approved, expire
from tests.cast import Cast
from usecases.choices import Stage, Tier
from usecases.models import UseCase

ARTIFACT = {"name": "assistant", "sha256": "b" * 64}


def signed(cast: Cast, tier: str = Tier.MODERATE, environment: str = "production") -> Release:
    release = approved(cast, tier, environment)
    assert issue_attestation(release_id=release.pk) is not None
    return release


def ask(cast: Cast, release: Release, by: str = "pipeline", **changed: Any) -> Reply:
    question: dict[str, Any] = {
        "use_case_reference": release.use_case.reference,
        "environment": release.environment,
        "digest": release.system_version.digest,
        "artifacts": [ARTIFACT],
        "nonce": "n-1",
        **changed,
    }
    return check(actor=cast.actor(by), **question)


def codes(reply: Reply) -> list[str]:
    assert reply.allow is not bool(reply.reasons)
    return [reason.code for reason in reply.reasons]


def test_an_approved_and_signed_release_is_allowed(cast: Cast) -> None:
    release = signed(cast)
    reply = ask(cast, release)
    assert (reply.allow, reply.reasons, reply.nonce) == (True, (), "n-1")
    assert reply.attestations == (str(Attestation.objects.get(release=release).pk),)
    assert timedelta(0) < reply.expires_at - reply.evaluated_at <= timedelta(minutes=15)


def test_the_command_line_tool_believes_the_signed_answer_only(cast: Cast, settings: Any) -> None:
    release = signed(cast)
    question = {
        "use_case": release.use_case.reference,
        "environment": "production",
        "digest": release.system_version.digest,
        "artifacts": [ARTIFACT],
        "nonce": "n-1",
    }
    keyset = json.dumps(signing.keyset(home=settings.GATEHOUSE_HOME)).encode()
    now = timezone.now().timestamp()
    keys = gatehouse.load_keyset(keyset, now)
    about = gatehouse.judge_gate_reply(dict(ask(cast, release).envelope), keys, question, now)
    assert about["digest"] == release.system_version.digest
    with pytest.raises(gatehouse.Denied) as denied:
        gatehouse.judge_gate_reply(
            dict(ask(cast, release, digest="0" * 64).envelope), keys, {**question, "digest": "0" * 64}, now
        )
    assert denied.value.reasons[0] == (
        "The digest is not that of the approved system version: release 1 approves version 1.0 with the digest"
        f" {release.system_version.digest}. Deploy what was approved."
    )


def test_the_attestation_verifies_offline(cast: Cast, settings: Any, tmp_path: Path, capsys: Any) -> None:
    release = signed(cast)
    envelope = Attestation.objects.get(release=release).envelope
    (tmp_path / "release.jsonl").write_text(json.dumps(envelope) + "\n")
    (tmp_path / "keyset.json").write_text(json.dumps(signing.keyset(home=settings.GATEHOUSE_HOME)))
    command = ["verify", str(tmp_path / "release.jsonl"), "--use-case", release.use_case.reference]
    assert gatehouse.main([*command, "--environment", "production", "--digest", release.system_version.digest]) == 0
    assert gatehouse.main([*command, "--environment", "test"]) == 10
    capsys.readouterr()
    statement = json.loads(b64decode(envelope["payload"]))
    assert {approval["lane"] for approval in statement["predicate"]["approvals"]} == set(release.lanes)
    assert statement["predicate"]["separationOfDuties"]["contributors"] == [str(cast.dev.pk)]
    assert statement["predicate"]["gate"]["outcome"] == "pass"


def test_what_is_not_approved_is_denied(cast: Cast) -> None:
    release = a_release(cast)
    assert codes(ask(cast, release)) == ["no_release"]


def test_another_environment_is_denied(cast: Cast) -> None:
    assert codes(ask(cast, signed(cast), environment="test")) == ["no_release"]


def test_another_digest_and_another_artifact_are_denied(cast: Cast) -> None:
    release = signed(cast)
    other = a_version(cast, release.use_case, "1.1", version="2026-09-01")
    assert codes(ask(cast, release, digest=other.digest)) == ["digest_differs"]
    assert codes(ask(cast, release, artifacts=[{"name": "assistant", "sha256": "c" * 64}])) == ["artifact_not_approved"]
    assert codes(ask(cast, release, artifacts=[ARTIFACT, {"name": "extra", "sha256": "c" * 64}])) == [
        "artifact_not_approved"
    ]


def test_an_unsigned_approval_is_denied_until_it_is_signed(cast: Cast) -> None:
    release = approved(cast)
    assert codes(ask(cast, release)) == ["no_attestation"]
    issue_attestation(release_id=release.pk)
    assert codes(ask(cast, release)) == []


def test_an_expired_approval_is_denied(cast: Cast) -> None:
    release = signed(cast)
    expire(release)
    assert codes(ask(cast, release)) == ["approval_expired"]


def test_an_answer_never_outlives_the_approval(cast: Cast) -> None:
    release = signed(cast)
    end = timezone.now() + timedelta(minutes=3)
    Release.objects.filter(pk=release.pk).update(expires_at=end)
    assert ask(cast, release).expires_at == end


@pytest.mark.parametrize("field", ["title", "business_outcome", "user_group"])
def test_a_changed_declaration_is_denied_in_words(cast: Cast, field: str) -> None:
    release = signed(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(**{field: "Something else"})
    reply = ask(cast, release)
    assert codes(reply) == ["declaration_changed"]
    assert "Something else" in reply.reasons[0].text


def test_a_raised_tier_is_denied(cast: Cast) -> None:
    release = signed(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(tier=Tier.HIGH)
    assert "declaration_changed" in codes(ask(cast, release))


def test_a_replaced_policy_is_denied(cast: Cast) -> None:
    release = signed(cast)
    GatePolicyVersion.objects.filter(pk=release.policy_id).update(retired_at=timezone.now())
    GatePolicyVersion.objects.create(
        tier="moderate", version="99", definition=release.policy.definition, digest="9" * 64
    )
    assert codes(ask(cast, release)) == ["declaration_changed"]


def test_failing_evidence_is_denied_although_its_message_was_lost(cast: Cast) -> None:
    release = signed(cast)
    a_run(release.system_version, passed=100)
    reply = ask(cast, release)
    assert codes(reply) == ["gate_fails"]
    assert Release.objects.get(pk=release.pk).state == "approved"


def test_a_suspended_release_is_denied_with_why(cast: Cast) -> None:
    release = signed(cast)
    a_run(release.system_version, passed=100)
    sweep()
    a_run(release.system_version)
    reply = ask(cast, release)
    assert codes(reply) == ["release_suspended"]
    assert "Groundedness passed in 100 of 320 cases" in reply.reasons[0].text


@pytest.mark.parametrize("lost", ["role", "account"])
def test_an_approver_no_longer_eligible_voids_the_approval(cast: Cast, lost: str) -> None:
    release = signed(cast)
    if lost == "role":
        Grant.objects.filter(person=cast.sam).update(valid_until=timezone.now())
    else:
        User.objects.filter(pk=cast.sam.pk).update(is_active=False)
    reply = ask(cast, release)
    assert codes(reply) == ["approver_not_eligible"]
    assert reply.reasons[0].text.startswith("Sam, who signed the lane “security”")


def test_an_owner_who_handed_over_voids_the_approval(cast: Cast) -> None:
    release = signed(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(owner=cast.fiona)
    assert codes(ask(cast, release)) == ["declaration_changed", "approver_not_eligible"]


def test_a_stopped_use_case_is_denied(cast: Cast) -> None:
    release = signed(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(stage=Stage.STOPPED)
    assert codes(ask(cast, release)) == ["use_case_stopped"]


def test_every_reason_is_given_not_only_the_first(cast: Cast) -> None:
    release = signed(cast)
    expire(release)
    UseCase.objects.filter(pk=release.use_case_id).update(title="Other")
    a_run(release.system_version, passed=100)
    assert codes(ask(cast, release, digest="0" * 64)) == [
        "digest_differs",
        "approval_expired",
        "declaration_changed",
        "gate_fails",
    ]


def test_an_invisible_use_case_reads_like_one_that_does_not_exist(cast: Cast) -> None:
    release = signed(cast)
    reference = release.use_case.reference
    UseCase.objects.filter(pk=release.use_case_id).update(restricted=True)
    hidden, missing = ask(cast, release), ask(cast, release, use_case_reference="UC-9999")
    assert codes(hidden) == codes(missing) == ["unknown_use_case"]
    assert hidden.reasons[0].text.replace(reference, "X") == missing.reasons[0].text.replace("UC-9999", "X")


@pytest.mark.parametrize("odd", ["UC-1", "uc-0001", "UC-00000000001", "UC-٠٠٠١", "UC-0001 ", ""])
def test_odd_references_are_unknown(cast: Cast, odd: str) -> None:
    assert codes(ask(cast, signed(cast), use_case_reference=odd)) == ["unknown_use_case"]


@pytest.mark.parametrize("who", ["olivia", "amina", "ingest", "otto"])
def test_who_may_not_ask_is_refused(cast: Cast, who: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(cast, signed(cast), by=who)
    assert (caught.value.code, caught.value.is_conflict) == ("not_asker", False)


def test_without_keys_there_is_no_answer(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    release = signed(cast)

    def broken(*_args: Any, **_named: Any) -> None:
        raise signing.SigningError("disk full")

    monkeypatch.setattr(gate_checks.signing, "sign", broken)
    with pytest.raises(signing.SigningError):
        ask(cast, release)


def test_the_trail_is_told_once_per_change_of_the_answer(cast: Cast) -> None:
    release = signed(cast)
    for _ in range(3):
        ask(cast, release)
        ask(cast, release, digest="0" * 64)
    expire(release)
    ask(cast, release)
    ask(cast, release)
    events = AuditEvent.objects.filter(object_id=release.pk, payload__action__startswith="gate.").order_by("object_rev")
    assert [(e.payload["action"], e.payload["data"]["codes"]) for e in events] == [
        ("gate.allowed", []),
        ("gate.denied", ["approval_expired"]),
    ]


def test_the_answer_comes_from_one_read_only_snapshot(committed_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    release = signed(committed_cast)
    seen: list[tuple[str, str]] = []
    judge = gate_checks.judge_in_memory

    def look(*args: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
            seen.append(cursor.fetchone())
        return judge(*args)

    monkeypatch.setattr(gate_checks, "judge_in_memory", look)
    assert ask(committed_cast, release).allow is True
    assert seen == [("repeatable read", "on")]


def test_an_attestation_is_issued_once_and_only_for_what_is_approved(cast: Cast) -> None:
    proposed = a_release(cast)
    assert issue_attestation(release_id=proposed.pk) is None
    release = signed(cast, environment="test")
    assert issue_attestation(release_id=release.pk) == Attestation.objects.get(release=release)
    with pytest.raises(Exception, match=r"append-only|permission denied"):
        Attestation.objects.filter(release=release).update(key_id="x")
