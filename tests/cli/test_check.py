"""gatehouse check against a real server: allow, deny, and every way in which it must refuse to decide."""

import base64
import copy
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from approvals import signing
from approvals.attestation import Artifact, UseCaseFact, canonical
from tests.cli.conftest import Reply

VERSION, OTHER, IMAGE = "1" * 64, "2" * 64, "4" * 64


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_allowed_version_exits_0_and_says_what_may_be_deployed(check, portal):
    outcome = check("--artifact", f"image={IMAGE}")

    assert outcome.code == 0
    assert outcome.out.splitlines()[0].startswith("allow: UC-0001 may be deployed to production until ")
    assert outcome.out.splitlines()[1:] == [f"version {VERSION}"]
    assert outcome.err == ""
    (asked,) = portal.asked
    nonce = asked.pop("nonce")
    assert asked == {
        "use_case": "UC-0001",
        "environment": "production",
        "digest": VERSION,
        "artifacts": [{"name": "image", "sha256": IMAGE}],
    }
    assert len(nonce) >= 32
    assert portal.tokens == ["Bearer pipeline.secret"]
    assert portal.paths == ["/api/v1/gate/check/"]


def test_a_denied_version_exits_10_with_one_reason_on_each_line(check, portal):
    portal.answer = portal.deny
    outcome = check()
    assert (outcome.code, outcome.err) == (10, "")
    assert outcome.out == "deny:\n- The release expired.\n- Lane risk has not decided.\n"


def test_json_output_gives_outcome_code_and_reasons(check, portal):
    allowed = check("--json").json
    assert (allowed["outcome"], allowed["exit_code"], allowed["reasons"]) == ("allow", 0, [])
    assert (allowed["use_case"], allowed["environment"], allowed["digest"]) == ("UC-0001", "production", VERSION)

    portal.answer = portal.deny
    denied = check("--json")
    assert denied.code == denied.json["exit_code"] == 10
    assert denied.json["outcome"] == "deny"
    assert denied.json["reasons"] == ["The release expired.", "Lane risk has not decided."]

    portal.answer = lambda question: Reply(b"", 500)
    undecided = check("--json")
    assert undecided.code == undecided.json["exit_code"] == 20
    assert undecided.json["reasons"] == ["The portal answered 500."]


def test_every_question_has_a_fresh_nonce_unless_one_is_given(check, portal):
    check()
    check("--nonce")
    check("--nonce", "build-42")
    nonces = [question["nonce"] for question in portal.asked]
    assert len(set(nonces)) == 3
    assert nonces[2] == "build-42"


def test_the_plain_fields_beside_the_envelope_are_never_trusted(check, portal):
    portal.answer = lambda question: portal.wrapped(
        portal.envelope(portal.statement(question, allow=False, reasons=("No.",))), allow=True
    )
    assert check().code == 10
    portal.answer = lambda question: portal.wrapped(portal.envelope(portal.statement(question)), allow=False)
    assert check().code == 0


def test_without_a_pinned_key_set_it_is_fetched_from_the_portal_with_a_warning(run, portal):
    outcome = run(
        "check", "--url", portal.url, "--use-case", "UC-0001", "--environment", "production", "--digest", VERSION
    )
    assert outcome.code == 0
    assert outcome.err == "warning: the key set comes from the portal itself; pin it with --keyset.\n"
    assert portal.paths == ["/.well-known/gatehouse/keyset.json", "/api/v1/gate/check/"]


def test_the_signed_answer_is_kept_and_another_implementation_verifies_it(check, portal, tmp_path):
    kept = tmp_path / "answer.json"
    assert check("--out", kept).code == 0
    data = json.loads(kept.read_text())
    key = next(key for key in signing.keyset(home=portal.home)["keys"] if key["use"] == "gate")
    public = SSlibKey.from_crypto(signing.public_key(key["jwk"]), key["kid"], "ecdsa-sha2-nistp256")

    envelope = Envelope.from_dict(copy.deepcopy(data))

    assert list(envelope.verify([public], threshold=1)) == [key["kid"]]
    assert json.loads(envelope.payload)["predicate"]["nonce"] == portal.asked[0]["nonce"]


def test_an_answer_that_cannot_be_verified_is_not_kept(check, portal, tmp_path):
    portal.answer = lambda question: portal.sealed(portal.statement(question, nonce="old"))
    assert check("--out", tmp_path / "answer.json").code == 20
    assert not (tmp_path / "answer.json").exists()


def test_a_manifest_can_stand_in_for_its_digest(check, portal, run, tmp_path):
    manifest = tmp_path / "manifest.json"
    model = {"provider": "azure", "name": "gpt-4o", "version": "1"}
    manifest.write_text(json.dumps({"schema": "gatehouse.manifest/v1", "model": model}))
    assert check("--manifest", manifest, digest=False).code == 0
    assert portal.asked[0]["digest"] == run("digest", manifest).out.strip()


def test_the_token_may_come_from_a_file(check, portal, tmp_path):
    (tmp_path / "token").write_text("from.file\n")
    assert check("--token-file", tmp_path / "token", token=None).code == 0
    assert portal.tokens == ["Bearer from.file"]


# --- answers that are signed, and wrong ------------------------------------------------------------------------------


def _expired(portal: Any, question: dict[str, Any]) -> dict[str, Any]:
    return portal.statement(question, evaluated_at=ago(minutes=13), expires_at=ago(minutes=2.2))


def _predicate(**changes: Any) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    def changed(portal: Any, question: dict[str, Any]) -> dict[str, Any]:
        statement = portal.statement(question)
        statement["predicate"].update(changes)
        return statement

    return changed


def _statement(**changes: Any) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    return lambda portal, question: {**portal.statement(question), **changes}


SIGNED_BUT_WRONG: dict[str, tuple[Callable[[Any, dict[str, Any]], dict[str, Any]], str]] = {
    "an old nonce": (lambda portal, q: portal.statement(q, nonce="old"), "its nonce is not"),
    "another use case": (
        lambda portal, q: portal.statement(q, use_case=UseCaseFact("https://p.example/2", "UC-0002", "high")),
        "its use case is not",
    ),
    "another environment": (lambda portal, q: portal.statement(q, environment="staging"), "its environment is not"),
    "another digest": (lambda portal, q: portal.statement(q, version_digest=OTHER), "its digest, subject is not"),
    "an artifact left out": (lambda portal, q: portal.statement(q, artifacts=()), "its artifacts, subject is not"),
    "another artifact": (
        lambda portal, q: portal.statement(q, artifacts=(Artifact("image", OTHER),)),
        "its artifacts, subject is not",
    ),
    "an extra subject": (
        lambda portal, q: _with_subject(portal.statement(q), {"name": "more", "digest": {"sha256": OTHER}}),
        "its subject is not",
    ),
    "a subject twice": (
        lambda portal, q: _with_subject(portal.statement(q), {"name": "image", "digest": {"sha256": OTHER}}),
        "subject is malformed",
    ),
    "a SHA-1 subject": (
        lambda portal, q: _with_subject(portal.statement(q), {"name": "more", "digest": {"sha1": "a" * 40}}),
        "subject is malformed",
    ),
    "an upper-case digest": (
        lambda portal, q: _with_subject(portal.statement(q), {"name": "more", "digest": {"sha256": "A" * 64}}),
        "must be a SHA-256 digest",
    ),
    "no subject": (_statement(subject=[]), "does not name a system version"),
    "an expired answer": (_expired, "expired at"),
    "an answer from the future": (
        lambda portal, q: portal.statement(q, evaluated_at=ago(minutes=-3), expires_at=ago(minutes=-9)),
        "from the future",
    ),
    "a long-lived answer": (_predicate(expiresAt=stamp(ago(hours=-1))), "longer than 15 minutes"),
    "a time that is none": (_predicate(expiresAt="tomorrow"), "is not a time"),
    "a time with an offset": (_predicate(evaluatedAt="2026-08-22T10:00:03+00:00"), "is not a time"),
    "another predicate type": (
        _statement(predicateType="https://gatehouse.dev/attestation/release-decision/v1"),
        "not the answer to a gate check",
    ),
    "another statement type": (_statement(_type="https://in-toto.io/Statement/v0.1"), "not an in-toto statement"),
    "allow as a word": (_predicate(allow="true"), "allow is missing or of another type"),
    "allow as a number": (_predicate(allow=1), "allow is missing or of another type"),
    "reasons as text": (_predicate(reasons="none"), "reasons is missing"),
    "reasons that are no sentences": (_predicate(reasons=[1]), "not sentences"),
    "no predicate": (_statement(predicate=None), "predicate is missing"),
}


def _with_subject(statement: dict[str, Any], subject: dict[str, Any]) -> dict[str, Any]:
    return {**statement, "subject": [*statement["subject"], subject]}


def test_what_the_portal_finds_wrong_with_the_question_is_printed(check, portal):
    problem = {
        "type": "about:blank",
        "title": "Some values cannot be used.",
        "status": 400,
        "code": "invalid",
        "errors": [{"field": "environment", "message": "“moon” is not a valid choice.\u001b[2J"}],
    }
    portal.answer = lambda question: Reply(json.dumps(problem).encode(), 400, "application/problem+json")
    outcome = check()
    assert (outcome.code, outcome.out) == (20, "")
    assert outcome.err.splitlines()[-1] == (
        "- The portal answered 400. Some values cannot be used. environment: “moon” is not a valid choice.\\x1b[2J"
    )


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"title": 3, "errors": 4}', b'{"errors": [1, {"message": []}]}'], ids=repr
)
def test_a_problem_that_is_none_is_left_out(check, portal, body):
    portal.answer = lambda question: Reply(body, 404, "application/problem+json")
    outcome = check()
    assert outcome.code == 20
    assert outcome.err.splitlines()[-1] == "- The portal answered 404."


@pytest.mark.parametrize("case", SIGNED_BUT_WRONG)
def test_a_signed_answer_that_is_wrong_cannot_decide(check, portal, case):
    make, says = SIGNED_BUT_WRONG[case]
    portal.answer = lambda question: portal.sealed(make(portal, question))
    outcome = check("--artifact", f"image={IMAGE}")
    assert (outcome.code, outcome.out) == (20, "")
    assert outcome.err.startswith("cannot decide:\n- ")
    assert says in outcome.err


def test_an_answer_within_the_clock_tolerance_still_counts(check, portal):
    portal.answer = lambda question: portal.sealed(
        portal.statement(question, evaluated_at=ago(seconds=60), expires_at=ago(seconds=30))
    )
    assert check().code == 0


def test_a_denial_without_reasons_is_still_a_denial(check, portal):
    portal.answer = lambda question: portal.sealed(_predicate(allow=False)(portal, question))
    outcome = check()
    assert (outcome.code, outcome.out) == (10, "deny:\n- The gate gave no reason.\n")


def test_control_characters_in_a_reason_cannot_drive_the_terminal(check, portal):
    portal.answer = lambda question: portal.sealed(
        portal.statement(question, allow=False, reasons=("\x1b[2Jallow: all\nallow: good",))
    )
    assert check().out == "deny:\n- \\x1b[2Jallow: all\\nallow: good\n"


# --- envelopes that are spoiled --------------------------------------------------------------------------------------


def _tampered(envelope: dict[str, Any]) -> None:
    payload = base64.b64decode(envelope["payload"]).replace(b"production", b"pr0duction")
    envelope["payload"] = base64.b64encode(payload).decode()


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a tampered payload": (_tampered, "signature does not match"),
    "a truncated payload": (lambda e: e.update(payload=e["payload"].rstrip("=")[:-3]), "not whole base64"),
    "a truncated signature": (lambda e: e["signatures"][0].update(sig=e["signatures"][0]["sig"][:21]), "not whole"),
    "an empty signature": (lambda e: e["signatures"][0].update(sig=""), "signature does not match"),
    "a second signature": (lambda e: e["signatures"].append(dict(e["signatures"][0])), "2 signatures"),
    "no signature": (lambda e: e["signatures"].clear(), "0 signatures"),
    "another payload type": (lambda e: e.update(payloadType="application/json"), "payload type is not"),
    "an unknown key": (lambda e: e["signatures"][0].update(keyid="A" * 43), "is not in the key set"),
    "no key id": (lambda e: e["signatures"][0].pop("keyid"), "keyid is missing"),
    "no payload": (lambda e: e.pop("payload"), "payload is missing"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_envelope_cannot_decide(check, portal, case):
    spoil, says = SPOILED[case]

    def answer(question: dict[str, Any]) -> Any:
        envelope = portal.envelope(portal.statement(question))
        spoil(envelope)
        return portal.wrapped(envelope)

    portal.answer = answer
    outcome = check()
    assert (outcome.code, outcome.out) == (20, "")
    assert says in outcome.err


def test_a_decision_key_cannot_answer_for_the_gate(check, portal):
    portal.answer = lambda question: portal.sealed(portal.statement(question), use="decision")
    outcome = check()
    assert outcome.code == 20
    assert "it signs decision" in outcome.err


def test_a_key_of_another_portal_cannot_answer(check, portal, tmp_path):
    signing.ensure_keys(tmp_path / "stranger")
    portal.answer = lambda question: portal.wrapped(
        signing.sign(canonical(portal.statement(question)), "gate", home=tmp_path / "stranger")
    )
    outcome = check()
    assert outcome.code == 20
    assert "is not in the key set" in outcome.err


def test_an_answer_recorded_earlier_cannot_be_replayed(check, portal):
    recorded = []

    def answer(question: dict[str, Any]) -> Any:
        recorded.append(portal.allow(question))
        return recorded[0]

    portal.answer = answer
    assert check().code == 0
    outcome = check()
    assert outcome.code == 20
    assert "its nonce is not" in outcome.err


def test_duplicate_keys_in_a_signed_statement_cannot_decide(check, portal):
    def answer(question: dict[str, Any]) -> Any:
        denial = portal.statement(question, allow=False, reasons=("No.",))
        doubled = canonical(denial).replace(b'"allow":false', b'"allow":false,"allow":true')
        return portal.wrapped(signing.sign(doubled, "gate", home=portal.home))

    portal.answer = answer
    outcome = check()
    assert outcome.code == 20
    assert "'allow' appears twice" in outcome.err


# --- replies that are no answer --------------------------------------------------------------------------------------


NO_ANSWER: dict[str, tuple[dict[str, Any], str]] = {
    "a sign-in page with 200": ({"body": b"<html>Sign in</html>", "content_type": "text/html"}, "instead of JSON"),
    "a page that claims to be JSON": ({"body": b"<html>Sign in</html>"}, "not well-formed JSON"),
    "a server error": ({"body": b"{}", "status": 500}, "answered 500"),
    "an unavailable portal": ({"body": b"{}", "status": 503}, "answered 503"),
    "no such use case": ({"body": b"{}", "status": 404}, "answered 404"),
    "a refused token": ({"body": b"{}", "status": 401}, "refused the token (401)"),
    "a token for something else": ({"body": b"{}", "status": 403}, "refused the token (403)"),
    "too many questions": ({"body": b"{}", "status": 429}, "answered 429"),
    "an answer that was only accepted": ({"body": b"{}", "status": 202}, "answered 202"),
    "a body over a megabyte": ({"body": b'"' + b"x" * 1_000_000 + b'"'}, "larger than 1000000 bytes"),
    "an empty body": ({"body": b""}, "not well-formed JSON"),
    "a list": ({"body": b"[]"}, "envelope is missing"),
    "no envelope": ({"body": b'{"allow": true, "reasons": []}'}, "envelope is missing"),
    "an envelope of null": ({"body": b'{"allow": true, "envelope": null}'}, "envelope is missing"),
    "invalid UTF-8": ({"body": b'{"envelope": "\xff"}'}, "not well-formed JSON"),
    "NaN": ({"body": b'{"envelope": NaN}'}, "NaN is not a JSON value"),
    "an infinite number": ({"body": b'{"envelope": 1e999}'}, "not finite"),
    "a huge number": ({"body": b'{"envelope": ' + b"9" * 5000 + b"}"}, "too large"),
    "deep nesting": ({"body": b'{"envelope":' + b"[" * 40 + b"]" * 40 + b"}"}, "nested too deeply"),
    "bottomless nesting": ({"body": b"[" * 400_000}, "nested too deeply"),
    "a key twice": ({"body": b'{"envelope": {}, "envelope": {}}'}, "'envelope' appears twice"),
}


@pytest.mark.parametrize("case", NO_ANSWER)
def test_a_reply_that_is_no_answer_cannot_decide(check, portal, case):
    fields, says = NO_ANSWER[case]
    portal.answer = lambda question: Reply(**fields)
    outcome = check()
    assert (outcome.code, outcome.out) == (20, "")
    assert says in outcome.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(check, portal, status):
    def answer(question: dict[str, Any]) -> Any:
        if len(portal.asked) > 1:
            return portal.allow(question)
        return Reply(body=b"", status=status, headers=(("Location", f"{portal.url}/api/v1/gate/check/"),))

    portal.answer = answer
    outcome = check()
    assert outcome.code == 20
    assert f"redirects ({status})" in outcome.err
    assert portal.paths == ["/api/v1/gate/check/"]


def test_a_portal_that_takes_too_long_cannot_decide(check, portal):
    portal.answer = lambda question: Reply(body=b"{}", delay=1.5)
    outcome = check("--request-timeout", "0.5")
    assert outcome.code == 20
    assert "0.5 seconds" in outcome.err or "timed out" in outcome.err


def test_a_portal_that_drips_its_answer_cannot_hold_the_pipeline(check, portal):
    portal.answer = lambda question: Reply(body=portal.allow(question).body, drip=0.1)
    started = time.monotonic()
    outcome = check("--request-timeout", "1")
    assert outcome.code == 20
    assert "did not answer within 1 seconds" in outcome.err
    assert time.monotonic() - started < 30  # the whole body would take minutes


def test_a_proxy_is_never_used_towards_this_machine(check, portal):
    assert check(http_proxy="http://127.0.0.1:9").code == 0


def test_a_fetched_key_set_that_is_a_page_cannot_decide(run, portal):
    portal.keyset_reply = Reply(b"<html>Sign in</html>", content_type="text/html")
    outcome = run(
        "check", "--url", portal.url, "--use-case", "UC-0001", "--environment", "production", "--digest", VERSION
    )
    assert outcome.code == 20
    assert "200 with text/html instead of JSON" in outcome.err
    assert portal.paths == ["/.well-known/gatehouse/keyset.json"]


def test_the_time_out_is_ten_seconds_unless_said_otherwise():
    import gatehouse

    arguments = ["check", "--url", "x", "--use-case", "x", "--environment", "x", "--digest", "x"]
    assert gatehouse.parser().parse_args(arguments).request_timeout == 10


def test_a_portal_that_is_not_there_cannot_decide(run, keyset_file):
    where = ("--use-case", "UC-0001", "--environment", "production", "--digest", VERSION, "--keyset", keyset_file)
    outcome = run("check", "--url", "http://127.0.0.1:9", *where)
    assert outcome.code == 20
    assert "cannot be reached" in outcome.err


# --- questions that are not sent -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example",
        "http://127.0.0.1.portal.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "file:///etc/hostname",
        "portal.example",
        "https://user:secret@portal.example",
        "https://portal.example?next=1",
        "https://portal.example:port",
        "",
    ],
)
def test_an_address_that_could_be_overheard_or_misread_is_refused(run, url, keyset_file):
    where = ("--use-case", "UC-0001", "--environment", "production", "--digest", VERSION, "--keyset", keyset_file)
    outcome = run("check", "--url", url, *where)
    assert outcome.code == 20
    assert "--url must be the portal's https address" in outcome.err


@pytest.mark.parametrize("token", [None, "", "two words", "line\nbreak"])
def test_without_a_usable_token_nothing_is_asked(check, portal, token):
    outcome = check(token=token)
    assert outcome.code == 20
    assert "No usable token" in outcome.err
    assert portal.paths == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--digest", "abc"], "--digest must be a SHA-256 digest"),
        (["--digest", VERSION.upper().replace("1", "A")], "--digest must be a SHA-256 digest"),
        (["--digest", VERSION, "--artifact", "image"], "--artifact is name=sha256"),
        (["--digest", VERSION, "--artifact", "image=abc"], "artifact image must be a SHA-256"),
        (["--digest", VERSION, "--artifact", f"a={IMAGE}", "--artifact", f"a={IMAGE}"], "each name once"),
        (["--digest", VERSION, "--manifest", "m.json"], "not allowed with argument"),
        (["--manifest", "nowhere.json"], "nowhere.json cannot be read"),
        (["--digest", VERSION, "--request-timeout", "0"], "more than 0"),
        ([], "--digest --manifest is required"),
    ],
)
def test_a_wrong_argument_cannot_decide_and_nothing_is_asked(check, portal, arguments, says):
    outcome = check(*arguments, digest=False)
    assert outcome.code == 20
    assert says in outcome.err
    assert portal.paths == []


def test_an_expired_or_broken_key_set_stops_before_asking(check, portal, tmp_path):
    old = tmp_path / "old.json"
    old.write_text(json.dumps(signing.keyset(home=portal.home, now=ago(days=31))))
    assert "The key set has expired" in check("--keyset", old).err
    old.write_text('{"keys": [], "keys": []}')
    assert "'keys' appears twice" in check("--keyset", old).err
    assert check("--keyset", old).code == 20
    assert portal.paths == []


def test_a_revoked_gate_key_cannot_answer(check, portal, tmp_path):
    kid = signing.ensure_keys(portal.home)["gate"]
    keyset = signing.keyset(home=portal.home)
    next(key for key in keyset["keys"] if key["kid"] == kid)["revokedAt"] = stamp(ago(minutes=1))
    (tmp_path / "revoked.json").write_text(json.dumps(keyset))
    outcome = check("--keyset", tmp_path / "revoked.json")
    assert outcome.code == 20
    assert f"{kid} has been revoked" in outcome.err


def test_the_token_is_never_printed(check, portal):
    portal.answer = lambda question: Reply(body=b"pipeline.secret", status=401)
    for arguments in ([], ["--json"]):
        outcome = check(*arguments)
        assert "pipeline.secret" not in outcome.out + outcome.err
