"""Who answers for what changes here and nowhere else: asked for, accepted in person, declined with a reason."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actions.messages import take_back, tell
from portal.actors import Actor
from portal.audit import mention, record
from portal.delegation import acting
from portal.models import User
from portal.querysets import hold_present
from usecases import stewardship
from usecases.actions.authors import answerable_for, person_of
from usecases.actions.facts import record_fact
from usecases.actions.team import join, leave
from usecases.choices import FactSource, RequestKind, RequestState, TeamRole
from usecases.lifecycle import STEWARDSHIP
from usecases.models import DataSource, StewardshipRequest, UseCase
from usecases.policies import may_manage_team

Subject = UseCase | DataSource


@transaction.atomic
def request_handover(*, actor: Actor, subject: Subject, person: User, message: str = "") -> StewardshipRequest:
    """Ask somebody to own a use case or a data source from now on; nothing changes until they accept. Raises Refused.

    The owner asks; for an owner who left, whoever may name another.
    """
    hold_present(person)
    person.refresh_from_db(fields=["is_active"])
    subject = locked(subject)
    require(stewardship.may_hand_over(actor, subject, person))
    kind = RequestKind.HANDOVER if subject.owner.is_active else RequestKind.STAND_IN
    return ask_to_own(actor=actor, subject=subject, person=person, kind=kind, message=message.strip())


def ask_to_own(*, actor: Actor, subject: Subject, person: User, kind: str, message: str) -> StewardshipRequest:
    """The request itself, for a verb that has ruled already and holds the subject and the person."""
    about: dict[str, Any] = {"use_case" if isinstance(subject, UseCase) else "data_source": subject}
    request = StewardshipRequest.objects.create(
        kind=kind, person=person, message=message, requested_by=answerable_for(actor), **about
    )
    left = f" after {mention(subject.owner)}, who left" if kind == RequestKind.STAND_IN else ""
    _record(actor, "stewardship.requested", request, f"asked {mention(person)} to take over {request.name}{left}.")
    text = _("%(who)s asks you to take over %(what)s. Nothing changes until you accept.")
    said = text % {"who": answerable_for(actor).name, "what": _called(subject)}
    tell([person], subject=_("You are asked to take something over"), text=said, url=request.get_absolute_url())
    return request


@transaction.atomic
def request_to_join(
    *, actor: Actor, use_case: UseCase, role: str = TeamRole.CONTRIBUTOR, message: str = ""
) -> StewardshipRequest:
    """Ask the owner for a part on the team, instead of registering the same thing again. Raises Refused."""
    use_case = UseCase.objects.lock(use_case)
    require(stewardship.may_ask_to_join(actor, use_case, role))
    me = person_of(actor)
    request = StewardshipRequest.objects.create(
        kind=RequestKind.JOIN, use_case=use_case, person=me, requested_by=me, role=role, message=message.strip()
    )
    part = TeamRole(role).label.lower()
    _record(actor, "stewardship.requested", request, f"asked to join the team of {request.name} as {part}.")
    text = _("%(who)s asks to join the team of %(what)s.") % {"who": me.name, "what": _called(use_case)}
    tell([use_case.owner], subject=_("Somebody asks to join your team"), text=text, url=request.get_absolute_url())
    return request


@transaction.atomic
def accept_request(*, actor: Actor, request: StewardshipRequest) -> StewardshipRequest:
    """Take over what one was asked to own, or let somebody join one's team. Raises Refused."""
    request = _locked_request(request)
    require(stewardship.may_answer_request(actor, request))
    actor = _in_place(actor, request)
    _close(actor, request, "accept_request", "")
    if request.use_case is not None and request.kind == RequestKind.JOIN:
        _record(actor, "stewardship.accepted", request, f"let {mention(request.person)} join {request.name}.")
        join(actor=actor, use_case=request.use_case, person=request.person, role=request.role)
        text = _("%(who)s accepted: you are on the team of %(what)s.")
    else:
        former = mention(request.subject.owner)
        _record(actor, "stewardship.accepted", request, f"took over {request.name} from {former}.")
        _hand_to(actor, request)
        text = _("%(who)s accepted and took over %(what)s.")
    _answered(actor, request, text)
    return request


@transaction.atomic
def decline_request(*, actor: Actor, request: StewardshipRequest, answer: str) -> StewardshipRequest:
    """Say no, and why. Raises Refused; ValidationError without a reason."""
    request = _locked_request(request)
    require(stewardship.may_answer_request(actor, request))
    if not answer.strip():
        raise ValidationError({"answer": _("Say why not, so that the one who asked knows what to do instead.")})
    actor = _in_place(actor, request)
    _close(actor, request, "decline_request", answer.strip())
    what = "let somebody join" if request.kind == RequestKind.JOIN else "take over"
    _record(actor, "stewardship.declined", request, f"declined to {what} {request.name}.", reason=request.answer)
    text = _("%(who)s declined your request about %(what)s: %(why)s")
    _answered(actor, request, text)
    return request


@transaction.atomic
def withdraw_request(*, actor: Actor, request: StewardshipRequest) -> StewardshipRequest:
    """Take the request back before it is answered. Raises Refused."""
    request = _locked_request(request)
    require(stewardship.may_withdraw_request(actor, request))
    withdraw(actor=actor, request=request)
    return request


def withdraw(*, actor: Actor, request: StewardshipRequest) -> None:
    """The withdrawal itself, for a verb that has ruled already and holds the request."""
    _close(actor, request, "withdraw_request", "")
    asked = "" if request.kind == RequestKind.JOIN else f" to {mention(request.person)}"
    _record(actor, "stewardship.withdrawn", request, f"withdrew the request{asked} about {request.name}.")
    take_back(url=request.get_absolute_url())


def locked(subject: Subject) -> Subject:
    """The subject as it is now, with owner and unit, held until the verb ends."""
    if isinstance(subject, UseCase):
        return UseCase.objects.lock(subject)
    rows = DataSource.objects.select_for_update(of=("self",)).select_related("owner", "unit")
    return rows.get(pk=subject.pk)


def _locked_request(request: StewardshipRequest) -> StewardshipRequest:
    """People first, then the subject, then the request: one order of locks, everywhere."""
    hold_present(request.person)
    subject = locked(request.subject)
    rows = StewardshipRequest.objects.select_for_update(of=("self",)).select_related("person", "requested_by")
    found = rows.get(pk=request.pk)
    found.use_case = subject if isinstance(subject, UseCase) else None
    found.data_source = subject if isinstance(subject, DataSource) else None
    return found


def _hand_to(actor: Actor, request: StewardshipRequest) -> None:
    """The new owner stands in row, team and facts; the former one, if present, stays to contribute."""
    subject, former, person = request.subject, request.subject.owner, request.person
    subject.owner = person
    if isinstance(subject, DataSource):
        subject.save(update_fields=["owner"])
        return
    subject.save(update_fields=["owner", "updated_at"])
    join(actor=actor, use_case=subject, person=person, role=TeamRole.OWNER)
    leave(actor=actor, use_case=subject, person=former, role=TeamRole.OWNER)
    if former.is_active:
        join(actor=actor, use_case=subject, person=former, role=TeamRole.CONTRIBUTOR)
    statement = _("%(name)s is its accountable owner.") % {"name": person.name}
    record_fact(
        actor=actor,
        use_case=subject,
        name="owner_named",
        value=str(person.pk),
        statement=statement,
        source=FactSource.PERSON,
    )


def _in_place(actor: Actor, request: StewardshipRequest) -> Actor:
    """Who lets somebody join while the accountable owner is away does it in the owner's place."""
    if request.use_case is None or request.kind != RequestKind.JOIN or may_manage_team(actor, request.use_case):
        return actor
    return acting(actor, request.use_case.owner)


def _close(actor: Actor, request: StewardshipRequest, verb: str, answer: str) -> None:
    request.state = RequestState(STEWARDSHIP.target(verb, request.state))
    request.closed_by, request.closed_at, request.answer = answerable_for(actor), timezone.now(), answer
    request.save(update_fields=["state", "closed_by", "closed_at", "answer"])


def _answered(actor: Actor, request: StewardshipRequest, text: str) -> None:
    """Who asked is told; what asked for the answer is put away."""
    take_back(url=request.get_absolute_url())
    said = text % {"who": actor.name, "what": _called(request.subject), "why": request.answer}
    tell([request.requested_by], subject=_("Your request was answered"), text=said, url=request.get_absolute_url())


def _called(subject: Subject) -> str:
    return f"{subject.reference} “{subject.title}”" if isinstance(subject, UseCase) else f"“{subject.name}”"


def _record(actor: Actor, action: str, request: StewardshipRequest, sentence: str, reason: str = "") -> None:
    use_case = request.use_case
    record(
        actor,
        action,
        request,
        sentence,
        use_case=use_case.pk if use_case else None,
        data={
            "kind": request.kind,
            "person": request.person_id,
            "role": request.role,
            "data_source": request.data_source_id,
            "reason": reason or request.message,
        },
        references=[use_case.reference] if use_case else [],
    )
