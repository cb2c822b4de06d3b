"""Data sources, and what a use case may do with them."""

import uuid

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.access import require
from portal.http import form_only
from usecases import policies, stewardship
from usecases.actions.data_sources import approve_data_use, declare_data_source, refuse_data_use, request_data_use
from usecases.choices import DataUseState
from usecases.forms import ApprovalForm, DataSourceForm, DataUseForm, HandoverForm, RefusalForm
from usecases.models import DataSource, DataUse, UseCase
from usecases.owners import open_request
from usecases.views.frame import actor_of, carried_out, fetch, posted

CATALOGUE_PAGE = 200


@require_http_methods(["GET", "POST"])
def data(request: HttpRequest, reference: str) -> HttpResponse:
    """The uses this use case has declared, and asking for one more."""
    use_case, actor = fetch(request, reference), actor_of(request)
    form = DataUseForm(posted(request), initial={"data_source": request.GET.get("source", "")[:40]})
    if request.method == "POST" and carried_out(form, request_data_use, actor=actor, use_case=use_case):
        owner = form.cleaned_data["data_source"].owner.name
        messages.success(request, _("%(name)s was asked and decides.") % {"name": owner})
        return redirect("usecases:data", reference=reference)
    context = {
        "use_case": use_case,
        "uses": uses_with_rulings(request, DataUse.objects.filter(use_case=use_case)),
        "form": form,
        "may_request": policies.may_request_data_use(actor, use_case),
    }
    return render(request, "usecases/data.html", context, status=422 if form.is_bound else 200)


def uses_with_rulings(request: HttpRequest, uses: QuerySet[DataUse]) -> list[dict[str, object]]:
    """Each use with what the viewer may do about it; the rulings need no further query."""
    actor = actor_of(request)
    known = uses.select_related(
        "data_source__owner", "data_source__unit", "requested_by", "decided_by", "use_case__unit", "use_case__owner"
    ).order_by("data_source__name", "id")
    return [
        {
            "use": use,
            "waits": use.state == DataUseState.REQUESTED,
            "ruling": policies.may_decide_data_use(actor, use),
            "approval": ApprovalForm(auto_id=f"%s-{use.pk.hex[-8:]}"),
            "refusal": RefusalForm(auto_id=f"refuse-%s-{use.pk.hex[-8:]}"),
        }
        for use in known[:200]
    ]


@form_only("home")
def approve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _decide(request, pk, ApprovalForm(request.POST), approve_data_use, _("The use was approved."))


@form_only("home")
def refuse(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _decide(request, pk, RefusalForm(request.POST), refuse_data_use, _("The use was refused."))


def _decide(request: HttpRequest, pk: uuid.UUID, form: forms.Form, verb: object, done: str) -> HttpResponse:
    use = decidable(request, pk)
    if carried_out(form, verb, actor=actor_of(request), data_use=use) is None:  # type: ignore[arg-type]
        context = {"use": use, "form": form}
        return render(request, "usecases/decide_data_use.html", context, status=422)
    messages.success(request, done)
    return redirect("usecases:data-source", pk=use.data_source_id)


def decidable(request: HttpRequest, pk: uuid.UUID) -> DataUse:
    """A use the viewer may know of: through its use case, or because they own the source they are asked about."""
    use = get_object_or_404(DataUse.objects.select_related("data_source__owner", "use_case"), pk=pk)
    actor = actor_of(request)
    if actor.is_person(use.data_source.owner_id):
        return use
    if not UseCase.objects.filter(pk=use.use_case_id).visible_to(actor).exists():
        raise Http404
    return use


@require_safe
def data_sources(request: HttpRequest) -> HttpResponse:
    """The catalogue, as far as this person has anything to do with data here."""
    sought = request.GET.get("q", "").strip()[:80]
    visible = DataSource.objects.visible_to(actor_of(request))
    found = visible.select_related("owner", "unit").order_by("name", "id")
    if sought:
        found = found.filter(name__icontains=sought)
    after = request.GET.get("after", "")[:200]
    name, _mark, row_id = after.rpartition("_")
    try:
        found = found.filter(name__gte=name).exclude(name=name, id__lte=uuid.UUID(row_id)) if after else found
    except ValueError:
        found = found.none()
    rows = list(found[: CATALOGUE_PAGE + 1])
    more = len(rows) > CATALOGUE_PAGE
    rows = rows[:CATALOGUE_PAGE]
    context = {
        "rows": rows,
        "q": sought,
        "after": f"{rows[-1].name}_{rows[-1].pk}" if more else "",
        "may_declare": policies.may_declare_data_source(actor_of(request)),
    }
    return render(request, "usecases/data_sources.html", context)


@require_http_methods(["GET", "POST"])
def new_data_source(request: HttpRequest) -> HttpResponse:
    """Adding to the catalogue; who may not is told so and shown no form, since it names every colleague."""
    actor = actor_of(request)
    ruling = policies.may_declare_data_source(actor)
    form = DataSourceForm(posted(request))
    if request.method == "POST":
        require(ruling)
        source = carried_out(form, declare_data_source, actor=actor)
        if source is not None:
            messages.success(request, _("%(name)s is in the catalogue.") % {"name": source.name})
            return redirect("usecases:data-source", pk=source.pk)
    context = {"form": form, "ruling": ruling}
    return render(request, "usecases/new_data_source.html", context, status=422 if form.is_bound else 200)


@require_safe
def data_source(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return source_page(request, visible_source(request, pk))


def visible_source(request: HttpRequest, pk: uuid.UUID) -> DataSource:
    """The entry, or 404 for who has nothing to do with data here."""
    visible = DataSource.objects.visible_to(actor_of(request))
    return get_object_or_404(visible.select_related("owner", "unit", "declared_by"), pk=pk)


def source_page(request: HttpRequest, source: DataSource, form: HandoverForm | None = None) -> HttpResponse:
    """One source and who uses it: its owner sees every request, others those of use cases they may see."""
    actor = actor_of(request)
    uses = DataUse.objects.filter(data_source=source)
    if not actor.is_person(source.owner_id):
        uses = uses.filter(use_case_id__in=UseCase.objects.visible_to(actor).values("id"))
    context = {
        "source": source,
        "uses": uses_with_rulings(request, uses),
        "asked": open_request(source),
        "may_hand_over": stewardship.may_hand_over(actor, source),
        "handover_form": form or HandoverForm(without=source.owner),
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "usecases/data_source.html", context, status=status)
