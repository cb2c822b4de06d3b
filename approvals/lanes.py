"""Approval lanes: whose signature a risk tier asks for, and what each of them answers. Pure."""

from dataclasses import dataclass
from types import MappingProxyType

from usecases.classification import Scheme, requirements


@dataclass(frozen=True, slots=True)
class Lane:
    """One signature line. An independent lane may not be signed by whoever requested or built the release."""

    key: str
    title: str
    independent: bool
    asks: str


BUSINESS = Lane(
    "business", "Business owner", False, "Is the outcome worth the cost and the risk that remains, and do you own it?"
)
TECHNICAL = Lane(
    "technical", "Technical lead", True, "Is this the version that was tested, and can it be run, watched and undone?"
)
SECURITY = Lane(
    "security", "Security", True, "Are access, isolation, tools and abuse handled well enough for who can reach it?"
)
PRIVACY = Lane("privacy", "Privacy", True, "Is every use of personal data lawful, minimal and explained to people?")
LEGAL = Lane("legal", "Legal", True, "Which laws and contracts bind this use, and is every duty met or planned?")
RISK = Lane("risk", "Risk", True, "Are the risk tier, the evidence and the conditions right for what could go wrong?")
EXECUTIVE = Lane(
    "executive", "Accountable executive", True, "Does the organisation accept what remains, knowing who may be harmed?"
)

# In signing order: the cheapest refusals come first, the executive last.
LANES: tuple[Lane, ...] = (BUSINESS, TECHNICAL, SECURITY, PRIVACY, LEGAL, RISK, EXECUTIVE)

# The risk method names signatories in words; every one of them has to be known here.
LANE_BY_WORDS = MappingProxyType(
    {
        "business owner": BUSINESS,
        "tech lead": TECHNICAL,
        "product/tech lead": TECHNICAL,
        "security": SECURITY,
        "privacy/DPO": PRIVACY,
        "legal": LEGAL,
        "risk lead": RISK,
        "accountable executive": EXECUTIVE,
    }
)


def lane(key: str) -> Lane:
    """Return the lane with this key; ValueError names the known ones."""
    for candidate in LANES:
        if candidate.key == key:
            return candidate
    raise ValueError(f"There is no lane {key!r}; use one of {', '.join(each.key for each in LANES)}.")


def lanes_for(tier: str, scheme: Scheme | None = None) -> tuple[Lane, ...]:
    """Return the lanes whose approval a tier asks for, in signing order.

    Raises ValueError for an unknown or blocked tier (no signature can release a prohibited practice) and for words
    that no lane answers to: an unmapped signatory must stop the release, never be left out of it.
    """
    wanted = set()
    for words in requirements(tier, scheme).approvals:
        if words not in LANE_BY_WORDS:
            raise ValueError(f"No lane answers to {words!r}; map it in approvals/lanes.py or mend the risk method.")
        wanted.add(LANE_BY_WORDS[words])
    return tuple(each for each in LANES if each in wanted)
