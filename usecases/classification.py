"""How the answers about a use case become a risk tier: impact times exposure, then floors that only raise. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from usecases.risk_scheme import (
    CONTENT,
    TIERS,
    UNANSWERED_FLOOR,
    Factor,
    Scheme,
    TierRequirements,
    load_scheme,
    parse_scheme,
    requirements,
)

__all__ = [
    "CONTENT",
    "TIERS",
    "Classification",
    "Contribution",
    "Factor",
    "Floor",
    "Scheme",
    "TierRequirements",
    "classify",
    "clears_by_rule",
    "load_scheme",
    "lowest_residual_tier",
    "parse_scheme",
    "requirements",
]

WORST = 5
SELF_ASSESSMENT = "self-assessment"
PROHIBITED = "prohibited"
HIGH_RISK = frozenset({"high_risk_annex_iii", "high_risk_annex_i"})
# The last five are further outcomes of the EU AI Act decision tree; like the first two they raise nothing here.
NOT_HIGH_RISK = frozenset(
    {"none", "limited", "minimal", "transparency", "annex_iii_exempt", "annex_i_section_b", "out_of_scope"}
)
YES_NO = {"yes": True, "no": False}
UNSURE = (None, "", "unsure")
CONTEXT_QUESTIONS = ("eu_tier", "omb_high_impact")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one factor did: its value 1..5, the words for it, and whether it alone sets the impact."""

    factor: str
    side: str
    weight: int
    value: int
    answered: bool
    anchor: str
    sets_impact: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor that holds for this use case. `raised` says that it lies above the tier of the score alone.

    `assumed`: it holds only because questions are unanswered.
    """

    id: str
    sentence: str
    tier: str
    raised: bool
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Classification:
    """An inherent-risk tier with every step that led to it; `provisional` while a question is unanswered."""

    tier: str
    provisional: bool
    impact: int
    exposure: int
    score: int
    contributions: tuple[Contribution, ...]
    floors: tuple[Floor, ...]
    scored_tier: str
    unanswered: tuple[str, ...]
    scheme_version: str
    scheme_digest: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types, for storage beside the answers."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Classification":
        """Return what `to_json` stored."""
        parts = {
            "contributions": tuple(Contribution(**row) for row in data["contributions"]),
            "floors": tuple(Floor(**row) for row in data["floors"]),
            "unanswered": tuple(data["unanswered"]),
        }
        return cls(**{**data, **parts})


def clears_by_rule(found: Classification) -> str:
    """The rule by which no person needs to review this, or nothing: every question answered, no floor, own assessment.

    Which tiers assess themselves is the scheme's to say (`ai_review`).
    """
    if found.provisional or found.floors or found.tier not in load_scheme().requirements:
        return ""
    return f"{found.tier}-assesses-itself" if requirements(found.tier).ai_review == SELF_ASSESSMENT else ""


@dataclass(frozen=True, slots=True)
class Situation:
    """Every question answered, the unanswered ones by their worst case; what floors look at."""

    values: Mapping[str, int]
    eu_tier: str | None
    omb_high_impact: bool | None
    unanswered: tuple[str, ...]

    def __getitem__(self, factor_id: str) -> int:
        """Return a factor's value."""
        return self.values[factor_id]


def _prohibited(s: Situation) -> bool:
    return s.eu_tier == PROHIBITED


def _high_risk_by_law(s: Situation) -> bool:
    return s.eu_tier in HIGH_RISK or s.eu_tier is None or s.omb_high_impact is not False


def _legal_effect(s: Situation) -> bool:
    return s["decision_effect"] == WORST


def _grave_harm(s: Situation) -> bool:
    return s["harm_severity"] == WORST


def _grave_harm_within_reach(s: Situation) -> bool:
    return _grave_harm(s) and (s["user_exposure"] >= 4 or s["autonomy"] >= 4)


def _acts_alone_beyond_undoing(s: Situation) -> bool:
    return s["autonomy"] >= 4 and s["irreversibility"] >= 4


def _sensitive_or_public(s: Situation) -> bool:
    return s["data_sensitivity"] == WORST or s["user_exposure"] == WORST


def _unanswered(s: Situation) -> bool:
    return bool(s.unanswered)


@dataclass(frozen=True, slots=True)
class FloorRule:
    """When a floor holds, and how it is said."""

    holds: Callable[[Situation], bool]
    sentence: str


FLOOR_RULES: Mapping[str, FloorRule] = MappingProxyType(
    {
        "F1": FloorRule(_prohibited, "The EU AI Act prohibits this practice, so it may not be built, tested or used."),
        "F2": FloorRule(_high_risk_by_law, "The law counts this use as high-risk or high-impact."),
        "F3": FloorRule(_legal_effect, "Its output has a legal or similarly significant effect on people."),
        "F4": FloorRule(_grave_harm, "It could cost life, health, liberty or rights, or threaten the organisation."),
        "F5": FloorRule(
            _grave_harm_within_reach,
            "That harm can reach people outside the organisation, or nobody stands in between.",
        ),
        "F6": FloorRule(_acts_alone_beyond_undoing, "It acts alone, and what it does is hard to undo."),
        "F7": FloorRule(
            _sensitive_or_public, "It handles the most sensitive data, or the public or vulnerable groups are exposed."
        ),
        "F8": FloorRule(_unanswered, "Unanswered questions count as their worst case until someone answers them."),
    }
)
# A floor a residual risk may never sink below, whatever controls are in place.
LASTING_FLOORS = ("F1", "F2", "F3", "F4", "F5")


def classify(scheme: Scheme, factors: Mapping[str, int | None], context: Mapping[str, object]) -> Classification:
    """Return the inherent-risk tier of these answers.

    `factors` maps factor ids to 1..5; a missing factor or None is unanswered, counts as 5 and makes the tier
    provisional. `context` may hold `eu_tier` (a class of the EU AI Act) and `omb_high_impact` (true/false or
    "yes"/"no"); None or "unsure" there counts as high-risk and is provisional too, while an absent key was not asked
    and says nothing. Raises ValueError for unknown ids and values, naming the known ones: a typing mistake must never
    quietly lower a tier.
    """
    situation = _situation(scheme, factors, context)
    impact, exposure = _impact(situation), _exposure(scheme, situation)
    score = impact * exposure
    scored_tier = next(tier for tier, low, high in scheme.bands if low <= score <= high)
    floors = tuple(_floors(scheme, situation, scored_tier))
    return Classification(
        tier=max((scored_tier, *(floor.tier for floor in floors)), key=TIERS.index),
        provisional=bool(situation.unanswered),
        impact=impact,
        exposure=exposure,
        score=score,
        contributions=tuple(_contribution(factor, situation, impact) for factor in scheme.factors),
        floors=floors,
        scored_tier=scored_tier,
        unanswered=situation.unanswered,
        scheme_version=scheme.version,
        scheme_digest=scheme.digest,
    )


def lowest_residual_tier(inherent: Classification) -> str:
    """Return the lowest tier that controls can reach: one below inherent, and never below a lasting floor."""
    one_below = TIERS[max(0, TIERS.index(inherent.tier) - 1)]
    lasting = (floor.tier for floor in inherent.floors if floor.id in LASTING_FLOORS)
    return max((one_below, *lasting), key=TIERS.index)


def _situation(scheme: Scheme, factors: Mapping[str, int | None], context: Mapping[str, object]) -> Situation:
    known = [factor.id for factor in scheme.factors]
    for name in factors:
        if name not in known:
            raise ValueError(f"There is no risk factor {name!r}; use {', '.join(known)}.")
    for name, value in factors.items():
        if value is not None and (type(value) is not int or not 1 <= value <= WORST):
            raise ValueError(f"{name} is {value!r}; answer with a whole number from 1 to 5, or leave it unanswered.")
    for name in context:
        if name not in CONTEXT_QUESTIONS:
            raise ValueError(f"There is no context question {name!r}; use {', '.join(CONTEXT_QUESTIONS)}.")
    unsure = [name for name in CONTEXT_QUESTIONS if name in context and context[name] in UNSURE]
    unanswered = (*(name for name in known if factors.get(name) is None), *unsure)
    values = {name: factors.get(name) or WORST for name in known}
    return Situation(MappingProxyType(values), _eu_tier(context), _omb_high_impact(context), unanswered)


def _eu_tier(context: Mapping[str, object]) -> str | None:
    answer = context.get("eu_tier", "none")
    if answer in UNSURE:
        return None
    known = {PROHIBITED, *HIGH_RISK, *NOT_HIGH_RISK}
    if not isinstance(answer, str) or answer not in known:
        raise ValueError(f"eu_tier is {answer!r}; use one of {', '.join(sorted(known))}, or unsure.")
    return answer


def _omb_high_impact(context: Mapping[str, object]) -> bool | None:
    answer = context.get("omb_high_impact", False)
    if answer in UNSURE:
        return None
    if isinstance(answer, str):
        answer = YES_NO.get(answer)
    if not isinstance(answer, bool):
        raise ValueError(f"omb_high_impact is {context['omb_high_impact']!r}; answer yes or no, or unsure.")
    return answer


def _impact_levels(s: Situation) -> dict[str, int]:
    hard_to_undo = 1 if s["irreversibility"] >= 4 else 0
    return {
        "harm_severity": min(WORST, s["harm_severity"] + hard_to_undo),
        "decision_effect": s["decision_effect"],
        "data_sensitivity": s["data_sensitivity"] - 1,
    }


def _impact(s: Situation) -> int:
    return max(_impact_levels(s).values())


def _exposure(scheme: Scheme, s: Situation) -> int:
    weights = {factor.id: factor.weight for factor in scheme.factors if factor.side == "exposure"}
    total, weight = sum(weights[name] * s[name] for name in weights), sum(weights.values())
    rounded_half_up = (2 * total + weight) // (2 * weight)
    return max(rounded_half_up, 4) if _acts_alone_on_untrusted_input(s) else rounded_half_up


def _acts_alone_on_untrusted_input(s: Situation) -> bool:
    # What prompt injection needs; an average over five factors may not dilute it.
    return s["autonomy"] >= 4 and s["attack_surface"] >= 4


def _contribution(factor: Factor, s: Situation, impact: int) -> Contribution:
    value, answered = s[factor.id], factor.id not in s.unanswered
    words = f"{factor.title} {value} ({factor.anchors[value]})"
    said = words if answered else f"{factor.title} is unanswered and counts as {value} ({factor.anchors[value]})"
    harm_sets_impact = _impact_levels(s)["harm_severity"] == impact
    raises_harm = harm_sets_impact and s["harm_severity"] < WORST and s["irreversibility"] >= 4
    if factor.id == "irreversibility":
        sets_impact, effect = raises_harm, "raises the harm by one" if raises_harm else ""
    elif factor.side == "impact":
        sets_impact = _impact_levels(s)[factor.id] == impact
        effect = f"sets impact at {impact}" if sets_impact else ""
    else:
        keeps_high = _acts_alone_on_untrusted_input(s) and factor.id in ("autonomy", "attack_surface")
        sets_impact = False
        effect = f"weighs {factor.weight} in exposure" + (" and keeps it at 4 or more" if keeps_high else "")
    joint = " " if answered else ", and "
    sentence = f"{said}{joint}{effect}." if effect else f"{said}."
    return Contribution(
        factor.id, factor.side, factor.weight, value, answered, factor.anchors[value], sets_impact, sentence
    )


def _floors(scheme: Scheme, s: Situation, scored_tier: str) -> list[Floor]:
    found, best_case = [], _best_case(s)
    for name, tier in scheme.floors:
        rule = FLOOR_RULES[name]
        if not rule.holds(s):
            continue
        assumed = name != UNANSWERED_FLOOR and not rule.holds(best_case)
        sentence = (
            f"Assumed until answered: {rule.sentence[0].lower()}{rule.sentence[1:]}" if assumed else rule.sentence
        )
        least = tier or scored_tier
        raised = TIERS.index(least) > TIERS.index(scored_tier)
        found.append(Floor(name, sentence, least, raised, assumed or name == UNANSWERED_FLOOR))
    return found


def _best_case(s: Situation) -> Situation:
    values = {name: 1 if name in s.unanswered else value for name, value in s.values.items()}
    return Situation(MappingProxyType(values), s.eu_tier or "none", bool(s.omb_high_impact), s.unanswered)
