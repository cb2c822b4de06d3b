"""The person behind a verb that only people may use."""

from portal.actors import Actor
from portal.models import User


def person_of(actor: Actor) -> User:
    """The actor as a person. The policy has asked for one before; anything else is a programming error."""
    if actor.person is None:
        raise TypeError(f"{actor.name} is no person: the verb's policy has to ask for one.")
    return actor.person
