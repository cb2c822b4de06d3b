"""Gate policies as data: which criteria a risk tier is judged by, read from JSON, written to it, digested. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from usecases.risk_scheme import TIERS

CONTENT = Path(__file__).parent / "content" / "gate_policies.yaml"

PATTERNS = ("retrieval", "agent", "summarisation", "drafting", "classification", "conversation")
STATISTICS = ("pass_rate", "defect_rate")
RULES = ("point", "lower_bound", "upper_bound")
ON_INCONCLUSIVE = ("warn", "refuse")
# A bound guards the side that hurts: too few passes, or too many defects.
STATISTIC_OF_BOUND = {"lower_bound": "pass_rate", "upper_bound": "defect_rate"}


class PolicyError(ValueError):
    """A gate policy that cannot be judged by; `problems` says, one sentence each, what to mend."""

    def __init__(self, problems: list[str]) -> None:
        """Keep every problem, so that a form can show them all at once."""
        self.problems = tuple(problems)
        super().__init__(" ".join(problems))


@dataclass(frozen=True, slots=True)
class Criterion:
    """One requirement on one dimension. `threshold` is a share; no `patterns` means that it holds for all of them."""

    key: str
    dimension: str
    statistic: str
    rule: str
    threshold: float
    n_min: int
    patterns: tuple[str, ...] = ()

    def applies_to(self, pattern: str) -> bool:
        """Say whether a system of this pattern is judged by it."""
        return not self.patterns or pattern in self.patterns


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The criteria of one tier. `max_unscored` is the share of cases that may lack a score before the gate fails.

    `baseline_margin` is the drop in pass rate against the version released before that is still acceptable, as a share;
    None compares nothing.
    """

    key: str
    tier: str
    version: int
    criteria: tuple[Criterion, ...]
    max_unscored: float
    on_inconclusive: str
    baseline_margin: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; `from_json` reads them back. A policy without a margin keeps its digest."""
        rows = [{**asdict(criterion), "patterns": list(criterion.patterns)} for criterion in self.criteria]
        told = {**asdict(self), "criteria": rows}
        if self.baseline_margin is None:
            del told["baseline_margin"]
        return told

    @classmethod
    def from_json(cls, data: object) -> "GatePolicy":
        """Read a policy; PolicyError lists every unknown key and bad value with what to put instead."""
        fields = ("key", "tier", "version", "criteria", "max_unscored", "on_inconclusive")
        reader = _Reader("policy", data, (*fields, "baseline_margin"), optional=("baseline_margin",))
        rows = reader.values.get("criteria")
        if not isinstance(rows, list | tuple):
            reader.problems.append("policy.criteria must be a list of criteria.")
            rows = []
        criteria = [_read_criterion(f"criteria[{place}]", row, reader.problems) for place, row in enumerate(rows)]
        policy = cls(
            key=reader.text("key"),
            tier=reader.choice("tier", TIERS[:-1]),
            version=reader.count("version"),
            criteria=tuple(criteria),
            max_unscored=reader.share("max_unscored", zero=True),
            on_inconclusive=reader.choice("on_inconclusive", ON_INCONCLUSIVE),
            baseline_margin=reader.share("baseline_margin") if "baseline_margin" in reader.values else None,
        )
        keys = [criterion.key for criterion in criteria]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            reader.problems.append(f"policy.criteria has the key {key!r} twice; give each criterion its own.")
        if reader.problems:
            raise PolicyError(reader.problems)
        return policy


def policy_digest(policy: GatePolicy) -> str:
    """Return the SHA-256 (hex) of the policy as canonical JSON: sorted keys, no spaces, UTF-8."""
    canonical = json.dumps(policy.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@cache
def load_policies() -> Mapping[str, GatePolicy]:
    """Return the shipped policies by tier; the caller publishes them, this only reads."""
    rows = yaml.safe_load(CONTENT.read_text(encoding="utf-8"))["policies"]
    policies = [GatePolicy.from_json(row) for row in rows]
    return MappingProxyType({policy.tier: policy for policy in policies})


def _read_criterion(path: str, data: object, problems: list[str]) -> Criterion:
    fields = ("key", "dimension", "statistic", "rule", "threshold", "n_min", "patterns")
    reader = _Reader(path, data, fields, optional=("patterns",), problems=problems)
    criterion = Criterion(
        key=reader.text("key"),
        dimension=reader.text("dimension"),
        statistic=reader.choice("statistic", STATISTICS),
        rule=reader.choice("rule", RULES),
        threshold=reader.share("threshold"),
        n_min=reader.count("n_min"),
        patterns=reader.choices("patterns", PATTERNS),
    )
    fitting = STATISTIC_OF_BOUND.get(criterion.rule, criterion.statistic)
    if criterion.statistic in STATISTICS and criterion.statistic != fitting:
        problems.append(f"{path}: {criterion.rule} judges a {fitting}; change the rule or the statistic.")
    return criterion


class _Reader:
    """Reads the fields of one object and collects what is wrong with them instead of stopping at the first."""

    def __init__(
        self,
        path: str,
        data: object,
        fields: tuple[str, ...],
        optional: tuple[str, ...] = (),
        problems: list[str] | None = None,
    ) -> None:
        self.path = path
        self.problems = [] if problems is None else problems
        self.values: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if not isinstance(data, Mapping):
            self.problems.append(f"{path} must be an object with {', '.join(fields)}.")
            return
        for name in self.values:
            if name not in fields:
                self.problems.append(f"{path} has the unknown key {name!r}; known are {', '.join(fields)}.")
        for name in fields:
            if name not in self.values and name not in optional:
                self.problems.append(f"{path}.{name} is missing.")

    def _wrong(self, name: str, mend: str) -> None:
        if name in self.values:
            self.problems.append(f"{self.path}.{name} is {self.values[name]!r}; {mend}.")

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self._wrong(name, "give it a name")
        return ""

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        value = self.values.get(name)
        if isinstance(value, str) and value in known:
            return value
        self._wrong(name, f"use one of {', '.join(known)}")
        return ""

    def choices(self, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        value = self.values.get(name, [])
        if isinstance(value, list | tuple) and all(isinstance(each, str) and each in known for each in value):
            return tuple(value)
        self._wrong(name, f"use a list of {', '.join(known)}")
        return ()

    def count(self, name: str) -> int:
        value = self.values.get(name)
        if type(value) is int and value >= 1:
            return value
        self._wrong(name, "use a whole number of at least 1")
        return 1

    def share(self, name: str, zero: bool = False) -> float:
        value = self.values.get(name)
        # A truth value is an int to Python, and NaN compares as false to everything.
        if isinstance(value, int | float) and not isinstance(value, bool) and (0 < value < 1 or (zero and value == 0)):
            return float(value)
        self._wrong(name, "use a share between 0 and 1, such as 0.85")
        return 0.5
