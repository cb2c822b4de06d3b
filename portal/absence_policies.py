"""May this person say who acts for whom while somebody is away?"""

from datetime import date, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access import Reason, Ruling, organisation_capabilities, rule, unless
from portal.actors import Actor
from portal.models import Absence, User
from portal.models.absences import LONGEST_DAYS, today

FURTHEST_AHEAD = timedelta(days=366)
MOST_WINDOWS = 12


def open_windows(person: User) -> QuerySet[Absence]:
    """What this person has said and nobody closed, today or later."""
    return Absence.objects.filter(person=person, closed_at__isnull=True, last_day__gte=today())


def _for(actor: Actor, person: User, text: str) -> list[Reason | None]:
    able = actor.is_person(person.pk) or "manage_people" in organisation_capabilities(actor)
    return [
        unless(actor.kind == "person", "not_a_person", _("This is for a person to do, not for a machine.")),
        unless(able, "not_yours", text % {"name": person.name}),
    ]


def may_speak_for(actor: Actor, person: User) -> Ruling:
    """Whether anything can be said about this person's absence by the actor: theirs, or an administrator's."""
    off = _("The account of %(name)s is switched off.") % {"name": person.name}
    text = _("Only %(name)s or an administrator says when %(name)s is away.")
    return rule([*_for(actor, person, text), unless(person.is_active, "inactive", off, conflict=True)])


def may_set_absence(actor: Actor, person: User, delegate: User, first_day: date, last_day: date) -> Ruling:
    """A window of theirs, no other one in it, with somebody who is there. Both days count, in UTC."""
    return rule(
        [
            *may_speak_for(actor, person).reasons,
            *_window(first_day, last_day),
            *_delegate(actor, person, delegate),
            *_around(person, delegate, first_day, last_day),
        ]
    )


def _window(first_day: date, last_day: date) -> list[Reason | None]:
    day = today()
    too_long = _("One window is at most %(days)s days long. Set the rest when the time comes.") % {"days": LONGEST_DAYS}
    return [
        unless(last_day >= first_day, "ends_before_start", _("The last day is before the first."), conflict=True),
        unless(
            first_day >= day,
            "begins_in_the_past",
            _("It begins today or later. The day is that of UTC."),
            conflict=True,
        ),
        unless(
            first_day <= day + FURTHEST_AHEAD, "too_far_ahead", _("It begins within a year from today."), conflict=True
        ),
        unless((last_day - first_day).days < LONGEST_DAYS, "too_long", too_long, conflict=True),
    ]


def _delegate(actor: Actor, person: User, delegate: User) -> list[Reason | None]:
    said = {"name": delegate.name}
    return [
        unless(delegate.pk != person.pk, "delegate_is_oneself", _("Name somebody else: who is away does not act.")),
        unless(
            delegate.is_active, "delegate_inactive", _("The account of %(name)s is switched off.") % said, conflict=True
        ),
        unless(
            not actor.is_person(delegate.pk) or delegate.pk == person.pk,
            "names_oneself",
            _("Nobody makes themselves the one who acts for somebody else. Ask another administrator."),
        ),
    ]


def _around(person: User, delegate: User, first_day: date, last_day: date) -> list[Reason | None]:
    mine, theirs = open_windows(person), open_windows(delegate)
    away = _("%(name)s is away in these days too. Name somebody who is there.") % {"name": delegate.name}
    overlap = _("%(name)s has said already who acts in some of these days. End that window first.")
    return [
        unless(
            not mine.filter(first_day__lte=last_day, last_day__gte=first_day).exists(),
            "windows_overlap",
            overlap % {"name": person.name},
            conflict=True,
        ),
        unless(
            delegate.pk == person.pk or not theirs.filter(first_day__lte=last_day, last_day__gte=first_day).exists(),
            "delegate_away",
            away,
            conflict=True,
        ),
        unless(
            mine.count() < MOST_WINDOWS,
            "too_many_windows",
            _("Twelve windows are planned already. End one first, or wait until one is over."),
            conflict=True,
        ),
    ]


def _still(absence: Absence) -> list[Reason | None]:
    over = absence.last_day < today()
    return [
        unless(absence.closed_at is None, "closed", _("This window was ended already."), conflict=True),
        unless(not over or absence.closed_at is not None, "over", _("This window is over."), conflict=True),
    ]


def may_end_absence(actor: Actor, absence: Absence) -> Ruling:
    text = _("Only %(name)s or an administrator ends this.")
    return rule([*_for(actor, absence.person, text), *_still(absence)])


def may_decline_absence(actor: Actor, absence: Absence) -> Ruling:
    text = _("Only %(name)s, who was named, declines this.") % {"name": absence.delegate.name}
    return rule([unless(actor.is_person(absence.delegate_id), "not_delegate", text), *_still(absence)])
