"""Cells that a spreadsheet would run are written with an apostrophe before them; reading takes it off again. Pure.

Both ways fit: what is guarded and freed again is the same text, apostrophes of its own included.
"""

import re

_RUN = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """The text as it may stand in a cell."""
    return f"'{text}" if _RUN.match(text) else text


def freed(cell: str) -> str:
    """The text that was guarded; any other cell as it is."""
    return cell[1:] if _GUARDED.match(cell) else cell
