"""The catalogue of data sources: finding, adding and changing one, and one source with who touches it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import htmx
from portal.access import require
from portal.http import form_only
from portal.models import AuditEvent
from portal.trail import as_lines
from usecases import data_catalogue as catalogue
from usecases import data_policies as policies
from usecases import stewardship
from usecases.actions import data_catalogue as verbs
from usecases.actions.data_sources import declare_data_source
from usecases.choices import DataUseState
from usecases.data_forms import (
    CatalogueFilter,
    CertificateForm,
    ChangeForm,
    DataSourceForm,
    RefreshForm,
)
from usecases.forms import HandoverForm
from usecases.models import DataSource, DataUse, UseCase
from usecases.owners import open_request
from usecases.views.data import uses_with_rulings
from usecases.views.frame import actor_of, carried_out, posted

PAGE = 50
LINES = 30


@dataclass(frozen=True)
class WantedSources:
    """What an address asks of the catalogue, as far as this person may see it."""

    form: CatalogueFilter
    visible: QuerySet[DataSource]
    rows: QuerySet[DataSource]
    order: str
    filtered: bool


def wanted_sources(request: HttpRequest) -> WantedSources:
    actor = actor_of(request)
    form = CatalogueFilter(request.GET)
    form.is_valid()
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    order = wanted.pop("sort", "name")
    visible = DataSource.objects.visible_to(actor)
    found = catalogue.with_uses(catalogue.narrowed(visible, actor, **wanted), actor).select_related("owner", "unit")
    return WantedSources(form, visible, found, order, bool(wanted))


@require_safe
def data_sources(request: HttpRequest) -> HttpResponse:
    """The catalogue, as far as this person has anything to do with data here; filters are in the address."""
    actor, wanted = actor_of(request), wanted_sources(request)
    cursor = request.GET.get("cursor", "")[:200]
    rows, following = catalogue.page_of(wanted.rows, wanted.order, cursor, PAGE)
    kept = {name: value for name, value in request.GET.items() if name != "cursor" and value}
    counts = catalogue.attention(wanted.visible, actor)
    context = {
        "form": wanted.form,
        "rows": rows,
        # What is listed is counted, not what there is.
        "total": wanted.rows.count() if wanted.filtered else counts["total"],
        "export_query": urlencode(kept),
        "needs": [
            {"name": name, "label": label, "count": counts[name], "url": "?" + urlencode({"attention": name})}
            for name, label in catalogue.ATTENTION
            if counts[name]
        ],
        "filtered": wanted.filtered,
        "next_url": "?" + urlencode({**kept, "cursor": following}) if following else "",
        "first_url": "?" + urlencode(kept) if cursor else "",
        "may_declare": policies.may_declare_data_source(actor),
    }
    return htmx.render(request, "usecases/data_sources.html", context, partial="rows")


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
    return source_page(request, fetch(request, pk))


def fetch(request: HttpRequest, pk: uuid.UUID) -> DataSource:
    """The source, or 404 for what this person may not know of."""
    visible = DataSource.objects.visible_to(actor_of(request))
    found: DataSource = get_object_or_404(visible.select_related("owner", "unit", "declared_by", "certified_by"), pk=pk)
    return found


def source_page(request: HttpRequest, source: DataSource, status: int = 200, **bound: forms.Form) -> HttpResponse:
    """One source and who uses it: its owner sees every request, others those of use cases they may see."""
    actor = actor_of(request)
    uses = DataUse.objects.filter(data_source=source)
    if not actor.is_person(source.owner_id):
        uses = uses.filter(use_case_id__in=UseCase.objects.visible_to(actor).values("id"))
    rows = uses_with_rulings(actor, uses)
    living = [row for row in rows if row["use"].state != DataUseState.ENDED]
    told = AuditEvent.objects.filter(object_type=DataSource._meta.db_table, object_id=source.pk)
    context: dict[str, Any] = {
        "source": source,
        "uses": living,
        "ended": [row for row in rows if row not in living],
        "late": [row["use"] for row in living if row["use"].lapsed or row["use"].state == DataUseState.REOPENED],
        "lines": as_lines(told.order_by("-object_rev")[:LINES]),
        "may_change": policies.may_change_data_source(actor, source),
        "asked": open_request(source),
        "may_hand_over": stewardship.may_hand_over(actor, source),
        "handover_form": HandoverForm(without=source.owner),
        "may_certify": policies.may_certify_data_source(actor, source),
        "may_report": policies.may_report_refresh(actor, source),
        "certificate": CertificateForm(auto_id="certificate-%s"),
        "refresh": RefreshForm(auto_id="refresh-%s"),
        **bound,
    }
    return render(request, "usecases/data_source.html", context, status=status)


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    source, actor = fetch(request, pk), actor_of(request)
    names = (*ChangeForm.base_fields,)
    form = ChangeForm(posted(request), initial={name: getattr(source, name, "") for name in names})
    ruling = policies.may_change_data_source(actor, source)
    if request.method == "POST":
        require(ruling)
        if carried_out(form, verbs.change_data_source, actor=actor, data_source=source) is not None:
            messages.success(request, _("The data source was changed."))
            return redirect("usecases:data-source", pk=pk)
    context = {"source": source, "form": form, "ruling": ruling, "title": _("Change this data source")}
    return render(request, "usecases/change_data_source.html", context, status=422 if form.is_bound else 200)


@form_only("usecases:data-source", "pk")
def certify(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    form = CertificateForm(request.POST, auto_id="certificate-%s")
    return _done(request, pk, form, verbs.certify_data_source, "certificate", _("The source is certified."))


@form_only("usecases:data-source", "pk")
def report_refresh(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    form = RefreshForm(request.POST, auto_id="refresh-%s")
    return _done(request, pk, form, verbs.report_refresh, "refresh", _("The refresh was recorded."))


def _done(
    request: HttpRequest, pk: uuid.UUID, form: forms.Form, verb: Callable[..., Any], name: str, done: str
) -> HttpResponse:
    source = fetch(request, pk)
    if carried_out(form, verb, actor=actor_of(request), data_source=source) is None:
        return source_page(request, source, status=422, **{name: form})
    messages.success(request, done)
    return redirect("usecases:data-source", pk=pk)
