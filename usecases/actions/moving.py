"""Moving a use case to another business unit: other roles see it from then on."""

from django.db import transaction

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from portal.models import BusinessUnit
from usecases import policies
from usecases.models import UseCase


@transaction.atomic
def move_use_case(*, actor: Actor, use_case: UseCase, unit: BusinessUnit) -> UseCase:
    """Put it into this unit; moving it to where it is writes nothing. Raises Refused."""
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_move_use_case(actor, use_case))
    require(policies.may_register_use_case(actor, unit))
    if use_case.unit_id == unit.pk:
        return use_case
    before, use_case.unit = use_case.unit, unit
    use_case.save(update_fields=["unit", "updated_at"])
    record(
        actor,
        "use_case.moved",
        use_case,
        f"moved {use_case.reference} from {before.name} to {unit.name}.",
        use_case=use_case.pk,
        data={"before": before.pk, "after": unit.pk},
        references=[use_case.reference],
    )
    # Grants of the old unit no longer count, those of the new one do.
    actor._cache.pop("use_cases", None)
    return use_case
