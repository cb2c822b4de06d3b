"""Who acts for whom today: the one place that says what a delegate stands for.

A policy that gives a person a named duty asks `answers_for`, and every rule of separation asks about both people,
see `behind`. Roles, team parts and administration are never passed on. The record bears both names: `acting`.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace

from django.utils.translation import gettext as _

from portal.access import Reason, unless
from portal.actors import Actor, held_by
from portal.models import User


def principals_of(actor: Actor) -> Mapping[uuid.UUID, str]:
    """By id the names of those the actor acts for today; machines act for nobody."""
    return held_by(actor).principals if actor.kind == "person" else {}


def acts_for(actor: Actor, person_id: object) -> bool:
    """Whether the actor is the delegate of this person today, and not the person."""
    return person_id in principals_of(actor) and not actor.is_person(person_id)


def answers_for(actor: Actor, person_id: object) -> bool:
    """Whether what is addressed to this person is the actor's to do today: in person, or in their place."""
    return actor.is_person(person_id) or acts_for(actor, person_id)


def acting(actor: Actor, person: User) -> Actor:
    """The actor as the trail names them when they do what is this person's to do."""
    return replace(actor, acting_for=person) if acts_for(actor, person.pk) else actor


def behind(actor: Actor) -> User | None:
    """In whose place the verb's actor does it; None when in person. What a row keeps beside who did it."""
    return actor.acting_for


def independent(actor: Actor, absent: User, taking_part: Iterable[object]) -> list[Reason | None]:
    """Why a delegate may not answer for the absent person: one of the two took part in what is to be judged.

    Nobody gets round four eyes by being away, or by acting for who is.
    """
    if not acts_for(actor, absent.pk):
        return []
    part = set(taking_part)
    mine = actor.person is not None and actor.person.pk in part
    text = _(
        "You act for %(name)s, but took part in this yourself, so it needs somebody else. Ask %(name)s to name one."
    )
    theirs = _("%(name)s took part in this, so nobody who acts for %(name)s answers it.")
    said = {"name": absent.name}
    return [
        unless(not mine, "delegate_took_part", text % said),
        unless(absent.pk not in part, "absent_took_part", theirs % said),
    ]
