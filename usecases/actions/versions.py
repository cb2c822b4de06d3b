"""Declaring what runs: an immutable version with one digest over its canonical manifest."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases import policies
from usecases.actions.components import link_components
from usecases.manifests import normalise
from usecases.models import PromptText, SystemVersion, UseCase


@transaction.atomic
def declare_version(*, actor: Actor, use_case: UseCase, label: str, manifest: Mapping[str, Any]) -> SystemVersion:
    """The version with this manifest; the same manifest again is the version that exists, under its first label.

    Raises Refused, and ManifestError with every fault of the manifest.
    """
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_declare_version(actor, use_case))
    normal = normalise(manifest)
    texts = [PromptText(sha256=digest, text=text) for digest, text in sorted(normal.prompt_texts.items())]
    PromptText.objects.bulk_create(texts, ignore_conflicts=True)
    known = SystemVersion.objects.filter(use_case=use_case, digest=normal.digest).first()
    if known is not None:
        return known
    highest = SystemVersion.objects.filter(use_case=use_case).aggregate(highest=Max("number"))["highest"]
    version = SystemVersion.objects.create(
        use_case=use_case,
        number=(highest or 0) + 1,
        label=label,
        canon=normal.canonical,
        digest=normal.digest,
        manifest=normal.data,
        declared_by=actor.person,
        declared_by_account=actor.account,
    )
    link_components([version])
    record(
        actor,
        "system_version.declared",
        version,
        f"declared version {version.number} “{label}” of {use_case.reference}.",
        use_case=use_case.pk,
        data={"number": version.number, "label": label, "digest": version.digest},
        references=[use_case.reference],
    )
    return version
