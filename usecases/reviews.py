"""What a risk review looks at: answers to the scored questions, and the tier they lead to. Reads, never writes."""

from collections.abc import Mapping
from dataclasses import dataclass

from usecases.choices import DataClass, Tier
from usecases.classification import CONTEXT_QUESTIONS, Classification, classify, clears_by_rule, load_scheme
from usecases.models import Answer, DataUse, Fact, UseCase
from usecases.questionnaires import latest_answers


@dataclass(frozen=True, slots=True)
class Scored:
    """The factor values (None is unanswered), the two legal questions, and what they make together."""

    factors: dict[str, int | None]
    context: dict[str, str | None]
    classification: Classification


def score(use_case: UseCase) -> Scored:
    """Classify the use case by its present answers."""
    return score_answers(latest_answers(use_case))


def score_answers(answers: Mapping[str, Answer]) -> Scored:
    """The same for answers already read. What is unanswered or unsure counts as its worst and stays provisional."""
    scheme = load_scheme()

    def said(question: str) -> str | None:
        answer = answers.get(question)
        return answer.value if answer is not None and not answer.unsure else None

    factors = {factor.id: int(value) if (value := said(factor.id)) else None for factor in scheme.factors}
    context = {question: said(question) for question in CONTEXT_QUESTIONS}
    return Scored(factors, context, classify(scheme, factors, context))


# The least that `data_sensitivity` can truthfully be with a source of this class; personal data is at least ordinary.
SENSITIVITY = {DataClass.PUBLIC: 1, DataClass.INTERNAL: 2, DataClass.CONFIDENTIAL: 3, DataClass.RESTRICTED: 4}
PERSONAL = 3


def rule_for(use_case: UseCase, scored: Scored) -> str:
    """The rule that would conclude this without a reviewer, or nothing.

    A rule never lowers what a person concluded, and never believes an answer that the declared data or an imported
    register contradicts.
    """
    rule = clears_by_rule(scored.classification)
    if not rule or use_case.tier not in ("", Tier.LOW):
        return ""
    return "" if _understated(use_case, scored) or _reported_otherwise(use_case) else rule


def _reported_otherwise(use_case: UseCase) -> bool:
    """Whether the register it was imported from calls its impact high, or calls for a look."""
    reported = Fact.objects.filter(use_case=use_case, name="reported_impact", until__isnull=True)
    return reported.exclude(value="none").exists()


def _understated(use_case: UseCase, scored: Scored) -> bool:
    said = scored.factors["data_sensitivity"] or 0
    sources = DataUse.objects.filter(use_case=use_case).values_list(
        "data_source__classification", "data_source__personal_data"
    )
    return any(said < max(SENSITIVITY[DataClass(kind)], PERSONAL * personal) for kind, personal in sources)
