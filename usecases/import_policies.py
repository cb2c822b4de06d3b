"""May this actor bring a register in, see one that was brought in, apply it, take it back?"""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.access import Ruling, capabilities_anywhere, capabilities_at, organisation_capabilities, rule, unless
from portal.actors import Actor
from portal.models import BusinessUnit, User
from usecases.choices import ImportState
from usecases.lifecycle import IMPORTS
from usecases.models import RegisterImport

# A table that waits for the worker is not changed under its hands.
BUSY = (ImportState.CHECKING, ImportState.APPLYING, ImportState.UNDOING)
# Who may read every import: whoever registers everywhere, and whoever reads the whole trail.
SEES_ALL = frozenset({"register", "view_audit"})


def imports_visible_to(actor: Actor) -> QuerySet[RegisterImport]:
    """One's own, and all for whoever registers for the whole organisation or audits it."""
    if not actor.signed_in or (actor.person is not None and not actor.person.is_active):
        return RegisterImport.objects.none()
    if organisation_capabilities(actor) & SEES_ALL:
        return RegisterImport.objects.all()
    if not capabilities_anywhere(actor):
        return RegisterImport.objects.none()
    own = Q(uploader=actor.person) if actor.person is not None else Q(uploader_account=actor.account)
    return RegisterImport.objects.filter(own)


def may_import(actor: Actor, unit: BusinessUnit | None = None) -> Ruling:
    able = "register" in (capabilities_at(actor, unit.path) if unit else capabilities_anywhere(actor))
    text = _("Importing a register needs the role of business owner or architect in this business unit.")
    return rule([unless(able, "not_importer", text)])


def may_name_owner(actor: Actor, owner: User) -> Ruling:
    return rule([unless(owner.is_active, "inactive", _("This person's account is switched off."), conflict=True)])


def may_work_on_import(actor: Actor, register_import: RegisterImport, verb: str) -> Ruling:
    """Map, check, apply or undo; `verb` is the lifecycle's."""
    able = "register" in capabilities_at(actor, register_import.default_unit.path)
    text = _("This needs the role of business owner or architect in the import's business unit.")
    state = ImportState(register_import.state)
    return rule(
        [
            unless(able, "not_importer", text),
            unless(
                state in _sources(verb),
                "wrong_state",
                _("This import is %(state)s; that cannot be done now.") % {"state": str(state.label).lower()},
                conflict=True,
            ),
        ]
    )


def _sources(verb: str) -> tuple[str, ...]:
    return tuple(state for found in IMPORTS.transitions if found.verb == verb for state in found.sources)
