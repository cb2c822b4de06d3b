"""Where evidence comes from: the list, setting up, one connector, its runs. Pages of the organisation's platform."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from evidence import policies
from evidence.actions import connectors as verbs
from evidence.choices import ConnectorKind
from evidence.forms import ConnectorForm, SecretForm, blame
from evidence.models import Connector
from evidence.querysets import last_runs
from evidence.views.evidence import actor_of
from evidence.views.presentation import about_kind, connector_context, state_of, ticks_of
from portal.http import form_only

LISTED = 200


def for_insiders(request: HttpRequest) -> None:
    """These pages do not exist for others."""
    if not policies.may_see_connectors(actor_of(request)):
        raise Http404


def fetch(request: HttpRequest, pk: uuid.UUID) -> Connector:
    for_insiders(request)
    return get_object_or_404(Connector.objects.select_related("created_by"), pk=pk)


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    for_insiders(request)
    found = list(Connector.objects.order_by("name")[:LISTED])
    runs = last_runs(found)
    rows = [
        {
            "connector": each,
            "runs": ticks_of(runs[each.pk]),
            "newest": [{"state": state_of(run), "at": run.queued_at} for run in runs[each.pk][-1:]],
        }
        for each in found
    ]
    context = {
        "rows": rows,
        "may_configure": policies.may_configure_connectors(actor_of(request)),
    }
    return render(request, "evidence/connectors.html", context)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """First which kind, then its own fields."""
    for_insiders(request)
    kind = request.GET.get("kind", "")
    may = policies.may_configure_connectors(actor_of(request))
    if kind not in ConnectorKind.values:
        if request.method == "POST":
            raise Http404
        context = {"kinds": [about_kind(each) for each in ConnectorKind.values], "may_configure": may}
        return render(request, "evidence/choose_kind.html", context)
    form = ConnectorForm(kind, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            given = form.values()
            made = verbs.create_connector(actor=actor_of(request), kind=kind, secrets=form.secrets(), **given)
        except ValidationError as error:
            blame(form, error)
        else:
            messages.success(request, _("%(name)s was set up. Test the connection next.") % {"name": made.name})
            return redirect("evidence:connector", pk=made.pk)
    return _form(request, form, _("Set up a connector"), _("Set up this connector"), about=about_kind(kind))


@require_safe
def detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    connector = fetch(request, pk)
    return render(request, "evidence/connector.html", connector_context(actor_of(request), connector))


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    connector = fetch(request, pk)
    form = ConnectorForm(connector.kind, request.POST if request.method == "POST" else None, connector=connector)
    if form.is_bound and form.is_valid():
        given = form.values()
        unschedule = "schedule_minutes" in given and given["schedule_minutes"] is None
        try:
            changed = verbs.change_connector(
                actor=actor_of(request), connector=connector, unschedule=unschedule, **given
            )
        except ValidationError as error:
            blame(form, error)
        else:
            messages.success(request, _("Changed."))
            if connector.secret is not None and changed.secret is None:
                messages.warning(request, _("The host changed, so the secret was erased. Enter it again."))
            return redirect("evidence:connector", pk=pk)
    return _form(request, form, _("Change %(name)s") % {"name": connector.name}, _("Save the changes"), connector)


@require_http_methods(["GET", "POST"])
def secret(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Enter the secrets anew; they are shown nowhere."""
    connector = fetch(request, pk)
    form = SecretForm(connector.kind, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            verbs.set_secret(actor=actor_of(request), connector=connector, secrets=form.cleaned_data)
        except ValidationError as error:
            blame(form, error)
        else:
            messages.success(request, _("The secret was replaced."))
            return redirect("evidence:connector", pk=pk)
    title = _("Secret of %(name)s") % {"name": connector.name}
    return _form(request, form, title, _("Replace the secret"), connector)


@form_only("evidence:connector", "pk")
def enable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    verbs.enable_connector(actor=actor_of(request), connector=fetch(request, pk))
    return redirect("evidence:connector", pk=pk)


@form_only("evidence:connector", "pk")
def disable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    verbs.disable_connector(actor=actor_of(request), connector=fetch(request, pk))
    return redirect("evidence:connector", pk=pk)


def _form(
    request: HttpRequest,
    form: forms.Form,
    title: str,
    label: str,
    connector: Connector | None = None,
    about: dict[str, Any] | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "title": title,
        "label": label,
        "connector": connector,
        "about": about or (about_kind(connector.kind) if connector else None),
        "may_configure": policies.may_configure_connectors(actor_of(request)),
    }
    return render(request, "evidence/form.html", context, status=422 if form.is_bound else 200)
