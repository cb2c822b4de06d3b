"""One change to many use cases: previewed row by row, then carried out by the same verbs, all or nothing."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import Reason, Ruling, require
from portal.actions.messages import tell
from portal.actors import Actor
from portal.audit import mention, record
from portal.models import BusinessUnit
from usecases import policies
from usecases.actions.moving import move_use_case
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
    value, unit = _resolved(kind, value)
    use_cases = list(use_cases)
    policies.remember_capabilities(actor, use_cases)
    against = policies.may_register_use_case(actor, unit).reasons if unit else ()
    lines = []
    for use_case in use_cases:
        reasons = (*against, *kind.rule(actor, use_case).reasons)
        if reasons:
            lines.append(Line(use_case, reasons=reasons))
        elif kind.same(use_case, value):
            lines.append(Line(use_case))
        elif kind.key == ADD_TAG.key and len(use_case.tags) >= MAX_TAGS:
            text = _("It has %(most)s tags already, which is the most.") % {"most": MAX_TAGS}
            lines.append(Line(use_case, reasons=(Reason("too_many_tags", text, conflict=True),)))
        else:
            lines.append(Line(use_case, kind.words(use_case, unit.name if unit else value)))
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
    return _resolved(kind, value)[0]


def shown_value(kind: Kind, value: str) -> str:
    """The value as people read it."""
    unit = _resolved(kind, value)[1]
    return unit.name if unit else value


def _resolved(kind: Kind, value: str) -> tuple[str, BusinessUnit | None]:
    """(the value as the verb takes it, the unit it names where it names one)."""
    if kind.needs == "unit":
        unit = _unit(value)
        return str(unit.pk), unit
    if kind.needs != "tag":
        return value.strip(), None
    tags = as_tags([value], "value")
    return (tags[0] if tags else as_tags(["-"], "value")[0]), None


def _unit(value: str) -> BusinessUnit:
    """The unit that was chosen. Raises ValidationError."""
    try:
        return BusinessUnit.objects.get(pk=uuid.UUID(value))
    except (ValueError, BusinessUnit.DoesNotExist):
        raise ValidationError(_("Choose the business unit to move them to.")) from None


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
CHANGE_UNIT = Kind(
    "change-unit",
    gettext_lazy("Move to another unit"),
    policies.may_move_use_case,
    lambda row, unit: str(row.unit_id) == unit,
    lambda row, name: (
        _("moves from %(before)s to %(after)s; the roles there see it from then on")
        % {"before": row.unit.name, "after": name}
    ),
    lambda actor, row, unit: move_use_case(actor=actor, use_case=row, unit=_unit(unit)),
    needs="unit",
)
KINDS = {kind.key: kind for kind in (ADD_TAG, REMOVE_TAG, RESTRICT, UNRESTRICT, CHANGE_UNIT, ASK_OWNER)}
