"""What people confirm on the pilot checklist, with what proves it."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases import policies
from usecases.actions.authors import person_of
from usecases.checklists import checklist_items, item_status
from usecases.models import ChecklistConfirmation, UseCase


@transaction.atomic
def confirm_item(*, actor: Actor, use_case: UseCase, item: str, evidence: str, link: str = "") -> ChecklistConfirmation:
    """Confirm one item by its id. Raises Refused; ValidationError for an unknown item or without evidence."""
    use_case = UseCase.objects.lock(use_case)
    status = item_status(use_case, item)
    if status is None:
        raise ValidationError({"item": _("The checklist has no item of this name.")})
    require(policies.may_confirm_item(actor, use_case, status))
    if not evidence.strip():
        raise ValidationError({"evidence": _("Say what proves it, so that somebody else can check.")})
    confirmation = ChecklistConfirmation.objects.create(
        use_case=use_case, item=item, evidence=evidence.strip(), link=link, confirmed_by=person_of(actor)
    )
    record(
        actor,
        "checklist_item.confirmed",
        confirmation,
        f"confirmed “{status.item.title}” for {use_case.reference}.",
        use_case=use_case.pk,
        data={"item": item, "reason": evidence.strip(), "link": link},
        references=[use_case.reference],
    )
    return confirmation


@transaction.atomic
def withdraw_confirmation(
    *, actor: Actor, confirmation: ChecklistConfirmation, reason: str = ""
) -> ChecklistConfirmation:
    """The item is open again; the confirmation stays on record. Raises Refused."""
    use_case = UseCase.objects.lock(confirmation.use_case)
    confirmation = ChecklistConfirmation.objects.select_for_update().get(pk=confirmation.pk)
    confirmation.use_case = use_case
    require(policies.may_withdraw_confirmation(actor, confirmation))
    confirmation.withdrawn_by, confirmation.withdrawn_at = person_of(actor), timezone.now()
    confirmation.save(update_fields=["withdrawn_by", "withdrawn_at"])
    title = next((item.title for item in checklist_items() if item.id == confirmation.item), confirmation.item)
    record(
        actor,
        "checklist_item.withdrawn",
        confirmation,
        f"withdrew the confirmation of “{title}” for {use_case.reference}.",
        use_case=use_case.pk,
        data={"item": confirmation.item, "reason": reason.strip()},
        references=[use_case.reference],
    )
    return confirmation
