"""What cells mean: three ways to say nothing, our words for theirs, cells that hold several values. Pure."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from usecases.importing.tables import header_key, tidy

CONTENT = Path(__file__).parents[1] / "content" / "import_vocabulary.yaml"
NullState = Literal["not_applicable", "unknown", "unanswered"]
# Fields whose cells are words of ours, with the lists that translate them.
CODED = ("reported_stage", "reported_impact", "pattern")
# Fields whose cells name a person or a place here; of their words the most frequent ones can be matched by hand.
PLACES = ("unit", "organisation", "owner")
MOST_PLACES = 50
_LEAD = re.compile(r"^\(?[a-z0-9]{1,2}[).]\s+")
# “ñ” is a dash that went through the wrong encoding.
_HEAD = re.compile(r"\s+[–—ñ-]\s+|:\s+")
_MARKS = re.compile(r"[\s_,‐‑‒–—-]+")


@dataclass(frozen=True)
class Cell:
    """One meaning out of a cell: a value, or one of the three ways of having none; `raw` is what stood there."""

    raw: str
    value: str = ""
    state: NullState | Literal["known", "unrecognised"] = "known"

    @property
    def known(self) -> bool:
        return self.state == "known"


@dataclass(frozen=True)
class Vocabulary:
    nulls: Mapping[str, NullState]
    words: Mapping[str, Mapping[str, str]]
    headers: Mapping[str, tuple[str, ...]]
    phrases: Mapping[str, tuple[str, ...]]

    def null_state(self, text: str) -> NullState | None:
        """Which of the three, or None for a value. What is empty was not answered."""
        return "unanswered" if not text else self.nulls.get(text.casefold())

    def cell(self, raw: str) -> Cell:
        """A plain text cell."""
        text = clean(raw)
        state = self.null_state(text)
        return Cell(raw, "", state) if state else Cell(raw, text)

    def coded(self, field: str, raw: str, own: Mapping[str, str] | None = None) -> Cell:
        """A cell whose word has one of ours. `own` are the user's translations, which come first, by `word_key`."""
        text = tidy(_first(raw))
        for key in word_keys(text):
            if own and key in own:
                return Cell(raw, own[key]) if own[key] else Cell(raw, "", "unrecognised")
        for key in word_keys(text):
            if key in self.words[field]:
                return Cell(raw, self.words[field][key])
        state = self.null_state(text)
        return Cell(raw, "", state or "unrecognised")


@cache
def vocabulary() -> Vocabulary:
    """The shipped words."""
    stored = yaml.safe_load(CONTENT.read_text(encoding="utf-8"))
    nulls = {str(word).casefold(): state for state, words in stored["nulls"].items() for word in words}
    words = {
        field: {
            key: ours for ours, theirs in stored[field].items() for word in theirs for key in word_keys(str(word))[:1]
        }
        for field in (*CODED, "yes_no")
    }
    headers = {field: tuple(header_key(header) for header in found) for field, found in stored["headers"].items()}
    phrases = {
        field: tuple(header_key(phrase) for phrase in found) for field, found in stored["header_phrases"].items()
    }
    return Vocabulary(nulls, words, headers, phrases)


@cache
def known_headers() -> frozenset[str]:
    return frozenset(header for found in vocabulary().headers.values() for header in found)


def word_key(text: str) -> str:
    """The word as it is compared: without case, leading letters, commas and dashes."""
    return _MARKS.sub(" ", _LEAD.sub("", tidy(text).casefold())).strip(" .\"'")


def place_key(text: str) -> str:
    """A name as it is compared: “J. Smith” is nobody but J. Smith."""
    return tidy(text).casefold()[:200]


def word_keys(text: str) -> list[str]:
    """The whole word, then what stands before its dash or colon: many say “Pilot – The use case has …”."""
    whole = word_key(text)
    head = _HEAD.split(_LEAD.sub("", tidy(text).casefold()), maxsplit=1)[0]
    return [whole] if word_key(head) == whole else [whole, word_key(head)]


def clean(raw: str) -> str:
    """Text for people: line ends of one kind, no invisible marks, no outer spaces. Cleaning twice changes nothing."""
    text = raw.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return "".join(letter for letter in text if letter not in "\u200b\ufeff\x0b\x0c").strip()


def _first(raw: str) -> str:
    return next(several(raw), "")


def several(raw: str) -> Iterator[str]:
    """The values of a cell: a list as Python or JSON writes it, or parts between semicolons and line ends."""
    text = clean(raw)
    if text.startswith("[") and text.endswith("]"):
        yield from (clean(str(item)) for item in _list(text) if clean(str(item)))
        return
    yield from (part for part in (clean(part) for part in re.split(r"[;\n]", text)) if part)


def _list(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return [text]
    return found if isinstance(found, list) else [text]
