"""Which pages of the menu are of use to whom."""

from portal.access import capabilities_anywhere
from portal.actors import Actor

NEEDS: dict[str, frozenset[str]] = {
    "evidence:connectors": frozenset({"configure_connectors", "allow_hosts", "view_audit"}),
    "audit-trail": frozenset({"view_audit"}),
    "usecases:ownership": frozenset({"name_owner"}),
    "usecases:register": frozenset({"register"}),
    "people": frozenset({"manage_people", "issue_tokens"}),
}


def open_to(actor: Actor, name: str) -> bool:
    """True when the page needs nothing, or something this actor has somewhere."""
    needed = NEEDS.get(name)
    return needed is None or bool(needed & capabilities_anywhere(actor))
