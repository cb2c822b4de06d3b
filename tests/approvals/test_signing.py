"""Keys, signatures and the key set, on real files and with real processes."""

import base64
import copy
import json
import multiprocessing
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from approvals import signing
from approvals.signing import SigningError, ensure_keys, keyset, public_key, revoke, rotate, sign, thumbprint, verify

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    """The clock starts where the statements are dated, however long ago this module was imported."""
    with time_machine.travel(NOW, tick=True):
        yield


def statement(issued: datetime = NOW, **more: Any) -> bytes:
    predicate = {"issuedAt": issued.strftime("%Y-%m-%dT%H:%M:%SZ"), **more}
    return json.dumps({"predicate": predicate}).encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    ensure_keys(tmp_path)
    return tmp_path


def key_files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "keys").iterdir())


def test_keys_are_made_once_one_for_each_use_and_only_the_owner_can_read_them(tmp_path: Path):
    first = ensure_keys(tmp_path)
    files = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}

    assert ensure_keys(tmp_path) == first
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == files
    assert sorted(first) == ["decision", "gate"]
    assert first["decision"] != first["gate"]
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    for use, kid in first.items():
        assert stat.S_IMODE((tmp_path / "keys" / f"{use}-{kid}.pem").stat().st_mode) == 0o400


def test_a_file_left_by_a_crash_between_key_and_registry_harms_nothing(home: Path):
    before = ensure_keys(home)
    (home / "keys" / "gate-unfinished.draft").write_bytes(b"half a key")
    (home / "keys" / "gate-orphan.pem").write_bytes(b"a key nobody recorded")
    assert ensure_keys(home) == before
    verify(sign(statement(), "gate", home=home), keyset(home=home), "gate")


def test_a_key_directory_that_others_could_read_is_closed(tmp_path: Path):
    (tmp_path / "keys").mkdir(mode=0o755)
    ensure_keys(tmp_path)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def _ensure_in_process(home: Path, barrier: Any, answers: Any) -> None:
    barrier.wait()
    answers.put(ensure_keys(home))


def test_processes_that_start_at_the_same_moment_agree_on_one_set_of_keys(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_ensure_in_process, args=(tmp_path, barrier, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert found == [found[0]] * 4
    assert len([name for name in key_files(tmp_path) if name.endswith(".pem")]) == 2
    assert {key["kid"] for key in keyset(home=tmp_path)["keys"]} == set(found[0].values())
    answers.close()
    answers.join_thread()


def _rotate_and_sign(home: Path, barrier: Any, answers: Any) -> None:
    barrier.wait()
    kids = [rotate("gate", home=home) for _ in range(5)]
    signed = [sign(statement(datetime.now(UTC)), "gate", home=home) for _ in range(20)]
    answers.put((kids, signed))


def test_processes_that_rotate_and_sign_together_lose_no_key_and_no_signature(home: Path):
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    workers = [context.Process(target=_rotate_and_sign, args=(home, barrier, answers)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    answers.close()
    answers.join_thread()

    published = keyset(home=home)
    assert published["version"] == 2 + 15
    assert {kid for kids, _ in found for kid in kids} <= {key["kid"] for key in published["keys"]}
    assert len([key for key in published["keys"] if key["use"] == "gate" and key["signUntil"] is None]) == 1
    assert len([name for name in key_files(home) if name.startswith("gate-")]) == 1
    for _, signed in found:
        for envelope in signed:
            verify(envelope, published, "gate")


def test_an_envelope_carries_one_signature_over_the_pre_authentication_encoding(home: Path):
    kids, content = ensure_keys(home), statement()
    envelope = sign(content, "decision", home=home)

    assert sorted(envelope) == ["payload", "payloadType", "signatures"]
    assert base64.b64decode(envelope["payload"]) == content
    assert [item["keyid"] for item in envelope["signatures"]] == [kids["decision"]]
    key = next(key for key in keyset(home=home)["keys"] if key["use"] == "decision")
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(content), content)
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public_key(key["jwk"]).verify(signature, message, ec.ECDSA(hashes.SHA256()))
    assert verify(envelope, keyset(home=home), "decision") == content


def test_the_key_set_is_public_and_names_each_key_by_its_thumbprint(home: Path):
    published = keyset(home=home, now=NOW)
    assert published["version"] == 2
    assert signing.parse_timestamp(published["issued"]) == NOW
    assert signing.parse_timestamp(published["expires"]) == NOW + timedelta(days=30)
    assert [key["use"] for key in published["keys"]] == ["decision", "gate"]
    for key in published["keys"]:
        assert sorted(key) == ["jwk", "kid", "revokedAt", "signFrom", "signUntil", "use"]
        assert sorted(key["jwk"]) == ["crv", "kty", "x", "y"]
        assert key["kid"] == thumbprint(key["jwk"])
    assert json.loads(json.dumps(published)) == published


def test_the_thumbprint_hashes_the_required_members_in_order_and_nothing_else():
    # base64url(sha256('{"crv":"P-256","kty":"EC","x":"A","y":"B"}')), worked out apart from the code.
    expected = "jDSLYI4g8wUifTgjc41AfQnCzAqRk_ll2Z2csXBhYu4"
    assert thumbprint({"kty": "EC", "y": "B", "x": "A", "crv": "P-256", "use": "sig"}) == expected


def test_a_rotated_key_still_verifies_what_it_signed_and_can_sign_no_more(home: Path):
    before = sign(statement(), "decision", home=home)
    old = ensure_keys(home)["decision"]

    new = rotate("decision", home=home)

    published = keyset(home=home)
    states = {key["kid"]: key["signUntil"] for key in published["keys"] if key["use"] == "decision"}
    assert list(states) == [old, new]
    assert states[old] is not None
    assert states[new] is None
    assert published["version"] == 3
    assert f"decision-{old}.pem" not in key_files(home)
    assert verify(before, published, "decision") == statement()
    assert sign(statement(), "decision", home=home)["signatures"][0]["keyid"] == new
    assert ensure_keys(home)["decision"] == new


def test_a_key_does_not_answer_for_statements_issued_after_it_was_retired(home: Path):
    late = sign(statement(NOW + timedelta(hours=1)), "decision", home=home)
    rotate("decision", home=home)
    with pytest.raises(SigningError, match="did not sign at the time"):
        verify(late, keyset(home=home), "decision")


def test_a_key_does_not_answer_for_statements_issued_before_it_existed(home: Path):
    early = sign(statement(NOW - timedelta(hours=1)), "decision", home=home)
    with pytest.raises(SigningError, match="did not sign at the time"):
        verify(early, keyset(home=home), "decision")


def test_a_revoked_key_is_believed_no_more_and_gets_a_successor(home: Path):
    before = sign(statement(), "gate", home=home)
    old = ensure_keys(home)["gate"]

    revoke(old, home=home)

    published = keyset(home=home)
    with pytest.raises(SigningError, match="was revoked"):
        verify(before, published, "gate")
    assert ensure_keys(home)["gate"] != old
    assert f"gate-{old}.pem" not in key_files(home)
    verify(sign(statement(), "gate", home=home), published, "gate")
    revoke(old, home=home)
    assert keyset(home=home)["keys"] == published["keys"]


def test_revoking_a_key_that_does_not_exist_changes_nothing(home: Path):
    before = keyset(home=home, now=NOW)
    with pytest.raises(SigningError, match="no key nobody"):
        revoke("nobody", home=home)
    assert keyset(home=home, now=NOW) == before


def test_without_keys_nothing_is_signed(tmp_path: Path):
    with pytest.raises(SigningError, match="create the keys first"):
        sign(statement(), "gate", home=tmp_path)


@pytest.mark.parametrize("call", [lambda home: sign(b"{}", "audit", home=home), lambda home: rotate("", home=home)])
def test_a_use_that_does_not_exist_is_refused(home: Path, call: Any):
    before = keyset(home=home, now=NOW)
    with pytest.raises(SigningError, match="not a use of a key"):
        call(home)
    assert keyset(home=home, now=NOW) == before


def _payload(envelope: dict[str, Any], content: bytes) -> None:
    envelope["payload"] = base64.b64encode(content).decode()


def _flip_signature(envelope: dict[str, Any]) -> None:
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[-1] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda envelope: _payload(envelope, statement(decision="approved")), "does not match"),
        (_flip_signature, "does not match"),
        (lambda envelope: envelope.update(payloadType="text/plain"), "payload type"),
        (lambda envelope: envelope["signatures"].append(dict(envelope["signatures"][0])), "exactly one signature"),
        (lambda envelope: envelope["signatures"].clear(), "exactly one signature"),
        (lambda envelope: envelope.update(payload=envelope["payload"][:-3]), "malformed"),
        (lambda envelope: envelope["signatures"][0].update(sig="!!!!"), "malformed"),
        (lambda envelope: envelope["signatures"][0].update(sig=""), "does not match"),
        (lambda envelope: envelope["signatures"][0].pop("keyid"), "malformed"),
        (lambda envelope: envelope.pop("payload"), "malformed"),
        (lambda envelope: envelope["signatures"][0].update(keyid="unknown"), "not in the key set"),
    ],
)
def test_a_spoiled_envelope_is_not_believed(home: Path, spoil: Any, says: str):
    envelope = sign(statement(), "decision", home=home)
    verify(envelope, keyset(home=home), "decision")
    spoil(envelope)
    untouched = copy.deepcopy(envelope)
    with pytest.raises(SigningError, match=says):
        verify(envelope, keyset(home=home), "decision")
    assert envelope == untouched


def test_a_key_for_the_other_use_is_not_believed(home: Path):
    envelope = sign(statement(), "gate", home=home)
    with pytest.raises(SigningError, match="signs for gate, not for decision"):
        verify(envelope, keyset(home=home), "decision")


def test_an_expired_key_set_is_not_believed(home: Path):
    envelope, published = sign(statement(), "gate", home=home), keyset(home=home, now=NOW)
    assert verify(envelope, published, "gate", at=NOW + timedelta(days=30)) == statement()
    with pytest.raises(SigningError, match="has expired"):
        verify(envelope, published, "gate", at=NOW + timedelta(days=30, seconds=1))


def test_a_key_set_that_gives_another_key_the_same_name_is_not_believed(home: Path, tmp_path_factory: Any):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    ensure_keys(elsewhere)
    envelope, published = sign(statement(), "gate", home=home), keyset(home=home)
    published["keys"][1]["jwk"] = keyset(home=elsewhere)["keys"][1]["jwk"]
    with pytest.raises(SigningError, match="not the key its id names"):
        verify(envelope, published, "gate")


@pytest.mark.parametrize("content", [b"not json", b"[]", b'{"predicate":{}}', b'{"predicate":{"issuedAt":"today"}}'])
def test_a_statement_that_does_not_say_when_it_was_issued_is_not_believed(home: Path, content: bytes):
    with pytest.raises(SigningError):
        verify(sign(content, "gate", home=home), keyset(home=home), "gate")


@pytest.mark.parametrize("spoil", [{"keys": None}, {"keys": [{}]}, {"expires": "soon"}, {"expires": None}])
def test_a_malformed_key_set_is_not_believed(home: Path, spoil: dict[str, Any]):
    with pytest.raises(SigningError):
        verify(sign(statement(), "gate", home=home), {**keyset(home=home), **spoil}, "gate")
