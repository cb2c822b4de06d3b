"""Walking the pages of a source that may shift, repeat itself or never end."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.shapes import rows_of, text_of

MOST_PAGES: Final = 1000
NEXT: Final = "next_page_token"

Row = dict[str, Any]
Ask = Callable[[int, str], Row]


def walk(
    ask: Ask,
    *,
    rows: str,
    identify: Callable[[Row], str],
    position: Callable[[Row], int] | None = None,
    start: int = 0,
    most_pages: int = MOST_PAGES,
) -> Iterator[list[Row]]:
    """Pages of new rows from `ask(floor, token)`, which answers rows at `position` >= floor in ascending order.

    Tokens are often mere offsets: a row deleted meanwhile shifts another out of sight. So the next question starts at
    the last position seen (overlapping it, duplicates dropped by id), and tokens are used only where many rows share
    one position. A repeated token, or more than `most_pages` pages, raises SchemaError.
    """
    seen: set[str] = set()
    used: set[tuple[int, str]] = {(start, "")}
    floor, here = start, ""
    for _ in range(most_pages):
        reply = ask(floor, here)
        found = rows_of(reply.get(rows))
        fresh = list({identify(row): row for row in found if identify(row) not in seen}.values())
        seen.update(map(identify, fresh))
        if fresh:
            yield fresh
        following = text_of(reply.get(NEXT))
        if not following:
            return
        last = max(map(position, found), default=floor) if position else floor
        floor, here = (last, "") if last > floor else (floor, following)
        if (floor, here) in used:
            raise SchemaError(
                "The source repeats the same page for ever.",
                mend="Look at the source or a cache before it; nothing after this page was read.",
            )
        used.add((floor, here))
    raise SchemaError(
        f"The source has more than {most_pages} pages.",
        mend="Narrow what is read: fewer experiments, a shorter period.",
    )
