"""What every format yields: runs with their items and raw answers, before any scale is applied. No Django."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final, Protocol

from evidence.connectors.base import DimensionMapping
from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.content import Content
from evidence.connectors.scoring import Judge
from evidence.connectors.shapes import first_text, mapping_of
from evidence.connectors.told import Told
from evidence.readings import EvaluationRunReading, Reject

MOST_CASES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What one judge gave for one item, as it stands in the file.

    `error` says why a judge failed; `skipped` that the tool did not ask it. `passed` is the tool's own yes or no,
    read only when the metric is mapped as yes or no. `threshold` is where the tool itself let it pass.
    """

    value: object = None
    error: str = ""
    skipped: bool = False
    passed: bool | None = None
    threshold: object = None
    judge: Judge = field(default_factory=Judge)


@dataclass(frozen=True, slots=True)
class Item:
    """One case as the tool ran it. `trial` None: numbered in order. `error` fails every judge of the run on it."""

    where: str
    item: str
    answers: Mapping[str, Answer]
    kind: object = ""
    trial: int | None = None
    error: str = ""


@dataclass(slots=True)
class FileRun:
    """One run in a file. `declared` are metrics whose scale and direction the format itself defines."""

    items: list[Item]
    rows: object  # what the digest is taken over: the tool's own rows
    external_id: str = ""
    name: str = ""
    url: str = ""
    column: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    use_case: str = ""
    version: str = ""
    dataset_name: str = ""
    dataset_version: str = ""
    dataset_digest: str = ""
    model: str = ""
    commit: str = ""
    environment: str = ""
    scale: tuple[Decimal, Decimal] | None = None  # of every metric, where the format says so
    declared: Mapping[str, DimensionMapping] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()  # read when mapped, not reported when not
    attributes: Mapping[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


Found = FileRun | tuple[EvaluationRunReading | None, list[Reject]]


class Format(Protocol):
    """One tool's file. `proof` says what the reading was checked against."""

    key: ClassVar[str]
    title: ClassVar[str]

    def sniff(self, content: Content) -> bool:
        """Whether the content is of this format; raises SchemaError for a form of it that holds no cases."""

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        """The runs in the file; raises SchemaError when a whole run cannot be read."""


def meta(*sources: object) -> dict[str, str]:
    """Use case, version, environment, commit and kind as people note them in a tool's free metadata; first wins."""
    found = [mapping_of(source) for source in sources]
    return {name: first_text(*(source.get(key) for source in found for key in keys)) for name, keys in _NOTED.items()}


_NOTED: Final[dict[str, tuple[str, ...]]] = {
    "use_case": ("use_case",),
    "version": ("version_digest",),
    "environment": ("environment",),
    "commit": ("commit", "git_sha"),
    "kind": ("item_kind", "kind"),
    "item": ("item", "item_id", "case_id", "id"),
    "dataset": ("dataset",),
}


def identity(value: object) -> str:
    """A name for an item that has none: equal for the same question, whatever its place in the file."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()[:24]}"


def bounded(items: Iterable[Item]) -> list[Item]:
    """The items as a list; SchemaError above what is kept of one run."""
    kept = []
    for item in items:
        kept.append(item)
        if len(kept) > MOST_CASES:
            raise SchemaError(f"The run has more than {MOST_CASES} cases.", mend="Split it into several runs.")
    return kept
