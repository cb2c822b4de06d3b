"""What was written differently: the texts of two versions' prompts, compared line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from usecases.models import PromptText

MOST_LINES = 1_000  # comparing takes the square of it, and nobody reads more


@dataclass(frozen=True)
class Line:
    """`kind` is same, added or removed."""

    kind: str
    text: str


@dataclass(frozen=True)
class PromptDifference:
    """One prompt whose text changed; no lines when a text is known by its hash alone or is too long to compare."""

    name: str
    lines: tuple[Line, ...]

    @property
    def sides(self) -> "Sides":
        return sides_of(self.lines)


@dataclass(frozen=True)
class Sides:
    """Two texts side by side: as many lines at the left as at the right; where one has nothing, its kind is gap."""

    left: tuple[Line, ...]
    right: tuple[Line, ...]


def sides_of(lines: Iterable[Line]) -> Sides:
    """What was removed stands opposite of what was added in its place."""
    left: list[Line] = []
    right: list[Line] = []
    for line in (*lines, Line("same", "")):
        if line.kind == "same":
            short, long = sorted((left, right), key=len)
            short.extend(Line("gap", "") for _each in range(len(long) - len(short)))
            left.append(line)
            right.append(line)
        else:
            (left if line.kind == "removed" else right).append(line)
    return Sides(tuple(left[:-1]), tuple(right[:-1]))


def compare_texts(name: str, before: str, after: str) -> PromptDifference | None:
    """Two texts known by their hashes; None when one of them is not stored. At most one query."""
    texts = dict(PromptText.objects.filter(sha256__in={before, after}).values_list("sha256", "text"))
    if before not in texts or after not in texts:
        return None
    return PromptDifference(name, _lines(texts[before], texts[after]))


def prompt_differences(old: dict[str, Any], new: dict[str, Any]) -> list[PromptDifference]:
    """The prompts that both manifests have with different texts, by name. At most one query."""
    before, after = ({row["name"]: row["sha256"] for row in each["prompts"]} for each in (old, new))
    changed = [name for name in sorted(before.keys() & after.keys()) if before[name] != after[name]]
    if not changed:
        return []
    hashes = {each[name] for name in changed for each in (before, after)}
    texts = dict(PromptText.objects.filter(sha256__in=hashes).values_list("sha256", "text"))
    return [PromptDifference(name, _lines(texts.get(before[name]), texts.get(after[name]))) for name in changed]


def _lines(before: str | None, after: str | None) -> tuple[Line, ...]:
    if before is None or after is None:
        return ()
    old, new = before.splitlines(), after.splitlines()
    return () if max(len(old), len(new)) > MOST_LINES else tuple(_compared(old, new))


def _compared(old: list[str], new: list[str]) -> Iterator[Line]:
    for step, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if step == "equal":
            yield from (Line("same", text) for text in old[start:end])
        else:
            yield from (Line("removed", text) for text in old[start:end])
            yield from (Line("added", text) for text in new[new_start:new_end])
