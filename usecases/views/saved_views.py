"""Saved views: keeping what the list shows under a name, for oneself or for others."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.http import form_only
from usecases import policies
from usecases.actions.saved_views import begin_with_view, change_view, forget_view, save_view
from usecases.finding.query import Query, known_keys, read
from usecases.finding_forms import ViewForm
from usecases.models import DefaultView, SavedView
from usecases.views.frame import actor_of, carried_out, posted
from usecases.views.showing import chips, query_of

MOST = 200


@require_safe
def saved_views(request: HttpRequest) -> HttpResponse:
    """Every view this person may open, and which one the register opens with."""
    actor = actor_of(request)
    views = list(SavedView.objects.readable_by(actor).select_related("owner", "unit")[:MOST])
    begins = DefaultView.objects.filter(person=actor.person).values_list("view_id", flat=True).first()
    rows = [
        {"view": view, "query": query_of(view), "begins": view.pk == begins, "own": actor.is_person(view.owner_id)}
        for view in views
    ]
    return render(request, "usecases/saved_views.html", {"rows": rows, "begins": begins})


@require_http_methods(["GET", "POST"])
def new_view(request: HttpRequest) -> HttpResponse:
    """A view of what the address asks for, as the list handed it over."""
    actor, query = actor_of(request), read(request.GET)
    form = ViewForm(actor, posted(request))
    if request.method == "POST":
        view = carried_out(form, save_view, actor=actor, wanted=_lists(query))
        if view is not None:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return redirect(_opened(view))
    return _page(request, form, query, None)


@require_http_methods(["GET", "POST"])
def saved_view(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One view, to be renamed, shared, or given the filters in the address."""
    actor, view = actor_of(request), _fetch(request, pk)
    replaced = any(request.GET.getlist(key) for key in known_keys())
    query = read(request.GET) if replaced else query_of(view)
    initial = {"name": view.name, "sharing": view.sharing, "unit": view.unit_id}
    form = ViewForm(actor, posted(request), initial=initial)
    if request.method == "POST":
        wanted = _lists(query) if replaced else None
        if carried_out(form, change_view, actor=actor, view=view, wanted=wanted) is not None:
            messages.success(request, _("The view was changed."))
            return redirect(_opened(view))
    return _page(request, form, query, view)


@form_only("usecases:saved-view", "pk")
def remove_view(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    view = _fetch(request, pk)
    forget_view(actor=actor_of(request), view=view)
    messages.success(request, _("The view “%(name)s” was removed.") % {"name": view.name})
    return redirect("usecases:saved-views")


@form_only("usecases:saved-view", "pk")
def begin_with(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    view = _fetch(request, pk)
    begin_with_view(actor=actor_of(request), view=view)
    messages.success(request, _("The register opens with “%(name)s” for you.") % {"name": view.name})
    return redirect("usecases:saved-views")


@form_only("usecases:saved-views")
def begin_as_usual(request: HttpRequest) -> HttpResponse:
    begin_with_view(actor=actor_of(request), view=None)
    messages.success(request, _("The register opens with all use cases for you."))
    return redirect("usecases:saved-views")


def _fetch(request: HttpRequest, pk: uuid.UUID) -> SavedView:
    """The view, or 404 for one that is not shared with this person."""
    view = SavedView.objects.readable_by(actor_of(request)).select_related("owner", "unit").filter(pk=pk).first()
    if view is None:
        raise Http404
    return view


def _lists(query: Query) -> dict[str, list[str]]:
    found = QueryDict(query.address().removeprefix("?"))
    return {key: found.getlist(key) for key in found}


def _opened(view: SavedView) -> str:
    return f"{reverse('usecases:list')}?view={view.pk}"


def _page(request: HttpRequest, form: ViewForm, query: Query, view: SavedView | None) -> HttpResponse:
    ruling = policies.may_change_view(actor_of(request), view) if view else policies.may_save_view(actor_of(request))
    context: dict[str, Any] = {"form": form, "view": view, "ruling": ruling, "query": query, "chips": chips(query, {})}
    return render(request, "usecases/saved_view.html", context, status=422 if form.is_bound else 200)
