"""May this actor change people, grants and tokens, and who says what?"""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import Reason, Ruling, organisation_capabilities, rule, unless
from portal.actors import Actor
from portal.choices import Role
from portal.models import ApiToken, Comment, Grant, ServiceAccount, User
from portal.querysets import standing_grants

# Roles that a machine may hold; none of them decides.
MACHINE_ROLES = frozenset({Role.INGEST, Role.PIPELINE, Role.DIRECTORY, Role.AUDITOR, Role.ENGINEER, Role.ADMINISTRATOR})
# Roles that make no sense for a person.
ONLY_MACHINES = frozenset({Role.INGEST, Role.PIPELINE, Role.DIRECTORY})


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


def may_give_roles(actor: Actor, holder: User | ServiceAccount) -> Ruling:
    """Whether any role at all can be given to this holder: nobody grants to themselves, in policy and database."""
    return rule(
        [
            *may_manage_people(actor).reasons,
            unless(
                not actor.is_person(holder.pk),
                "own_grant",
                _("Nobody gives access to themselves. Ask another administrator."),
            ),
            unless(holder.is_active, "inactive", _("This account is switched off. Switch it on first."), conflict=True),
        ]
    )


def may_grant(actor: Actor, holder: User | ServiceAccount, role: str, valid_until: datetime | None = None) -> Ruling:
    """A machine never gets a role that decides."""
    fitting = role in MACHINE_ROLES if isinstance(holder, ServiceAccount) else role not in ONLY_MACHINES
    return rule(
        [
            *may_give_roles(actor, holder).reasons,
            unless(
                fitting,
                "wrong_holder",
                _("This role is not for this kind of account: machines never get a role that decides."),
            ),
            unless(
                valid_until is None or valid_until > timezone.now(),
                "ends_before_start",
                _("A role ends after it starts. Choose a later moment, or none."),
                conflict=True,
            ),
        ]
    )


def may_end_grant(actor: Actor, grant: Grant) -> Ruling:
    ended = grant.valid_until is not None and grant.valid_until <= timezone.now()
    return rule(
        [
            *may_manage_people(actor).reasons,
            unless(not ended, "ended", _("This role has ended already."), conflict=True),
            unless(
                ended or not _is_last_administrator(grant),
                "last_administrator",
                _("This is the last administrator. Make somebody else one first."),
                conflict=True,
            ),
        ]
    )


def _is_last_administrator(grant: Grant) -> bool:
    if grant.role != Role.ADMINISTRATOR or grant.unit_id is not None:
        return False
    others = standing_grants().filter(role=Role.ADMINISTRATOR, unit=None, person__is_active=True)
    return not others.exclude(pk=grant.pk).exists()


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
            unless(
                account.owner.is_active,
                "owner_inactive",
                _("The person who owns this service account is switched off."),
                conflict=True,
            ),
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


def may_deactivate(actor: Actor, holder: User | ServiceAccount) -> Ruling:
    return rule(
        [
            *may_manage_people(actor).reasons,
            unless(not actor.is_person(holder.pk), "oneself", _("Nobody switches off their own account.")),
            unless(holder.is_active, "inactive", _("This account is switched off already."), conflict=True),
        ]
    )


def may_leave(actor: Actor, person: User, stand_in: User | None, holdings: list[str]) -> Ruling:
    """Switch off the account of somebody who holds something: only with a stand-in, who is asked to take it over."""
    said = {"name": person.name, "what": "; ".join(holdings)}
    text = _("%(name)s leaves behind: %(what)s. Name a stand-in who is asked to take it over.")
    return rule(
        [
            *may_deactivate(actor, person).reasons,
            unless(not holdings or stand_in is not None, "stand_in_missing", text % said, conflict=True),
            *(_stand_in(actor, person, stand_in) if stand_in is not None else ()),
        ]
    )


def _stand_in(actor: Actor, person: User, stand_in: User) -> list[Reason | None]:
    said = {"name": stand_in.name}
    return [
        unless(stand_in.is_active, "stand_in_inactive", _("The account of %(name)s is switched off.") % said),
        unless(
            stand_in.pk != person.pk, "stand_in_leaves", _("%(name)s is the one who leaves. Name somebody else.") % said
        ),
        unless(
            not actor.is_person(stand_in.pk),
            "stand_in_is_oneself",
            _("Nobody hands something to themselves. Name somebody else, or ask another administrator."),
        ),
    ]


def may_reactivate(actor: Actor, holder: User | ServiceAccount) -> Ruling:
    return rule(
        [
            *may_manage_people(actor).reasons,
            unless(not holder.is_active, "active", _("This account is switched on already."), conflict=True),
        ]
    )


# How long a comment may be edited, and how many one person writes in how long.
EDITABLE = timedelta(minutes=15)
MOST_COMMENTS, COMMENTS_WITHIN = 20, timedelta(minutes=10)


def may_comment(actor: Actor) -> Ruling:
    """Whoever sees a thing may talk about it; that they see it is judged by the floor that owns it."""
    text = _("Comments are written by people, not by machines.")
    return rule([unless(actor.kind == "person" and actor.person, "not_a_person", text)])


def may_comment_again(person: User) -> Ruling:
    since = timezone.now() - COMMENTS_WITHIN
    lately = Comment.objects.filter(author=person, written_at__gt=since)[:MOST_COMMENTS].count()
    text = _("That was a lot in a short time. Wait a few minutes, or put more into one comment.")
    return rule([unless(lately < MOST_COMMENTS, "too_many_comments", text, conflict=True)])


def may_edit_comment(actor: Actor, comment: Comment) -> Ruling:
    recent = timezone.now() - comment.written_at < EDITABLE
    return rule(
        [
            *_own_comment(actor, comment),
            unless(recent, "too_late", _("A comment can be edited for 15 minutes. Write another one."), conflict=True),
        ]
    )


def may_withdraw_comment(actor: Actor, comment: Comment) -> Ruling:
    return rule(_own_comment(actor, comment))


def _own_comment(actor: Actor, comment: Comment) -> list[Reason | None]:
    standing = comment.withdrawn_at is None
    return [
        unless(actor.is_person(comment.author_id), "not_author", _("Only who wrote a comment changes it.")),
        unless(standing, "withdrawn", _("This comment was withdrawn already."), conflict=True),
    ]
