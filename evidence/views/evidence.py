"""A use case's evidence: scores over time, runs, cost; one run with its items; figures as JSON."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from evidence.charts import cost_days, cost_figure, pass_rate, scores_figure, thresholds_of
from evidence.choices import Dimension, ScoreState
from evidence.models import EvaluationRun, EvaluationScore
from evidence.querysets import cost_totals, current_runs, daily_use, known_sum, score_series
from portal.actors import Actor
from usecases.models import UseCase

RUNS = 30
ITEMS = 100
TABLE = 60


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def fetch(request: HttpRequest, reference: str) -> UseCase:
    return UseCase.objects.get_visible(actor_of(request), reference)


@require_safe
def use_case(request: HttpRequest, reference: str) -> HttpResponse:
    """The tab. `?before=<run id>` pages through the runs, `?dimension=` chooses what is drawn."""
    found = fetch(request, reference)
    rows = score_series(found)
    measured = {row.dimension for row in rows}
    dimensions = [name for name in Dimension.values if name in measured]
    chosen = _chosen(request.GET.get("dimension", ""), dimensions)
    runs, older = _page_of_runs(found, request.GET.get("before", ""))
    use = daily_use(found)
    told = cost_days(use)
    drawn = [row for row in rows if chosen in ("", row.dimension)]
    context = {
        "use_case": found,
        "tab": "evidence:use-case",
        "dimensions": dimensions,
        "tabs": _tabs(dimensions, chosen),
        "chosen": chosen,
        "score_headers": [
            _("Finished"),
            _("Dimension"),
            _("Version"),
            _("Passed"),
            _("Judge failures"),
            _("Not judged"),
        ],
        "score_rows": [_score_cells(row) for row in reversed(drawn[-TABLE:])],
        "runs": runs,
        "older": older,
        "use": use,
        "totals": cost_totals(use),
        "tokens": known_sum(row.tokens for row in use),
        "requests": known_sum(row.requests for row in use),
        "without_tokens": sum(row.without_tokens for row in use),
        "without_requests": sum(row.without_requests for row in use),
        "cost_headers": [_("Day"), _("Cost"), _("Tokens")],
        "cost_rows": [
            (
                day.isoformat(),
                "" if cost is None else f"{cost:.2f} {told.currency}",
                "" if tokens is None else f"{tokens:,}",
            )
            for day, cost, tokens in zip(told.days, told.cost, told.tokens, strict=True)
        ],
    }
    return render(request, "evidence/use_case.html", context)


def _chosen(asked: str, dimensions: list[str]) -> str:
    """The dimension to draw, with what is required of it; "" draws them all."""
    if asked == "all":
        return ""
    return asked if asked in dimensions else (dimensions[0] if dimensions else "")


def _tabs(dimensions: list[str], chosen: str) -> list[dict[str, Any]]:
    """What may be drawn: one dimension with what is required of it, or everything."""
    one = [
        {"label": Dimension(name).label, "url": f"?dimension={name}", "current": name == chosen} for name in dimensions
    ]
    return [*one, {"label": _("All"), "url": "?dimension=all", "current": not chosen}]


def _score_cells(row: Any) -> tuple[Any, ...]:
    rate = pass_rate(row)
    told = "" if rate is None else f"{rate:.1%}"
    when = row.run.finished_at.date().isoformat()
    return when, str(Dimension(row.dimension).label), row.run.system_version.label, told, row.errored, row.skipped


def _page_of_runs(found: UseCase, before: str) -> tuple[list[EvaluationRun], str]:
    """One page and the id to go on from; keyset by (finished_at, id)."""
    runs = current_runs(found)
    if before:
        try:
            last = EvaluationRun.objects.filter(use_case=found, pk=uuid.UUID(before)).first()
        except ValueError:
            last = None
        if last is None:
            raise Http404
        runs = runs.filter(finished_at__lte=last.finished_at).exclude(finished_at=last.finished_at, pk__gte=last.pk)
    page = list(runs[: RUNS + 1])
    return page[:RUNS], str(page[RUNS - 1].pk) if len(page) > RUNS else ""


@require_safe
def panel(request: HttpRequest, reference: str) -> HttpResponse:
    """The newest runs and what was spent, for the overview page."""
    found = fetch(request, reference)
    use = daily_use(found, days=30)
    context = {"use_case": found, "runs": current_runs(found)[:3], "totals": cost_totals(use)}
    return render(request, "evidence/panel.html", context)


@require_safe
def run(request: HttpRequest, reference: str, pk: uuid.UUID) -> HttpResponse:
    """One revision: counts, failed judges apart, items with their kind; `?page=` pages through the judgements."""
    found = fetch(request, reference)
    shown = EvaluationRun.objects.filter(use_case=found, pk=pk)
    shown_run = shown.select_related("system_version", "pushed_by", "pushed_by_account").first()
    if shown_run is None:
        raise Http404
    revisions = EvaluationRun.objects.filter(source=shown_run.source, external_id=shown_run.external_id)
    scores = EvaluationScore.objects.filter(run=shown_run)
    judged = scores.order_by(F("passed").asc(nulls_last=True), "item_id", "trial", "metric")
    page = Paginator(judged, ITEMS).get_page(request.GET.get("page"))
    context = {
        "use_case": found,
        "tab": "evidence:use-case",
        "run": shown_run,
        "dimensions": shown_run.dimensions.order_by("dimension"),
        "revisions": revisions.filter(use_case=found).order_by("-revision").only("id", "revision", "received_at")[:50],
        "failed": scores.filter(state=ScoreState.ERRORED).order_by("metric", "item_id", "trial")[:ITEMS],
        "page": page,
    }
    return render(request, "evidence/run.html", context)


@require_safe
def chart(request: HttpRequest, reference: str, name: str) -> JsonResponse:
    """A figure as JSON; 404 for a figure there is none of."""
    found = fetch(request, reference)
    if name == "scores":
        dimension = request.GET.get("dimension", "")[:30]
        return JsonResponse(scores_figure(score_series(found), dimension, thresholds_of(found)))
    if name == "cost":
        return JsonResponse(cost_figure(cost_days(daily_use(found), request.GET.get("currency", "")[:3])))
    raise Http404(_("There is no such chart."))
