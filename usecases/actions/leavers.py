"""Somebody leaves: what they answer for is put to a named stand-in, in the transaction of the switch."""

from portal.actors import Actor
from portal.models import User
from usecases.actions.stewardship import ask_to_own, withdraw
from usecases.actions.team import leave
from usecases.choices import OWNERSHIP, RequestKind, RequestState, TeamRole
from usecases.models import DataSource, StewardshipRequest, UseCase, UseCaseUserPermission
from usecases.owners import asked_to_own, owned_by


def hand_on(*, actor: Actor, person: User, stand_in: User | None) -> None:
    """Every use case and data source the person owns, and everything they were asked to own, waits for the stand-in.

    With the use case goes what waits for its owner: requests to join, the business lane, a review that comes back.
    With the data source go the requests to use it. The ground calls this by name; it has ruled, and holds both people.
    """
    cases, sources = owned_by(person)
    for use_case in cases.select_for_update(of=("self",), no_key=True).select_related("owner", "unit"):
        _put_to(actor, use_case, stand_in)
    for source in sources.select_for_update(of=("self",), no_key=True).select_related("owner", "unit"):
        _put_to(actor, source, stand_in)
    _pass_on(actor, person, stand_in)
    joins = StewardshipRequest.objects.filter(person=person, kind=RequestKind.JOIN, state=RequestState.OPEN)
    for request in joins.select_for_update(of=("self",)).select_related("use_case", "person").order_by("pk"):
        withdraw(actor=actor, request=request)


def _put_to(actor: Actor, subject: UseCase | DataSource, stand_in: User | None) -> None:
    """Unless somebody present is asked already: then that request stands, and the answer decides."""
    about = {"use_case" if isinstance(subject, UseCase) else "data_source": subject}
    asked = StewardshipRequest.objects.for_ownership().filter(**about, person__is_active=True)
    if stand_in is None or asked.exists():
        return
    ask_to_own(actor=actor, subject=subject, person=stand_in, kind=RequestKind.STAND_IN, message="")


def _pass_on(actor: Actor, person: User, stand_in: User | None) -> None:
    """What this person was asked to take over: back to an owner who is present, on to the stand-in otherwise."""
    waiting = (
        asked_to_own(person)
        .select_for_update(of=("self",))
        .select_related(
            "use_case__owner", "use_case__unit", "data_source__owner", "data_source__unit", "person", "requested_by"
        )
    )
    for request in waiting:
        assert request.kind in OWNERSHIP
        withdraw(actor=actor, request=request)
        owner_left = not request.subject.owner.is_active
        if owner_left and stand_in is not None:
            ask_to_own(
                actor=actor,
                subject=request.subject,
                person=stand_in,
                kind=RequestKind.STAND_IN,
                message=request.message,
            )


def leave_teams(*, actor: Actor, person: User) -> None:
    """Somebody returns whom a directory had switched off: parts on teams are given anew, what they still own stays.

    The ground calls this by name; it has ruled, and holds the person.
    """
    parts = UseCaseUserPermission.objects.filter(user=person).select_related("content_object", "permission")
    for part in parts.order_by("content_object_id", "permission_id"):
        use_case, role = part.content_object, part.permission.codename.removeprefix("team_")
        if role != TeamRole.OWNER or use_case.owner_id != person.pk:
            leave(actor=actor, use_case=use_case, person=person, role=role)
