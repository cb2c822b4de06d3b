"""Saved views: keeping, changing, sharing and forgetting them, and choosing the one to begin with."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from portal.models import BusinessUnit, User
from usecases import policies
from usecases.actions.authors import person_of
from usecases.choices import Sharing
from usecases.finding.query import build
from usecases.models import DefaultView, SavedView

MOST_VIEWS = 50


@transaction.atomic
def save_view(
    *,
    actor: Actor,
    name: str,
    wanted: Mapping[str, Sequence[str]],
    sharing: str = Sharing.PRIVATE,
    unit: BusinessUnit | None = None,
) -> SavedView:
    """Keep what the list shows under a name; `wanted` is the address's query as lists.

    Raises Refused; ValidationError when the person has a view of this name or names no unit to share with.
    """
    require(policies.may_save_view(actor))
    require(policies.may_share_view(actor, sharing, unit))
    # One after the other per person: number and names are checked before the row is written.
    owner = User.objects.select_for_update().get(pk=person_of(actor).pk)
    if SavedView.objects.filter(owner=owner).count() >= MOST_VIEWS:
        text = _("You have %(most)s views. Remove one before you save another.") % {"most": MOST_VIEWS}
        raise ValidationError({"name": text})
    view = SavedView(owner=owner, name=_name(owner, name), sharing=Sharing(sharing), unit=_unit(sharing, unit))
    _describe(view, wanted)
    view.save()
    _tell(actor, view, "saved_view.saved", f"saved the view “{view.name}” for {_readers(view)}.")
    return view


@transaction.atomic
def change_view(
    *,
    actor: Actor,
    view: SavedView,
    name: str | None = None,
    wanted: Mapping[str, Sequence[str]] | None = None,
    sharing: str | None = None,
    unit: BusinessUnit | None = None,
) -> SavedView:
    """Change what is given; None leaves as is. Raises Refused and ValidationError as above."""
    view = SavedView.objects.select_for_update(of=("self",)).select_related("owner", "unit").get(pk=view.pk)
    require(policies.may_change_view(actor, view))
    before = _state(view)
    if name is not None and name.strip() != view.name:
        view.name = _name(view.owner, name)
    if sharing is not None:
        require(policies.may_share_view(actor, sharing, unit))
        view.sharing, view.unit = Sharing(sharing), _unit(sharing, unit)
    if wanted is not None:
        _describe(view, wanted)
    if _state(view) == before:
        return view
    view.save()
    _tell(actor, view, "saved_view.changed", f"changed the view “{view.name}”, which is for {_readers(view)}.")
    return view


@transaction.atomic
def forget_view(*, actor: Actor, view: SavedView) -> None:
    """The view is gone; for whom the register opened with it, it opens as usual. Raises Refused."""
    view = SavedView.objects.select_for_update(of=("self",)).select_related("owner", "unit").get(pk=view.pk)
    require(policies.may_change_view(actor, view))
    _tell(actor, view, "saved_view.forgotten", f"removed the view “{view.name}”, which was for {_readers(view)}.")
    view.delete()


@transaction.atomic
def begin_with_view(*, actor: Actor, view: SavedView | None) -> None:
    """With this view the register opens for the person from now on; None: as usual. Raises Refused."""
    require(policies.may_save_view(actor))
    person = person_of(actor)
    if view is None:
        DefaultView.objects.filter(person=person).delete()
        return
    require(policies.may_read_view(actor, view))
    DefaultView.objects.update_or_create(person=person, defaults={"view": view})


def _state(view: SavedView) -> tuple[Any, ...]:
    return view.name, view.sharing, view.unit_id, view.wanted, view.sort, view.columns


def _describe(view: SavedView, wanted: Mapping[str, Sequence[str]]) -> None:
    query = build(wanted)
    view.wanted, view.sort, view.columns = query.as_json(), query.sort, list(query.columns)


def _name(owner: User, name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise ValidationError({"name": _("Give the view a name.")})
    if SavedView.objects.filter(owner=owner, name=name).exists():
        raise ValidationError({"name": _("You have a view of this name. Choose another, or change that one.")})
    return name


def _unit(sharing: str, unit: BusinessUnit | None) -> BusinessUnit | None:
    if sharing != Sharing.UNIT:
        return None
    if unit is None:
        raise ValidationError({"unit": _("Name the business unit to share it with.")})
    return unit


def _readers(view: SavedView) -> str:
    if view.sharing == Sharing.UNIT and view.unit is not None:
        return f"{view.unit.name} and all below"
    return "everybody" if view.sharing == Sharing.EVERYBODY else "themselves"


def _tell(actor: Actor, view: SavedView, action: str, sentence: str) -> None:
    data: dict[str, Any] = {"name": view.name, "sharing": view.sharing, "unit": view.unit_id, "wanted": view.wanted}
    record(actor, action, view, sentence, data=data)
