"""Who acts: a person, a service account or a named worker. Never None, so every fact has an author."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from portal.models import ServiceAccount, User
    from portal.querysets import Held, HeldRole


@dataclass(frozen=True)
class Origin:
    """Where a request came from. `address` and `agent` are personal data and stay out of the hashed text."""

    request_id: str = ""
    address: str = ""
    agent: str = ""
    session_commit: str = ""
    signed_in_at: datetime | None = None
    method: str = ""


@dataclass(frozen=True)
class Actor:
    kind: Literal["person", "service", "worker", "nobody"]
    name: str
    person: "User | None" = None
    account: "ServiceAccount | None" = None
    scopes: frozenset[str] | None = None
    origin: Origin = field(default_factory=Origin)
    # Who is away and in whose place this person does it; set by portal.delegation alone, once the act is allowed.
    acting_for: "User | None" = None
    # Grants are read once per actor, that is once per request; decisions make a fresh actor first.
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def signed_in(self) -> bool:
        return self.kind in ("person", "service")

    @property
    def key(self) -> str:
        """A stable text for rate limits and idempotency keys."""
        holder = self.person or self.account
        return f"{self.kind}:{holder.pk if holder else self.name}"

    def is_person(self, person_id: object) -> bool:
        return self.kind == "person" and self.person is not None and self.person.pk == person_id

    def afresh(self) -> "Actor":
        """The same actor with nothing remembered: what a decision is judged by."""
        if self.person is not None:
            self.person.refresh_from_db(fields=["is_active"])
        if self.account is not None:
            self.account.refresh_from_db(fields=["is_active"])
        return Actor(self.kind, self.name, self.person, self.account, self.scopes, self.origin, self.acting_for)


NOBODY = Actor("nobody", "anonymous")


def person(user: "User", origin: Origin | None = None) -> Actor:
    return Actor("person", user.name, person=user, origin=origin or Origin())


def service(account: "ServiceAccount", scopes: frozenset[str], origin: Origin | None = None) -> Actor:
    return Actor("service", account.name, account=account, scopes=scopes, origin=origin or Origin())


def worker(name: str) -> Actor:
    """A named worker of the portal itself, for what happens without anybody asking."""
    return Actor("worker", name)


def roles_of(actor: Actor) -> "list[HeldRole]":
    """The roles the actor holds now, read once; nothing for the inactive."""
    return held_by(actor).roles


def held_by(actor: Actor) -> "Held":
    """The roles and whom the actor acts for today, read once and together."""
    from portal.querysets import read_held

    if "held" not in actor._cache:
        actor._cache["held"] = read_held(actor)
    held: Held = actor._cache["held"]
    return held
