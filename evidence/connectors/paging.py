"""Walking the pages of a source that may shift, repeat itself or never end."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.shapes import rows_of, text_of

MOST_PAGES: Final = 1000
NEXT: Final = "next_page_token"

Row = dict[str, Any]
Ask = Callable[[int, str], Row]
AskPage = Callable[[int], Row]


def _token(reply: Row) -> str:
    return text_of(reply.get(NEXT))


def walk(
    ask: Ask,
    *,
    rows: str,
    identify: Callable[[Row], str],
    position: Callable[[Row], int] | None = None,
    start: int = 0,
    most_pages: int = MOST_PAGES,
    following: Callable[[Row], str] = _token,
) -> Iterator[list[Row]]:
    """Pages of new rows from `ask(floor, token)`, which answers rows at `position` >= floor in ascending order.

    Tokens are often mere offsets: a row deleted meanwhile shifts another out of sight. So the next question starts at
    the last position seen (overlapping it, duplicates dropped by id), and tokens are used only where many rows share
    one position. A repeated token, or more than `most_pages` pages, raises SchemaError. `following` finds the next
    token in a reply.
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
        token = following(reply)
        if not token:
            return
        last = max(map(position, found), default=floor) if position else floor
        floor, here = (last, "") if last > floor else (floor, token)
        if (floor, here) in used:
            raise _repeats()
        used.add((floor, here))
    raise _endless(most_pages)


def walk_numbered(
    ask: AskPage,
    *,
    rows: str,
    size: int,
    identify: Callable[[Row], str],
    pages: Callable[[Row], object],
    most_pages: int = MOST_PAGES,
) -> Iterator[list[Row]]:
    """Pages of new rows from `ask(1)`, `ask(2)` and so on, of at most `size` rows each.

    `pages` finds the number of pages in a reply, but is not believed alone: a full page is always followed, an empty
    one ends the walk. Rows that slid onto a second page are dropped by id; a page of nothing new raises SchemaError.
    """
    seen: set[str] = set()
    for number in range(1, most_pages + 1):
        reply = ask(number)
        found = rows_of(reply.get(rows))
        fresh = list({identify(row): row for row in found if identify(row) not in seen}.values())
        seen.update(map(identify, fresh))
        if not found:
            return
        if not fresh:
            raise _repeats()
        yield fresh
        told = pages(reply)
        if len(found) < size and not (isinstance(told, int) and number < told):
            return
    raise _endless(most_pages)


def _repeats() -> SchemaError:
    mend = "Look at the source or a cache before it; nothing after this page was read."
    return SchemaError("The source repeats the same page for ever.", mend=mend)


def _endless(most_pages: int) -> SchemaError:
    mend = "Narrow what is read: fewer experiments, a shorter period."
    return SchemaError(f"The source has more than {most_pages} pages.", mend=mend)
