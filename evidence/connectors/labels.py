"""What a judge's word is worth: declared by a person, metric by metric, never guessed."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from evidence.connectors.base import ConfigField, Session
from evidence.connectors.errors import Refused
from evidence.connectors.shapes import text_of
from evidence.numbers import to_decimal_or_none

Labels = Mapping[tuple[str, str], Decimal]

FIELD: Final = ConfigField(
    "labels",
    "Words as numbers",
    "What a judge's words are worth on the metric's scale, such as safety:safe=1, safety:unsafe=0. A word without a "
    "number counts as a failed judge.",
    kind="list",
)
_ENTRY: Final = re.compile(r"(?P<metric>[^:=]{1,120}):(?P<word>[^=]{1,120})=(?P<number>[^=]{1,64})")


def labels_of(session: Session) -> Labels:
    """The declared words by (metric, word in lower case); Refused for an entry that is none."""
    return read_labels(session.config.get(FIELD.name) or [])


def read_labels(entries: Iterable[object]) -> Labels:
    found: dict[tuple[str, str], Decimal] = {}
    for entry in [entries] if isinstance(entries, str) else entries:
        match = _ENTRY.fullmatch(text_of(entry))
        number = to_decimal_or_none(match["number"]) if match else None
        if match is None or number is None:
            raise Refused(
                f"“{text_of(entry)[:80]}” does not say what a word is worth.",
                mend="Write the metric, a colon, the word, = and a number, such as safety:safe=1.",
            )
        found[match["metric"].strip(), match["word"].strip().lower()] = number
    return found


def worth(labels: Labels, metric: str, word: object) -> object:
    """The declared number of a word, else the word itself, which only a yes-or-no mapping can read."""
    return labels.get((metric, text_of(word).lower()), word)
