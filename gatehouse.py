"""The gatehouse command: ask the gate, verify attestations offline, compute a manifest's digest.

One file for Python 3.9 and later; needs `cryptography` and nothing else. Exit codes: 0 allow, 10 deny, 20 cannot
decide. Both 10 and 20 stop a deployment; nothing else is ever returned.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import hashlib
import http.client
import ipaddress
import json
import math
import os
import re
import secrets
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ALLOW, DENY, UNDECIDED = 0, 10, 20
CAVEAT = "A signed file says nothing of suspension or supersession since; ask the gate."

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_DECISION = "https://gatehouse.dev/attestation/release-decision/v1"
GATE_CHECK = "https://gatehouse.dev/attestation/gate-check/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
SUBJECT_NAME = "system-version"

REQUEST_SECONDS = 10.0
CLOCK_TOLERANCE = 120  # seconds by which two clocks may differ
GATE_REPLY_LIFETIME = 15 * 60  # seconds; a longer-lived answer is not one our gate gives
MAX_BODY = 1_000_000  # bytes of one reply, one envelope or one key set
MAX_FILE = 16_000_000  # bytes of one file of attestations
MAX_DEPTH = 32

# The form of a manifest, as the portal checks it; field → (kind, required).
SCHEMA = "gatehouse.manifest/v1"
FIELDS: dict[str, dict[str, tuple[str, bool]]] = {
    "model": {
        "provider": ("text", True),
        "name": ("text", True),
        "version": ("text", True),
        "endpoint": ("text", False),
        "region": ("text", False),
    },
    "prompts": {"name": ("text", True), "version": ("text", True), "sha256": ("sha256", True)},
    "tools": {"name": ("text", True), "version": ("text", True), "access": ("access", True)},
    "knowledge_sources": {
        "name": ("text", True),
        "version": ("text", True),
        "sha256": ("sha256", False),
        "reference": ("text", False),
    },
    "guardrails": {"name": ("text", True), "version": ("text", True)},
    "application": {"repository": ("text", False), "commit": ("commit", False)},
    "artifacts": {"name": ("text", True), "sha256": ("sha256", True)},
}
LISTS = ("prompts", "tools", "knowledge_sources", "guardrails")
KINDS = {
    "text": (re.compile(r".*", re.DOTALL), "a string"),
    "sha256": (re.compile(r"[0-9a-f]{64}"), "64 lower-case hexadecimal digits"),
    "commit": (re.compile(r"[0-9a-f]{7,64}"), "7 to 64 lower-case hexadecimal digits"),
    "access": (re.compile(r"read|write"), "read or write"),
}
MAX_CANONICAL_BYTES, MAX_ENTRIES, MAX_STRING, MAX_PROMPT_TEXT = 64 * 1024, 200, 500, 200_000
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Denied(Exception):
    """A trustworthy answer that says no; exit 10."""

    def __init__(self, reasons: list[str], **about: Any) -> None:
        super().__init__("; ".join(reasons))
        self.reasons, self.about = reasons, about


class CannotDecide(Exception):
    """No trustworthy answer; exit 20."""


class Misused(CannotDecide):
    """No trustworthy answer and no use in asking again: a wrong argument or an unreadable file; exit 20."""


# --- reading JSON that somebody else wrote ---------------------------------------------------------------------------


def parse(data: bytes, what: str) -> Any:
    """The JSON value in `data`; duplicate keys, NaN, huge numbers, invalid UTF-8 and deep nesting are refused."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_no_constant,
        )
    except RecursionError:
        raise CannotDecide(f"{what} is nested too deeply.") from None
    except ValueError as error:
        raise CannotDecide(f"{what} is not well-formed JSON: {error}.") from None
    if _depth(value) > MAX_DEPTH:
        raise CannotDecide(f"{what} is nested too deeply.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} appears twice")
        found[key] = value
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > 2**53 - 1:
        raise ValueError("a number is too large; write it as a string")
    return int(text)


def _decimal(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON value")


def _depth(value: Any) -> int:
    level, deepest = [value], 0
    while level and deepest <= MAX_DEPTH:
        deepest += 1
        nested = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list)))
        level = [child for children in nested for child in children]
    return deepest


def member(value: Any, path: str, kind: type, what: str) -> Any:
    """The member at a dotted path, of exactly that type; anything else is a malformed document."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if type(value) is not kind:
        raise CannotDecide(f"{what} is malformed: {path} is missing or of another type.")
    return value


def read_file(path: str, limit: int = MAX_BODY) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Misused(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(data) > limit:
        raise Misused(f"{path} is larger than {limit} bytes.")
    return data


def moment(text: Any, what: str) -> int:
    """Seconds since 1970 of an RFC 3339 time in UTC to the second."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
            raise ValueError
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except (TypeError, ValueError):
        raise CannotDecide(f"{what} is not a time like 2026-08-22T10:00:03Z.") from None


# --- manifests and their digest --------------------------------------------------------------------------------------


def manifest_digest(raw: Any) -> str:
    """SHA-256 (lower hex) over the RFC 8785 form of the normalised manifest; Misused names the first fault."""
    data = canonical(normalised(raw)).encode("utf-8")
    if len(data) > MAX_CANONICAL_BYTES:
        raise Misused(f"The manifest is {len(data)} bytes in canonical form; at most {MAX_CANONICAL_BYTES} fit.")
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> str:
    """RFC 8785 text of strings, whole numbers, booleans, lists and objects; manifests hold nothing else."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=_utf16)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be")


def normalised(raw: Any) -> dict[str, Any]:
    """The manifest in the form the portal digests: sections complete, lists by name, prompt texts as hashes."""
    _known(raw, "manifest", ["schema", "model", *LISTS, "application", "parameters"])
    if raw.get("schema") != SCHEMA:
        raise Misused(f'The manifest must say "schema": "{SCHEMA}".')
    application = raw.get("application", {})
    _known(application, "application", [*FIELDS["application"], "artifacts"])
    plain = {key: value for key, value in application.items() if key != "artifacts"}
    data: dict[str, Any] = {"schema": SCHEMA, "model": _entry(raw.get("model"), "model", FIELDS["model"])}
    data.update((key, _entries(raw.get(key, []), key, FIELDS[key])) for key in LISTS)
    data["application"] = _entry(plain, "application", FIELDS["application"])
    artifacts = _entries(application.get("artifacts", []), "application.artifacts", FIELDS["artifacts"])
    data["application"]["artifacts"] = artifacts
    data["parameters"] = _parameters(raw.get("parameters", {}))
    return data


def _known(raw: Any, path: str, keys: list[str]) -> None:
    if not isinstance(raw, dict):
        raise Misused(f"{path}: this must be an object with the keys {', '.join(keys)}.")
    unknown = sorted(key for key in raw if key not in keys)
    if unknown:
        raise Misused(f"{path}: unknown key {printable(unknown[0][:60])}. Known here: {', '.join(keys)}.")


def _entry(raw: Any, path: str, fields: dict[str, tuple[str, bool]]) -> dict[str, Any]:
    _known(raw, path, [*fields, "text"] if path.startswith("prompts[") else [*fields])
    given = dict(raw)
    if "text" in given:
        text = _text(given.pop("text"), f"{path}.text", MAX_PROMPT_TEXT)
        digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
        if given.setdefault("sha256", digest) not in (digest, None):
            raise Misused(f"{path}.sha256: the text's SHA-256 is {digest}, not the one declared.")
        given["sha256"] = digest
    entry = {}
    for name, (kind, required) in fields.items():
        if name in given:
            pattern, meaning = KINDS[kind]
            entry[name] = _text(given[name], f"{path}.{name}")
            if not pattern.fullmatch(entry[name]):
                raise Misused(f"{path}.{name}: this must be {meaning}.")
        elif required:
            raise Misused(f"{path}.{name}: missing; add it.")
    return entry


def _entries(raw: Any, path: str, fields: dict[str, tuple[str, bool]]) -> list[dict[str, Any]]:
    if not isinstance(raw, list) or len(raw) > MAX_ENTRIES:
        raise Misused(f"{path}: this must be a list of at most {MAX_ENTRIES} entries.")
    found = [_entry(item, f"{path}[{index}]", fields) for index, item in enumerate(raw)]
    if len({item["name"] for item in found}) < len(found):
        raise Misused(f"{path}: a name appears more than once; give each entry its own.")
    return sorted(found, key=lambda item: _utf16(item["name"]))


def _parameters(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict) or len(raw) > MAX_ENTRIES:
        raise Misused(f"parameters: this must be an object of at most {MAX_ENTRIES} names and values.")
    for name, value in raw.items():
        _text(name, "parameters")
        if isinstance(value, float):
            raise Misused(f'parameters.{printable(name)}: decimals are written as strings, for example "0.2".')
        if not isinstance(value, int) and value != "":
            _text(value, f"parameters.{printable(name)}", blank=True)
    return raw


def _text(raw: Any, path: str, limit: int = MAX_STRING, blank: bool = False) -> str:
    if not isinstance(raw, str) or len(raw) > limit or not (blank or raw.strip()):
        raise Misused(f"{path}: this must be a string of 1 to {limit} characters that is not blank.")
    if UNSTORABLE.search(raw):
        raise Misused(f"{path}: remove the NUL character or the half surrogate pair.")
    return raw


# --- signatures ------------------------------------------------------------------------------------------------------


def load_keyset(data: bytes, now: float) -> dict[str, Any]:
    """A key set that has not expired; each key id stands for one key."""
    keyset = parse(data, "The key set")
    keys = member(keyset, "keys", list, "The key set")
    if moment(member(keyset, "expires", str, "The key set"), "The key set's expiry") < now:
        raise CannotDecide("The key set has expired; fetch a fresh one from the portal.")
    ids = [member(key, "kid", str, "The key set") for key in keys]
    if len(set(ids)) < len(ids):
        raise CannotDecide("The key set names one key twice.")
    return {key["kid"]: key for key in keys}


def open_envelope(envelope: Any, keys: dict[str, Any], use: str) -> tuple[dict[str, Any], str]:
    """The in-toto statement inside a DSSE envelope signed by one key meant for `use`, and that key's id."""
    if member(envelope, "payloadType", str, "The envelope") != PAYLOAD_TYPE:
        raise CannotDecide(f"The envelope's payload type is not {PAYLOAD_TYPE}.")
    signatures = member(envelope, "signatures", list, "The envelope")
    if len(signatures) != 1:
        raise CannotDecide(f"The envelope carries {len(signatures)} signatures; exactly one is accepted.")
    kid = member(signatures[0], "keyid", str, "The signature")
    signature = _base64(member(signatures[0], "sig", str, "The signature"), "The signature")
    payload = _base64(member(envelope, "payload", str, "The envelope"), "The payload")
    key = _trusted_key(keys, kid, use)
    pae = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode("ascii"), len(payload), payload)
    _verify_signature(key, signature, pae)
    statement = parse(payload, "The statement")
    if member(statement, "_type", str, "The statement") != STATEMENT_TYPE:
        raise CannotDecide("The signed document is not an in-toto statement, version 1.")
    return statement, kid


def _trusted_key(keys: dict[str, Any], kid: str, use: str) -> dict[str, Any]:
    key = keys.get(kid)
    if key is None:
        raise CannotDecide(f"The signing key {printable(kid[:60])} is not in the key set.")
    if member(key, "use", str, "The key set") != use:
        raise CannotDecide(f"The signing key {kid} is not meant for this: it signs {printable(key['use'])}.")
    if "revokedAt" not in key or key["revokedAt"] is not None:
        raise CannotDecide(f"The signing key {kid} has been revoked.")
    return key  # type: ignore[no-any-return]


def _verify_signature(key: dict[str, Any], signature: bytes, message: bytes) -> None:
    """ECDSA on P-256 with SHA-256; the key id must be the RFC 7638 thumbprint of the key."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise Misused("The Python package cryptography is missing; install it.") from None
    jwk = {name: member(key, f"jwk.{name}", str, "The key set") for name in ("crv", "kty", "x", "y")}
    thumbprint = hashlib.sha256(canonical(jwk).encode("utf-8")).digest()
    if base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode() != key["kid"]:
        raise CannotDecide("A key in the key set is not the key that its id names.")
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        raise CannotDecide("The signing key is not a P-256 key.")
    try:
        x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[part] + "="), "big") for part in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        raise CannotDecide("The signature does not match the content.") from None


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise CannotDecide(f"{what} is not whole base64.") from None


def require_signed_in_time(key: dict[str, Any], issued: int) -> None:
    """A key answers only for statements issued while it signed."""
    since = moment(key.get("signFrom"), "The key's start")
    until = moment(key["signUntil"], "The key's end") if key.get("signUntil") is not None else math.inf
    if not since - CLOCK_TOLERANCE <= issued <= until + CLOCK_TOLERANCE:
        raise CannotDecide(f"The key {key['kid']} did not sign at the time the statement was issued.")


def subjects(statement: dict[str, Any]) -> dict[str, str]:
    """Name → SHA-256 of what the statement is about; another algorithm or a repeated name is malformed."""
    found: dict[str, str] = {}
    for item in member(statement, "subject", list, "The statement"):
        name = member(item, "name", str, "The subject")
        if list(member(item, "digest", dict, "The subject")) != ["sha256"] or name in found:
            raise CannotDecide("The statement's subject is malformed: one SHA-256 for each name is expected.")
        found[name] = digest_of(item["digest"]["sha256"], "The subject's digest")
    if SUBJECT_NAME not in found:
        raise CannotDecide("The statement does not name a system version.")
    return found


def digest_of(text: Any, what: str, kind: type[CannotDecide] = CannotDecide) -> str:
    if not isinstance(text, str) or not KINDS["sha256"][0].fullmatch(text):
        raise kind(f"{what} must be a SHA-256 digest: {KINDS['sha256'][1]}.")
    return text


# --- the gate's answer -----------------------------------------------------------------------------------------------


def judge_gate_reply(envelope: Any, keys: dict[str, Any], question: dict[str, Any], now: float) -> dict[str, Any]:
    """What the signed answer says about exactly this question; Denied when it says no.

    The plain fields beside the envelope are never looked at: a proxy could have changed them.
    """
    statement, kid = open_envelope(envelope, keys, "gate")
    if member(statement, "predicateType", str, "The statement") != GATE_CHECK:
        raise CannotDecide("The signed statement is not the answer to a gate check.")
    said = member(statement, "predicate", dict, "The statement")
    evaluated = moment(said.get("evaluatedAt"), "The answer's time of evaluation")
    expires = moment(said.get("expiresAt"), "The answer's expiry")
    require_signed_in_time(keys[kid], evaluated)
    if evaluated > now + CLOCK_TOLERANCE:
        raise CannotDecide("The answer comes from the future; compare the clocks.")
    if expires + CLOCK_TOLERANCE < now:
        raise CannotDecide(f"The answer expired at {said['expiresAt']}.")
    if not 0 <= expires - evaluated <= GATE_REPLY_LIFETIME:
        raise CannotDecide("The answer claims to be good for longer than 15 minutes.")
    _require_same_question(statement, said, question)
    reasons = member(said, "reasons", list, "The answer")
    if any(type(reason) is not str for reason in reasons):
        raise CannotDecide("The answer is malformed: its reasons are not sentences.")
    about = {
        "use_case": question["use_case"],
        "environment": question["environment"],
        "digest": question["digest"],
        "evaluated_at": said["evaluatedAt"],
        "expires_at": said["expiresAt"],
        "key": kid,
    }
    if not member(said, "allow", bool, "The answer"):
        raise Denied(reasons or ["The gate gave no reason."], **about)
    return about


def _require_same_question(statement: dict[str, Any], said: dict[str, Any], question: dict[str, Any]) -> None:
    artifacts = {item["name"]: item["sha256"] for item in question["artifacts"]}
    answered = {
        member(item, "name", str, "The answer"): member(item, "digest.sha256", str, "The answer")
        for item in member(said, "artifacts", list, "The answer")
    }
    same = {
        "nonce": member(said, "nonce", str, "The answer") == question["nonce"],
        "use case": member(said, "useCase.reference", str, "The answer") == question["use_case"],
        "environment": member(said, "environment", str, "The answer") == question["environment"],
        "digest": member(said, "digest.sha256", str, "The answer") == question["digest"],
        "artifacts": answered == artifacts,
        "subject": subjects(statement) == {SUBJECT_NAME: question["digest"], **artifacts},
    }
    other = [name for name, agrees in same.items() if not agrees]
    if other:
        raise CannotDecide(f"The answer is to another question: its {', '.join(other)} is not what was asked.")


# --- an attestation on file ------------------------------------------------------------------------------------------


def judge_attestation(
    statement: dict[str, Any], key: dict[str, Any], expected: dict[str, Any], at: float
) -> dict[str, Any]:
    """What one release decision says; Denied when it does not approve what is expected at that time."""
    if member(statement, "predicateType", str, "The statement") != RELEASE_DECISION:
        raise CannotDecide("The signed statement is not a release decision.")
    said = member(statement, "predicate", dict, "The statement")
    issued = moment(said.get("issuedAt"), "The time of issue")
    expires = moment(said.get("expiresAt"), "The expiry")
    require_signed_in_time(key, issued)
    about = {
        "decision": member(said, "decision", str, "The statement"),
        "use_case": member(said, "useCase.reference", str, "The statement"),
        "environment": member(said, "environment", str, "The statement"),
        "release": member(said, "release.number", int, "The statement"),
        "digest": subjects(statement)[SUBJECT_NAME],
        "issued_at": said["issuedAt"],
        "expires_at": said["expiresAt"],
        "key": key["kid"],
    }
    reasons = []
    if about["decision"] != "approved":
        reasons.append(f"The decision is {about['decision']}, not approved.")
    for name, label in (("digest", "system version"), ("use_case", "use case"), ("environment", "environment")):
        if expected[name] not in (None, about[name]):
            reasons.append(f"The {label} is {about[name]}, not {expected[name]}.")
    for item in expected["artifacts"]:
        if subjects(statement).get(item["name"]) != item["sha256"]:
            reasons.append(f"The artifact {item['name']} with digest {item['sha256']} is not covered.")
    if issued > at + CLOCK_TOLERANCE:
        reasons.append(f"It was issued only at {about['issued_at']}.")
    if expires + CLOCK_TOLERANCE < at:
        reasons.append(f"It expired at {about['expires_at']}.")
    if reasons:
        raise Denied(reasons, **about)
    return about


def envelopes_in(data: bytes) -> list[Any]:
    """One envelope, or one on each line."""
    lines = [line for line in data.splitlines() if line.strip()]
    single = not all(line.strip().startswith(b"{") and line.strip().endswith(b"}") for line in lines)
    found = [parse(data, "The file")] if single else [parse(line, "A line of the file") for line in lines]
    if not found:
        raise CannotDecide("The file holds no attestation.")
    return found


# --- the network -----------------------------------------------------------------------------------------------------


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect would carry the token to an address nobody named; urllib then reports the status instead."""


def base_url(text: str) -> str:
    """The portal's address without a trailing slash: https, or http to this machine only."""
    try:
        parts = urllib.parse.urlsplit(text)
        allowed = parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or ""))
        plain = bool(parts.hostname) and not (parts.query or parts.fragment or "@" in parts.netloc) and parts.port != 0
    except ValueError:
        allowed = plain = False
    if not (allowed and plain):
        raise Misused("--url must be the portal's https address (http only for this machine), with nothing after it.")
    return text.rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fetch(url: str, seconds: float, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """The body of a 200 reply in JSON; everything else cannot be decided on.

    The whole exchange has `seconds`, name look-up and a dripping body included, hence the thread.
    """
    headers = {"Accept": "application/json", "User-Agent": "gatehouse", **headers}
    request = urllib.request.Request(url, data=body, headers=headers)
    outcome: list[Any] = []
    worker = threading.Thread(target=lambda: outcome.append(_exchange(request, seconds)), daemon=True)
    worker.start()
    worker.join(seconds)
    if not outcome:
        raise CannotDecide(f"The portal did not answer within {seconds:g} seconds.")
    if isinstance(outcome[0], CannotDecide):
        raise outcome[0]
    return outcome[0]  # type: ignore[no-any-return]


def _exchange(request: urllib.request.Request, seconds: float) -> bytes | CannotDecide:
    handlers: list[Any] = [_NoRedirect()]
    if request.type == "http":
        handlers.append(urllib.request.ProxyHandler({}))  # this machine is never behind a proxy
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=seconds) as reply:
            kind = reply.headers.get_content_type()
            body: bytes = reply.read(MAX_BODY + 1)
            if reply.status != 200 or kind != "application/json":
                return CannotDecide(f"The portal answered {reply.status} with {printable(kind)} instead of JSON.")
    except urllib.error.HTTPError as error:
        with error:
            return _refused(error.code, _problem(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return CannotDecide(f"The portal cannot be reached: {printable(str(getattr(error, 'reason', error)))}.")
    if len(body) > MAX_BODY:
        return CannotDecide(f"The portal's answer is larger than {MAX_BODY} bytes.")
    return body


def _refused(status: int, problem: str) -> CannotDecide:
    told = f" {problem}" if problem else ""
    if status in (401, 403):
        return CannotDecide(f"The portal refused the token ({status}): is it current, and scoped to this?{told}")
    if 300 <= status < 400:
        return CannotDecide(f"The portal redirects ({status}); give its own address as --url.")
    return CannotDecide(f"The portal answered {status}.{told}")


def _problem(error: urllib.error.HTTPError) -> str:
    """What the portal says is wrong with the question (RFC 9457): title, detail, faults by field; or nothing."""
    if not 400 <= error.code < 500 or error.headers.get_content_type() != "application/problem+json":
        return ""
    try:
        body = parse(error.read(MAX_BODY), "The problem")
    except (CannotDecide, OSError, http.client.HTTPException):
        return ""
    said = [body.get(key) for key in ("title", "detail")] if isinstance(body, dict) else []
    faults = body.get("errors") if said else None
    for fault in faults if isinstance(faults, list) else []:
        if isinstance(fault, dict) and isinstance(fault.get("message"), str):
            where = fault.get("field")
            said.append(f"{where}: {fault['message']}" if isinstance(where, str) and where else fault["message"])
    return printable(" ".join(dict.fromkeys(text for text in said if isinstance(text, str)))[:2000])


# --- commands --------------------------------------------------------------------------------------------------------


def check(args: argparse.Namespace) -> dict[str, Any]:
    """Ask the gate once."""
    url, token = base_url(args.url), read_token(args.token_file)
    question = {
        "use_case": args.use_case,
        "environment": args.environment,
        "digest": expected_digest(args),
        "artifacts": artifacts_of(args.artifact),
        "nonce": getattr(args, "nonce", None) or secrets.token_urlsafe(24),
    }
    if args.keyset:
        keyset = read_file(args.keyset)
    else:
        warn("warning: the key set comes from the portal itself; pin it with --keyset.")
        keyset = fetch(f"{url}/.well-known/gatehouse/keyset.json", args.request_timeout, {})
    keys = load_keyset(keyset, time.time())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Cache-Control": "no-store"}
    body = fetch(f"{url}/api/v1/gate/check/", args.request_timeout, headers, json.dumps(question).encode("utf-8"))
    envelope = member(parse(body, "The portal's answer"), "envelope", dict, "The portal's answer")
    try:
        return judge_gate_reply(envelope, keys, question, time.time())
    except CannotDecide:
        envelope = None  # what could not be verified is not kept
        raise
    finally:
        if args.out and envelope is not None:
            write_file(args.out, json.dumps(envelope) + "\n")


def wait(args: argparse.Namespace) -> dict[str, Any]:
    """Ask the gate until it allows or the time is up; then the last answer stands."""
    deadline = time.monotonic() + args.timeout
    while True:
        try:
            return check(args)
        except Misused:
            raise
        except (Denied, CannotDecide) as answer:
            final = args.fail_fast and isinstance(answer, Denied)
            if final or time.monotonic() + args.interval > deadline:
                raise
            first = answer.reasons[0] if isinstance(answer, Denied) else str(answer)
            warn(f"waiting: {printable(first)}")
            time.sleep(args.interval)


def verify(args: argparse.Namespace) -> dict[str, Any]:
    """Verify a file of attestations without any network: first every signature, then what they say."""
    at = moment(args.at, "--at") if args.at else time.time()
    data = read_file(args.file, MAX_FILE)
    beside = Path(args.file).parent / "keyset.json"
    if not args.keyset and not beside.is_file():
        raise Misused("--keyset is needed: there is no keyset.json beside the file.")
    keys = load_keyset(read_file(args.keyset or str(beside)), at)
    expected = {"digest": None, "use_case": args.use_case, "environment": args.environment}
    if args.digest or args.manifest:
        expected["digest"] = expected_digest(args)
    expected["artifacts"] = artifacts_of(args.artifact)
    opened = [open_envelope(envelope, keys, "decision") for envelope in envelopes_in(data)]
    accepted, denials = [], []
    for statement, kid in opened:
        try:
            accepted.append(judge_attestation(statement, keys[kid], expected, at))
        except Denied as denied:
            denials.append(denied)
    if denials:
        raise Denied([reason for denied in denials for reason in denied.reasons], **denials[0].about)
    return {"attestations": accepted, **accepted[0], "note": CAVEAT}


def digest(args: argparse.Namespace) -> dict[str, Any]:
    return {"digest": manifest_digest(parse(read_file(args.manifest, MAX_FILE), args.manifest))}


def expected_digest(args: argparse.Namespace) -> str:
    if args.manifest:
        return str(digest(args)["digest"])
    return digest_of(args.digest, "--digest", Misused)


def artifacts_of(pairs: list[str]) -> list[dict[str, str]]:
    found = {}
    for pair in pairs:
        name, _, sha256 = pair.rpartition("=")
        if not name or name in found or name == SUBJECT_NAME:
            raise Misused("--artifact is name=sha256, each name once.")
        found[name] = digest_of(sha256, f"The digest of artifact {name}", Misused)
    return [{"name": name, "sha256": found[name]} for name in sorted(found)]


def read_token(path: str | None) -> str:
    """The service account's token; it is never an argument, because arguments are visible to every process."""
    text = read_file(path).decode("utf-8", "replace") if path else os.environ.get("GATEHOUSE_TOKEN", "")
    token = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Misused("No usable token: set GATEHOUSE_TOKEN or give --token-file.")
    return token


def write_file(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misused(f"{path} cannot be written: {error.strerror or error}.") from None


# --- speaking --------------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Text from elsewhere with control characters shown as escapes: a log or a terminal obeys none of it."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def say_yes(command: str, about: dict[str, Any]) -> None:
    if command == "digest":
        print(about["digest"])
    elif command == "verify":
        for item in about["attestations"]:
            words = {key: printable(str(value)) for key, value in item.items()}
            print("ok: {use_case} release {release} is approved for {environment} until {expires_at}".format(**words))
            print(f"version {words['digest']}")
        print(f"note: {about['note']}")
    else:
        print(f"allow: {about['use_case']} may be deployed to {about['environment']} until {about['expires_at']}")
        print(f"version {about['digest']}")


def run(args: argparse.Namespace) -> int:
    """Carry out one command, say the outcome once, and give the exit code."""
    command: Callable[[argparse.Namespace], dict[str, Any]] = args.run
    try:
        outcome, code, about, reasons = "allow", ALLOW, command(args), []
    except Denied as denied:
        outcome, code, about, reasons = "deny", DENY, denied.about, denied.reasons
    except CannotDecide as error:
        outcome, code, about, reasons = "undecided", UNDECIDED, {}, [str(error)]
    except Exception as error:  # whatever went wrong, nothing was allowed
        outcome, code, about, reasons = "undecided", UNDECIDED, {}, [f"Unexpected {type(error).__name__}: {error}"]
    if args.json:
        print(json.dumps({"outcome": outcome, "exit_code": code, "reasons": reasons, **about}))
    elif code == ALLOW:
        say_yes(args.command, about)
    else:
        stream = sys.stdout if code == DENY else sys.stderr
        print({"deny": "deny:", "undecided": "cannot decide:"}[outcome], file=stream)
        for reason in reasons:
            print(f"- {printable(reason)}", file=stream)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UNDECIDED, f"cannot decide:\n- {message}\n")


def parser() -> argparse.ArgumentParser:
    main_parser = _Parser(prog="gatehouse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("--url", required=True, help="the portal's address")
    asking.add_argument("--use-case", required=True, metavar="UC-0001")
    asking.add_argument("--environment", required=True)
    asking.add_argument("--token-file", metavar="FILE", help="holds the token; otherwise GATEHOUSE_TOKEN does")
    asking.add_argument("--out", metavar="FILE", help="keep the verified, signed answer")
    asking.add_argument("--request-timeout", type=_seconds, default=REQUEST_SECONDS, metavar="SECONDS")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--keyset", metavar="FILE", help="the pinned key set")
    common.add_argument("--artifact", action="append", default=[], metavar="NAME=SHA256")
    _add(commands, "check", check, "ask whether this version may be deployed now", [asking, common]).add_argument(
        "--nonce", nargs="?", metavar="VALUE", help="repeat this value in the answer; random without"
    )
    waiting = _add(commands, "wait", wait, "ask until the gate allows", [asking, common])
    waiting.add_argument("--timeout", type=_seconds, default=900.0, metavar="SECONDS")
    waiting.add_argument("--interval", type=_seconds, default=10.0, metavar="SECONDS")
    waiting.add_argument("--fail-fast", action="store_true", help="stop at the first denial")
    verifying = _add(commands, "verify", verify, "verify attestations offline", [common])
    verifying.add_argument("file", metavar="FILE")
    verifying.add_argument("--use-case", metavar="UC-0001")
    verifying.add_argument("--environment")
    verifying.add_argument("--at", metavar="TIME", help="as of this time, like 2026-08-22T10:00:03Z")
    digesting = commands.add_parser("digest", help="print the digest of a manifest")
    digesting.add_argument("manifest", metavar="MANIFEST")
    digesting.add_argument("--json", action="store_true")
    digesting.set_defaults(run=digest)
    return main_parser


def _add(commands: Any, name: str, run_it: Any, about: str, parents: list[Any]) -> Any:
    added = commands.add_parser(name, help=about, description=about, parents=parents)
    version = added.add_mutually_exclusive_group(required=name != "verify")
    version.add_argument("--digest", metavar="SHA256", help="the system version's digest")
    version.add_argument("--manifest", metavar="FILE", help="compute the digest from this manifest")
    added.add_argument("--json", action="store_true", help="print one JSON object")
    added.set_defaults(run=run_it)
    return added


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 86400 seconds")
    return value


def main(argv: list[str] | None = None) -> int:
    try:
        return run(parser().parse_args(argv))
    except KeyboardInterrupt:
        warn("cannot decide:\n- interrupted")
        return UNDECIDED


if __name__ == "__main__":
    sys.exit(main())
