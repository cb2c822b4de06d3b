"""What of the pilot checklist still stands open before production."""

from django.utils.translation import gettext as _

from approvals.declarations import policy_in_force
from usecases.checklists import pilot_checklist
from usecases.models import UseCase

# Written by this floor itself as soon as a policy is in force, so it never keeps anybody waiting.
OWN_FACT = "gate_criteria"


def open_items(use_case: UseCase) -> list[str]:
    """The titles of the items neither satisfied by facts nor confirmed by a person."""
    has_policy = bool(use_case.tier and policy_in_force(use_case.tier))
    return [
        _(status.item.title)
        for status in pilot_checklist(use_case)
        if status.state == "open" and not (has_policy and list(status.item.satisfied_by) == [OWN_FACT])
    ]
