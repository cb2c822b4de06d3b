"""Reading a source now: trying it out, starting a run, uploading a file, one run with what was left out."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from evidence import policies
from evidence.actions import syncs
from evidence.actions.trials import try_out
from evidence.forms import blame, upload_form
from evidence.models import SyncRun
from evidence.views.connectors import fetch
from evidence.views.evidence import actor_of
from evidence.views.presentation import connector_context, outcome, state_of, verdict_of
from portal.files import FileTooLarge
from portal.http import form_only


@form_only("evidence:connector", "pk")
def test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Answers directly: a trial changes nothing, so there is nothing to come back to."""
    connector = fetch(request, pk)
    trial = try_out(actor=actor_of(request), connector=connector)
    return render(request, "evidence/connector.html", connector_context(actor_of(request), connector, trial=trial))


@form_only("evidence:connector", "pk")
def sync(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    syncs.request_sync(actor=actor_of(request), connector=fetch(request, pk))
    messages.success(request, _("The source will be read in a moment."))
    return redirect("evidence:connector", pk=pk)


@form_only("evidence:connector", "pk")
def upload(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    connector, actor = fetch(request, pk), actor_of(request)
    form = upload_form(connector.kind, request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        given: dict[str, Any] = {"name": file.name, "chunks": file.chunks(), "told": form.told()}
        try:
            run = syncs.request_file_sync(actor=actor, connector=connector, **given)
        except FileTooLarge:
            form.add_error("file", _("The file is larger than 20 MB. Split it, or compress it with gzip."))
        except ValidationError as error:
            blame(form, error)
        else:
            messages.success(request, _("The file was kept and will be read in a moment."))
            return redirect("evidence:sync-run", pk=pk, run_pk=run.pk)
    context = connector_context(actor, connector, upload=form)
    return render(request, "evidence/connector.html", context, status=422)


def _run(request: HttpRequest, pk: uuid.UUID, run_pk: uuid.UUID) -> SyncRun:
    connector = fetch(request, pk)
    found = SyncRun.objects.filter(connector=connector, pk=run_pk).select_related("connector", "requested_by").first()
    if found is None:
        raise Http404
    return found


@require_safe
def run(request: HttpRequest, pk: uuid.UUID, run_pk: uuid.UUID) -> HttpResponse:
    found = _run(request, pk, run_pk)
    context = {
        "run": found,
        "connector": found.connector,
        "outcome": outcome(found),
        "verdict": verdict_of(found),
        "state": state_of(found),
        "may_retry": policies.may_retry(actor_of(request), found),
        "may_read_again": policies.may_read_again(actor_of(request), found),
        "left": max(found.counts.get("rejected", 0) - len(found.rejects), 0),
    }
    return render(request, "evidence/sync_run.html", context)


@form_only("evidence:sync-run", "pk", "run_pk")
def retry(request: HttpRequest, pk: uuid.UUID, run_pk: uuid.UUID) -> HttpResponse:
    syncs.retry_run(actor=actor_of(request), run=_run(request, pk, run_pk))
    messages.success(request, _("The source will be read again in a moment."))
    return redirect("evidence:sync-run", pk=pk, run_pk=run_pk)


@form_only("evidence:sync-run", "pk", "run_pk")
def again(request: HttpRequest, pk: uuid.UUID, run_pk: uuid.UUID) -> HttpResponse:
    """Read a kept file once more, as the connector is set up now."""
    run = syncs.request_file_again(actor=actor_of(request), run=_run(request, pk, run_pk))
    messages.success(request, _("The file will be read again in a moment."))
    return redirect("evidence:sync-run", pk=pk, run_pk=run.pk)
