"""What an evaluation set covers: a panel of its page in the catalogue, told by the newest run on it."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from evidence.querysets import cases_by_kind, runs_on_set
from evidence.views.evidence import actor_of
from portal.htmx import render
from usecases.catalogue import coverage as six_kinds
from usecases.models import Component

LISTED = 10


@require_safe
def coverage(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Cases of each of the six kinds, and the runs that used the set, of the use cases one may see."""
    actor = actor_of(request)
    component = Component.objects.get_visible(actor, pk)
    runs = list(runs_on_set(actor, component.name, component.version)[:LISTED])
    cases = cases_by_kind(runs[0]) if runs else {}
    kinds = [{**kind, "cases": cases.get(kind["kind"], 0)} for kind in six_kinds(cases)]
    context = {
        "thing": component,
        "runs": runs,
        "kinds": kinds,
        "missing": [kind["label"] for kind in kinds if not kind["covered"]],
        "unsaid": cases.get("unspecified", 0),
    }
    return render(request, "evidence/coverage.html", context, partial="panel")
