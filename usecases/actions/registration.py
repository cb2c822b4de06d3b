"""Registering a use case and keeping its description true."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access import Denied, Reason, Refused, require
from portal.actors import Actor
from portal.audit import mention, record
from portal.models import BusinessUnit, User
from portal.querysets import hold_present
from usecases import policies
from usecases.actions.facts import record_fact
from usecases.actions.team import join
from usecases.choices import FactSource, Pattern, TeamRole
from usecases.models import UseCase


@transaction.atomic
def register_use_case(
    *,
    actor: Actor,
    title: str,
    business_outcome: str,
    user_group: str,
    pattern: str,
    owner: User,
    unit: BusinessUnit,
) -> UseCase:
    """A new use case with one accountable owner, who joins its team. Raises Refused.

    ValidationError for an owner who left; all other values are the form's to check.
    """
    require(policies.may_register_use_case(actor, unit))
    if not hold_present(owner):
        raise ValidationError({"owner": _("The account of this person is switched off. Name somebody who is here.")})
    registrar = _registrar(actor, owner)
    use_case = UseCase.objects.create(
        title=title,
        business_outcome=business_outcome,
        user_group=user_group,
        pattern=Pattern(pattern),
        owner=owner,
        unit=unit,
        registered_by=registrar,
    )
    record(
        actor,
        "use_case.registered",
        use_case,
        f"registered {use_case.reference} “{title}” with {mention(owner)} as its owner.",
        use_case=use_case.pk,
        data={"title": title, "pattern": pattern, "owner": owner.pk, "unit": unit.pk},
        references=[use_case.reference],
    )
    join(actor=actor, use_case=use_case, person=owner, role=TeamRole.OWNER)
    named = _("%(name)s is its accountable owner.") % {"name": owner.name}
    _know(actor, use_case, "owner_named", str(owner.pk), named)
    for name in DESCRIBED:
        describe(actor, use_case, name)
    return use_case


@transaction.atomic
def edit_use_case(
    *,
    actor: Actor,
    use_case: UseCase,
    title: str | None = None,
    business_outcome: str | None = None,
    user_group: str | None = None,
    pattern: str | None = None,
    restricted: bool | None = None,
) -> UseCase:
    """Change what is given; None leaves as is, and what is the same already writes nothing. Raises Refused."""
    use_case = UseCase.objects.lock(use_case)
    wanted = {
        "title": title,
        "business_outcome": business_outcome,
        "user_group": user_group,
        "pattern": Pattern(pattern).value if pattern is not None else None,
        "restricted": restricted,
    }
    changed = {name: value for name, value in wanted.items() if value is not None and value != getattr(use_case, name)}
    require(policies.may_edit_use_case(actor, use_case))
    if "restricted" in changed:
        require(policies.may_restrict_use_case(actor, use_case))
    if not changed:
        return use_case
    before = {name: getattr(use_case, name) for name in changed}
    for name, value in changed.items():
        setattr(use_case, name, value)
    use_case.save(update_fields=[*changed, "updated_at"])
    record(
        actor,
        "use_case.edited",
        use_case,
        f"changed {', '.join(_NOUNS[name] for name in changed)} of {use_case.reference}.",
        use_case=use_case.pk,
        data={"before": before, "after": changed},
        references=[use_case.reference],
    )
    for name in DESCRIBED:
        if name in changed:
            describe(actor, use_case, name)
    return use_case


# What the description says is known as facts, under the columns' own names.
DESCRIBED = ("business_outcome", "user_group", "pattern")
_NOUNS = {
    "title": "the title",
    "business_outcome": "the business outcome",
    "user_group": "the user group",
    "pattern": "the pattern",
    "restricted": "who may see it",
}


def describe(actor: Actor, use_case: UseCase, name: str) -> None:
    value = str(getattr(use_case, name))
    _know(actor, use_case, name, value, str(Pattern(value).label) if name == "pattern" else value)


def _know(actor: Actor, use_case: UseCase, name: str, value: str, statement: str) -> None:
    record_fact(actor=actor, use_case=use_case, name=name, value=value, statement=statement, source=FactSource.PERSON)


def _registrar(actor: Actor, owner: User) -> User:
    """A machine registers in its owner's name: a person always answers for the row."""
    if actor.person is not None:
        return actor.person
    if actor.account is not None:
        return owner
    raise Refused(Denied((Reason("no_person", _("A use case is registered by a person or a service account.")),)))
