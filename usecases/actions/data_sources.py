"""The catalogue of data sources, and who may use them for what."""

import uuid
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actions.messages import tell
from portal.actors import Actor
from portal.audit import mention, record
from portal.delegation import acting, behind
from portal.models import BusinessUnit, User
from portal.querysets import hold_present
from usecases import data_policies as policies
from usecases.actions.authors import person_of
from usecases.actions.facts import close_fact, record_fact
from usecases.checklists import DATA_FACT as FACT
from usecases.choices import DataClass, DataUseState
from usecases.data_approvals import objections, uses_of
from usecases.lifecycle import DATA_USES
from usecases.models import DataSource, DataUse, UseCase


@transaction.atomic
def declare_data_source(
    *,
    actor: Actor,
    name: str,
    system: str,
    owner: User,
    unit: BusinessUnit,
    classification: str,
    personal_data: bool,
    description: str = "",
    region: str = "",
    licence: str = "",
    retention: str = "",
    refresh_every_hours: int | None = None,
) -> DataSource:
    """A new entry of the catalogue. Raises Refused; ValidationError when the unit has a source of this name.

    Whether answers may rest on it is for its owner to say afterwards.
    """
    require(policies.may_declare_data_source(actor))
    if not hold_present(owner):
        raise ValidationError({"owner": _("The account of this person is switched off. Name somebody who is here.")})
    require_free_name(unit, name)
    source = DataSource.objects.create(
        name=name,
        system=system,
        description=description,
        owner=owner,
        unit=unit,
        classification=DataClass(classification),
        personal_data=personal_data,
        region=region,
        licence=licence,
        retention=retention,
        refresh_every_hours=refresh_every_hours,
        declared_by=person_of(actor),
    )
    record(
        actor,
        "data_source.declared",
        source,
        f"added the data source {name}, owned by {mention(owner)}.",
        data={"name": name, "owner": owner.pk, "classification": classification, "personal_data": personal_data},
    )
    return source


def require_free_name(unit: BusinessUnit, name: str, but: uuid.UUID | None = None) -> None:
    """Raises ValidationError when another source of this unit has the name already."""
    # Locking the unit makes the check for the name hold until the row is written.
    BusinessUnit.objects.select_for_update().get(pk=unit.pk)
    others = DataSource.objects.filter(unit=unit, name=name)
    if (others.exclude(pk=but) if but else others).exists():
        text = _("%(unit)s has a data source of this name. Use that one, or choose a name that tells them apart.")
        raise ValidationError({"name": text % {"unit": unit.name}})


@transaction.atomic
def request_data_use(
    *, actor: Actor, use_case: UseCase, data_source: DataSource, purpose: str, access_boundary: str = ""
) -> DataUse:
    """Ask the source's owner; after an answer, ask again with what changed. Raises Refused."""
    use_case = UseCase.objects.lock(use_case)
    use = (
        DataUse.objects.select_for_update(of=("self",))
        .select_related("data_source__owner")
        .filter(use_case=use_case, data_source=data_source)
        .first()
    )
    require(policies.may_request_data_use(actor, use_case, use))
    if not purpose.strip():
        raise ValidationError({"purpose": _("Say what the data is needed for; its owner decides on that.")})
    again = use is not None
    if use is None:
        use = DataUse(use_case=use_case, data_source=data_source)
    else:
        use.state = DATA_USES.target("request_data_use_again", use.state)
    use.purpose, use.access_boundary = purpose.strip(), access_boundary.strip()
    use.requested_by, use.requested_at = person_of(actor), timezone.now()
    use.decided_by = use.decided_for = use.decided_at = use.valid_until = None
    use.note = ""
    forget_what_was_asked(use)
    use.save()
    asked = "asked again" if again else "asked"
    say_of_use(
        actor, use, "data_use.requested", f"{asked} to use {data_source.name} for {use_case.reference}.", use.purpose
    )
    refresh_fact(actor, use_case)
    return use


@transaction.atomic
def approve_data_use(*, actor: Actor, data_use: DataUse, note: str = "", valid_until: date | None = None) -> DataUse:
    """The source's owner agrees, for good or until a day. Raises Refused; ValidationError for a day that is past."""
    if valid_until is not None and valid_until <= timezone.localdate():
        raise ValidationError({"valid_until": _("This day is past. Choose a later one, or none.")})
    use = _decide(actor, data_use, "approve_data_use", note, valid_until)
    actor = acting(actor, use.data_source.owner)
    said = f"approved the use of {use.data_source.name} for {use.use_case.reference}."
    say_of_use(actor, use, "data_use.approved", said, note)
    refresh_fact(actor, use.use_case)
    return use


@transaction.atomic
def refuse_data_use(*, actor: Actor, data_use: DataUse, note: str) -> DataUse:
    """The source's owner says no, and why. Raises Refused; ValidationError without a reason."""
    if not note.strip():
        raise ValidationError({"note": _("Say why, so that the team knows what would have to change.")})
    use = _decide(actor, data_use, "refuse_data_use", note, None)
    actor = acting(actor, use.data_source.owner)
    said = f"refused the use of {use.data_source.name} for {use.use_case.reference}."
    say_of_use(actor, use, "data_use.refused", said, note)
    refresh_fact(actor, use.use_case)
    return use


def _decide(actor: Actor, data_use: DataUse, verb: str, note: str, valid_until: date | None) -> DataUse:
    use = locked_use(data_use)
    require(policies.may_decide_data_use(actor, use))
    use.state = DATA_USES.target(verb, use.state)
    decided(use, acting(actor, use.data_source.owner))
    use.note, use.valid_until = note.strip(), valid_until
    forget_what_was_asked(use)
    use.save()
    return use


def decided(use: DataUse, actor: Actor) -> None:
    """Who answered for the source, in whose place, and when."""
    use.decided_by, use.decided_for, use.decided_at = person_of(actor), behind(actor), timezone.now()


def forget_what_was_asked(use: DataUse) -> None:
    """An answer, or a new request, ends what was asked before; the trail keeps it."""
    use.reopened_at = use.renewal_requested_by = use.renewal_requested_at = use.warned = None
    use.reopened_reason = use.renewal_reason = ""


@transaction.atomic
def end_data_use(*, actor: Actor, data_use: DataUse, reason: str = "") -> DataUse:
    """The team no longer uses the source: nothing of it is asked, warned about or held against a release any more.

    Raises Refused.
    """
    use = locked_use(data_use)
    require(policies.may_end_data_use(actor, use))
    use.state = DATA_USES.target("end_data_use", use.state)
    forget_what_was_asked(use)
    use.save()
    said = f"ended the use of {use.data_source.name} for {use.use_case.reference}."
    say_of_use(actor, use, "data_use.ended", said, reason)
    refresh_fact(actor, use.use_case)
    return use


def reopen_data_uses(*, actor: Actor, data_source: DataSource, why: str) -> list[DataUse]:
    """Every approval of the source has to be confirmed again: what was approved is not what is there now.

    For the verb that changed the source, inside its transaction, with the use cases and the source locked.
    """
    uses = list(
        DataUse.objects.select_for_update(of=("self",))
        .select_related("data_source__owner", "use_case__owner")
        .filter(data_source=data_source, state=DataUseState.APPROVED)
        .order_by("pk")
    )
    for use in uses:
        use.state = DATA_USES.target("reopen_data_use", use.state)
        forget_what_was_asked(use)
        use.reopened_at, use.reopened_reason = timezone.now(), why
        use.save()
        said = f"reopened the approval to use {data_source.name} for {use.use_case.reference}."
        say_of_use(actor, use, "data_use.reopened", said, why)
        close_fact(use_case=use.use_case, name=FACT)
        text = _("%(use_case)s: the approval of “%(source)s” has to be confirmed again: %(why)s") % {
            "use_case": use.use_case.reference,
            "source": data_source.name,
            "why": why,
        }
        tell([use.use_case.owner], subject=text, text=text, url=page_of(use))
    return uses


def page_of(use: DataUse) -> str:
    """Where the team sees the use."""
    return reverse("usecases:data", kwargs={"reference": use.use_case.reference})


def locked_use(data_use: DataUse) -> DataUse:
    """The use, read anew and locked with its use case and its source: the use case first, as everywhere."""
    use_case = UseCase.objects.lock(data_use.use_case)
    source = DataSource.objects.select_for_update(of=("self",)).select_related("owner").get(pk=data_use.data_source_id)
    use = DataUse.objects.select_for_update(of=("self",)).get(pk=data_use.pk)
    use.use_case, use.data_source = use_case, source
    return use


def say_of_use(actor: Actor, use: DataUse, action: str, sentence: str, reason: str) -> None:
    record(
        actor,
        action,
        use,
        sentence,
        use_case=use.use_case_id,
        data={"data_source": use.data_source_id, "reason": reason.strip(), "valid_until": use.valid_until},
        references=[use.use_case.reference],
    )


def refresh_fact(actor: Actor, use_case: UseCase) -> None:
    """The fact holds only while every declared use is approved, none has lapsed, and there is at least one."""
    uses = uses_of(use_case.pk)
    if not uses or objections(uses) or any(not use.holds for use in uses):
        close_fact(use_case=use_case, name=FACT)
        return
    counts = {"declared": len(uses), "approved": len(uses)}
    statement = _("%(approved)s of %(declared)s data sources approved by their owners.") % counts
    record_fact(actor=actor, use_case=use_case, name=FACT, value=counts, statement=statement)
