"""How usage is told apart at a source: tags with a prefix; and the figures that stand beside them."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from evidence.numbers import to_decimal_or_none

USE_CASE_PREFIX: Final = "use_case:"
ENVIRONMENT_PREFIXES: Final = ("environment:", "env:")
VERSION_PREFIX: Final = "version:"
_REFERENCE: Final = re.compile(r"uc-\d{4,9}")


def tagged(tags: Iterable[str], prefix: str) -> str:
    """What the first tag with this prefix says; "" when none has it."""
    return next((tag[len(prefix) :].strip() for tag in tags if tag.lower().startswith(prefix.lower())), "")


def count_of(value: object) -> int:
    """A count as a whole number that is not negative; 0 for anything else."""
    number = to_decimal_or_none(value)
    return int(number) if number is not None and 0 < number < 10**15 else 0


def cost_of(value: object) -> Decimal:
    """An amount that is not negative; 0 for anything else."""
    number = to_decimal_or_none(value)
    return number if number is not None and number > 0 else Decimal(0)


def key_of(value: str) -> str:
    """How a cloud names a use case: its spelling varies in case, so it is written small, our own references large."""
    small = value.strip().lower()
    return small.upper() if _REFERENCE.fullmatch(small) else small
