"""The register: the list of use cases, and registering one more."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import htmx
from portal.actors import Actor
from portal.http import form_only
from usecases import policies
from usecases.actions.bulk import KINDS
from usecases.actions.registration import register_use_case
from usecases.actions.repository_files import Reading, register_from_file
from usecases.duplicates import likely_duplicates, same_name
from usecases.exporting import reported_stages
from usecases.finding.pages import FEW, MOST_AT_ONCE, Page, page
from usecases.finding_forms import FilterForm
from usecases.forms import RegisterForm, RepositoryFileForm
from usecases.import_policies import may_import
from usecases.models import SavedView
from usecases.repository_files import FileError
from usecases.views.frame import actor_of, carried_out, posted
from usecases.views.showing import MOST_CURSOR, asked_for, chips, heads, query_of, view_key, view_tabs

PAGE = 50
MOST_VIEWS_SHOWN = 100


@require_safe
def use_cases(request: HttpRequest) -> HttpResponse:
    """The list. Filters, order and columns are in the address, so any of it can be kept as a link or a saved view."""
    actor = actor_of(request)
    views = _views(actor)
    view, query = asked_for(request.GET, views)
    found = page(actor, query, request.GET.get("before", "")[:MOST_CURSOR], PAGE, as_lines=True)
    kept = {"view": view_key(view)} if views else {}
    form = FilterForm(query)
    context = {
        "form": form,
        "query": query,
        "rows": found.rows,
        "reported": reported_stages(found.rows) if "reported" in query.shown else {},
        "similar": found.similar,
        "summary": _summary(found, ranked=query.ranked),
        "chips": chips(query, kept),
        "heads": heads(query, kept),
        "filtered": query.narrows,
        "older_url": query.address(before=found.next_key, **kept) if found.next_key else "",
        "newest_url": query.address(**kept) if request.GET.get("before") else "",
        "tabs": view_tabs(views, view),
        "view": view,
        "changed": view is not None and query != query_of(view),
        "address": query.address(),
        "export_query": query.address().removeprefix("?"),
        "kinds": KINDS.values(),
        "units": form.unit_choices,
        "most_at_once": MOST_AT_ONCE,
        "may_import": may_import(actor),
        "may_register": policies.may_register_use_case(actor),
    }
    return htmx.render(request, "usecases/list.html", context, partial="rows")


def _views(actor: Actor) -> list[SavedView]:
    """The views this person may open, with a mark on the one to begin with."""
    return list(SavedView.objects.readable_by(actor).beginning_with(actor).order_by("name", "id")[:MOST_VIEWS_SHOWN])


def _summary(found: Page, *, ranked: bool) -> str:
    if found.similar:
        return _("Nothing holds these words. These names come near.")
    many = f"{FEW:,}+" if found.count > FEW else str(found.count)
    if ranked and found.count > len(found.rows):
        shown = {"shown": len(found.rows), "count": many}
        return _("The %(shown)s best of %(count)s use cases. Sort by a column to see all of them.") % shown
    if found.count > FEW:
        return _("More than %(count)s use cases") % {"count": f"{FEW:,}"}
    return _("1 use case") if found.count == 1 else _("%(count)s use cases") % {"count": found.count}


@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    ruling = policies.may_register_use_case(actor)
    if not ruling:
        status = 403 if request.method == "POST" else 200
        return render(request, "usecases/register.html", {"ruling": ruling}, status=status)
    form = RegisterForm(actor, posted(request))
    given: dict[str, Any] = {"form": form, "ruling": ruling, "file_form": RepositoryFileForm(auto_id="file_%s")}
    if request.method == "POST":
        given["same"] = None if request.POST.get("anyway") else same_name(actor, str(form["title"].value() or ""))
        if given["same"]:
            text = _(
                "%(reference)s has this name already. Join it, choose another name, or say that this is another one."
            )
            form.add_error("title", text % {"reference": given["same"].reference})
        use_case = carried_out(form, register_use_case, actor=actor)
        if use_case is not None:
            text = _("%(reference)s is registered. The discovery questions come next.")
            messages.success(request, text % {"reference": use_case.reference})
            return redirect("usecases:discovery", reference=use_case.reference)
    given["found"] = likely_duplicates(actor, *_described(form)) if form.is_bound else []
    return render(request, "usecases/register.html", given, status=422 if form.is_bound else 200)


@form_only("usecases:register")
def from_file(request: HttpRequest) -> HttpResponse:
    """Register from a file of a repository, or update what it registered before."""
    actor = actor_of(request)
    ruling = policies.may_register_use_case(actor)
    if not ruling:
        return render(request, "usecases/register.html", {"ruling": ruling}, status=403)
    form = RepositoryFileForm(request.POST, request.FILES, auto_id="file_%s")
    if form.is_valid():
        try:
            reading = register_from_file(actor=actor, body=form.cleaned_data["file"])
        except FileError as error:
            form.add_error("file", error.sentences())
        else:
            messages.success(request, _read(reading))
            for note in reading.notes:
                messages.warning(request, note)
            return redirect(reading.use_case)
    given = {"form": RegisterForm(actor), "ruling": ruling, "file_form": form}
    return render(request, "usecases/register.html", given, status=422)


def _read(reading: Reading) -> str:
    told = {"reference": reading.use_case.reference}
    if reading.created:
        return _("%(reference)s is registered from the file.") % told
    if reading.changed:
        return _("%(reference)s is what the file says now.") % told
    return _("%(reference)s said so already; its description was not changed.") % told


def _described(form: RegisterForm) -> tuple[str, str]:
    return str(form["title"].value() or ""), str(form["business_outcome"].value() or "")


@require_safe
def similar(request: HttpRequest) -> HttpResponse:
    """What says nearly the same, as a fragment of the registration form: perhaps it exists already."""
    found = likely_duplicates(actor_of(request), request.GET.get("title", ""), request.GET.get("business_outcome", ""))
    return render(request, "usecases/_similar.html", {"found": found})
