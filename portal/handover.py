"""A token on its way from the form that issued it to the one page that shows it: sealed in the session, taken once."""

import base64
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

_KEY = "issued_token"
_NONCE = 12


def keep(session: SessionBase, account: uuid.UUID, token: str) -> None:
    """Sealed, because sessions stand in the database and a token's secret must not."""
    nonce = os.urandom(_NONCE)
    sealed = nonce + AESGCM(settings.SEALING_KEY).encrypt(nonce, token.encode(), _context(account))
    session[_KEY] = base64.b64encode(sealed).decode()


def take(session: SessionBase, account: uuid.UUID) -> str:
    """The token that was just issued for this account, the first time it is asked for; else an empty text."""
    if _KEY not in session:
        return ""
    data = base64.b64decode(session.pop(_KEY))
    try:
        return AESGCM(settings.SEALING_KEY).decrypt(data[:_NONCE], data[_NONCE:], _context(account)).decode()
    except InvalidTag:
        return ""


def _context(account: uuid.UUID) -> bytes:
    return f"handover|{account}|token|v1".encode()
