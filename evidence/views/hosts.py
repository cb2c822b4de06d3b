"""Internal addresses that connectors may reach: opened and closed by security, seen by platform and audit."""

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from evidence import policies
from evidence.actions import connectors as verbs
from evidence.forms import HostForm, blame
from evidence.models import AllowedHost
from evidence.views.connectors import for_insiders
from evidence.views.evidence import actor_of
from portal.http import form_only

LISTED = 200


@require_http_methods(["GET", "POST"])
def hosts(request: HttpRequest) -> HttpResponse:
    for_insiders(request)
    form = HostForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            host = verbs.allow_host(actor=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            blame(form, error)
        else:
            place = {"place": f"{host.host}:{host.port}"}
            messages.success(request, _("Connectors may reach %(place)s now.") % place)
            return redirect("evidence:allowed-hosts")
    found = AllowedHost.objects.select_related("allowed_by", "withdrawn_by").order_by("-allowed_at")[:LISTED]
    context = {
        "hosts": [(host, policies.may_withdraw_host(actor_of(request), host)) for host in found],
        "form": form,
        "may_allow": policies.may_allow_hosts(actor_of(request)),
    }
    return render(request, "evidence/allowed_hosts.html", context, status=422 if form.is_bound else 200)


@form_only("evidence:allowed-hosts")
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    for_insiders(request)
    verbs.withdraw_host(actor=actor_of(request), host=get_object_or_404(AllowedHost, pk=pk))
    messages.success(request, _("The address is closed to connectors again."))
    return redirect("evidence:allowed-hosts")
