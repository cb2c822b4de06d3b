"""Verbs with all they need, on things that are there, so that only the person decides. The matrix takes each back."""

from typing import Any

from tests.access.rows import Row

CASE = {"reference": "UC-0001"}
SEERS = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "admin")
MACHINES = ("pipeline", "ingest")
DESCRIBED = {
    "title": "Refund helper, renamed",
    "business_outcome": "Refund questions are answered within one hour.",
    "user_group": "Twelve agents.",
    "pattern": "retrieval",
}
MANIFEST = '{"schema": "gatehouse.manifest/v1", "model": {"provider": "azure", "name": "gpt-5", "version": "1"}}'
SOURCE = {"name": "Tariffs", "system": "Archive", "owner": "@petra", "unit": "@unit", "classification": "internal"}


def deed(name: str, kwargs: dict[str, Any], data: Any, allowed: dict[str, int], others: int = 404) -> Row:
    return Row(name, "POST", kwargs, data, allowed, others, anonymous=401)


def among(names: tuple[str, ...], status: int, **better: int) -> dict[str, int]:
    """`status` for all of `names` but those named with a status of their own."""
    return {**dict.fromkeys(names, status), **better}


def look(name: str, kwargs: dict[str, Any], *callers: str) -> Row:
    return Row(name, "GET", kwargs, allowed=dict.fromkeys(callers or SEERS, 200), anonymous=401 if "api-" in name else 302)


ROWS: list[Row] = []
