"""gatehouse verify: offline, strict, and in agreement with another implementation."""

import base64
import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from approvals import signing
from approvals.attestation import UseCaseFact, canonical

VERSION, OTHER, IMAGE = "1" * 64, "2" * 64, "4" * 64
COMMAND = Path(__file__).resolve().parents[2] / "gatehouse.py"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def bundle(tmp_path: Path, portal: Any) -> Callable[..., Path]:
    """Write envelopes to a file, one on a line, with the key set beside it."""

    def write(*envelopes: Any) -> Path:
        path = tmp_path / "release.attestations.jsonl"
        path.write_text("".join(json.dumps(envelope) + "\n" for envelope in envelopes))
        (tmp_path / "keyset.json").write_text(json.dumps(signing.keyset(home=portal.home)))
        return path

    return write


@pytest.fixture
def offline(tmp_path: Path) -> Path:
    """The command in an interpreter where opening any socket or looking up any name ends the process with 99."""
    program = tmp_path / "offline.py"
    program.write_text(
        "import os, runpy, sys\n"
        "def watch(event, _):\n"
        "    if event.startswith('socket.') or event.startswith('urllib.'):\n"
        "        os._exit(99)\n"
        "sys.addaudithook(watch)\n"
        f"sys.argv[0] = {str(COMMAND)!r}\n"
        f"runpy.run_path({str(COMMAND)!r}, run_name='__main__')\n"
    )
    return program


def test_an_approved_release_verifies_without_any_network(run, portal, bundle, offline):
    path = bundle(portal.envelope(portal.decision(), "decision"))
    expected = ("--digest", VERSION, "--use-case", "UC-0001", "--environment", "production")
    outcome = run("verify", path, *expected, "--artifact", f"image={IMAGE}", program=offline)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("ok: UC-0001 release 7 is approved for production until ")
    note = "note: A signed file says nothing of suspension or supersession since; ask the gate."
    assert outcome.out.endswith(f"version {VERSION}\n{note}\n")


def test_the_network_watch_bites(run, portal, keyset_file, offline):
    where = ("--use-case", "UC-0001", "--environment", "production", "--digest", VERSION, "--keyset", keyset_file)
    assert run("check", "--url", portal.url, *where, program=offline).code == 99


def test_json_output_tells_what_was_verified(run, portal, bundle):
    outcome = run("verify", bundle(portal.envelope(portal.decision(), "decision")), "--json")
    said = outcome.json
    assert (outcome.code, said["exit_code"], said["outcome"], said["reasons"]) == (0, 0, "allow", [])
    assert (said["decision"], said["release"], said["digest"]) == ("approved", 7, VERSION)
    assert len(said["attestations"]) == 1
    assert said["note"] == "A signed file says nothing of suspension or supersession since; ask the gate."


def test_one_pretty_printed_envelope_is_read_too(run, portal, bundle, tmp_path):
    bundle()
    path = tmp_path / "one.json"
    path.write_text(json.dumps(portal.envelope(portal.decision(), "decision"), indent=2))
    assert run("verify", path).code == 0


def test_the_key_set_may_be_named_and_must_be_somewhere(run, portal, bundle, keyset_file, tmp_path):
    path = bundle(portal.envelope(portal.decision(), "decision"))
    (tmp_path / "keyset.json").unlink()
    outcome = run("verify", path)
    assert outcome.code == 20
    assert "--keyset is needed" in outcome.err
    assert run("verify", path, "--keyset", keyset_file).code == 0


def test_a_missing_file_is_said_before_a_missing_key_set(run, tmp_path):
    outcome = run("verify", tmp_path / "nothing.json")
    assert outcome.code == 20
    assert "nothing.json cannot be read" in outcome.err
    assert "--keyset" not in outcome.err


def test_a_manifest_can_stand_in_for_its_digest(run, portal, bundle, tmp_path):
    manifest = tmp_path / "manifest.json"
    model = {"provider": "azure", "name": "gpt-4o", "version": "1"}
    manifest.write_text(json.dumps({"schema": "gatehouse.manifest/v1", "model": model}))
    digest = run("digest", manifest).out.strip()
    assert run("verify", bundle(_sealed(portal, version_digest=digest)), "--manifest", manifest).code == 0
    assert run("verify", bundle(_sealed(portal)), "--manifest", manifest).code == 10


def _sealed(portal: Any, **changes: Any) -> dict[str, Any]:
    return portal.envelope(portal.decision(**changes), "decision")


DENIED: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "a rejected release": ({"decision": "rejected"}, [], "The decision is rejected, not approved."),
    "a revoked release": ({"decision": "revoked"}, [], "The decision is revoked, not approved."),
    "another version": ({}, ["--digest", OTHER], f"The system version is {VERSION}, not {OTHER}."),
    "another use case": (
        {"use_case": UseCaseFact("https://p.example/2", "UC-0002", "low")},
        ["--use-case", "UC-0001"],
        "The use case is UC-0002, not UC-0001.",
    ),
    "another environment": (
        {"environment": "staging"},
        ["--environment", "production"],
        "The environment is staging, not production.",
    ),
    "another artifact": ({}, ["--artifact", f"image={OTHER}"], f"The artifact image with digest {OTHER} is not"),
    "an artifact not named": ({}, ["--artifact", f"wheel={IMAGE}"], f"The artifact wheel with digest {IMAGE} is not"),
    "a time after its expiry": (
        {"expires_at": datetime.now(UTC) + timedelta(days=1)},
        ["--at", stamp(datetime.now(UTC) + timedelta(days=2))],
        "It expired at ",
    ),
    "a time before its issue": ({}, ["--at", stamp(datetime.now(UTC) - timedelta(days=1))], "It was issued only at "),
}


@pytest.mark.parametrize("case", DENIED)
def test_a_statement_that_does_not_approve_this_exits_10(run, portal, bundle, case):
    changes, arguments, says = DENIED[case]
    outcome = run("verify", bundle(_sealed(portal, **changes)), *arguments)
    assert (outcome.code, outcome.err) == (10, "")
    assert outcome.out.startswith(f"deny:\n- {says}")


@pytest.mark.parametrize("decision", ["APPROVED", "Approved", "approve", "PASSED", ""])
def test_a_decision_in_any_other_spelling_is_not_an_approval(run, portal, bundle, decision):
    statement = portal.decision()
    statement["predicate"]["decision"] = decision
    assert run("verify", bundle(portal.envelope(statement, "decision"))).code == 10


def test_an_expiry_counts_with_a_tolerance_of_two_minutes(run, portal, bundle):
    expires = datetime.now(UTC) + timedelta(days=1)
    path = bundle(_sealed(portal, expires_at=expires))
    assert run("verify", path, "--at", stamp(expires + timedelta(seconds=119))).code == 0
    assert run("verify", path, "--at", stamp(expires + timedelta(seconds=122))).code == 10


def test_every_line_must_approve(run, portal, bundle):
    good, other = _sealed(portal), _sealed(portal, environment="staging")
    assert run("verify", bundle(good, good)).code == 0
    outcome = run("verify", bundle(good, other), "--environment", "production")
    assert (outcome.code, outcome.out) == (10, "deny:\n- The environment is staging, not production.\n")


def test_a_line_that_cannot_be_verified_outweighs_a_denial(run, portal, bundle):
    spoiled = _sealed(portal)
    spoiled["payloadType"] = "text/plain"
    assert run("verify", bundle(_sealed(portal, decision="rejected"), spoiled)).code == 20


def _flip(envelope: dict[str, Any], part: str) -> None:
    holder = envelope if part == "payload" else envelope["signatures"][0]
    data = bytearray(base64.b64decode(holder[part]))
    data[-1] ^= 1
    holder[part] = base64.b64encode(data).decode()


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "one flipped bit of the payload": (lambda e: _flip(e, "payload"), "signature does not match"),
    "one flipped bit of the signature": (lambda e: _flip(e, "sig"), "signature does not match"),
    "a truncated payload": (lambda e: e.update(payload=e["payload"].rstrip("=")[:-3]), "not whole base64"),
    "a truncated signature": (lambda e: e["signatures"][0].update(sig=e["signatures"][0]["sig"][:21]), "not whole"),
    "a line break in the payload": (
        lambda e: e.update(payload=e["payload"][:8] + "\n" + e["payload"][8:]),
        "not whole",
    ),
    "a second signature": (lambda e: e["signatures"].append({"keyid": "x", "sig": "AAAA"}), "2 signatures"),
    "no signature": (lambda e: e["signatures"].clear(), "0 signatures"),
    "another payload type": (lambda e: e.update(payloadType="application/vnd.in-toto"), "payload type is not"),
    "an unknown key": (lambda e: e["signatures"][0].update(keyid="B" * 43), "is not in the key set"),
    "a list for a signature": (lambda e: e.update(signatures=[[]]), "malformed"),
    "no payload type": (lambda e: e.pop("payloadType"), "payloadType is missing"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_envelope_cannot_be_verified(run, portal, bundle, case):
    spoil, says = SPOILED[case]
    envelope = _sealed(portal)
    spoil(envelope)
    outcome = run("verify", bundle(envelope))
    assert (outcome.code, outcome.out) == (20, "")
    assert says in outcome.err


@pytest.mark.parametrize("case", ["whole", "payload", "sig"])
def test_another_implementation_agrees(run, portal, bundle, case):
    envelope = _sealed(portal)
    if case != "whole":
        _flip(envelope, case)
    key = next(key for key in signing.keyset(home=portal.home)["keys"] if key["use"] == "decision")
    public = SSlibKey.from_crypto(signing.public_key(key["jwk"]), key["kid"], "ecdsa-sha2-nistp256")
    try:
        Envelope.from_dict(copy.deepcopy(envelope)).verify([public], threshold=1)
        agreed = 0
    except VerificationError:
        agreed = 20
    assert agreed == (0 if case == "whole" else 20)
    assert run("verify", bundle(envelope)).code == agreed


def _key(keyset: dict[str, Any], **changes: Any) -> dict[str, Any]:
    keys = [{**key, **changes} if key["use"] == "decision" else key for key in keyset["keys"]]
    return {**keyset, "keys": keys}


HOUR = timedelta(hours=1)
KEYSETS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an expired key set": (lambda k: {**k, "expires": stamp(datetime.now(UTC) - HOUR)}, "has expired"),
    "a revoked key": (lambda k: _key(k, revokedAt=stamp(datetime.now(UTC))), "has been revoked"),
    "a key that does not say whether it is revoked": (
        lambda k: {**k, "keys": [{n: v for n, v in key.items() if n != "revokedAt"} for key in k["keys"]]},
        "has been revoked",
    ),
    "a key for another use": (lambda k: _key(k, use="gate"), "it signs gate"),
    "a key retired before": (lambda k: _key(k, signUntil=stamp(datetime.now(UTC) - HOUR)), "did not sign at the time"),
    "a key started later": (lambda k: _key(k, signFrom=stamp(datetime.now(UTC) + HOUR)), "did not sign at the time"),
    "another key by that name": (
        lambda k: _key(k, jwk=next(key["jwk"] for key in k["keys"] if key["use"] == "gate")),
        "not the key that its id names",
    ),
    "another curve": (
        lambda k: _key(k, jwk={**k["keys"][0]["jwk"], "crv": "P-384"}),
        "not the key that its id names",
    ),
    "no such key": (
        lambda k: {**k, "keys": [key for key in k["keys"] if key["use"] == "gate"]},
        "is not in the key set",
    ),
    "one key twice": (lambda k: {**k, "keys": [*k["keys"], k["keys"][0]]}, "names one key twice"),
    "no keys": (lambda k: {**k, "keys": None}, "keys is missing"),
    "no expiry": (lambda k: {**k, "expires": None}, "expires is missing"),
}


@pytest.mark.parametrize("case", KEYSETS)
def test_a_key_set_that_does_not_vouch_for_the_key_cannot_verify(run, portal, bundle, tmp_path, case):
    change, says = KEYSETS[case]
    path = bundle(_sealed(portal))
    (tmp_path / "keyset.json").write_text(json.dumps(change(signing.keyset(home=portal.home))))
    outcome = run("verify", path)
    assert (outcome.code, outcome.out) == (20, "")
    assert says in outcome.err


def test_a_release_signed_before_a_rotation_still_verifies(run, portal, bundle):
    envelope = _sealed(portal)
    signing.rotate("decision", home=portal.home)
    assert run("verify", bundle(envelope)).code == 0


def test_a_gate_answer_is_no_release_decision(run, portal, bundle):
    question = {"use_case": "UC-0001", "environment": "production", "digest": VERSION, "artifacts": [], "nonce": "n"}
    answer = portal.statement(question)
    assert "it signs gate" in run("verify", bundle(portal.envelope(answer, "gate"))).err
    outcome = run("verify", bundle(portal.envelope(answer, "decision")))
    assert outcome.code == 20
    assert "not a release decision" in outcome.err


def _signed_bytes(portal: Any, content: bytes) -> dict[str, Any]:
    return signing.sign(content, "decision", home=portal.home)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"decision":"approved"', b'"decision":"rejected","decision":"approved"', "'decision' appears twice"),
        (b'"number":7', b'"number":NaN', "NaN is not a JSON value"),
        (b'"number":7', b'"number":7.0', "release.number is missing or of another type"),
        (b'"number":7', b'"number":true', "release.number is missing or of another type"),
        (b"in-toto.io/Statement/v1", b"in-toto.io/Statement/v2", "not an in-toto statement"),
        (b"release-decision/v1", b"release-decision/v2", "not a release decision"),
        (b'"system-version"', b'"other"', "does not name a system version"),
        (VERSION.encode(), b"1" * 63, "must be a SHA-256 digest"),
    ],
)
def test_a_signed_statement_that_is_malformed_cannot_be_verified(run, portal, bundle, old, new, says):
    content = canonical(portal.decision())
    assert old in content
    outcome = run("verify", bundle(_signed_bytes(portal, content.replace(old, new))))
    assert outcome.code == 20
    assert says in outcome.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no attestation"),
        ("not json", "not well-formed JSON"),
        ("[]", "payloadType is missing"),
        ('{"payloadType": "a", "payloadType": "a"}', "'payloadType' appears twice"),
        ("[" * 400_000, "nested too deeply"),
        ('{"a": 1}\n{"b"', "not well-formed JSON"),
    ],
)
def test_a_file_that_holds_no_attestation_cannot_be_verified(run, bundle, text, says):
    path = bundle()
    path.write_text(text)
    outcome = run("verify", path)
    assert outcome.code == 20
    assert says in outcome.err


def test_a_file_that_is_not_there_cannot_be_verified(run, keyset_file, tmp_path):
    outcome = run("verify", tmp_path / "nothing.json", "--keyset", keyset_file)
    assert outcome.code == 20
    assert "cannot be read" in outcome.err


def test_a_time_that_is_none_cannot_decide(run, portal, bundle):
    outcome = run("verify", bundle(_sealed(portal)), "--at", "yesterday")
    assert outcome.code == 20
    assert "--at is not a time like" in outcome.err
