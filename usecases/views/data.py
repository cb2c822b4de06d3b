"""What a use case may do with data: the tab of the team, and the answers of the sources' owners."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.actors import Actor
from portal.delegation import answers_for
from portal.http import form_only
from usecases import data_policies as policies
from usecases.actions import data_renewals as renewals
from usecases.actions.data_sources import approve_data_use, end_data_use, refuse_data_use, request_data_use
from usecases.choices import DataUseState
from usecases.data_approvals import objections, spoken
from usecases.data_forms import ApprovalForm, DataUseForm, EndingForm, RefusalForm, RenewalForm
from usecases.models import DataUse, UseCase
from usecases.views.frame import actor_of, carried_out, fetch, posted

MOST = 200


@require_http_methods(["GET", "POST"])
def data(request: HttpRequest, reference: str) -> HttpResponse:
    """The uses this use case has declared, and asking for one more."""
    use_case, actor = fetch(request, reference), actor_of(request)
    form = DataUseForm(posted(request), initial={"data_source": request.GET.get("source", "")[:40]})
    if request.method == "POST" and carried_out(form, request_data_use, actor=actor, use_case=use_case):
        owner = form.cleaned_data["data_source"].owner.name
        messages.success(request, _("%(name)s was asked and decides.") % {"name": owner})
        return redirect("usecases:data", reference=reference)
    rows = uses_with_rulings(actor, DataUse.objects.filter(use_case=use_case), of_team=True)
    living = [row for row in rows if row["use"].state != DataUseState.ENDED]
    context = {
        "use_case": use_case,
        "uses": living,
        "ended": [row for row in rows if row not in living],
        "against": objections(row["use"] for row in living),
        "form": form,
        "may_request": policies.may_request_data_use(actor, use_case),
    }
    return render(request, "usecases/data.html", context, status=422 if form.is_bound else 200)


def uses_with_rulings(actor: Actor, uses: QuerySet[DataUse], *, of_team: bool = False) -> list[dict[str, Any]]:
    """Each use with what the viewer may do about it as the source's owner; that needs no further query.

    `of_team` adds what a team may do, which is asked of each use case: for a list of one use case's uses only.
    """
    known = uses.select_related(
        "data_source__owner",
        "data_source__unit",
        "requested_by",
        "decided_by",
        "decided_for",
        "renewal_requested_by",
        "use_case__unit",
        "use_case__owner",
    ).order_by("data_source__name", "id")
    return [{**_row(actor, use), **(_team_row(actor, use) if of_team else {})} for use in known[:MOST]]


def _row(actor: Actor, use: DataUse) -> dict[str, Any]:
    end = use.pk.hex[-8:]
    mark, words = _standing(use)
    asked = use.state in (DataUseState.REQUESTED, DataUseState.REOPENED)
    return {
        "use": use,
        "mark": mark,
        "words": words,
        "waits": asked,
        "ruling": policies.may_decide_data_use(actor, use),
        "approval": ApprovalForm(auto_id=f"%s-{end}"),
        "refusal": RefusalForm(auto_id=f"refuse-%s-{end}"),
        # More time is offered to the owner who is asked, or once the end is near.
        "may_renew": not asked
        and (use.renewal_requested_at or use.lapsed or use.ends_soon)
        and policies.may_renew_data_use(actor, use),
        "may_decline": not asked and policies.may_decline_renewal(actor, use),
        "renewal": ApprovalForm(auto_id=f"renew-%s-{end}"),
        "declining": RefusalForm(auto_id=f"decline-%s-{end}"),
    }


def _team_row(actor: Actor, use: DataUse) -> dict[str, Any]:
    end = use.pk.hex[-8:]
    return {
        "may_ask": policies.may_request_renewal(actor, use),
        "asking": RenewalForm(auto_id=f"ask-%s-{end}"),
        "may_end": policies.may_end_data_use(actor, use),
        "ending": EndingForm(auto_id=f"end-%s-{end}"),
    }


def _standing(use: DataUse) -> tuple[str, str]:
    """(mark, words) of the use as it stands today, which the stored state alone does not say."""
    if use.lapsed:
        return "fail", _("Lapsed on %(day)s") % {"day": spoken(use.valid_until)}
    if use.ends_soon:
        return "inconclusive", _("Approved, ends on %(day)s") % {"day": spoken(use.valid_until)}
    marks = {DataUseState.APPROVED: "pass", DataUseState.REFUSED: "fail", DataUseState.REOPENED: "fail"}
    return marks.get(DataUseState(use.state), "not_evaluated"), str(use.get_state_display())


@form_only("home")
def approve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _answer(request, pk, ApprovalForm(request.POST), approve_data_use, _("The use was approved."))


@form_only("home")
def refuse(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _answer(request, pk, RefusalForm(request.POST), refuse_data_use, _("The use was refused."))


@form_only("home")
def renew(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _answer(request, pk, ApprovalForm(request.POST), renewals.renew_data_use, _("The approval was renewed."))


@form_only("home")
def decline(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    done = _("The approval was not renewed.")
    return _answer(request, pk, RefusalForm(request.POST), renewals.decline_renewal, done)


@form_only("home")
def ask_renewal(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    done = _("Its owner was asked for more time.")
    return _answer(request, pk, RenewalForm(request.POST), renewals.request_renewal, done, by_team=True)


@form_only("home")
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _answer(request, pk, EndingForm(request.POST), end_data_use, _("The use was ended."), by_team=True)


def _answer(
    request: HttpRequest,
    pk: uuid.UUID,
    form: forms.Form,
    verb: Callable[..., Any],
    done: str,
    *,
    by_team: bool = False,
) -> HttpResponse:
    use = knowable(request, pk)
    if carried_out(form, verb, actor=actor_of(request), data_use=use) is None:
        context = {"use": use, "form": form}
        return render(request, "usecases/decide_data_use.html", context, status=422)
    messages.success(request, done)
    if by_team:
        return redirect("usecases:data", reference=use.use_case.reference)
    return redirect("usecases:data-source", pk=use.data_source_id)


def knowable(request: HttpRequest, pk: uuid.UUID) -> DataUse:
    """A use the viewer may know of: through its use case, or because they answer for the source it is about."""
    use = get_object_or_404(DataUse.objects.select_related("data_source__owner", "use_case"), pk=pk)
    actor = actor_of(request)
    if answers_for(actor, use.data_source.owner_id):
        return use
    if not UseCase.objects.filter(pk=use.use_case_id).visible_to(actor).exists():
        raise Http404
    return use
