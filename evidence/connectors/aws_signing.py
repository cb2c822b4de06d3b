"""Signature version 4 of AWS for the calls we make: pure, and tried on AWS's own published examples."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """What AWS signs with; a session token comes with keys that end by themselves."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def signed_headers(
    keys: Keys,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """`headers` with date, session token and Authorization; the host is signed and left for the client to send."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    told = {**headers, "X-Amz-Date": stamp}
    if keys.session_token:
        told["X-Amz-Security-Token"] = keys.session_token
    canonical = {name.lower(): " ".join(value.split()) for name, value in {**told, "Host": parts.netloc}.items()}
    names = ";".join(sorted(canonical))
    query = sorted((_escaped(name), _escaped(value)) for name, value in parse_qsl(parts.query, keep_blank_values=True))
    request = "\n".join(
        (
            method,
            parts.path or "/",
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{canonical[name]}" for name in sorted(canonical)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    told["Authorization"] = (
        f"{ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return told


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")
