"""Being away: who acts for me, for whom I act, and the same about somebody else for an administrator."""

import uuid

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal import absence_policies as policies
from portal.access import Refused
from portal.actions.absences import decline_absence, end_absence, set_absence
from portal.forms import AbsenceForm
from portal.http import Request, form_only
from portal.models import Absence, User
from portal.models.absences import LONGEST_DAYS, today
from portal.views.people import administrators_only

SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: Request) -> HttpResponse:
    """One's own windows and those in which one acts for others."""
    if request.actor.person is None:
        raise Http404
    return _page(request, request.actor.person, "absences")


@require_http_methods(["GET", "HEAD", "POST"])
def of_person(request: Request, pk: uuid.UUID) -> HttpResponse:
    """The same for somebody else: an administrator sets it when the person cannot."""
    administrators_only(request)
    return _page(request, get_object_or_404(User, pk=pk), "person-absences", pk=pk)


def _page(request: Request, person: User, name: str, **kwargs: uuid.UUID) -> HttpResponse:
    form = AbsenceForm(request.POST if request.method == "POST" else None, person=person)
    if request.method == "POST" and form.is_valid() and _was_set(request, person, form):
        return redirect(reverse(name, kwargs=kwargs))
    known = Absence.objects.select_related("person", "delegate", "set_by").order_by("first_day", "id")
    running = known.filter(closed_at__isnull=True, last_day__gte=today())
    over = known.filter(person=person).filter(Q(closed_at__isnull=False) | Q(last_day__lt=today()))
    context = {
        "person": person,
        "own": request.actor.is_person(person.pk),
        "windows": [(each, policies.may_end_absence(request.actor, each)) for each in running.filter(person=person)],
        "delegations": [
            (each, policies.may_decline_absence(request.actor, each))
            for each in running.filter(delegate=person)[:SHOWN]
        ],
        "over": over.order_by("-last_day", "-id")[:SHOWN],
        "form": form,
        "may_set": policies.may_speak_for(request.actor, person),
        "longest": LONGEST_DAYS,
        "today": today(),
    }
    return render(request, "portal/absences.html", context, status=422 if form.errors else 200)


def _was_set(request: Request, person: User, form: AbsenceForm) -> bool:
    """Refusals stand at the form, with what was typed."""
    try:
        absence = set_absence(actor=request.actor, person=person, **form.cleaned_data)
    except Refused as refused:
        if not refused.is_conflict:
            raise
        for reason in refused.reasons:
            form.add_error(None, str(reason))
        return False
    messages.success(request, _("%(name)s was told, and may decline.") % {"name": absence.delegate.name})
    return True


@form_only("absences")
def end(request: Request, pk: uuid.UUID) -> HttpResponse:
    absence = end_absence(actor=request.actor, absence=_known(request, pk))
    messages.success(request, _("%(name)s no longer acts in these days.") % {"name": absence.delegate.name})
    if request.actor.is_person(absence.person_id):
        return redirect("absences")
    return redirect("person-absences", pk=absence.person_id)


@form_only("absences")
def decline(request: Request, pk: uuid.UUID) -> HttpResponse:
    answer = " ".join(request.POST.get("answer", "").split())[:500]
    absence = decline_absence(actor=request.actor, absence=_known(request, pk), answer=answer)
    messages.success(request, _("%(name)s was told that you do not act for them.") % {"name": absence.person.name})
    return redirect("absences")


def _known(request: Request, pk: uuid.UUID) -> Absence:
    """A window one has to do with, or administers; for others there is none."""
    found = get_object_or_404(Absence.objects.select_related("person", "delegate"), pk=pk)
    if not any(request.actor.is_person(each) for each in (found.person_id, found.delegate_id)):
        administrators_only(request)
    return found
