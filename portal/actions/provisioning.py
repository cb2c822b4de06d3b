"""People and groups as a directory keeps them by SCIM: made, changed, switched off with a stand-in, switched on bare.

The token's account is the actor; nothing here gives anybody a role.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import provisioning_policies as policies
from portal.access import require
from portal.actions.people import switch_off
from portal.actors import Actor
from portal.audit import mention, record
from portal.choices import Role
from portal.leaving import come_back, holdings_of
from portal.models import Identity, ProvisionedGroup, ProvisionedPerson, User
from portal.querysets import lock_people, standing_grants

# Longest text of each kept attribute; what is longer is refused, never cut.
LONGEST = {"user_name": 80, "name": 120, "email": 254, "title": 120, "given_name": 120, "family_name": 120}


class Taken(ValidationError):
    """Somebody else has this name or key already."""


@transaction.atomic
def provision_person(*, actor: Actor, fields: Mapping[str, Any]) -> User:
    """A person the directory announces, without any access. One who has signed in under the same key is taken over.

    Raises Refused; ValidationError for what cannot be kept; Taken.
    """
    require(policies.may_provision(actor))
    assert actor.account is not None
    if not fields.get("user_name"):
        raise ValidationError(_("userName is missing: it is the name a person is known by to the directory."))
    external_id = fields.get("external_id", "")
    person = _signed_in_as(external_id)
    adopted = person is not None
    if person is None:
        person = User(username=fields["user_name"], name=_name(fields) or fields["user_name"])
        person.set_unusable_password()
    require(policies.may_change_provisioned(actor, person))
    kept = ProvisionedPerson(person=person, account=actor.account)
    _fill(person, kept, {"name": person.name, **fields})
    person.save()
    kept.save()
    did = f"took over {mention(person)} into the directory's keeping." if adopted else f"added {mention(person)}."
    record(actor, "person.provisioned", person, did, data={"person": person.pk, "adopted": adopted})
    if fields.get("active") is False:
        _leave(actor, person)
    return person


@transaction.atomic
def change_provisioned(*, actor: Actor, person: User, fields: Mapping[str, Any]) -> User:
    """What the directory says has changed. `active` false runs the leaver's verb, true switches on without any role.

    Raises Refused, ValidationError, Taken; then nothing of it was changed.
    """
    person = lock_people(person)[person.pk]
    require(policies.may_change_provisioned(actor, person))
    changed = _fill(person, person.provisioned, fields)
    if changed:
        person.save(update_fields=["username", "name", "email", "title"])
        person.provisioned.save()
        names = ", ".join(changed)
        data = {"person": person.pk, "changed": changed}
        record(actor, "person.changed", person, f"changed {names} of {mention(person)}.", data=data)
    active = fields.get("active")
    if active is False and person.is_active:
        _leave(actor, person)
    elif active is True and not person.is_active:
        _return(actor, person)
    return person


def _signed_in_as(external_id: str) -> User | None:
    """The one person who has signed in under this key and is in nobody's keeping."""
    if not external_id:
        return None
    found = Identity.objects.filter(subject=external_id, user__provisioned__isnull=True).select_related("user")[:2]
    return found[0].user if len(found) == 1 else None


def _fill(person: User, kept: ProvisionedPerson, fields: Mapping[str, Any]) -> list[str]:
    """Puts the values into the rows, unsaved; the names of those that differ from before."""
    said = dict(fields)
    if name := _name(said, kept):
        said["name"] = name
    wanted: list[tuple[Any, str, str]] = [
        (person, "username", "user_name"),
        (person, "name", "name"),
        (person, "email", "email"),
        (person, "title", "title"),
        (kept, "given_name", "given_name"),
        (kept, "family_name", "family_name"),
        (kept, "external_id", "external_id"),
    ]
    too_long = [key for key, most in LONGEST.items() if len(said.get(key) or "") > most]
    if too_long:
        raise ValidationError(_("%(key)s is too long.") % {"key": too_long[0]})
    changed = []
    for row, column, key in wanted:
        if key in said and getattr(row, column) != said[key]:
            setattr(row, column, said[key])
            changed.append(column)
    if not person.username or not person.name:
        raise ValidationError(_("A person has a userName and a name."))
    if "email" in changed and person.email:
        validate_email(person.email)
    if "manager" in said and _set_manager(kept, said["manager"]):
        changed.append("manager")
    _require_free(person, kept)
    return changed


def _name(said: Mapping[str, Any], kept: ProvisionedPerson | None = None) -> str:
    """What a person is called, of what the directory says; empty when it says nothing about it."""
    if said.get("display_name") or said.get("formatted"):
        return str(said.get("display_name") or said.get("formatted"))
    if not said.keys() & {"given_name", "family_name"}:
        return ""
    given = said.get("given_name", kept.given_name if kept else "")
    return f"{given} {said.get('family_name', kept.family_name if kept else '')}".strip()


def _set_manager(kept: ProvisionedPerson, wanted: str) -> bool:
    before = kept.manager_id
    try:
        key = uuid.UUID(wanted) if wanted else None
    except ValueError as error:
        raise ValidationError(_("The manager is named by the id of a User here.")) from error
    known = ProvisionedPerson.objects.filter(person=key).exclude(person=kept.person_id) if key else None
    if known is not None and not known.exists():
        raise ValidationError(_("The manager is not known here, or is the person. Provision them first."))
    kept.manager_id = key
    return kept.manager_id != before


def _require_free(person: User, kept: ProvisionedPerson) -> None:
    if User.objects.filter(username__iexact=person.username).exclude(pk=person.pk).exists():
        raise Taken(_("Somebody has this userName already."))
    others = ProvisionedPerson.objects.filter(external_id=kept.external_id).exclude(pk=kept.pk)
    if kept.external_id and others.exists():
        raise Taken(_("Somebody has this externalId already."))


def _leave(actor: Actor, person: User) -> None:
    """Sessions and keys end at once; what the person holds waits for a stand-in who has to accept."""
    stand_in = policies.stand_in_for(actor, person)
    rows = lock_people(person, stand_in or person)
    holdings = holdings_of(person)
    stand_in = rows[stand_in.pk] if stand_in is not None and holdings else None
    require(policies.may_leave_by_directory(actor, person, stand_in, holdings))
    switch_off(actor=actor, person=person, stand_in=stand_in)


def _return(actor: Actor, person: User) -> None:
    """On again, and bare: roles, groups and team parts of before are given anew by people, or not."""
    person.is_active = True
    person.save(update_fields=["is_active"])
    ended = []
    for grant in standing_grants().filter(person=person).select_for_update(of=("self",)).order_by("pk"):
        grant.valid_until = timezone.now()
        grant.save(update_fields=["valid_until"])
        said = f"ended the role of {Role(grant.role).label.lower()} of {mention(person)}, who returns without it."
        record(actor, "grant.ended", grant, said, data={"role": grant.role, "holder": person.pk})
        ended.append(grant.role)
    person.groups.clear()
    come_back(actor=actor, person=person)
    text = f"switched the account of {mention(person)} on again, without any role."
    record(actor, "person.reactivated", person, text, data={"person": person.pk, "roles_ended": ended})


@transaction.atomic
def provision_group(*, actor: Actor, name: str, external_id: str = "", members: Iterable[str] = ()) -> ProvisionedGroup:
    """A group whose members the directory names. One of that name that is in nobody's keeping is taken over."""
    require(policies.may_provision(actor))
    assert actor.account is not None
    group = Group.objects.filter(name=_group_name(name)).select_related("provisioned").first()
    if group is not None and hasattr(group, "provisioned"):
        raise Taken(_("There is a group of this name already."))
    group = group or Group.objects.create(name=name)
    kept = ProvisionedGroup(group=group, account=actor.account, external_id=external_id)
    require(policies.may_change_group(actor, kept))
    _require_free_group(kept)
    kept.save()
    added = list(_people(members))
    group.user_set.set(added)
    data = {"name": name, "members": [person.pk for person in added]}
    record(actor, "group.provisioned", kept, f"keeps the group {name} by its directory.", data=data)
    return kept


@transaction.atomic
def change_group(*, actor: Actor, group: ProvisionedGroup, steps: Iterable[tuple[str, Any]]) -> ProvisionedGroup:
    """Each step in turn: ("name" or "external_id", text), ("set", "add" or "drop", ids of people). Raises Refused."""
    group = ProvisionedGroup.objects.select_for_update(of=("self",)).select_related("group").get(pk=group.pk)
    require(policies.may_change_group(actor, group))
    before = set(group.group.user_set.values_list("pk", flat=True))
    for verb, value in steps:
        _step(group, verb, value)
    group.save()
    after = set(group.group.user_set.values_list("pk", flat=True))
    came, went = sorted(after - before), sorted(before - after)
    data = {"name": group.group.name, "added": came, "removed": went}
    said = f"changed the group {group.group.name}: {len(came)} in, {len(went)} out."
    record(actor, "group.changed", group, said, data=data)
    return group


def _step(kept: ProvisionedGroup, verb: str, value: Any) -> None:
    match verb:
        case "name":
            taken = Group.objects.filter(name=_group_name(value)).exclude(pk=kept.group_id)
            if taken.exists():
                raise Taken(_("There is a group of this name already."))
            kept.group.name = value
            kept.group.save(update_fields=["name"])
        case "external_id":
            kept.external_id = value
            _require_free_group(kept)
        case "set":
            kept.group.user_set.set(_people(value))
        case "add":
            kept.group.user_set.add(*_people(value))
        case "drop":
            kept.group.user_set.remove(*_people(value, known_only=True))


def _group_name(name: str) -> str:
    if not name or len(name) > 150:
        raise ValidationError(_("A group has a displayName of at most 150 characters."))
    return name


def _require_free_group(kept: ProvisionedGroup) -> None:
    if kept.external_id and ProvisionedGroup.objects.filter(external_id=kept.external_id).exclude(pk=kept.pk).exists():
        raise Taken(_("A group has this externalId already."))


def _people(ids: Iterable[str], *, known_only: bool = False) -> list[User]:
    """Those of the directory's people; ValidationError for an id that is nobody's, unless they are to leave anyway."""
    keys = set()
    for text in ids:
        try:
            keys.add(uuid.UUID(text))
        except ValueError as error:
            if not known_only:
                raise ValidationError(_("A member is named by the id of a User here.")) from error
    found = list(User.objects.filter(pk__in=keys, provisioned__isnull=False).order_by("pk"))
    if len(found) != len(keys) and not known_only:
        raise ValidationError(_("A member is not known here. Provision the person first."))
    return found
