"""What a source answered: its status judged, its JSON read, its wish to wait understood."""

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from evidence.connectors.errors import AuthError, ConnectorError, NetworkError, RateLimited, Refused, SchemaError

LONGEST_QUOTE: Final = 300
MILLISECONDS: Final = frozenset({"retry-after-ms", "x-ms-retry-after-ms"})


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete answer; `where` is host and path, without the query and without credentials."""

    where: str
    status: int
    headers: httpx.Headers
    body: bytes

    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON; SchemaError when it is none. NaN and Infinity, which some sources write, become floats."""
        if self.body.lstrip()[:1] == b"<":
            raise SchemaError(
                f"{self.where} answered with a web page instead of data.",
                mend="Check the base address (it may be the sign-in page of a proxy) and the path in front of the API.",
            )
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise SchemaError(
                f"{self.where} answered with something that is not JSON.",
                mend="Check that the address is the system's API, and its version.",
            ) from error

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; SchemaError when it is anything else."""
        found = self.json()
        if not isinstance(found, dict):
            raise SchemaError(
                f"{self.where} answered with a JSON {type(found).__name__} where an object belongs.",
                mend="Check that the address is the system's API, and its version.",
            )
        return found

    def quote(self) -> str:
        """The source's own words about an error, shortened; "" when it sent a page or nothing."""
        text = self.text().strip()
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            text = _words(found)
        if text.startswith("<"):
            return ""
        return " ".join(text.split())[:LONGEST_QUOTE]


def _words(found: dict[str, Any]) -> str:
    for key in ("message", "Message", "detail", "error_description", "error"):
        words = found.get(key)
        if words:
            inner = words.get("message") if isinstance(words, dict) else None
            return inner if isinstance(inner, str) else words if isinstance(words, str) else json.dumps(words)
    return ""


def check_status(reply: Reply) -> None:
    """Returns for 2xx; raises the ConnectorError that fits any other status."""
    if not 200 <= reply.status < 300:
        raise _error(reply)


def _error(reply: Reply) -> ConnectorError:
    status, said = reply.status, reply.quote()
    heard = f"{reply.where} answered {status}" + (f": “{said}”." if said else ".")
    if status in {401, 407}:
        mend = "Enter valid credentials; they may have expired or been revoked."
        return AuthError(heard, mend=mend, stage="sign_in", status=status)
    if status == 403:
        mend = "Give this account permission to read, or check a rule that forbids it by host or network."
        return AuthError(heard, mend=mend, stage="sign_in", status=status)
    if 300 <= status < 400:
        place = reply.headers.get("location", "")[:LONGEST_QUOTE]
        mend = "Redirects are not followed: enter the final address, if you know and trust it."
        return Refused(f"{reply.where} points elsewhere ({place}).", mend=mend, stage="answer", status=status)
    if status == 429:
        mend = "The next sync reads on from here; sync less often if this repeats."
        return RateLimited(heard, mend=mend, retry_after=retry_after_seconds(reply), status=status)
    if status >= 500:
        return NetworkError(heard, mend="Try again later, or look at the source's own log.", status=status)
    mend = "Check the base address, the product and its version."
    return SchemaError(heard, mend=mend, status=status)


def retry_after_seconds(reply: Reply) -> float | None:
    """What the reply asks to wait, in seconds; None when it says nothing readable.

    `Retry-After` is a number or a date. Vendors have more of the kind, one per quota that ran out; the longest counts:
    Azure's `x-ms-ratelimit-…-retry-after` in seconds, `retry-after-ms` and `x-ms-retry-after-ms` in milliseconds.
    """
    asked = []
    for name, value in reply.headers.items():
        if name == "retry-after" or (name.startswith("x-ms-ratelimit-") and name.endswith("-retry-after")):
            asked.append(_seconds(value))
        elif name in MILLISECONDS and (found := _seconds(value)) is not None:
            asked.append(found / 1000)
    return max((each for each in asked if each is not None), default=None)


def _seconds(value: str) -> float | None:
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
