"""Bills of materials: a version written as one, and a version declared from one."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from portal.actors import Actor
from usecases.actions.versions import declare_version
from usecases.bills import About, Known, read_bill, write_bill
from usecases.models import Component, SystemVersion, UseCase


def bill_of(version: SystemVersion) -> dict[str, Any]:
    """The bill of a version, with what the catalogue knows of its model. Reads only; one query."""
    model = Component.objects.filter(kind="model", version_components__system_version=version).first()
    known = Known()
    if model is not None:
        known = Known(model.licence, model.card, model.description, tuple(model.modalities))
    about = About(
        reference=version.use_case.reference,
        title=version.use_case.title,
        label=version.label,
        number=version.number,
        digest=version.digest,
        declared_at=version.declared_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    return write_bill(version.manifest, about, known)


def declare_from_bill(
    *, actor: Actor, use_case: UseCase, bill: Mapping[str, Any], label: str = ""
) -> tuple[SystemVersion, list[str]]:
    """(the declared version, what of the bill a manifest cannot express). Raises Refused and ManifestError."""
    read = read_bill(bill)
    wanted = label.strip() or read.label.strip()[:80] or _("from a bill of materials")
    version = declare_version(actor=actor, use_case=use_case, label=wanted, manifest=read.manifest)
    if read.digest and read.digest != version.digest:
        text = _("The bill was changed since it was written: it tells of a manifest with the digest %(digest)s.")
        read.not_expressed.append(text % {"digest": read.digest[:64]})
    return version, read.not_expressed
