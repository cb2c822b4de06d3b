"""May this actor change people, grants and tokens?"""

from django.utils.translation import gettext as _

from portal.access import Ruling, organisation_capabilities, rule, unless
from portal.actors import Actor
from portal.choices import Role
from portal.models import ApiToken, Grant, ServiceAccount, User

# Deciding roles are given by somebody who does not get them: nobody grants to themselves (policy and database).


def may_manage_people(actor: Actor) -> Ruling:
    return rule(
        [
            unless(actor.kind == "person", "not_a_person", _("Access is given by people, not by machines.")),
            unless(
                "manage_people" in organisation_capabilities(actor),
                "not_administrator",
                _("Giving access needs the role of administrator."),
            ),
        ]
    )


def may_grant(actor: Actor, holder: User | ServiceAccount, role: str) -> Ruling:
    machine_role = role in (Role.INGEST, Role.PIPELINE)
    is_machine = isinstance(holder, ServiceAccount)
    return rule(
        [
            *may_manage_people(actor).reasons,
            unless(
                not actor.is_person(holder.pk),
                "own_grant",
                _("Nobody gives access to themselves. Ask another administrator."),
            ),
            unless(holder.is_active, "inactive", _("This account is switched off. Switch it on first."), conflict=True),
            unless(
                machine_role == is_machine or (is_machine and role in (Role.AUDITOR, Role.ENGINEER)),
                "wrong_holder",
                _("This role is not for this kind of account: machines never get a role that decides."),
            ),
        ]
    )


def may_end_grant(actor: Actor, grant: Grant) -> Ruling:
    return may_manage_people(actor)


def may_issue_token(actor: Actor, account: ServiceAccount) -> Ruling:
    return rule(
        [
            unless(actor.kind == "person", "not_a_person", _("Tokens are issued by people.")),
            unless(
                "issue_tokens" in organisation_capabilities(actor),
                "not_administrator",
                _("Issuing a token needs the role of administrator."),
            ),
            unless(account.is_active, "inactive", _("This service account is switched off."), conflict=True),
        ]
    )


def may_revoke_token(actor: Actor, token: ApiToken) -> Ruling:
    return rule(
        [
            unless(
                "issue_tokens" in organisation_capabilities(actor) or actor.is_person(token.account.owner_id),
                "not_administrator",
                _("Revoking a token needs the role of administrator, or to be the account's owner."),
            ),
            unless(token.revoked_at is None, "revoked", _("This token is revoked already."), conflict=True),
        ]
    )


def may_deactivate(actor: Actor, person: User) -> Ruling:
    return rule(
        [
            *may_manage_people(actor).reasons,
            unless(not actor.is_person(person.pk), "oneself", _("Nobody switches off their own account.")),
            unless(person.is_active, "inactive", _("This account is switched off already."), conflict=True),
        ]
    )
