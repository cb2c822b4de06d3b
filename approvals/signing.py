"""Keys and signatures: P-256 keys in files, DSSE envelopes, and the key set that verifiers pin; knows no Django."""

import base64
import binascii
import copy
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
USES = ("decision", "gate")  # one key each: a gate answer can never pass for a decision
SCHEME = "ecdsa-sha2-nistp256"
KEYSET_LIFETIME = timedelta(days=30)
CLOCK_TOLERANCE = timedelta(seconds=120)


class SigningError(Exception):
    """The signature cannot be made or cannot be trusted; the message says why."""


def ensure_keys(home: Path, *, now: datetime | None = None) -> dict[str, str]:
    """Create the keys that are missing and give the key id now signing for each use.

    Safe when several processes start at once: the first one creates, the others read what it created.
    """
    with _registry(home, write=True) as registry:
        for use in USES:
            if _active(registry, use) is None:
                _add_key(home, registry, use, now or _now())
        return {key["use"]: key["kid"] for key in registry["keys"] if _is_active(key)}


def sign(statement: bytes, use: str, *, home: Path) -> dict[str, Any]:
    """A DSSE envelope over the statement's bytes with exactly one signature, by the key that signs for `use` now.

    The lock is shared with other signers and excludes a rotation, so a retired key never signs.
    """
    _require_use(use)
    with _registry(home) as registry:
        key = _active(registry, use)
        if key is None:
            raise SigningError(f"There is no key for {use} in {_directory(home)}; create the keys first.")
        private = load_pem_private_key(_private_path(home, key).read_bytes(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise SigningError(f"The key file of {key['kid']} does not hold an elliptic-curve key.")
    envelope = Envelope(statement, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(private, SSlibKey.from_crypto(private.public_key(), key["kid"], SCHEME)))
    signed: dict[str, Any] = envelope.to_dict()
    return signed


def verify(envelope: Mapping[str, Any], keyset: Mapping[str, Any], use: str, *, at: datetime | None = None) -> bytes:
    """The signed bytes, if the one signature is by a key of the key set that may sign for `use`.

    `at` (now if not given) is when the key set must not have expired. A key answers only for statements issued
    while it signed. Raises SigningError otherwise.
    """
    _require_use(use)
    if parse_timestamp(keyset.get("expires")) < (at or _now()):
        raise SigningError("The key set has expired; fetch a fresh one.")
    parsed = _parsed(envelope)
    key = _trusted_key(keyset, next(iter(parsed.signatures)), use)
    try:
        parsed.verify([SSlibKey.from_crypto(public_key(key["jwk"]), key["kid"], SCHEME)], threshold=1)
    except VerificationError as error:
        raise SigningError("The signature does not match the content.") from error
    _require_signed_in_time(key, parsed.payload)
    payload: bytes = parsed.payload
    return payload


def keyset(*, home: Path, now: datetime | None = None) -> dict[str, Any]:
    """The public keys as a self-contained JSON object; its version rises with every key added, retired or revoked."""
    issued = now or _now()
    with _registry(home) as registry:
        return {
            "version": registry["version"],
            "issued": _timestamp(issued),
            "expires": _timestamp(issued + KEYSET_LIFETIME),
            "keys": registry["keys"],
        }


def rotate(use: str, *, home: Path, now: datetime | None = None) -> str:
    """Start a new key for `use` and give its id; the old public key stays in the key set, its private half is gone."""
    _require_use(use)
    moment = now or _now()
    with _registry(home, write=True) as registry:
        old = _active(registry, use)
        if old is not None:
            old["signUntil"] = _timestamp(moment)
        kid = _add_key(home, registry, use, moment)
    if old is not None:
        _private_path(home, old).unlink(missing_ok=True)
    return kid


def revoke(kid: str, *, home: Path, now: datetime | None = None) -> None:
    """Mark a key as no longer believed, whenever it signed; a key still signing gets a successor at once."""
    moment = now or _now()
    with _registry(home, write=True) as registry:
        key = next((key for key in registry["keys"] if key["kid"] == kid), None)
        if key is None:
            raise SigningError(f"There is no key {kid} in the key set.")
        if key["revokedAt"] is not None:
            return
        was_active = _is_active(key)
        key["revokedAt"] = _timestamp(moment)
        registry["version"] += 1
        if was_active:
            key["signUntil"] = _timestamp(moment)
            _add_key(home, registry, key["use"], moment)
    _private_path(home, key).unlink(missing_ok=True)


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The key id: RFC 7638 SHA-256 thumbprint of an EC public key, base64url without padding."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return _b64url(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def public_key(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a JWK; SigningError if it is of another kind or no point of the curve."""
    try:
        if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
            raise SigningError("Only P-256 keys are accepted.")
        x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[part] + "="), "big") for part in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except (KeyError, TypeError, ValueError) as error:
        raise SigningError("The key set holds a malformed key.") from error


def parse_timestamp(text: object) -> datetime:
    """The moment of an RFC 3339 UTC time to the second, as statements and key sets carry it."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SigningError(f"{str(text)[:40]!r} is not a time like 2026-08-22T10:00:03Z.") from error


def _parsed(envelope: Mapping[str, Any]) -> Envelope:
    """The envelope read strictly: our payload type, canonical base64, one signature."""
    try:
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise SigningError(f"The payload type is not {PAYLOAD_TYPE}.")
        signatures = envelope["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise SigningError("The envelope must carry exactly one signature.")
        for text in (envelope["payload"], signatures[0]["sig"]):
            base64.b64decode(text, validate=True)
        # The library rewrites the signatures it is given.
        return Envelope.from_dict(copy.deepcopy(dict(envelope)))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise SigningError("The envelope is malformed.") from error


def _trusted_key(keyset: Mapping[str, Any], kid: str, use: str) -> Mapping[str, Any]:
    try:
        found = [key for key in keyset["keys"] if key["kid"] == kid]
        if len(found) != 1:
            raise SigningError(f"The key {kid[:60]} is not in the key set.")
        key: Mapping[str, Any] = found[0]
        if thumbprint(key["jwk"]) != kid:
            raise SigningError(f"The key {kid[:60]} is not the key its id names.")
        if key["use"] != use:
            raise SigningError(f"The key {kid[:60]} signs for {key['use']}, not for {use}.")
        if key["revokedAt"] is not None:
            raise SigningError(f"The key {kid[:60]} was revoked at {key['revokedAt']}.")
    except (KeyError, TypeError) as error:
        raise SigningError("The key set is malformed.") from error
    return key


def _require_signed_in_time(key: Mapping[str, Any], payload: bytes) -> None:
    try:
        predicate = json.loads(payload)["predicate"]
        issued = parse_timestamp(predicate.get("issuedAt", predicate.get("evaluatedAt")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SigningError("The signed statement does not say when it was issued.") from error
    late = key["signUntil"] is not None and issued > parse_timestamp(key["signUntil"]) + CLOCK_TOLERANCE
    if late or issued < parse_timestamp(key["signFrom"]) - CLOCK_TOLERANCE:
        raise SigningError(f"The key {key['kid']} did not sign at the time the statement was issued.")


@contextmanager
def _registry(home: Path, *, write: bool = False) -> Iterator[dict[str, Any]]:
    """The record of all keys ever made, under a lock between processes; written back atomically if it changed."""
    directory = _directory(home)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)  # mkdir leaves an existing directory, and the umask, as they are
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
        path = directory / "registry.json"
        registry = json.loads(path.read_text()) if path.exists() else {"version": 0, "keys": []}
        before = copy.deepcopy(registry)
        yield registry
        if write and registry != before:
            _replace(path, json.dumps(registry, indent=1).encode())
    finally:
        os.close(descriptor)


def _add_key(home: Path, registry: dict[str, Any], use: str, moment: datetime) -> str:
    """Generate a key, put its private half in a file of its own and its public half in the registry."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    x, y = (_b64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    key = {"kid": thumbprint(jwk), "jwk": jwk, "use": use, "signFrom": _timestamp(moment)}
    # The file comes first: a crash between the two leaves an unused file, never a key that cannot sign.
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _replace(_private_path(home, key), pem)
    registry["keys"].append({**key, "signUntil": None, "revokedAt": None})
    registry["version"] += 1
    return str(key["kid"])


def _replace(path: Path, content: bytes) -> None:
    """Write a read-only file so that it is there whole or not at all, even after a crash."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _active(registry: Mapping[str, Any], use: str) -> dict[str, Any] | None:
    return next((key for key in registry["keys"] if key["use"] == use and _is_active(key)), None)


def _is_active(key: Mapping[str, Any]) -> bool:
    return key["signUntil"] is None and key["revokedAt"] is None


def _require_use(use: str) -> None:
    if use not in USES:
        raise SigningError(f"{use!r} is not a use of a key; there are {' and '.join(USES)}.")


def _directory(home: Path) -> Path:
    return Path(home) / "keys"


def _private_path(home: Path, key: Mapping[str, Any]) -> Path:
    return _directory(home) / f"{key['use']}-{key['kid']}.pem"


def _now() -> datetime:
    return datetime.now(UTC)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
