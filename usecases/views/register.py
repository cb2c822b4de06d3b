"""The register: the list of use cases, and registering one more."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import htmx
from usecases import policies
from usecases.actions.registration import register_use_case
from usecases.forms import FilterForm, RegisterForm
from usecases.import_policies import may_import
from usecases.models import UseCase
from usecases.views.frame import actor_of, carried_out, posted

PAGE = 50
COUNTED = 1000


@require_safe
def use_cases(request: HttpRequest) -> HttpResponse:
    """The list, newest change first; filters are in the address, so a view can be kept as a link."""
    form = FilterForm(request.GET)
    form.is_valid()
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    actor = actor_of(request)
    register_rows = UseCase.objects.select_related("owner", "unit")
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
        "export_query": urlencode(kept),
        "may_import": may_import(actor),
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
    if request.method == "POST":
        use_case = carried_out(form, register_use_case, actor=actor)
        if use_case is not None:
            text = _("%(reference)s is registered. The discovery questions come next.")
            messages.success(request, text % {"reference": use_case.reference})
            return redirect("usecases:discovery", reference=use_case.reference)
    context = {"form": form, "ruling": ruling}
    return render(request, "usecases/register.html", context, status=422 if form.is_bound else 200)


@require_safe
def similar(request: HttpRequest) -> HttpResponse:
    """Use cases of nearly the same name, as a fragment below the name field: perhaps it exists already."""
    title = request.GET.get("title", "").strip()[:160]
    near = UseCase.objects.visible_to(actor_of(request)).similar_to(title)[:3] if len(title) >= 4 else []
    return render(request, "usecases/_similar.html", {"near": near})
