"""Registering a use case from a file in its repository, and keeping it true by reading the file again."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.access import Denied, Reason, Refused
from portal.actors import Actor
from portal.audit import record
from portal.models import BusinessUnit, User
from usecases import policies
from usecases.actions.registration import edit_use_case, register_use_case
from usecases.actions.versions import declare_version
from usecases.choices import Pattern
from usecases.manifests import ManifestError
from usecases.models import RepositoryRecord, SystemVersion, UseCase
from usecases.repository_files import Described, FileError, read_file

KEPT = ("title", "business_outcome", "user_group", "pattern")


@dataclass(frozen=True)
class Reading:
    """What came of a file: `notes` say what of it was not taken over, and why."""

    use_case: UseCase
    created: bool
    changed: bool
    version: SystemVersion | None
    notes: list[str]


def register_from_file(*, actor: Actor, body: bytes) -> Reading:
    """Register what the file describes; again, with the same repository and name, update what changed.

    All of it or nothing. Raises FileError with the line of every fault, and Refused.
    """
    described = read_file(body)
    try:
        return _take_over(actor, described, hashlib.sha256(body).hexdigest())
    except IntegrityError as error:
        if "repository_record_names_one_use_case" not in str(error):
            raise
        text = _("The same file was read in this moment by somebody else. Read it again.")
        raise Refused(Denied((Reason("file_read_twice", text, conflict=True),))) from error


@transaction.atomic
def _take_over(actor: Actor, described: Described, sha256: str) -> Reading:
    values, notes = described.values, list[str]()
    if values["pattern"] not in Pattern.values:
        text = _("pattern is one of %(known)s.") % {"known": ", ".join(Pattern.values)}
        raise FileError([(described.lines.get("pattern", 0), text)])
    known = RepositoryRecord.objects.filter(repository=values["repository"], name=values["name"]).first()
    if known is None:
        use_case, changed = _register(actor, described), True
        RepositoryRecord.objects.create(
            use_case=use_case, repository=values["repository"], name=values["name"], sha256=sha256
        )
    else:
        use_case, changed = _update(actor, known, described, notes)
        RepositoryRecord.objects.filter(pk=known.pk).update(sha256=sha256)
    version, fresh = _declare(actor, use_case, described, notes)
    if changed or fresh:
        record(
            actor,
            "use_case.read_from_file",
            use_case,
            f"read {use_case.reference} from the file “{values['name']}” of {values['repository']}.",
            use_case=use_case.pk,
            data={"repository": values["repository"], "name": values["name"], "sha256": sha256},
            references=[use_case.reference],
        )
    return Reading(use_case, known is None, changed, version, notes)


def _register(actor: Actor, described: Described) -> UseCase:
    owner = _owner(actor, described)
    return register_use_case(
        actor=actor, owner=owner, unit=_unit(owner, described), **{name: described.values[name] for name in KEPT}
    )


def _update(actor: Actor, known: RepositoryRecord, described: Described, notes: list[str]) -> tuple[UseCase, bool]:
    use_case = UseCase.objects.visible_to(actor).select_related("owner", "unit").filter(pk=known.use_case_id).first()
    if use_case is None:
        text = _("This name is taken in this repository. Give the file another name, or ask an owner or an auditor.")
        raise Refused(Denied((Reason("name_taken", text, conflict=True),)))
    told = described.values.get("owner", "")
    if told and told.lower() != use_case.owner.username.lower():
        notes.append(_("The owner in the file is another one; who is accountable is changed in the portal alone."))
    told = described.values.get("unit", "")
    if told and told != use_case.unit.name:
        notes.append(_("The business unit in the file is another one; it is changed in the portal alone."))
    wanted: dict[str, Any] = {name: described.values[name] for name in KEPT}
    if all(getattr(use_case, name) == value for name, value in wanted.items()):
        return use_case, False
    return edit_use_case(actor=actor, use_case=use_case, **wanted), True


def _declare(
    actor: Actor, use_case: UseCase, described: Described, notes: list[str]
) -> tuple[SystemVersion | None, bool]:
    """(the version of the file's manifest, whether it is new); somebody who may not declare one is told so."""
    if described.manifest is None:
        return None, False
    ruling = policies.may_declare_version(actor, use_case)
    if not ruling:
        reasons = " ".join(str(reason) for reason in ruling.reasons)
        notes.append(_("The version in the file was not declared. %(reasons)s") % {"reasons": reasons})
        return None, False
    before = SystemVersion.objects.filter(use_case=use_case).count()
    try:
        version = declare_version(actor=actor, use_case=use_case, label=described.label, manifest=described.manifest)
    except ManifestError as error:
        faults = [
            (described.line_of(path), f"{path}: {message}" if path else message) for path, message in error.errors
        ]
        raise FileError(faults) from None
    return version, SystemVersion.objects.filter(use_case=use_case).count() > before


def _owner(actor: Actor, described: Described) -> User:
    told, line = described.values.get("owner", ""), described.lines.get("owner", 0)
    if not told:
        if actor.person is None:
            raise FileError([(0, _("Name the person who is accountable: owner is a sign-in name."))])
        return actor.person
    found = User.objects.filter(is_active=True, username__iexact=told).select_related("unit").first()
    if found is None:
        raise FileError([(line, _("Nobody here signs in as “%(name)s”; owner is a sign-in name.") % {"name": told})])
    return found


def _unit(owner: User, described: Described) -> BusinessUnit:
    told, line = described.values.get("unit", ""), described.lines.get("unit", 0)
    if not told:
        if owner.unit is None:
            raise FileError([(0, _("%(name)s has no business unit; name one as unit.") % {"name": owner.name})])
        return owner.unit
    found = list(BusinessUnit.objects.filter(name=told)[:2])
    if len(found) != 1:
        raise FileError([(line, _("Not exactly one business unit is called “%(name)s”.") % {"name": told})])
    return found[0]
