"""Requests to take something over or to join, their answers, and who answers for what in the whole register."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.access import capabilities_anywhere
from portal.http import form_only
from usecases import stewardship
from usecases.actions.stewardship import accept_request, decline_request, request_handover, withdraw_request
from usecases.choices import OWNERSHIP
from usecases.forms import DeclineForm, HandoverForm
from usecases.models import DataSource, StewardshipRequest, UseCase
from usecases.owners import coverage
from usecases.views.catalogue import fetch, source_page
from usecases.views.frame import actor_of, carried_out

MOST = 100


def known_request(request: HttpRequest, pk: uuid.UUID) -> StewardshipRequest:
    """A request the viewer may know of: who asked, who is asked, and whoever sees what it is about. Raises Http404."""
    found = StewardshipRequest.objects.get_known(actor_of(request), pk)
    if found is None:
        raise Http404
    return found


@require_safe
def request_page(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _page(request, known_request(request, pk), DeclineForm())


def _page(request: HttpRequest, found: StewardshipRequest, form: DeclineForm) -> HttpResponse:
    actor, case = actor_of(request), found.use_case
    context = {
        "asked": found,
        "use_case": case,
        "sees_it": case is None or UseCase.objects.visible_to(actor).filter(pk=case.pk).exists(),
        "about_ownership": found.kind in OWNERSHIP,
        "may_answer": stewardship.may_answer_request(actor, found),
        "may_withdraw": stewardship.may_withdraw_request(actor, found),
        "form": form,
    }
    return render(request, "usecases/request.html", context, status=422 if form.errors else 200)


@form_only("usecases:request", "pk")
def accept(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = accept_request(actor=actor_of(request), request=known_request(request, pk))
    if found.kind in OWNERSHIP:
        messages.success(request, _("You took it over and are its owner from now on."))
    else:
        messages.success(request, _("%(name)s is on the team.") % {"name": found.person.name})
    return redirect(_page_of(found))


@form_only("usecases:request", "pk")
def decline(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found, form = known_request(request, pk), DeclineForm(request.POST)
    if carried_out(form, decline_request, actor=actor_of(request), request=found) is None:
        return _page(request, found, form)
    messages.success(request, _("You declined. %(name)s is told why.") % {"name": found.requested_by.name})
    return redirect("home")


@form_only("usecases:request", "pk")
def withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = withdraw_request(actor=actor_of(request), request=known_request(request, pk))
    messages.success(request, _("The request was withdrawn."))
    return redirect(found)


def _page_of(found: StewardshipRequest) -> str:
    if found.use_case is not None:
        return reverse("usecases:team", kwargs={"reference": found.use_case.reference})
    return found.get_absolute_url()


@form_only("usecases:data-source", "pk")
def hand_over_source(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    source, form = fetch(request, pk), HandoverForm(request.POST)
    if carried_out(form, request_handover, actor=actor_of(request), subject=source) is None:
        return source_page(request, source, status=422, handover_form=form)
    name = form.cleaned_data["person"].name
    messages.success(request, _("%(name)s was asked. Nothing changes until they accept.") % {"name": name})
    return redirect("usecases:data-source", pk=pk)


@require_safe
def ownership(request: HttpRequest) -> HttpResponse:
    """Who answers for what: what has nobody, what waits for a stand-in, and the figures that prove the rest."""
    actor = actor_of(request)
    if "name_owner" not in capabilities_anywhere(actor):
        raise Http404
    cases = UseCase.objects.visible_to(actor)
    orphans = list(cases.without_present_owner().select_related("owner", "unit").order_by("number")[:MOST])
    sources = DataSource.objects.visible_to(actor).without_present_owner().select_related("owner").order_by("name")
    waiting = StewardshipRequest.objects.for_ownership().told().filter(kind="stand_in").order_by("requested_at")
    covered = coverage()
    seen = waiting.filter(use_case__in=cases.values("pk")) | waiting.filter(data_source__isnull=False)
    context = {
        "orphans": orphans,
        "orphaned_sources": list(sources[:MOST]),
        "waiting": list(seen[:MOST]),
        "coverage": covered,
        "hidden": max(covered.use_cases_orphaned - len(orphans), 0) if len(orphans) < MOST else 0,
    }
    return render(request, "usecases/ownership.html", context)
