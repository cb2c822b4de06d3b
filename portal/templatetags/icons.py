"""Lucide icons drawn into the page; names are ours, so nothing a person wrote reaches the icon library."""

import re
from functools import lru_cache

from django.template import Context
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@lru_cache(maxsize=128)
def icon_svg(name: str) -> SafeString:
    """One 16 px icon, hidden from screen readers: the word beside it says what it means.

    Raises ValueError for anything but a plain icon name: the library evaluates template syntax in what it is given.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no icon name; use a name from lucide.dev such as 'plus'")
    return SafeString(lucide(Context(), name, size=16, **{"class": "icon", "aria-hidden": "true"}))  # nosec B703: the name was checked above
