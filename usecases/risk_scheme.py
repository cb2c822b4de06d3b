"""The risk method as data: factors, score bands, floors and what each tier asks for. Pure, shipped and versioned."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

CONTENT = Path(__file__).parent / "content" / "risk_scoring.yaml"

TIERS = ("low", "moderate", "high", "critical", "blocked")

# The formula names its factors and the floors are code, so a scheme may reword and reweigh them, not add or drop one.
IMPACT_FACTORS = ("harm_severity", "decision_effect", "data_sensitivity", "irreversibility")
EXPOSURE_FACTORS = ("autonomy", "user_exposure", "attack_surface", "scale", "novelty")
FLOORS = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8")
# The floor for unanswered questions works through the score, so it has no tier of its own.
UNANSWERED_FLOOR = "F8"


@dataclass(frozen=True, slots=True)
class Factor:
    """One scored question; `weight` counts on the exposure side only (impact is never averaged)."""

    id: str
    side: str
    weight: int
    question: str
    anchors: Mapping[int, str]

    @property
    def title(self) -> str:
        """The id as words."""
        return self.id.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class TierRequirements:
    """What a tier asks of a use case; `approvals` are signatories in words, approvals.lanes maps them."""

    tier: str
    approvals: tuple[str, ...]
    ai_review: str
    gate_profile: str
    review_every_months: int
    pilot_users: int
    pilot_weeks: int
    monitor_sample_pct: int
    human_approval: str
    log_retention_days: int
    red_team: str
    four_eyes: bool = False
    kill_switch_drill: str = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One version of the method. `bands` are (tier, lowest score, highest score); `floors` are (id, least tier)."""

    version: str
    digest: str
    factors: tuple[Factor, ...]
    bands: tuple[tuple[str, int, int], ...]
    floors: tuple[tuple[str, str], ...]
    requirements: Mapping[str, TierRequirements]


def requirements(tier: str, scheme: Scheme | None = None) -> TierRequirements:
    """Return what a tier asks for; ValueError for an unknown tier and for `blocked`, which nothing can release."""
    known = (scheme or load_scheme()).requirements
    if tier == "blocked":
        raise ValueError("A blocked use case has no way to release; retire it or change what it does.")
    if tier not in known:
        raise ValueError(f"There is no risk tier {tier!r}; use one of {', '.join(known)}.")
    return known[tier]


@cache
def load_scheme() -> Scheme:
    """Return the shipped method."""
    return parse_scheme(yaml.safe_load(CONTENT.read_text(encoding="utf-8")))


def parse_scheme(data: Mapping[str, Any]) -> Scheme:
    """Make a scheme of its data, for the shipped file or an edited version kept as JSON.

    Neither the order of keys nor numbers turned into text by JSON change the result or its digest. Raises ValueError
    for data that cannot be judged by, naming what is missing or wrong.
    """
    try:
        factors = tuple(_factor(row) for row in data["factors"])
        floors = tuple((row["id"], row.get("tier") or row.get("result") or "") for row in data["floors"])
        ranges = sorted((int(low), int(high), tier) for tier, (low, high) in data["formula"]["tiers"].items())
        needs = {tier: _requirements(tier, data["tier_requirements"][tier]) for tier in TIERS[:-1]}
        version = str(data["version"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"The risk scheme is incomplete: {error}. Compare it with the shipped one.") from error
    bands = tuple((tier, low, high) for low, high, tier in ranges)
    _check(factors, floors, bands)
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return Scheme(version, digest, factors, bands, floors, MappingProxyType(needs))


def _factor(row: Mapping[str, Any]) -> Factor:
    anchors = MappingProxyType({int(value): str(words) for value, words in row["anchors"].items()})
    return Factor(row["id"], row["side"], int(row.get("weight", 1)), row["q"], anchors)


def _check(
    factors: tuple[Factor, ...], floors: tuple[tuple[str, str], ...], bands: tuple[tuple[str, int, int], ...]
) -> None:
    expected = [*((name, "impact") for name in IMPACT_FACTORS), *((name, "exposure") for name in EXPOSURE_FACTORS)]
    if sorted((factor.id, factor.side) for factor in factors) != sorted(expected):
        raise ValueError(f"A risk scheme needs exactly these factors: {', '.join(name for name, _side in expected)}.")
    for factor in factors:
        if sorted(factor.anchors) != [1, 2, 3, 4, 5] or factor.weight < 1:
            raise ValueError(f"{factor.id} needs words for 1 to 5 and a weight of at least 1.")
    if sorted(name for name, _tier in floors) != sorted(FLOORS):
        raise ValueError(f"A risk scheme needs exactly these floors: {', '.join(FLOORS)}.")
    for name, tier in floors:
        if tier not in TIERS and not (name == UNANSWERED_FLOOR and tier == ""):
            raise ValueError(f"Floor {name} leads to {tier!r}; use one of {', '.join(TIERS)}.")
    covered = [score for _tier, low, high in bands for score in range(low, high + 1)]
    if tuple(tier for tier, _low, _high in bands) != TIERS[:-1] or covered != list(range(1, 26)):
        raise ValueError("The score bands must run from low to critical and cover 1 to 25 without gap or overlap.")


def _requirements(tier: str, row: Mapping[str, Any]) -> TierRequirements:
    rest = {key: value for key, value in row.items() if key not in ("approvals", "pilot_cap")}
    cap = row["pilot_cap"]
    return TierRequirements(tier, tuple(row["approvals"]), pilot_users=cap["users"], pilot_weeks=cap["weeks"], **rest)
