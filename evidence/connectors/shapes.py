"""Reading parsed JSON that may have any shape: what is not as expected is empty, never an exception."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any


def mapping_of(value: object) -> dict[str, Any]:
    """`value` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows_of(value: object) -> list[dict[str, Any]]:
    """The objects in `value` when it is a JSON array, else none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str:
    """`value` as text a database can hold: strings stripped, numbers written out, anything else empty."""
    if isinstance(value, str):  # neither NUL nor half a surrogate pair can be stored
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def first_text(*values: object) -> str:
    """The first of `values` that is not empty as text."""
    return next((text for text in map(text_of, values) if text), "")


def key_values(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """`[{"key": k, "value": v}]` as a dictionary of text."""
    return {text_of(row.get("key")): text_of(row.get("value")) for row in rows}


def time_of_ms(value: object) -> datetime | None:
    """Milliseconds since the epoch as an aware time; None when it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def time_of_text(value: object) -> datetime | None:
    """An ISO 8601 time as an aware one; without a zone it is UTC. None when it is no time."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
