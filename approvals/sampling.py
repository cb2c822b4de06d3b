"""What one evaluation run found on one dimension, and how much of it is independent evidence. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from approvals import statistics
from approvals.gate_words import cases, percent, title

# A kind of case with fewer than this says nothing of its own.
SLICE_MIN = 20
# Whose models a name belongs to, by how it begins; a name may carry its provider before a slash or a colon.
FAMILIES = {
    "openai": ("gpt", "o1", "o3", "o4", "chatgpt", "davinci"),
    "anthropic": ("claude",),
    "google": ("gemini", "gemma", "palm"),
    "meta": ("llama", "meta-llama"),
    "mistral": ("mistral", "mixtral", "ministral", "magistral", "codestral"),
    "cohere": ("command", "c4ai"),
    "deepseek": ("deepseek",),
    "qwen": ("qwen", "qwq"),
    "microsoft": ("phi",),
    "amazon": ("nova", "titan", "amazon.nova", "amazon.titan"),
    "xai": ("grok",),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """The counts of one run on one dimension, in cases. Under a defect rate, `passed` means free of defects.

    Where items were tried several times, `items` counts them and `independent` is how many cases, tried once each,
    would tell as much; None where it is not known, and then every case counts. `kinds` gives (scored, passed) by kind
    of item, `judges` the models that judged.
    """

    dimension: str
    total: int
    scored: int
    errored: int
    skipped: int
    passed: int
    source: str
    reference: str
    finished_at: datetime | None = None
    url: str = ""
    items: int | None = None
    independent: float | None = None
    kinds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    judges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse counts that contradict each other; a gate must not judge them."""
        if min(self.scored, self.errored, self.skipped, self.passed) < 0 or self.passed > self.scored:
            raise ValueError(f"{self.dimension}: counts must not be negative, nor more cases pass than were scored.")
        if self.scored + self.errored + self.skipped != self.total:
            raise ValueError(f"{self.dimension}: scored, errored and skipped cases must add up to the total.")

    @property
    def unscored(self) -> int:
        """Cases without a score, whatever the cause."""
        return self.errored + self.skipped

    @property
    def repeated(self) -> bool:
        """Whether any item was tried more than once."""
        return self.items is not None and self.items < self.scored

    @property
    def asked(self) -> int:
        """How many different cases were scored; what a minimum of cases counts."""
        return self.items if self.items is not None and self.repeated else self.scored

    @property
    def weight(self) -> float:
        """How many independent cases the scored ones are worth; what bounds are computed from."""
        return self.independent if self.independent is not None and self.repeated else float(self.scored)

    @property
    def weighed_passes(self) -> float:
        """The passes among as many independent cases, at the same rate."""
        return self.weight if self.passed == self.scored else self.passed * self.weight / self.scored

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            **asdict(self),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "kinds": {kind: list(counts) for kind, counts in self.kinds.items()},
            "judges": list(self.judges),
        }


def worst_slice(m: Measurement, least_passes: float) -> str:
    """The kind of case that fails the requirement for certain, in a sentence; "" when none does.

    Looked at over all kinds of some size at once, so each has to miss it with more certainty (Bonferroni).
    """
    told = {kind: counts for kind, counts in m.kinds.items() if counts[0] >= SLICE_MIN}
    if len(m.kinds) < 2 or not told:
        return ""
    kind, (scored, passed) = min(told.items(), key=lambda each: (each[1][1] / each[1][0], each[0]))
    confidence = 1 - (1 - statistics.CONFIDENCE) / len(told)
    if statistics.wilson_upper(passed, scored, confidence) >= least_passes:
        return ""
    return (
        f"{title(m.dimension)} is weakest on {kind.replace('_', ' ')}: {passed} of {cases(scored)} passed"
        f" ({percent(passed / scored, least_passes)}), below the {percent(least_passes)} asked of all."
    )


def family(model: str) -> str:
    """Whose family of models a name belongs to; "" when it is not known."""
    name = model.lower().replace(":", "/").rsplit("/", 1)[-1].strip()
    return next((key for key, starts in FAMILIES.items() if name.startswith(starts)), "")


def related_judges(measurements: Mapping[str, Measurement], model: str) -> Iterator[str]:
    """One sentence per judge that is of the judged model's own family, with the dimensions it judged."""
    judged: dict[str, list[str]] = {}
    for dimension, m in sorted(measurements.items()):
        for judge in m.judges:
            if family(judge) and family(judge) == family(model):
                judged.setdefault(judge, []).append(title(dimension).lower())
    for judge, dimensions in sorted(judged.items()):
        yield (
            f"{judge} judged a model of its own family, {model} ({', '.join(dimensions)}); models favour their kin, so"
            " have another family judge it, too."
        )
