"""Numbers as sources send them: one exact, finite decimal or nothing."""

import math
from decimal import Decimal, InvalidOperation
from typing import Final

MAX_TEXT: Final = 64
# No score, token count or amount is this large or this small. It also catches the largest double, which some tracking
# stores write for infinity because JSON has none.
MAX_EXPONENT: Final = 30

WORDS: Final = {"yes": Decimal(1), "no": Decimal(0), "true": Decimal(1), "false": Decimal(0)}


def to_decimal_or_none(value: object, *, boolean: bool = False) -> Decimal | None:
    """The exact finite decimal that `value` stands for, or None when it stands for none.

    Numbers keep the digits the source wrote (0.1 stays 0.1). True and False become 1 and 0. NaN, the infinities and
    the largest double that replaces them are None. Words (yes, no, true, false) are read only when `boolean` says that
    the mapping declared them; elsewhere a word is not a number.
    """
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, int):
        return _bounded(Decimal(value)) if value.bit_length() <= 128 else None
    if isinstance(value, float):
        return _bounded(Decimal(repr(value))) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _bounded(value)
    if isinstance(value, str):
        return _from_text(value, boolean=boolean)
    return None


def _from_text(text: str, *, boolean: bool) -> Decimal | None:
    text = text.strip()
    if boolean and text.lower() in WORDS:
        return WORDS[text.lower()]
    # Decimal also accepts underscores and digits of other scripts: neither is a number a machine wrote.
    if not text or len(text) > MAX_TEXT or "_" in text or not text.isascii():
        return None
    try:
        return _bounded(Decimal(text))
    except InvalidOperation:
        return None


def _bounded(number: Decimal) -> Decimal | None:
    if not number.is_finite() or (number and abs(number.adjusted()) > MAX_EXPONENT):
        return None
    return number
