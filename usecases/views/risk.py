"""The risk review of one use case: what the rules propose and why, and what people concluded."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.http import form_only
from usecases import policies
from usecases.actions.risk_reviews import conclude_risk_review, return_risk_review, submit_risk_review
from usecases.choices import ReviewState, Tier
from usecases.classification import Classification
from usecases.forms import ConclusionForm, ReturnForm
from usecases.models import RiskReview, UseCase
from usecases.reviews import rule_for, score
from usecases.risk_scheme import requirements
from usecases.views.frame import actor_of, carried_out, fetch


@require_safe
def risk(request: HttpRequest, reference: str) -> HttpResponse:
    return _page(request, fetch(request, reference))


@form_only("usecases:risk", "reference")
def submit(request: HttpRequest, reference: str) -> HttpResponse:
    review = submit_risk_review(actor=actor_of(request), use_case=fetch(request, reference))
    if review.concluded_by_rule:
        messages.success(request, _("Cleared by rule: low risk, everything answered. The pilot may begin."))
    else:
        messages.success(request, _("Submitted. A risk reviewer concludes it or returns it with a reason."))
    return redirect("usecases:risk", reference=reference)


@form_only("usecases:risk", "reference")
def conclude(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    form = ConclusionForm(request.POST)
    review = _review(request, reference, number)
    if carried_out(form, conclude_risk_review, actor=actor_of(request), review=review) is None:
        return _page(request, review.use_case, conclusion=form, status=422)
    messages.success(request, _("The review is concluded."))
    return redirect("usecases:risk", reference=reference)


@form_only("usecases:risk", "reference")
def return_review(request: HttpRequest, reference: str, number: int) -> HttpResponse:
    form = ReturnForm(request.POST, auto_id="return-%s")
    review = _review(request, reference, number)
    if carried_out(form, return_risk_review, actor=actor_of(request), review=review) is None:
        return _page(request, review.use_case, returning=form, status=422)
    messages.success(request, _("The review went back to the team."))
    return redirect("usecases:risk", reference=reference)


def _review(request: HttpRequest, reference: str, number: int) -> RiskReview:
    use_case = fetch(request, reference)
    review: RiskReview = get_object_or_404(RiskReview, use_case=use_case, number=number)
    review.use_case = use_case
    return review


def _page(
    request: HttpRequest,
    use_case: UseCase,
    conclusion: ConclusionForm | None = None,
    returning: ReturnForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    reviews = list(
        RiskReview.objects.filter(use_case=use_case)
        .select_related("submitted_by", "concluded_by")
        .order_by("-number")[:50]
    )
    waiting = next((review for review in reviews if review.state == ReviewState.SUBMITTED), None)
    now = score(use_case)
    context: dict[str, Any] = {
        "use_case": use_case,
        "now": now.classification,
        "past": [review for review in reviews if review is not waiting],
        "waiting": waiting,
        "may_submit": policies.may_submit_risk_review(actor, use_case),
        "rule": rule_for(use_case, now) if waiting is None else "",
    }
    told = now.classification
    if waiting is not None:
        waiting.use_case = use_case
        told = Classification.from_json(waiting.classification)
        context |= {
            "changed": (now.factors, now.context) != (waiting.factors, waiting.context),
            "may_conclude": policies.may_conclude_risk_review(actor, waiting),
            "conclusion": conclusion or ConclusionForm(initial={"tier": waiting.proposed_tier}),
            "returning": returning or ReturnForm(auto_id="return-%s"),
        }
    context |= {
        "told": told,
        "floors": [floor for floor in told.floors if floor.raised or not floor.assumed],
        "idle": [floor for floor in told.floors if floor.assumed and not floor.raised],
        "impact": [row for row in told.contributions if row.side == "impact"],
        "exposure": [row for row in told.contributions if row.side == "exposure"],
        "asks": requirements(told.tier) if told.tier != Tier.BLOCKED else None,
    }
    return render(request, "usecases/risk.html", context, status=status)
