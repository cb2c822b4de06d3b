"""The catalogue of data sources, and who may use them for what."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import mention, record
from portal.models import BusinessUnit, User
from portal.querysets import hold_present
from usecases import policies
from usecases.actions.authors import person_of
from usecases.actions.facts import close_fact, record_fact
from usecases.choices import DataClass, DataUseState
from usecases.lifecycle import DATA_USES
from usecases.models import DataSource, DataUse, UseCase

FACT = "data_sources_approved"


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
) -> DataSource:
    """A new entry of the catalogue. Raises Refused; ValidationError when the unit has a source of this name."""
    require(policies.may_declare_data_source(actor))
    if not hold_present(owner):
        raise ValidationError({"owner": _("The account of this person is switched off. Name somebody who is here.")})
    # Locking the unit makes the check for the name hold until the row is written.
    BusinessUnit.objects.select_for_update().get(pk=unit.pk)
    if DataSource.objects.filter(unit=unit, name=name).exists():
        text = _("%(unit)s has a data source of this name. Use that one, or choose a name that tells them apart.")
        raise ValidationError({"name": text % {"unit": unit.name}})
    source = DataSource.objects.create(
        name=name,
        system=system,
        description=description,
        owner=owner,
        unit=unit,
        classification=DataClass(classification),
        personal_data=personal_data,
        region=region,
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
    use.decided_by = use.decided_at = use.valid_until = None
    use.note = ""
    use.save()
    asked = "asked again" if again else "asked"
    _tell(actor, use, "data_use.requested", f"{asked} to use {data_source.name} for {use_case.reference}.", use.purpose)
    _refresh_fact(actor, use_case)
    return use


@transaction.atomic
def approve_data_use(*, actor: Actor, data_use: DataUse, note: str = "", valid_until: date | None = None) -> DataUse:
    """The source's owner agrees, for good or until a day. Raises Refused; ValidationError for a day that is past."""
    if valid_until is not None and valid_until <= timezone.localdate():
        raise ValidationError({"valid_until": _("This day is past. Choose a later one, or none.")})
    use = _decide(actor, data_use, "approve_data_use", note, valid_until)
    said = f"approved the use of {use.data_source.name} for {use.use_case.reference}."
    _tell(actor, use, "data_use.approved", said, note)
    _refresh_fact(actor, use.use_case)
    return use


@transaction.atomic
def refuse_data_use(*, actor: Actor, data_use: DataUse, note: str) -> DataUse:
    """The source's owner says no, and why. Raises Refused; ValidationError without a reason."""
    if not note.strip():
        raise ValidationError({"note": _("Say why, so that the team knows what would have to change.")})
    use = _decide(actor, data_use, "refuse_data_use", note, None)
    said = f"refused the use of {use.data_source.name} for {use.use_case.reference}."
    _tell(actor, use, "data_use.refused", said, note)
    _refresh_fact(actor, use.use_case)
    return use


def _decide(actor: Actor, data_use: DataUse, verb: str, note: str, valid_until: date | None) -> DataUse:
    # The use case first, as everywhere: one order of locks.
    use_case = UseCase.objects.lock(data_use.use_case)
    use = DataUse.objects.select_for_update(of=("self",)).select_related("data_source__owner").get(pk=data_use.pk)
    use.use_case = use_case
    require(policies.may_decide_data_use(actor, use))
    use.state = DATA_USES.target(verb, use.state)
    use.decided_by, use.decided_at = person_of(actor), timezone.now()
    use.note, use.valid_until = note.strip(), valid_until
    use.save()
    return use


def _tell(actor: Actor, use: DataUse, action: str, sentence: str, reason: str) -> None:
    record(
        actor,
        action,
        use,
        sentence,
        use_case=use.use_case_id,
        data={"data_source": use.data_source_id, "reason": reason.strip(), "valid_until": use.valid_until},
        references=[use.use_case.reference],
    )


def _refresh_fact(actor: Actor, use_case: UseCase) -> None:
    """The fact holds only while every declared use is approved and there is at least one."""
    counts = DataUse.objects.filter(use_case=use_case).aggregate(
        declared=Count("pk"), approved=Count("pk", filter=Q(state=DataUseState.APPROVED))
    )
    if not counts["declared"] or counts["approved"] < counts["declared"]:
        close_fact(use_case=use_case, name=FACT)
        return
    statement = _("%(approved)s of %(declared)s data sources approved by their owners.") % counts
    record_fact(actor=actor, use_case=use_case, name=FACT, value=counts, statement=statement)
