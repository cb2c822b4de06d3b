"""A use case's stage moves here and nowhere else, along the table in usecases.lifecycle."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access import Denied, Reason, Refused, require
from portal.actors import Actor
from portal.audit import record
from portal.lifecycle import IllegalTransition
from usecases import policies
from usecases.choices import Stage
from usecases.lifecycle import STAGES
from usecases.models import UseCase


@transaction.atomic
def advance(*, actor: Actor, use_case: UseCase, verb: str, reason: str = "") -> UseCase:
    """Move the stage by one row of the table. The calling verb has ruled on the actor; the state is ruled on here.

    Raises Refused (`wrong_stage`) when the verb leads nowhere from the present stage.
    """
    locked = UseCase.objects.lock(use_case)
    before = Stage(locked.stage)
    try:
        step = STAGES.transition(verb, locked.stage)
    except IllegalTransition:
        text = _("This is not possible while the use case is at the stage “%(stage)s”.") % {"stage": before.label}
        raise Refused(Denied((Reason("wrong_stage", text, conflict=True),))) from None
    locked.stage = Stage(step.target)
    locked.save(update_fields=["stage", "updated_at"])
    record(
        actor,
        step.event,
        locked,
        f"moved {locked.reference} from {before.label.lower()} to {Stage(locked.stage).label.lower()}.",
        use_case=locked.pk,
        data={"verb": verb, "before": str(before), "after": locked.stage, "reason": reason},
        references=[locked.reference],
    )
    # The caller's object goes on being used; it must not write an old stage back.
    use_case.stage, use_case.updated_at, use_case.audit_rev = locked.stage, locked.updated_at, locked.audit_rev
    return use_case


@transaction.atomic
def stop_use_case(*, actor: Actor, use_case: UseCase, reason: str) -> UseCase:
    """End it for good, with a reason. Raises Refused; ValidationError without a reason."""
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_stop_use_case(actor, use_case))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it is stopped; the next person to have this idea will read it.")})
    return advance(actor=actor, use_case=use_case, verb="stop", reason=reason.strip())
