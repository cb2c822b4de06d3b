"""People, units, and who may do what where."""

from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from portal import policies
from portal.access import require
from portal.actors import Actor
from portal.audit import mention, record
from portal.choices import Role
from portal.models import ApiToken, BusinessUnit, Grant, ServiceAccount, User


@transaction.atomic
def add_business_unit(*, actor: Actor, name: str, parent: BusinessUnit | None) -> BusinessUnit:
    require(policies.may_manage_people(actor))
    unit = BusinessUnit.objects.create(name=name, parent=parent)
    below = f" below {parent.name}" if parent else ""
    record(actor, "business_unit.added", unit, f"added the business unit {name}{below}.", data={"name": name})
    return unit


@transaction.atomic
def add_person(
    *, actor: Actor, username: str, name: str, email: str, title: str, unit: BusinessUnit | None, password: str = ""
) -> User:
    """A person who may sign in. Without a password the only way in is single sign-on."""
    require(policies.may_manage_people(actor))
    person = User(username=username.lower(), name=name, email=email, title=title, unit=unit)
    person.set_password(password or None)
    person.save()
    record(actor, "person.added", person, f"added {mention(person)} to the portal.", data={"person": person.pk})
    return person


@transaction.atomic
def add_service_account(*, actor: Actor, name: str, owner: User) -> ServiceAccount:
    require(policies.may_manage_people(actor))
    account = ServiceAccount.objects.create(name=name, owner=owner)
    record(
        actor,
        "service_account.added",
        account,
        f"added the service account {name}, owned by {mention(owner)}.",
        data={"name": name, "owner": owner.pk},
    )
    return account


@transaction.atomic
def give_grant(
    *,
    actor: Actor,
    holder: User | ServiceAccount,
    role: str,
    unit: BusinessUnit | None,
    valid_until: datetime | None = None,
    reason: str = "",
) -> Grant:
    """The role, in the unit and all below it (None: the organisation), from now."""
    require(policies.may_grant(actor, holder, role))
    is_person = isinstance(holder, User)
    grant = Grant.objects.create(
        person=holder if is_person else None,
        service_account=None if is_person else holder,
        role=Role(role),
        unit=unit,
        valid_from=timezone.now(),
        valid_until=valid_until,
        granted_by=actor.person,
        reason=reason,
    )
    who = mention(holder) if isinstance(holder, User) else holder.name
    where = f"in {unit.name}" if unit else "in the whole organisation"
    record(
        actor,
        "grant.given",
        grant,
        f"gave {who} the role of {Role(role).label.lower()} {where}.",
        data={"holder": holder.pk, "role": role, "unit": unit.pk if unit else None, "reason": reason},
    )
    return grant


@transaction.atomic
def end_grant(*, actor: Actor, grant: Grant) -> Grant:
    grant = Grant.objects.select_for_update().get(pk=grant.pk)
    require(policies.may_end_grant(actor, grant))
    now = timezone.now()
    if grant.valid_until is None or grant.valid_until > now:
        grant.valid_until = now
        grant.save(update_fields=["valid_until"])
        record(
            actor,
            "grant.ended",
            grant,
            f"ended the role of {Role(grant.role).label.lower()}.",
            data={"role": grant.role},
        )
    return grant


@transaction.atomic
def deactivate_person(*, actor: Actor, person: User) -> User:
    """Switch the account off: sessions and the tokens of their machines end in the same transaction."""
    person = User.objects.select_for_update().get(pk=person.pk)
    require(policies.may_deactivate(actor, person))
    User.objects.filter(pk=person.pk).update(is_active=False)
    end_sessions(person)
    ApiToken.objects.filter(account__owner=person, revoked_at__isnull=True).update(revoked_at=timezone.now())
    record(
        actor,
        "person.deactivated",
        person,
        f"switched off the account of {mention(person)}.",
        data={"person": person.pk},
    )
    person.refresh_from_db()
    return person


def end_sessions(person: User) -> None:
    """Sessions are few and short-lived: reading the live ones is cheaper than a table that mirrors them."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()
