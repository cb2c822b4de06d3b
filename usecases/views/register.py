"""The register: the list of use cases, and registering one more."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import htmx
from portal.http import form_only
from usecases import policies
from usecases.actions.registration import register_use_case
from usecases.actions.repository_files import Reading, register_from_file
from usecases.duplicates import likely_duplicates
from usecases.forms import FilterForm, RegisterForm, RepositoryFileForm
from usecases.models import UseCase
from usecases.repository_files import FileError
from usecases.views.frame import actor_of, carried_out, posted

PAGE = 50
COUNTED = 1000
SHOWN = ("number", "title", "stage", "tier", "updated_at", "owner__name", "unit__name")


@require_safe
def use_cases(request: HttpRequest) -> HttpResponse:
    """The list, newest change first; filters are in the address, so a view can be kept as a link."""
    form = FilterForm(request.GET)
    form.is_valid()
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    actor = actor_of(request)
    register_rows = UseCase.objects.select_related("owner", "unit").only(*SHOWN)
    found = register_rows.narrowed(**wanted)
    rows, older = found.page_visible_to(actor, request.GET.get("before", "")[:80], PAGE)
    if wanted.get("q") and not rows:
        found = register_rows.narrowed(**wanted, similar=True)
        rows, older = found.page_visible_to(actor, "", PAGE)
    count = found.count_visible_to(actor, COUNTED + 1)
    kept = {name: request.GET[name] for name in wanted}
    context = {
        "form": form,
        "rows": rows,
        "summary": _summary(count),
        "filtered": bool(wanted),
        "older_url": "?" + urlencode({**kept, "before": older}) if older else "",
        "newest_url": "?" + urlencode(kept) if request.GET.get("before") else "",
        "may_register": policies.may_register_use_case(actor),
    }
    return htmx.render(request, "usecases/list.html", context, partial="rows")


def _summary(count: int) -> str:
    if count > COUNTED:
        return _("%(count)s+ use cases") % {"count": f"{COUNTED:,}"}
    return _("1 use case") if count == 1 else _("%(count)s use cases") % {"count": count}


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
