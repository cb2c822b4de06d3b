"""What a connector yields: frozen values in the portal's own terms, whatever the source."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

ItemKind = Literal[
    "common_question",
    "edge_case",
    "known_failure",
    "unsafe_prompt",
    "source_grounded",
    "expected_characteristic",
    "unspecified",
]
ScoreState = Literal["scored", "errored", "skipped"]
JudgeKind = Literal["code", "llm", "human"]
Direction = Literal["higher", "lower"]
CostBasis = Literal["estimated", "list", "billed", "effective", "allocated"]
Finality = Literal["provisional", "final"]

ITEM_KINDS: Final[tuple[ItemKind, ...]] = (
    "common_question",
    "edge_case",
    "known_failure",
    "unsafe_prompt",
    "source_grounded",
    "expected_characteristic",
    "unspecified",
)

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ScoreReading:
    """One judge's answer on one case.

    `metric` is the source's own name, `dimension` ours. `value` is on the declared scale and None unless `state` is
    "scored". `passed` is None when nothing was scored or no threshold was declared. `error` says why a judge failed.
    """

    metric: str
    dimension: str
    value: Decimal | None
    state: ScoreState
    error: str
    judge_kind: JudgeKind
    judge_name: str
    judge_version: str
    scale_min: Decimal
    scale_max: Decimal
    direction: Direction
    threshold: Decimal | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class CaseReading:
    """One item of the evaluation set, tried once; `trial` counts from 1."""

    item_id: str
    item_kind: ItemKind
    trial: int
    scores: tuple[ScoreReading, ...]


@dataclass(frozen=True, slots=True)
class EvaluationRunReading:
    """One finished evaluation run with all its cases.

    `use_case_key` is what the source calls the use case ("" when it says nothing), `version_digest` 64 hex digits or
    "". Times are aware. `raw_sha256` is `canonical_digest` of the source's rows: equal on replay, different after any
    change.
    """

    external_id: str
    name: str
    url: str
    started_at: datetime | None
    finished_at: datetime | None
    use_case_key: str
    version_digest: str
    dataset_name: str
    dataset_version: str
    dataset_digest: str
    model_name: str
    application_commit: str
    environment: str
    cases: tuple[CaseReading, ...]
    raw_sha256: str
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class UsageReading:
    """Usage and cost of one day (UTC) and one combination of keys.

    Counts and costs are None where the source does not say: unknown is not zero. Input tokens include cached ones.
    `use_case_key` "" means unallocated.
    """

    day: date
    use_case_key: str
    version_digest: str
    environment: str
    team: str
    provider: str
    model: str
    operation: str
    requests: int | None
    failed_requests: int | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    currency: str
    cost_basis: CostBasis
    finality: Finality
    successful_outcomes: int | None = None
    list_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """What could not be read: where it is in the source, and how to mend it."""

    reference: str
    reason: str


Reading = EvaluationRunReading | UsageReading


def canonical_digest(rows: object) -> str:
    """SHA-256 in hex over canonical JSON of `rows` (keys sorted, compact, ASCII); NaN and infinities keep their names.

    Callers leave out what changes without the evidence changing, and say what that is where they do so.
    """
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def version_digest_or_empty(value: object) -> str:
    """The 64 hex digits of a system version's digest, with or without its `sha256:` prefix; "" for anything else."""
    found = _DIGEST.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    return found.group(1) if found else ""


def item_kind_or_unspecified(value: object) -> ItemKind:
    """The kind of evaluation item a source names (spaces, hyphens and case do not matter), else "unspecified"."""
    name = value.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(value, str) else ""
    return next((kind for kind in ITEM_KINDS if kind == name), "unspecified")
