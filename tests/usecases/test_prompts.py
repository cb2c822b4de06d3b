"""How prompts read differently from one version to the next."""

import hashlib
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from usecases.models import PromptText
from usecases.prompts import MOST_LINES, prompt_differences


def manifest(**prompts: str) -> dict[str, Any]:
    """A manifest's prompts by name and text, with the texts stored."""
    rows = []
    for name, text in prompts.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        PromptText.objects.get_or_create(sha256=digest, defaults={"text": text})
        rows.append({"name": name, "version": "1", "sha256": digest})
    return {"prompts": rows}


def test_a_changed_prompt_is_shown_line_by_line(db: None) -> None:
    old = manifest(system="Be kind.\nAnswer briefly.\nSay where from.", judge="Score it.")
    new = manifest(system="Be kind.\nAnswer fully.\nSay where from.\nNever guess.", judge="Score it.")
    with CaptureQueriesContext(connection) as queries:
        (changed,) = prompt_differences(old, new)
    assert len(queries) == 1
    assert changed.name == "system"
    assert [(line.kind, line.text) for line in changed.lines] == [
        ("same", "Be kind."),
        ("removed", "Answer briefly."),
        ("added", "Answer fully."),
        ("same", "Say where from."),
        ("added", "Never guess."),
    ]


def test_prompts_that_came_went_or_stayed_need_no_comparison(db: None) -> None:
    old, new = manifest(kept="Same.", gone="Old."), manifest(kept="Same.", come="New.")
    with CaptureQueriesContext(connection) as queries:
        assert prompt_differences(old, new) == []
    assert len(queries) == 0


@pytest.mark.parametrize("after", ["unknown", "long"])
def test_what_cannot_be_compared_is_named_without_lines(db: None, after: str) -> None:
    old = manifest(system="Be kind.")
    row = {"name": "system", "version": "2", "sha256": "0" * 64}
    new = {"prompts": [row]} if after == "unknown" else manifest(system="x\n" * (MOST_LINES + 1))
    (changed,) = prompt_differences(old, new)
    assert (changed.name, changed.lines) == ("system", ())
