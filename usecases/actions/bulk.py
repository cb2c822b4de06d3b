"""One change to many use cases: previewed row by row, then carried out by the same verbs, all or nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import Reason, Ruling, require
from portal.actions.messages import tell
from portal.actors import Actor
from portal.audit import mention, record
from usecases import policies
from usecases.actions.registration import edit_use_case
from usecases.actions.tags import as_tags, tag_use_case
from usecases.models import UseCase
from usecases.models.use_case import MAX_TAGS


@dataclass(frozen=True)
class Kind:
    """`rule` says whether one row may be changed, `same` whether there is nothing to do, `words` what will happen."""

    key: str
    label: Any
    rule: Callable[[Actor, UseCase], Ruling]
    same: Callable[[UseCase, str], bool]
    words: Callable[[UseCase, str], str]
    carry_out: Callable[[Actor, UseCase, str], object]
    needs: str = ""


@dataclass(frozen=True)
class Line:
    """What happens to one use case. Neither `text` nor reasons: there is nothing to change."""

    use_case: UseCase
    text: str = ""
    reasons: tuple[Reason, ...] = ()

    @property
    def outcome(self) -> str:
        if self.reasons:
            return "refused"
        return "change" if self.text else "same"


def preview(actor: Actor, kind: Kind, value: str, use_cases: Iterable[UseCase]) -> list[Line]:
    """What would happen to each. Raises ValidationError when the value itself makes no sense."""
    value = checked(kind, value)
    use_cases = list(use_cases)
    policies.remember_capabilities(actor, use_cases)
    lines = []
    for use_case in use_cases:
        ruling = kind.rule(actor, use_case)
        if not ruling:
            lines.append(Line(use_case, reasons=ruling.reasons))
        elif kind.same(use_case, value):
            lines.append(Line(use_case))
        elif kind.key == ADD_TAG.key and len(use_case.tags) >= MAX_TAGS:
            text = _("It has %(most)s tags already, which is the most.") % {"most": MAX_TAGS}
            lines.append(Line(use_case, reasons=(Reason("too_many_tags", text, conflict=True),)))
        else:
            lines.append(Line(use_case, kind.words(use_case, value)))
    return lines


@transaction.atomic
def change_many(*, actor: Actor, kind: Kind, value: str, use_cases: Sequence[UseCase]) -> int:
    """Carry it out on all of these. Raises Refused or ValidationError for the first that may not, and changes none."""
    value = checked(kind, value)
    # In one order, so that two at once wait for each other instead of blocking each other.
    for use_case in sorted(use_cases, key=lambda each: each.pk):
        kind.carry_out(actor, use_case, value)
    return len(use_cases)


def checked(kind: Kind, value: str) -> str:
    """The value as the verb takes it."""
    if kind.needs != "tag":
        return value.strip()
    tags = as_tags([value], "value")
    return tags[0] if tags else as_tags(["-"], "value")[0]


@transaction.atomic
def ask_owner(*, actor: Actor, use_case: UseCase, note: str = "") -> None:
    """Ask the accountable owner to look at the use case again: a notice and a sentence in the trail."""
    use_case = UseCase.objects.lock(use_case)
    require(policies.may_ask_owner(actor, use_case))
    text = _("%(who)s asks you to look at %(reference)s “%(title)s” again.")
    text %= {"who": actor.name, "reference": use_case.reference, "title": use_case.title}
    if note.strip():
        text += " " + note.strip()
    tell(
        [use_case.owner],
        subject=_("Please look at %s") % use_case.reference,
        text=text,
        url=use_case.get_absolute_url(),
    )
    record(
        actor,
        "use_case.owner_asked",
        use_case,
        f"asked {mention(use_case.owner)} to look at {use_case.reference} again.",
        use_case=use_case.pk,
        data={"owner": use_case.owner_id, "reason": note.strip()},
        references=[use_case.reference],
    )


def _restrict(restricted: bool) -> Callable[[Actor, UseCase, str], object]:
    return lambda actor, use_case, _value: edit_use_case(actor=actor, use_case=use_case, restricted=restricted)


ADD_TAG = Kind(
    "add-tag",
    gettext_lazy("Add a tag"),
    policies.may_tag_use_case,
    lambda row, tag: tag in row.tags,
    lambda row, tag: _("gets the tag %(tag)s") % {"tag": tag},
    lambda actor, row, tag: tag_use_case(actor=actor, use_case=row, add=[tag]),
    needs="tag",
)
REMOVE_TAG = Kind(
    "remove-tag",
    gettext_lazy("Remove a tag"),
    policies.may_tag_use_case,
    lambda row, tag: tag not in row.tags,
    lambda row, tag: _("loses the tag %(tag)s") % {"tag": tag},
    lambda actor, row, tag: tag_use_case(actor=actor, use_case=row, remove=[tag]),
    needs="tag",
)
RESTRICT = Kind(
    "restrict",
    gettext_lazy("Restrict to team, risk and audit"),
    policies.may_restrict_use_case,
    lambda row, _value: row.restricted,
    lambda row, _value: _("is shown to its team, risk reviewers and auditors only"),
    _restrict(True),
)
UNRESTRICT = Kind(
    "unrestrict",
    gettext_lazy("Lift the restriction"),
    policies.may_restrict_use_case,
    lambda row, _value: not row.restricted,
    lambda row, _value: _("is shown to all roles of its unit"),
    _restrict(False),
)
ASK_OWNER = Kind(
    "ask-owner",
    gettext_lazy("Ask owners to look again"),
    policies.may_ask_owner,
    lambda _row, _value: False,
    lambda row, _value: _("%(name)s is asked to look at it again") % {"name": row.owner.name},
    lambda actor, row, note: ask_owner(actor=actor, use_case=row, note=note),
    needs="note",
)
KINDS = {kind.key: kind for kind in (ADD_TAG, REMOVE_TAG, RESTRICT, UNRESTRICT, ASK_OWNER)}
