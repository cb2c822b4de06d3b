"""Numbered pages: totals that lie, rows that slide, pages that repeat."""

from typing import Any

import pytest

from evidence.connectors.errors import SchemaError
from evidence.connectors.paging import walk_numbered


def walked(pages: list[list[str]], *, told: Any = None, size: int = 2, most_pages: int = 50) -> tuple[list[str], int]:
    """The ids that were found, and how many pages were asked for; beyond the last page there is nothing."""
    asked = []

    def ask(number: int) -> dict[str, Any]:
        asked.append(number)
        rows = pages[number - 1] if number <= len(pages) else []
        return {"data": [{"id": row} for row in rows], "pages": told}

    found = walk_numbered(
        ask, rows="data", size=size, identify=lambda row: row["id"], pages=lambda reply: reply["pages"],
        most_pages=most_pages,
    )  # fmt: skip
    return [row["id"] for page in found for row in page], len(asked)


@pytest.mark.parametrize("told", [None, 1, 3, 99, "many", True, -1])
def test_every_row_is_found_whatever_the_total_says(told: Any) -> None:
    assert walked([["a", "b"], ["c", "d"], ["e"]], told=told)[0] == ["a", "b", "c", "d", "e"]


def test_a_short_page_is_followed_when_more_are_told() -> None:
    assert walked([["a"], ["b"]], told=2) == (["a", "b"], 2)
    assert walked([["a"], ["b"]], told=1) == (["a"], 1)


def test_a_row_that_slid_onto_the_next_page_counts_once() -> None:
    assert walked([["a", "b"], ["b", "c"], []])[0] == ["a", "b", "c"]


def test_a_page_that_repeats_ends_the_walk() -> None:
    with pytest.raises(SchemaError, match="same page for ever"):
        walked([["a", "b"]] * 9)


def test_there_is_an_end_to_pages() -> None:
    with pytest.raises(SchemaError, match="more than 3 pages"):
        walked([[f"{page}-1", f"{page}-2"] for page in range(9)], most_pages=3)
