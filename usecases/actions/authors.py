"""The person behind a verb that only people may use."""

from portal.actors import Actor
from portal.models import User


def answerable_for(actor: Actor) -> User:
    """The person, or for a machine whoever owns it: what a directory starts is asked in its owner's name."""
    return actor.account.owner if actor.account is not None else person_of(actor)


def person_of(actor: Actor) -> User:
    """The actor as a person. The policy has asked for one before; anything else is a programming error."""
    if actor.person is None:
        raise TypeError(f"{actor.name} is no person: the verb's policy has to ask for one.")
    return actor.person
