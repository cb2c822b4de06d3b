"""How a query of the register is shown: which view it came from, its chips, its column heads."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.models import BusinessUnit
from usecases.finding.filters import filters
from usecases.finding.query import COLUMNS, Query, build, known_keys, read
from usecases.models import SavedView
from usecases.ordering import ORDERS

MOST_CURSOR = 260
EVERYTHING = "all"


def query_of(view: SavedView) -> Query:
    return build({**view.wanted, "sort": [view.sort], "columns": view.columns})


def view_key(view: SavedView | None) -> str:
    return str(view.pk) if view is not None else EVERYTHING


def asked_for(params: QueryDict, views: Sequence[SavedView]) -> tuple[SavedView | None, Query]:
    """(the view this began with, the query). An address that says what it wants is not overruled by its view."""
    named = params.get("view", "")
    says = any(params.getlist(key) for key in known_keys())
    if named:
        view = next((each for each in views if str(each.pk) == named), None)
    else:
        # The view a person begins with is for who comes without any wish.
        view = None if says else next((each for each in views if getattr(each, "begins", False)), None)
    return view, read(params) if says or view is None else query_of(view)


def view_tabs(views: Sequence[SavedView], current: SavedView | None) -> list[dict[str, Any]]:
    """One tab for all, one for each view; none when there is no view."""
    if not views:
        return []
    address = reverse("usecases:list")
    tabs = [{"label": _("All"), "url": f"{address}?view={EVERYTHING}", "current": current is None}]
    return tabs + [
        {"label": view.name, "url": f"{address}?view={view.pk}", "current": view == current} for view in views
    ]


def chips(query: Query, kept: Mapping[str, str]) -> list[dict[str, str]]:
    """One for each value by which the list is narrowed, with the address that does without it."""
    names = _unit_names(query)
    found = [(_("Words: %(value)s") % {"value": query.q}, query.without("q", query.q))] if query.q else []
    for key, values in query.wanted.items():
        each = filters()[key]
        labels: dict[str, Any] = names if each.kind == "unit" else dict(each.choices)
        for value in values:
            shown = {"filter": each.label, "value": labels.get(value, value)}
            found.append((_("%(filter)s: %(value)s") % shown, query.without(key, value)))
    # A view that lost its last filter would otherwise come back whole.
    more = {"view": EVERYTHING} if kept else {}
    return [{"label": label, "url": left.address(**(kept if left.pairs() else more)) or "?"} for label, left in found]


def _unit_names(query: Query) -> dict[str, Any]:
    wanted = query.wanted.get("unit", ())
    if not wanted:
        return {}
    return {str(pk): name for pk, name in BusinessUnit.objects.filter(pk__in=wanted).values_list("id", "name")}


def heads(query: Query, kept: Mapping[str, str]) -> list[dict[str, Any]]:
    """The column heads, reference and name first; what has an order sorts."""
    found = [_head("reference", _("Reference"), query, kept), _head("title", _("Use case"), query, kept)]
    return found + [_head(key, COLUMNS[key], query, kept) for key in query.shown]


def _head(key: str, label: Any, query: Query, kept: Mapping[str, str]) -> dict[str, Any]:
    head = {"key": key, "label": label, "figure": key in ("updated", "registered"), "href": "", "state": ""}
    if key not in ORDERS:
        return head
    up, down = key, f"-{key}"
    if not query.ranked:
        head["state"] = {up: "ascending", down: "descending"}.get(query.order, "")
    usual = down if ORDERS[key].downwards_first else up
    following = {up: down, down: up}.get(query.order, usual) if head["state"] else usual
    sorted_so = Query(query.q, query.wanted, following, query.columns)
    return {**head, "href": sorted_so.address(**kept)}
