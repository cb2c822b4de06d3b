"""What every connector is: a checkable, discoverable, replayable source of readings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from evidence.connectors.errors import ConnectorError, Refused
from evidence.connectors.told import Told
from evidence.connectors.transport import Transport
from evidence.readings import Direction, Reading, Reject

FieldKind = Literal["text", "url", "number", "boolean", "list"]
ProofKind = Literal["run", "specification", "documentation"]
DEFAULT_LOOKBACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One thing a person fills in to set a connector up; a secret is stored sealed and never shown again.

    `choices` are (value, words): where they are given, nothing else is taken.
    """

    name: str
    label: str
    help: str
    required: bool = False
    secret: bool = False
    kind: FieldKind = "text"
    default: Any = None
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """How reading this kind of source was verified: against the running system, its specification or its papers."""

    kind: ProofKind
    words: str


@dataclass(frozen=True, slots=True)
class DimensionMapping:
    """How one metric of a source is read: onto which dimension, on which scale, in which direction.

    Scale and direction are declared, never guessed: the same name is 0–1 in one tool, 1–5 in the next and 0–7 with
    lower as better in a third. `kind` "boolean" also reads yes, no, true and false as 1 and 0. `threshold` is where a
    case passes (inclusive); without one a boolean passes at the good end of its scale and a number neither passes nor
    fails.
    """

    metric: str
    dimension: str
    scale_min: Decimal
    scale_max: Decimal
    direction: Direction
    threshold: Decimal | None = None
    kind: Literal["numeric", "boolean"] = "numeric"

    def __post_init__(self) -> None:
        if not self.metric.strip() or not self.dimension.strip():
            raise ValueError("A mapping names both the metric and the dimension.")
        if not self.scale_min < self.scale_max:
            raise ValueError(f"The scale of {self.metric} must run from a smaller to a larger number.")
        # Tuples, because a file may bring anything here, hashable or not.
        if self.direction not in ("higher", "lower"):
            raise ValueError(f"Say whether higher or lower is better for {self.metric}.")
        if self.kind not in ("numeric", "boolean"):
            raise ValueError(f"{self.metric} is either numeric or boolean.")
        if self.threshold is not None and not self.scale_min <= self.threshold <= self.scale_max:
            raise ValueError(f"The threshold of {self.metric} must lie on its scale.")


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of trying a connector out: what was tried, whether it worked, what was seen, how to mend it."""

    what: str
    ok: bool
    detail: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How trying a connector out went, step by step up to the first that failed."""

    steps: tuple[CheckStep, ...]

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)


@dataclass(frozen=True, slots=True)
class Discovered:
    """Something found in a source that may be connected: its key there, words for people, how often it occurs."""

    key: str
    label: str
    count: int
    kind: Literal["use_case", "experiment", "metric"] = "use_case"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some readings, what could not be read, and the cursor to continue from once these are stored.

    `covers` (first day, last day) says that the usage readings are everything the source has for that period, so that
    they replace what was stored instead of adding to it. `raw_sha256` names the file they came from.
    """

    readings: tuple[Reading, ...]
    rejects: tuple[Reject, ...]
    cursor: str
    covers: tuple[date, date] | None = None
    raw_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """All that one visit to a source may use: configuration, secrets, mappings, and the network or the file."""

    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    mappings: tuple[DimensionMapping, ...] = ()
    http: Transport | None = None
    source: bytes | Path | None = field(default=None, repr=False)
    told: Told = field(default_factory=Told)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def network(self) -> Transport:
        """The guarded client; Refused when this session was opened without one."""
        if self.http is None:
            raise Refused("This source is read over the network.", mend="Open it with its address.", stage="address")
        return self.http

    def base_url(self) -> str:
        """The configured address without a final slash; Refused when it is missing or carries a query."""
        return self.url("base_url", "The base address")

    def url(self, name: str, words: str, default: str = "") -> str:
        """A configured address like `base_url`; `words` name it in the refusal."""
        base = str(self.config.get(name) or default).strip().rstrip("/")
        if not base or any(mark in base for mark in "?#"):
            mend = "Enter scheme, host and path only."
            raise Refused(f"{words} is missing or not plain.", mend=mend, stage="address")
        return base

    def text(self, name: str, default: str = "") -> str:
        """A configured text, stripped."""
        return str(self.config.get(name) or default).strip()

    def number(self, name: str, default: int) -> int:
        """A configured whole number; the default only where nothing is set, so that 0 counts."""
        value = self.config.get(name)
        return default if value is None or value == "" else int(value)

    def entries(self, name: str) -> list[str]:
        """The texts of a configured list; empty when it is not set."""
        value = self.config.get(name) or []
        entries = [value] if isinstance(value, str) else value
        return [text for text in (str(entry).strip() for entry in entries) if text]

    def mapping_by_metric(self) -> dict[str, DimensionMapping]:
        return {mapping.metric: mapping for mapping in self.mappings}


@runtime_checkable
class Connector(Protocol):
    """One kind of source. Stateless: everything a visit needs is in its session."""

    kind: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    proof: ClassVar[Proof]
    reads_scores: ClassVar[bool]
    # Patterns of the vendor's own hosts, the only ones called beside opened internal ones; empty where anybody hosts.
    hosts: ClassVar[tuple[str, ...]]
    config_schema: ClassVar[tuple[ConfigField, ...]]

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        """The headers (credentials) the session's transport is opened with; empty for files."""

    def check(self, session: Session) -> CheckResult:
        """Tries the source out and explains the first thing that is wrong; raises nothing of the source's making."""

    def discover(self, session: Session) -> list[Discovered]:
        """What the source holds that could be connected; raises ConnectorError."""

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        """Readings since `cursor` ("" for the beginning), seen again within `lookback`; raises ConnectorError.

        Every batch stands on its own: store it, then its cursor. A visit that breaks off is repeated from there.
        """


def check_until_failure(*tries: tuple[str, "Try"]) -> CheckResult:
    """Runs the named tries in turn; each returns what it saw. The first ConnectorError ends the check."""
    steps: list[CheckStep] = []
    for what, attempt in tries:
        try:
            steps.append(CheckStep(what, True, attempt()))
        except ConnectorError as error:
            steps.append(CheckStep(what, False, error.what, error.mend))
            break
    return CheckResult(tuple(steps))


class Try(Protocol):
    """One step of a check: returns what was seen, raises ConnectorError when it did not work."""

    def __call__(self) -> str: ...
