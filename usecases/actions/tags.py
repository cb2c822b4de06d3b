"""Tags: words by which people find what belongs together."""

import re
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases import policies
from usecases.models import UseCase
from usecases.models.use_case import MAX_TAG, MAX_TAGS

_TAG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def as_tags(words: Sequence[str], field: str = "add") -> list[str]:
    """The words as tags, each once: lower case, spaces as hyphens. Raises ValidationError for what is none."""
    found = dict.fromkeys("-".join(word.lower().split()) for word in words if word.strip())
    for tag in found:
        if len(tag) > MAX_TAG or not _TAG.fullmatch(tag):
            text = _("“%(tag)s” is no tag: use up to %(most)s letters a to z, digits and single hyphens.")
            raise ValidationError({field: text % {"tag": tag[:MAX_TAG], "most": MAX_TAG}})
    return list(found)


@transaction.atomic
def tag_use_case(*, actor: Actor, use_case: UseCase, add: Sequence[str] = (), remove: Sequence[str] = ()) -> UseCase:
    """Put tags on and take tags off; what is so already writes nothing. Raises Refused; ValidationError for no tag."""
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_tag_use_case(actor, use_case))
    wanted = as_tags(add)
    gone = {tag for tag in use_case.tags if tag in remove and tag not in wanted}
    new = [tag for tag in wanted if tag not in use_case.tags]
    if not new and not gone:
        return use_case
    tags = sorted({*use_case.tags, *new} - gone)
    if len(tags) > MAX_TAGS:
        text = _("A use case has at most %(most)s tags. Remove one first.") % {"most": MAX_TAGS}
        raise ValidationError({"add": text})
    use_case.tags = tags
    use_case.save(update_fields=["tags", "updated_at"])
    parts = [f"put {_quoted(new)} on"] if new else []
    parts += [f"took {_quoted(sorted(gone))} off"] if gone else []
    record(
        actor,
        "use_case.tagged",
        use_case,
        f"{' and '.join(parts)} {use_case.reference}.",
        use_case=use_case.pk,
        data={"added": new, "removed": sorted(gone)},
        references=[use_case.reference],
    )
    return use_case


def _quoted(tags: Sequence[str]) -> str:
    return "the tag " + tags[0] if len(tags) == 1 else "the tags " + ", ".join(tags)
