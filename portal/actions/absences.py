"""Who is away and who acts for them: set, ended early, declined. A window ends by itself with its last day, in UTC."""

from datetime import date

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from portal import absence_policies as policies
from portal.access import require
from portal.actions.messages import tell
from portal.actors import Actor
from portal.audit import mention, record
from portal.models import Absence, User
from portal.models.absences import today
from portal.querysets import lock_people


@transaction.atomic
def set_absence(
    *, actor: Actor, person: User, delegate: User, first_day: date, last_day: date, reason: str = ""
) -> Absence:
    """From the first to the last day, both included, the delegate acts for the person. Raises Refused."""
    held = lock_people(person, delegate)
    person, delegate = held[person.pk], held[delegate.pk]
    require(policies.may_set_absence(actor, person, delegate, first_day, last_day))
    assert actor.person is not None
    absence = Absence.objects.create(
        person=person,
        delegate=delegate,
        first_day=first_day,
        last_day=last_day,
        reason=reason.strip(),
        set_by=actor.person,
    )
    whose = "" if actor.is_person(person.pk) else f" for {mention(person)}"
    days = f"from {first_day.isoformat()} to {last_day.isoformat()}"
    _record(actor, "absence.set", absence, f"named {mention(delegate)} to act{whose} {days}.")
    text = _("You act for %(name)s from %(first)s to %(last)s (UTC). You may decline.")
    _tell([delegate], _("You act for somebody who is away"), text, absence)
    if whose:
        text = _("%(delegate)s acts for you from %(first)s to %(last)s (UTC), as an administrator has set.")
        _tell([person], _("Somebody acts for you"), text, absence)
    _tell_those_left_alone(absence)
    return absence


@transaction.atomic
def end_absence(*, actor: Actor, absence: Absence) -> Absence:
    """The person is back, or plans otherwise: the delegate acts no more from this moment on. Raises Refused."""
    absence = _locked(absence)
    require(policies.may_end_absence(actor, absence))
    _close(actor, absence)
    _record(
        actor, "absence.ended", absence, f"ended the time in which {mention(absence.delegate)} acts{_whose(absence)}."
    )
    told = [each for each in (absence.delegate, absence.person) if not actor.is_person(each.pk)]
    text = _("%(delegate)s no longer acts for %(name)s: the time was ended early.")
    _tell(told, _("Nobody acts for somebody else any more"), text, absence)
    return absence


@transaction.atomic
def decline_absence(*, actor: Actor, absence: Absence, answer: str = "") -> Absence:
    """The delegate does not act, or acts no more; the person is asked to name somebody else. Raises Refused."""
    absence = _locked(absence)
    require(policies.may_decline_absence(actor, absence))
    _close(actor, absence, answer)
    _record(actor, "absence.declined", absence, f"declined to act{_whose(absence)}.", reason=absence.answer)
    text = _("%(delegate)s does not act for %(name)s from %(first)s to %(last)s. Name somebody else. %(answer)s")
    _tell([absence.person, absence.set_by], _("Somebody declined to act"), text, absence)
    return absence


def close_windows_of(*, actor: Actor, delegate: User) -> None:
    """Somebody leaves: they act for nobody any more, and whoever counted on them is told.

    For the verb that switches the account off; it has ruled and holds the delegate.
    """
    assert actor.person is not None or actor.account is not None
    found = Absence.objects.filter(delegate=delegate, closed_at__isnull=True, last_day__gte=today())
    for absence in found.select_for_update(of=("self",)).select_related("person", "delegate").order_by("pk"):
        _close(actor, absence)
        _record(actor, "absence.ended", absence, f"ended the time in which {mention(delegate)} acts{_whose(absence)}.")
        text = _("%(delegate)s has left and does not act for %(name)s. Name somebody else.")
        _tell([absence.person], _("Nobody acts for you any more"), text, absence)


def _tell_those_left_alone(absence: Absence) -> None:
    """Who counted on the one who is now away: no delegate's delegate acts, so they name somebody else."""
    left = Absence.objects.filter(
        delegate=absence.person,
        closed_at__isnull=True,
        first_day__lte=absence.last_day,
        last_day__gte=absence.first_day,
    ).select_related("person")
    text = _(
        "%(name)s, who acts for you, is away from %(first)s to %(last)s. Nobody acts in their place: name another."
    )
    _tell([each.person for each in left[:100]], _("Who acts for you is away too"), text, absence)


def _locked(absence: Absence) -> Absence:
    rows = Absence.objects.select_for_update(of=("self",)).select_related("person", "delegate", "set_by")
    return rows.get(pk=absence.pk)


def _close(actor: Actor, absence: Absence, answer: str = "") -> None:
    absence.closed_by = actor.person or (actor.account.owner if actor.account is not None else None)
    absence.closed_at, absence.answer = timezone.now(), answer.strip()
    absence.save(update_fields=["closed_by", "closed_at", "answer"])


def _whose(absence: Absence) -> str:
    return f" for {mention(absence.person)}"


def _tell(people: list[User], subject: str, text: str, absence: Absence) -> None:
    said = text % {
        "name": absence.person.name,
        "delegate": absence.delegate.name,
        "first": date_format(absence.first_day),
        "last": date_format(absence.last_day),
        "answer": absence.answer,
    }
    tell(people, subject=subject, text=said.strip(), url=reverse("absences"))


def _record(actor: Actor, action: str, absence: Absence, sentence: str, reason: str = "") -> None:
    record(
        actor,
        action,
        absence,
        sentence,
        data={
            "person": absence.person_id,
            "delegate": absence.delegate_id,
            "first_day": absence.first_day,
            "last_day": absence.last_day,
            "reason": reason or absence.reason,
        },
    )
