"""Answering the discovery questions, one at a time, so that nothing anybody typed is lost."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access import Denied, Reason, Refused, require
from portal.actors import Actor
from portal.audit import record
from usecases import policies
from usecases.actions.authors import person_of
from usecases.actions.facts import close_fact, record_fact
from usecases.actions.registration import DESCRIBED, describe
from usecases.actions.stages import advance
from usecases.choices import FactSource, Stage
from usecases.models import Answer, UseCase
from usecases.questionnaires import UNSURE, Question, current_questionnaire, questions_of

MAX_SHORT = 80


class StaleAnswer(Refused):
    """The answer was changed meanwhile. `current` is what stands, `typed` what this person wanted to save."""

    def __init__(self, actor: Actor, current: Answer, typed: str) -> None:
        if actor.is_person(current.answered_by_id):
            text = _("You changed this answer in another window. Compare both, then save again.")
        else:
            text = _("%(name)s changed this answer while you were writing. Compare both, then save again.")
        reason = Reason("stale_answer", text % {"name": current.answered_by.name}, conflict=True)
        super().__init__(Denied((reason,)))
        self.current = current
        self.typed = typed


@transaction.atomic
def answer_question(
    *, actor: Actor, use_case: UseCase, question: str, value: str | None, unsure: bool = False, seen_revision: int = 0
) -> Answer | None:
    """Save one answer as a new revision; the same answer again writes nothing.

    `seen_revision` is the revision the person saw, 0 for none. None is returned when there was no answer and none is
    given. Raises Refused, StaleAnswer, and ValidationError for an unknown question or a value it does not take.
    """
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_answer(actor, use_case))
    questionnaire = current_questionnaire()
    asked = next((q for q in questions_of(questionnaire.definition) if q.key == question), None)
    if asked is None:
        raise ValidationError({"question": _("The discovery questionnaire has no question of this name.")})
    if value == UNSURE and asked.kind == "choice":
        value, unsure = None, True
    said = None if unsure else asked.clean(value)
    current = (
        Answer.objects.filter(use_case=use_case, question=question)
        .select_related("answered_by")
        .order_by("-revision")
        .first()
    )
    if (current.value, current.unsure) == (said, unsure) if current else (said is None and not unsure):
        return current
    if current is not None and current.revision != seen_revision:
        raise StaleAnswer(actor, current, said or "")
    answer = Answer.objects.create(
        use_case=use_case,
        questionnaire=questionnaire,
        question=question,
        revision=current.revision + 1 if current else 1,
        value=said,
        unsure=unsure,
        answered_by=person_of(actor),
    )
    if use_case.stage == Stage.REGISTERED:
        advance(actor=actor, use_case=use_case, verb="start_discovery")
    _tell(actor, use_case, asked, answer)
    if asked.fact:
        _know(actor, use_case, asked, answer)
    return answer


def _tell(actor: Actor, use_case: UseCase, asked: Question, answer: Answer) -> None:
    verb = "answered" if answer.revision == 1 else "changed the answer to"
    if answer.unsure:
        verb = "does not know yet the answer to"
    elif answer.value is None:
        verb = "took back the answer to"
    record(
        actor,
        "answer.saved",
        use_case,
        f"{verb} “{asked.text}” for {use_case.reference}{_in_short(asked, answer)}.",
        use_case=use_case.pk,
        data={"question": asked.key, "revision": answer.revision, "value": answer.value, "unsure": answer.unsure},
        references=[use_case.reference],
    )


def _in_short(asked: Question, answer: Answer) -> str:
    """What was chosen, for the end of the sentence; free text stays on its own page."""
    chosen = asked.words(answer.value).rstrip(".") if asked.options and answer.value else ""
    return f": {chosen}" if 0 < len(chosen) <= MAX_SHORT else ""


def _know(actor: Actor, use_case: UseCase, asked: Question, answer: Answer) -> None:
    if answer.value is None and not answer.unsure:
        close_fact(use_case=use_case, name=asked.fact)
        if asked.fact in DESCRIBED:
            describe(actor, use_case, asked.fact)
        return
    record_fact(
        actor=actor,
        use_case=use_case,
        name=asked.fact,
        value=UNSURE if answer.unsure else answer.value,
        statement=_("Not known yet.") if answer.unsure else asked.words(answer.value),
        source=FactSource.PERSON,
        confidence="unsure" if answer.unsure else "stated",
    )
