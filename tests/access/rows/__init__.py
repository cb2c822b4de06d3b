"""Who may do what: one row per route and method, by person. A route without a row fails the suite."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """`allowed` maps a person or service account to the exact status; `others` is everybody else signed in."""

    name: str
    method: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    allowed: dict[str, int] = field(default_factory=dict)
    others: int = 404
    anonymous: int = 302
    content_type: str = ""
