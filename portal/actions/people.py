"""People, units, and who may do what where."""

from datetime import datetime
from typing import TypeVar, cast

from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import policies
from portal.access import Denied, Reason, Refused, require
from portal.actions.absences import close_windows_of
from portal.actors import Actor, worker
from portal.audit import mention, record
from portal.choices import Role
from portal.leaving import hand_on, holdings_of
from portal.models import ApiToken, BusinessUnit, Grant, ServiceAccount, User
from portal.querysets import lock_people

Holder = TypeVar("Holder", bound=User | ServiceAccount)


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
def create_first_administrator(*, username: str, name: str, password: str) -> User:
    """The person a fresh installation begins with. Refused as soon as anybody was ever made administrator."""
    # Two installers at once: the second waits here and then finds the first one's grant.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('gatehouse.first_administrator'))")
    if Grant.objects.filter(role=Role.ADMINISTRATOR).exists():
        text = _("There is an administrator already. Ask one of them to give you the role.")
        raise Refused(Denied((Reason("administrator_exists", text, conflict=True),)))
    person = User(username=username.lower(), name=name)
    person.set_password(password)
    person.save()
    grant = Grant.objects.create(
        person=person, role=Role.ADMINISTRATOR, valid_from=timezone.now(), granted_by=None, reason="installation"
    )
    installer = worker("installer")
    record(installer, "person.added", person, f"added {mention(person)} to the portal.", data={"person": person.pk})
    record(
        installer,
        "grant.given",
        grant,
        f"gave {mention(person)} the role of administrator in the whole organisation.",
        data={"holder": person.pk, "role": Role.ADMINISTRATOR.value, "unit": None, "reason": grant.reason},
    )
    return person


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
    holder = _locked(holder)
    require(policies.may_grant(actor, holder, role, valid_until))
    grant = Grant.objects.create(
        person=holder if isinstance(holder, User) else None,
        service_account=holder if isinstance(holder, ServiceAccount) else None,
        role=Role(role),
        unit=unit,
        valid_from=timezone.now(),
        valid_until=valid_until,
        granted_by=actor.person,
        reason=reason,
    )
    where = f"in {unit.name}" if unit else "in the whole organisation"
    record(
        actor,
        "grant.given",
        grant,
        f"gave {_who(holder)} the role of {Role(role).label.lower()} {where}.",
        data={"holder": holder.pk, "role": role, "unit": unit.pk if unit else None, "reason": reason},
    )
    return grant


@transaction.atomic
def end_grant(*, actor: Actor, grant: Grant) -> Grant:
    if grant.role == Role.ADMINISTRATOR:
        # All of them, in one order: two administrators who end each other's role must not both succeed.
        list(Grant.objects.select_for_update().filter(role=grant.role).order_by("pk"))
    grant = Grant.objects.select_for_update().get(pk=grant.pk)
    require(policies.may_end_grant(actor, grant))
    grant.valid_until = timezone.now()
    grant.save(update_fields=["valid_until"])
    holder = grant.person or grant.service_account
    whose = f" of {_who(holder)}" if holder else ""
    record(
        actor,
        "grant.ended",
        grant,
        f"ended the role of {Role(grant.role).label.lower()}{whose}.",
        data={"role": grant.role, "holder": holder.pk if holder else None},
    )
    return grant


@transaction.atomic
def deactivate_person(*, actor: Actor, person: User, stand_in: User | None = None) -> User:
    """Switch the account off: sessions and the tokens of their machines end in the same transaction.

    What the person answers for is moved on to the stand-in, who is asked to take it over. Raises Refused, also when
    there is something to answer for and no stand-in is named.
    """
    person, stand_in = _locked_pair(person, stand_in)
    require(policies.may_leave(actor, person, stand_in, holdings_of(person)))
    return switch_off(actor=actor, person=person, stand_in=stand_in)


def switch_off(*, actor: Actor, person: User, stand_in: User | None) -> User:
    """The switch itself with all that goes with it, for a verb that has ruled already and holds both people."""
    hand_on(actor=actor, person=person, stand_in=stand_in)
    close_windows_of(actor=actor, delegate=person)
    _switch(person, active=False)
    ended = end_sessions(person)
    revoked = ApiToken.objects.filter(account__owner=person, revoked_at__isnull=True).update(revoked_at=timezone.now())
    record(
        actor,
        "person.deactivated",
        person,
        f"switched off the account of {mention(person)}.",
        data={"person": person.pk, "sessions_ended": ended, "tokens_revoked": revoked},
    )
    return person


@transaction.atomic
def reactivate_person(*, actor: Actor, person: User) -> User:
    """Switch the account on again. Roles that still stand count again; revoked tokens stay revoked."""
    person = _locked(person)
    require(policies.may_reactivate(actor, person))
    _switch(person, active=True)
    record(
        actor,
        "person.reactivated",
        person,
        f"switched the account of {mention(person)} on again.",
        data={"person": person.pk},
    )
    return person


@transaction.atomic
def deactivate_service_account(*, actor: Actor, account: ServiceAccount) -> ServiceAccount:
    """Switch the machine off: its tokens open nothing from the next request on, and for good."""
    account = _locked(account)
    require(policies.may_deactivate(actor, account))
    _switch(account, active=False)
    revoked = account.tokens.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
    record(
        actor,
        "service_account.deactivated",
        account,
        f"switched off the service account {account.name}.",
        data={"name": account.name, "tokens_revoked": revoked},
    )
    return account


@transaction.atomic
def reactivate_service_account(*, actor: Actor, account: ServiceAccount) -> ServiceAccount:
    """Switch the machine on again; it needs a new token."""
    account = _locked(account)
    require(policies.may_reactivate(actor, account))
    _switch(account, active=True)
    record(
        actor,
        "service_account.reactivated",
        account,
        f"switched the service account {account.name} on again.",
        data={"name": account.name},
    )
    return account


def end_sessions(person: User) -> int:
    """How many were ended. Sessions are few and short-lived: reading the live ones is cheaper than a mirror table."""
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()
            ended += 1
    return ended


def _locked(holder: Holder) -> Holder:
    """The row as it is now, held until the verb ends."""
    return cast(Holder, type(holder)._default_manager.select_for_update().get(pk=holder.pk))


def _locked_pair(person: User, stand_in: User | None) -> tuple[User, User | None]:
    """Both as they are now, in one order, so that two who would stand in for each other cannot both be switched off."""
    rows = lock_people(person, stand_in or person)
    return rows[person.pk], rows[stand_in.pk] if stand_in else None


def _switch(holder: Holder, *, active: bool) -> None:
    holder.is_active = active
    holder.save(update_fields=["is_active"])


def _who(holder: User | ServiceAccount) -> str:
    return mention(holder) if isinstance(holder, User) else holder.name
