"""Questionnaires as read: sections and questions of a definition, and the newest published one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from usecases.models import Answer, Questionnaire, UseCase

DISCOVERY = "discovery"
UNSURE = "unsure"
MAX_ANSWER = 4000


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `options` are (value, label) and empty for free text, without the option "I do not know yet"."""

    key: str
    kind: str
    text: str
    help: str
    good: str
    weak: str
    required: bool
    fact: str
    options: tuple[tuple[str, str], ...]

    def clean(self, value: object) -> str | None:
        """The value as it is stored; None for nothing said. Raises ValidationError for what cannot be an answer."""
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise ValidationError({"value": _("An answer is a text.")})
        if self.kind == "choice":
            if value not in dict(self.options):
                known = ", ".join(option for option, _label in self.options)
                raise ValidationError({"value": _("Choose one of: %(known)s.") % {"known": known}})
            return value
        if "\x00" in value:
            raise ValidationError({"value": _("Remove the NUL character: it cannot be stored.")})
        text = value.replace("\r\n", "\n").strip()
        if len(text) > MAX_ANSWER:
            message = _("%(count)d characters; at most %(limit)d are kept. Shorten it, or link to a document.")
            raise ValidationError({"value": message % {"count": len(text), "limit": MAX_ANSWER}})
        return text or None

    def words(self, value: str | None) -> str:
        """The answer as people read it."""
        return dict(self.options).get(value or "", value or "")


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    title: str
    intro: str
    questions: tuple[Question, ...]


def sections_of(definition: Mapping[str, Any]) -> tuple[Section, ...]:
    """The definition as values; KeyError when it is incomplete."""
    return tuple(
        Section(row["key"], row["title"], row.get("intro", ""), tuple(_question(q) for q in row["questions"]))
        for row in definition["sections"]
    )


def questions_of(definition: Mapping[str, Any]) -> Iterator[Question]:
    for section in sections_of(definition):
        yield from section.questions


def _question(row: Mapping[str, Any]) -> Question:
    options = tuple((o["value"], o["label"]) for o in row.get("options", ()) if o["value"] != UNSURE)
    return Question(
        key=row["key"],
        kind=row["kind"],
        text=row["text"],
        help=row.get("help", ""),
        good=row.get("good", ""),
        weak=row.get("weak", ""),
        required=bool(row.get("required")),
        fact=row.get("fact", ""),
        options=options,
    )


def open_questions(answers: Mapping[str, Answer]) -> int:
    """How many questions of the newest questionnaire have neither an answer nor an honest "unsure".

    None is left once every required one is said: what is optional holds nothing up.
    """
    questions = list(questions_of(current_questionnaire().definition))
    silent = [each for each in questions if each.key not in answers or not is_said(answers[each.key])]
    return len(silent) if any(each.required for each in silent) else 0


def is_said(answer: Answer) -> bool:
    """False for an answer that was taken back."""
    return answer.unsure or answer.value is not None


def current_questionnaire(key: str = DISCOVERY) -> Questionnaire:
    """The newest published version. Raises Questionnaire.DoesNotExist when `install` was never run."""
    return Questionnaire.objects.filter(key=key).latest("published_at")


def latest_answers(use_case: UseCase) -> dict[str, Answer]:
    """The newest revision of every answer, by question, with its author."""
    rows = Answer.objects.filter(use_case=use_case).select_related("answered_by")
    return {row.question: row for row in rows.order_by("question", "-revision").distinct("question")}
