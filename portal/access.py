"""May you? Roles as capabilities, and rulings that carry their reasons.

A refusal is an answer: the same reasons disable the button, fill the page and the API's problem, and are asserted
in tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from portal.actors import Actor, roles_of
from portal.choices import Role, Scope


@dataclass(frozen=True)
class Reason:
    """One sentence that says why not and what to do. `conflict`: the state forbids it, not the person."""

    code: str
    text: str
    conflict: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Allowed:
    reasons: tuple[Reason, ...] = ()

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Denied:
    reasons: tuple[Reason, ...]

    def __bool__(self) -> bool:
        return False


Ruling = Allowed | Denied


class Refused(Exception):
    """A verb was refused by its policy. Carries every reason, not only the first."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(" ".join(str(reason) for reason in denied.reasons))
        self.reasons = denied.reasons

    @property
    def is_conflict(self) -> bool:
        return all(reason.conflict for reason in self.reasons)

    @property
    def code(self) -> str:
        return self.reasons[0].code


def rule(reasons: Iterable[Reason | None]) -> Ruling:
    """Allowed when nothing speaks against it; otherwise all that does."""
    against = tuple(reason for reason in reasons if reason is not None)
    return Denied(against) if against else Allowed()


def unless(fine: object, code: str, text: str, *, conflict: bool = False) -> Reason | None:
    """A reason against, unless `fine`."""
    return None if fine else Reason(code, text, conflict)


def require(ruling: Ruling) -> None:
    """Raises Refused with all reasons when the ruling is a denial."""
    if isinstance(ruling, Denied):
        raise Refused(ruling)


# What each role may do where it is granted. Power to configure and power to decide are separate.
CAPABILITIES: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset({"view", "register"}),
    Role.ARCHITECT: frozenset(
        {"view", "register", "edit", "answer", "declare_data", "confirm_checklist", "submit_review", "name_owner"}
    ),
    Role.ENGINEER: frozenset({"view", "declare_version", "propose_release", "push_evidence", "catalogue"}),
    Role.PLATFORM: frozenset(
        {"view", "declare_version", "propose_release", "catalogue", "configure_connectors", "sync", "decide_technical"}
    ),
    Role.FINANCE: frozenset({"view"}),
    Role.RISK: frozenset({"view", "see_restricted", "conclude_review", "decide_risk", "name_owner"}),
    Role.SECURITY: frozenset({"view", "allow_hosts", "decide_security"}),
    Role.PRIVACY: frozenset({"view", "decide_privacy"}),
    Role.LEGAL: frozenset({"view", "decide_legal"}),
    Role.APPROVER: frozenset({"view", "decide_technical", "decide_executive"}),
    Role.AUDITOR: frozenset({"view", "see_restricted", "view_audit"}),
    Role.ADMINISTRATOR: frozenset({"view", "manage_people", "issue_tokens", "configure_connectors", "name_owner"}),
    Role.INGEST: frozenset({"view", "push_evidence", "sync"}),
    Role.DIRECTORY: frozenset({"provision"}),
    Role.PIPELINE: frozenset({"view", "register", "declare_version", "propose_release", "push_evidence", "ask_gate"}),
}

# What a token's scope leaves of its account's capabilities. No scope lets a machine decide.
SCOPE_CAPABILITIES: dict[str, frozenset[str]] = {
    Scope.READ: frozenset({"view"}),
    Scope.REGISTER: frozenset({"view", "register", "edit", "declare_version"}),
    Scope.EVIDENCE: frozenset({"view", "push_evidence"}),
    Scope.RELEASES: frozenset({"view", "propose_release"}),
    Scope.GATE: frozenset({"view", "ask_gate"}),
    Scope.AUDIT: frozenset({"view", "view_audit", "see_restricted"}),
    Scope.SCIM: frozenset({"provision"}),
    Scope.CONNECTORS: frozenset({"view", "sync", "configure_connectors"}),
}


def narrowed(actor: Actor, capabilities: frozenset[str]) -> frozenset[str]:
    """A token never gives more than its scopes."""
    if actor.scopes is None:
        return capabilities
    allowed: frozenset[str] = frozenset().union(*(SCOPE_CAPABILITIES.get(scope, frozenset()) for scope in actor.scopes))
    return capabilities & allowed


def organisation_capabilities(actor: Actor) -> frozenset[str]:
    """What the actor's organisation-wide grants give."""
    return capabilities_at(actor, None)


def capabilities_at(actor: Actor, unit_path: str | None) -> frozenset[str]:
    """What the actor's grants give in the unit with this path; None asks for organisation-wide grants only."""
    found: set[str] = set()
    for held in roles_of(actor):
        covers = held.unit_path is None or (unit_path is not None and unit_path.startswith(held.unit_path))
        if covers:
            found |= CAPABILITIES[held.role]
    return narrowed(actor, frozenset(found))


def capabilities_anywhere(actor: Actor) -> frozenset[str]:
    """What the actor may do in at least one scope: for menus and for verbs that are not about one use case."""
    found: set[str] = set()
    for held in roles_of(actor):
        found |= CAPABILITIES[held.role]
    return narrowed(actor, frozenset(found))


def unit_paths_with(actor: Actor, capability: str) -> list[str] | None:
    """Paths of the units where a grant gives the capability; None means the whole organisation."""
    paths: list[str] = []
    for held in roles_of(actor):
        if capability not in narrowed(actor, CAPABILITIES[held.role]):
            continue
        if held.unit_path is None:
            return None
        paths.append(held.unit_path)
    return paths
