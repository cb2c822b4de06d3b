"""What a risk review looks at: answers to the scored questions, and the tier they lead to. Reads, never writes."""

from collections.abc import Mapping
from dataclasses import dataclass

from usecases.classification import CONTEXT_QUESTIONS, Classification, classify, load_scheme
from usecases.models import Answer, UseCase
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
