"""Secrets at rest: AES-256-GCM, bound to the row they belong to, so that a copied ciphertext opens nowhere else."""

import json
import os
import uuid
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE = 12
_VERSION = "v1"


class SealBroken(Exception):
    """The ciphertext belongs to another row, to another key, or was changed."""


def seal(connector: uuid.UUID, secrets: Mapping[str, str]) -> bytes:
    """nonce || ciphertext of the secrets, openable for this connector only."""
    nonce = os.urandom(NONCE)
    text = json.dumps(dict(secrets), sort_keys=True).encode()
    return nonce + AESGCM(settings.SEALING_KEY).encrypt(nonce, text, _context(connector))


def unseal(connector: uuid.UUID, sealed: bytes | memoryview | None) -> dict[str, str]:
    """The secrets; none for a connector without. Raises SealBroken."""
    if not sealed:
        return {}
    data = bytes(sealed)
    try:
        text = AESGCM(settings.SEALING_KEY).decrypt(data[:NONCE], data[NONCE:], _context(connector))
    except (InvalidTag, ValueError) as error:
        raise SealBroken("The secret cannot be opened. Enter it again.") from error
    secrets: dict[str, str] = json.loads(text)
    return secrets


def _context(connector: uuid.UUID) -> bytes:
    return f"connector|{connector}|secret|{_VERSION}".encode()
