"""What has to happen next before a use case is in production, and whose turn it is. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usecases.checklists import ItemStatus
from usecases.choices import Stage
from usecases.models import UseCase


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `page` is the URL name where it is done, `capability` what it takes, `who` the person or role."""

    text: str
    page: str
    capability: str
    who: str
    url: str = ""
    note: str = ""
    you: bool = False


def next_steps(
    use_case: UseCase,
    *,
    open_questions: int,
    statuses: Sequence[ItemStatus],
    capabilities: frozenset[str],
    url_of: Callable[[str], str],
    by_rule: bool = False,
) -> list[Step]:
    """The steps from the present stage on, at most five, each with its address and whether it is the viewer's turn.

    `by_rule`: as answered now, the risk review needs no reviewer.
    """
    steps = [step for step in _all_steps(use_case, open_questions, statuses, by_rule) if step is not None]
    return [
        Step(
            step.text,
            step.page,
            step.capability,
            step.who,
            url_of(step.page),
            step.note,
            step.capability in capabilities,
        )
        for step in steps[:5]
    ]


def _all_steps(
    use_case: UseCase, open_questions: int, statuses: Sequence[ItemStatus], by_rule: bool
) -> list[Step | None]:
    owner, stage = use_case.owner.name, use_case.stage
    before_review = stage in (Stage.REGISTERED, Stage.DISCOVERY)
    still_open = [status for status in statuses if not status.done]
    if stage in (Stage.STOPPED, Stage.PRODUCTION):
        return []
    questions = ngettext(
        "Answer %(count)s discovery question", "Answer %(count)s discovery questions", open_questions
    ) % {"count": open_questions}
    items = ngettext("Close %(count)s checklist item", "Close %(count)s checklist items", len(still_open)) % {
        "count": len(still_open)
    }
    return [
        Step(questions, "usecases:discovery", "answer", owner) if open_questions and before_review else None,
        Step(
            _("Submit for risk review"),
            "usecases:risk",
            "submit_review",
            owner,
            note=_("Low risk clears by rule, without a meeting.") if by_rule else "",
        )
        if before_review
        else None,
        Step(_("Conclude the risk review"), "usecases:risk", "conclude_review", _("Risk reviewer"))
        if (before_review and not by_rule) or stage == Stage.REVIEW
        else None,
        Step(items, "usecases:checklist", "confirm_checklist", owner, note=_first_titles(still_open))
        if still_open
        else None,
        Step(
            _("Have a release approved for production"),
            "approvals:releases",
            "propose_release",
            _("Owner or engineering"),
        ),
    ]


def _first_titles(statuses: Sequence[ItemStatus]) -> str:
    titles = [status.item.title for status in statuses[:3]]
    return ", ".join(titles) + (" …" if len(statuses) > 3 else "")
