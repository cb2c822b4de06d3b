"""Texts from outside made storable, and the sentences facts are told in."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_HALF_PAIRS = range(0xD800, 0xE000)


def line(text: object, length: int) -> str:
    """The text in at most `length` characters; what PostgreSQL cannot store (NUL, half a pair) becomes “�”."""
    told = str(text)[:length]
    if "\x00" in told or not told.isascii():
        told = "".join("�" if letter == "\x00" or ord(letter) in _HALF_PAIRS else letter for letter in told)
    return told


def evaluation_set_words(cases: int, kinds: int) -> str:
    """“Evaluation set of 214 cases, six kinds.”"""
    told = ngettext("Evaluation set of %(count)d case", "Evaluation set of %(count)d cases", cases) % {"count": cases}
    words = [_("kinds not said"), _("one kind"), _("two kinds"), _("three kinds"), _("four kinds"), _("five kinds"),
             _("six kinds")]  # fmt: skip
    return f"{told}, {words[kinds]}."
