"""May this person hand something over, ask to join a team, or answer such a request?"""

from django.utils.translation import gettext as _

from portal.access import Reason, Ruling, capabilities_at, rule, unless
from portal.actors import Actor
from portal.delegation import acts_for
from portal.models import User
from usecases.choices import OWNERSHIP, RequestKind, RequestState, Stage, TeamRole
from usecases.models import DataSource, StewardshipRequest, UseCase
from usecases.owners import open_request
from usecases.policies import capabilities, may_manage_team, team_roles


def _person(actor: Actor) -> Reason | None:
    return unless(actor.kind == "person", "not_a_person", _("This is for a person to do, not for a machine."))


def _running(use_case: UseCase) -> Reason | None:
    text = _("This use case was stopped, so nobody has to answer for what it does any more.")
    return unless(use_case.stage != Stage.STOPPED, "stopped", text, conflict=True)


def may_hand_over(actor: Actor, subject: UseCase | DataSource, person: User | None = None) -> Ruling:
    """Ask somebody to own it from now on: the owner does, or for an owner who left whoever may name one."""
    owner, asked = subject.owner, open_request(subject)
    if owner.is_active:
        able = actor.is_person(owner.pk)
        text = _("Only %(name)s, who owns it, hands it over.") % {"name": owner.name}
    else:
        able = "name_owner" in _capabilities_over(actor, subject)
        text = _("Its owner has left. An architect, an administrator or a risk reviewer names somebody else.")
    return rule(
        [
            _person(actor),
            unless(able, "not_owner", text),
            _running(subject) if isinstance(subject, UseCase) else None,
            unless(
                asked is None,
                "somebody_is_asked",
                _("%(name)s is asked already. Wait for the answer, or withdraw that request.")
                % {"name": asked.person.name if asked else ""},
                conflict=True,
            ),
            *(_successor(actor, subject, person) if person is not None else ()),
        ]
    )


def _successor(actor: Actor, subject: UseCase | DataSource, person: User) -> list[Reason | None]:
    said = {"name": person.name}
    return [
        unless(person.is_active, "inactive", _("The account of %(name)s is switched off.") % said, conflict=True),
        unless(
            person.pk != subject.owner_id or not person.is_active,
            "owns_already",
            _("%(name)s owns it already.") % said,
            conflict=True,
        ),
        unless(
            not actor.is_person(person.pk) or person.pk == subject.owner_id,
            "names_oneself",
            _("Nobody makes themselves the owner. Ask somebody else who may name one."),
        ),
    ]


def _capabilities_over(actor: Actor, subject: UseCase | DataSource) -> frozenset[str]:
    if isinstance(subject, UseCase):
        return capabilities(actor, subject)
    return capabilities_at(actor, subject.unit.path)


def may_ask_to_join(actor: Actor, use_case: UseCase, role: str = TeamRole.CONTRIBUTOR) -> Ruling:
    """Whoever may see a use case may ask its owner for a part on its team; ownership is handed over instead."""
    parts = team_roles(actor.person, use_case) if actor.person is not None else []
    asked = (
        actor.person is not None
        and StewardshipRequest.objects.filter(
            use_case=use_case, person=actor.person, kind=RequestKind.JOIN, state=RequestState.OPEN
        ).exists()
    )
    return rule(
        [
            _person(actor),
            _running(use_case),
            unless(
                role != TeamRole.OWNER,
                "owner_is_handed_over",
                _("Nobody joins as owner: the owner hands the use case over. Ask for another part."),
            ),
            unless(
                role not in parts and TeamRole.OWNER not in parts,
                "on_the_team",
                _("You have this part on its team already."),
                conflict=True,
            ),
            unless(
                not asked,
                "already_asked",
                _("You have asked already, and %(name)s has not answered yet.") % {"name": use_case.owner.name},
                conflict=True,
            ),
        ]
    )


def may_answer_request(actor: Actor, request: StewardshipRequest) -> Ruling:
    """Accept or decline: in person who is asked to own something, and the team's owner who would let somebody in.

    While the accountable owner is away, their delegate lets people in; nobody takes something over in another's place.
    """
    if request.use_case is not None and request.kind == RequestKind.JOIN:
        own = _("You asked yourself, so somebody else answers.")
        return rule(
            [
                unless(not actor.is_person(request.person_id), "own_request", own),
                *_lets_in(actor, request.use_case),
                _open(request),
            ]
        )
    text = _("Only %(name)s answers this: nobody takes something over for somebody else.")
    asked = actor.is_person(request.person_id) and request.person.is_active
    return rule(
        [
            _person(actor),
            unless(asked, "not_asked", text % {"name": request.person.name}),
            _running(request.use_case) if request.use_case is not None else None,
            _open(request),
        ]
    )


def _lets_in(actor: Actor, use_case: UseCase) -> list[Reason | None]:
    if acts_for(actor, use_case.owner_id):
        return [_running(use_case)]
    return list(may_manage_team(actor, use_case).reasons)


def _open(request: StewardshipRequest) -> Reason | None:
    text = _("This request was closed already: %(state)s.") % {"state": request.get_state_display().lower()}
    return unless(request.state == RequestState.OPEN, "request_closed", text, conflict=True)


def may_withdraw_request(actor: Actor, request: StewardshipRequest) -> Ruling:
    """Whoever asked takes it back, and the owner it is about; for one who left, whoever may name another."""
    able = actor.is_person(request.requested_by_id)
    if request.kind in OWNERSHIP and not able:
        owner = request.subject.owner
        able = actor.is_person(owner.pk) or (
            not owner.is_active and "name_owner" in _capabilities_over(actor, request.subject)
        )
    text = _("%(name)s asked for this and may take it back.") % {"name": request.requested_by.name}
    return rule([_person(actor), unless(able, "not_requester", text), _open(request)])
