"""A system version as people call it: its label within a use case, where a file's uploader knows no digest."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evidence.readings import version_digest_or_empty
from portal.actors import Actor
from usecases.models import SystemVersion, UseCase


def with_digest(actor: Actor, told: Mapping[str, Any]) -> dict[str, Any]:
    """What was told, the version's label replaced by its digest. Raises ValidationError saying what to give instead."""
    found, label = dict(told), str(told.get("version") or "").strip()
    if not label or version_digest_or_empty(label):
        return found
    reference = str(told.get("use_case") or "").strip()
    if not reference:
        text = _("A label is known within its use case only. Name the use case too, or give the version's digest.")
        raise ValidationError({"version": [text]})
    found["version"] = _digest(actor, reference, label)
    return found


def _digest(actor: Actor, reference: str, label: str) -> str:
    words = {"reference": reference[:12], "label": label[:80]}
    number = reference.removeprefix("UC-")
    seen = UseCase.objects.visible_to(actor).filter(number=int(number) if number.isdecimal() else 0).values("id")
    digests = list(SystemVersion.objects.filter(use_case__in=seen, label=label).values_list("digest", flat=True)[:2])
    if len(digests) == 1:
        return str(digests[0])
    if digests:
        text = _("%(reference)s has several versions called “%(label)s”. Give the digest of the one that was tried.")
    else:
        text = _("%(reference)s has no version called “%(label)s” here. Take the label or the digest of its page.")
    raise ValidationError({"version": [text % words]})
