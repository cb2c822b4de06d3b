"""The discovery questionnaire: one question, one form, saved by itself; without scripts every form is sent by hand."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.htmx import wants_fragment
from portal.http import form_only
from usecases import policies
from usecases.actions.discovery import StaleAnswer, answer_question
from usecases.choices import Stage
from usecases.models import Answer, UseCase
from usecases.questionnaires import UNSURE, Question, Section, current_questionnaire, latest_answers, sections_of
from usecases.views.frame import actor_of, fetch


@dataclass
class Shown:
    """A question as the page shows it: what stands, and after a refusal what was typed and why it was not saved."""

    question: Question
    answer: Answer | None
    typed: str | None = None
    problem: str = ""
    other: Answer | None = None
    seen: int | None = None

    @property
    def value(self) -> str:
        if self.typed is not None:
            return self.typed
        if self.answer is None:
            return ""
        return UNSURE if self.answer.unsure else self.answer.value or ""

    @property
    def revision(self) -> int:
        if self.seen is not None:
            return self.seen
        return self.answer.revision if self.answer else 0

    @property
    def said(self) -> bool:
        return self.answer is not None and (self.answer.unsure or self.answer.value is not None)

    @property
    def others_words(self) -> str:
        if self.other is None:
            return ""
        return _("I do not know yet") if self.other.unsure else self.question.words(self.other.value)


@require_safe
def discovery(request: HttpRequest, reference: str) -> HttpResponse:
    return _page(request, fetch(request, reference))


@form_only("usecases:discovery", "reference")
def answer(request: HttpRequest, reference: str, question: str) -> HttpResponse:
    """Save one answer: a fragment for htmx, back to the question otherwise, the page with both texts on a conflict."""
    use_case = fetch(request, reference)
    asked = next((q for s in _sections() for q in s.questions if q.key == question), None)
    if asked is None:
        raise Http404
    typed = UNSURE if request.POST.get("unsure") else request.POST.get("value", "")
    # Saving by itself never replaces somebody else's text: only the button shown with a conflict names their revision.
    seen = request.POST.get("replaced_revision") or request.POST.get("seen_revision", "")
    seen = seen if seen.isdecimal() and len(seen) < 9 else "0"
    try:
        saved = answer_question(
            actor=actor_of(request),
            use_case=use_case,
            question=question,
            value=None if typed == UNSURE else typed,
            unsure=typed == UNSURE,
            seen_revision=int(seen),
        )
    except StaleAnswer as stale:
        shown = Shown(asked, stale.current, typed, str(stale), stale.current, int(seen))
        return _respond(request, use_case, shown, status=409)
    except ValidationError as error:
        current = latest_answers(use_case).get(question)
        return _respond(request, use_case, Shown(asked, current, typed, " ".join(error.messages)), status=422)
    if wants_fragment(request):
        return _fragment(request, use_case, Shown(asked, saved), moved=_moved(use_case))
    messages.success(request, _("Your answer is saved."))
    address = reverse("usecases:discovery", kwargs={"reference": reference})
    return HttpResponse(status=303, headers={"Location": f"{address}#q-{question}"})


def _moved(use_case: UseCase) -> bool:
    """Did the first answer move the stage? The use case at hand is then brought up to date."""
    before = use_case.stage
    if before == Stage.REGISTERED:
        use_case.refresh_from_db(fields=["stage"])
    return use_case.stage != before


def _respond(request: HttpRequest, use_case: UseCase, shown: Shown, status: int) -> HttpResponse:
    if not wants_fragment(request):
        return _page(request, use_case, shown, status)
    # To the page's script 422 means: what came back belongs where the answer would have gone.
    return _fragment(request, use_case, shown, status=422)


def _fragment(
    request: HttpRequest, use_case: UseCase, shown: Shown, status: int = 200, moved: bool = False
) -> HttpResponse:
    progress = _progress(use_case, latest_answers(use_case))
    context = {"use_case": use_case, "shown": shown, "swapped": True, "moved": moved, **progress}
    return render(request, "usecases/discovery.html#state", context, status=status)


def _page(request: HttpRequest, use_case: UseCase, refused: Shown | None = None, status: int = 200) -> HttpResponse:
    answers = latest_answers(use_case)
    sections = [
        {
            "section": section,
            "questions": [
                refused
                if refused is not None and refused.question.key == question.key
                else Shown(question, answers.get(question.key))
                for question in section.questions
            ],
        }
        for section in _sections()
    ]
    context = {
        "use_case": use_case,
        "sections": sections,
        "may_answer": policies.may_answer(actor_of(request), use_case),
        **_progress(use_case, answers),
    }
    return render(request, "usecases/discovery.html", context, status=status)


def _sections() -> tuple[Section, ...]:
    return sections_of(current_questionnaire().definition)


def _progress(use_case: UseCase, answers: dict[str, Answer]) -> dict[str, int]:
    keys = {question.key for section in _sections() for question in section.questions}
    told = [row for key, row in answers.items() if key in keys]
    return {
        "answered": sum(row.value is not None for row in told),
        "unsure": sum(row.unsure for row in told),
        "total": len(keys),
    }
