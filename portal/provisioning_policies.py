"""May this token keep people and groups, and whom? Never a local account, never the last administrator."""

from django.utils.translation import gettext as _

from portal.access import Reason, Ruling, organisation_capabilities, rule, unless
from portal.actors import Actor
from portal.choices import Role, Scope
from portal.models import ProvisionedGroup, User
from portal.querysets import standing_absences, standing_grants


def may_provision(actor: Actor) -> Ruling:
    """A service account in the role of directory, by a token that is good for this and nothing else."""
    able = actor.kind == "service" and "provision" in organisation_capabilities(actor)
    alone = actor.scopes == frozenset({Scope.SCIM.value})
    text = _("Keeping people by SCIM needs a service account in the role of directory and a token of the scope scim.")
    only = _("A token that keeps people has the scope scim and no other. Have one issued for this alone.")
    return rule([unless(able, "not_directory", text), unless(alone or not able, "token_does_more", only)])


def may_change_provisioned(actor: Actor, person: User) -> Ruling:
    """Whom the directory keeps, unless they sign in by name and password: that door is not the directory's."""
    local = _("%(name)s signs in by name and password here. Such an account is changed by people only.")
    return rule(
        [
            *may_provision(actor).reasons,
            unless(not person.has_usable_password(), "local_account", local % {"name": person.name}),
        ]
    )


def may_leave_by_directory(actor: Actor, person: User, stand_in: User | None, holdings: list[str]) -> Ruling:
    """Switch off: who holds something has a stand-in; the portal keeps an administrator, and this token its owner."""
    assert actor.account is not None
    said = {"name": person.name, "what": "; ".join(holdings)}
    text = _("%(name)s leaves behind: %(what)s. Nobody can be asked to stand in: give them a manager here first.")
    return rule(
        [
            *may_change_provisioned(actor, person).reasons,
            unless(
                person.pk != actor.account.owner_id,
                "owns_directory_account",
                _("%(name)s answers for the account this token belongs to. Give it another owner first.") % said,
                conflict=True,
            ),
            _administrator_stays(person),
            unless(not holdings or stand_in is not None, "stand_in_missing", text % said, conflict=True),
        ]
    )


def _administrator_stays(person: User) -> Reason | None:
    standing = standing_grants().filter(role=Role.ADMINISTRATOR, unit=None, person__is_active=True)
    last = standing.filter(person=person).exists() and not standing.exclude(person=person).exists()
    return unless(
        not last,
        "last_administrator",
        _("This is the last administrator. Make somebody else one first."),
        conflict=True,
    )


def stand_in_for(actor: Actor, person: User) -> User | None:
    """Who is asked: the manager the directory names, else who acts for the person today, else an administrator.

    Never the owner of the service account, in whose name the request is made: nobody asks themselves.
    """
    assert actor.account is not None
    barred = {person.pk, actor.account.owner_id}
    manager = person.provisioned.manager
    acting = [each.delegate for each in standing_absences().filter(person=person).select_related("delegate")]
    administrators = (
        User.objects.filter(is_active=True)
        .filter(pk__in=standing_grants().filter(role=Role.ADMINISTRATOR, unit=None).values("person_id"))
        .exclude(pk__in=barred)
        .order_by("name", "pk")
    )
    named = [each for each in (manager, *acting) if each is not None and each.is_active and each.pk not in barred]
    return named[0] if named else administrators.first()


def may_change_group(actor: Actor, group: ProvisionedGroup) -> Ruling:
    """Who is in it, unless being in it makes one administrator: that, people give to people."""
    powerful = standing_grants().filter(group=group.group_id, role=Role.ADMINISTRATOR).exists()
    text = _("This group gives the role of administrator, which people give to people and no directory does.")
    return rule([*may_provision(actor).reasons, unless(not powerful, "group_administers", text)])
