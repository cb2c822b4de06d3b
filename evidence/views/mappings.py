"""How a source's metrics become dimensions and its keys use cases, seen on the newest file before it is saved."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from evidence import policies
from evidence.actions import connectors as verbs
from evidence.actions.previews import Preview, preview
from evidence.choices import Dimension
from evidence.configuring import checked_mapping
from evidence.forms import MappingRows, UseCaseMappingForm, blame
from evidence.models import Connector
from evidence.views.connectors import fetch
from evidence.views.evidence import actor_of


@require_http_methods(["GET", "POST"])
def mapping(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Saved, or with the button “preview” tried on the newest file and shown."""
    connector = fetch(request, pk)
    may = policies.may_configure_connectors(actor_of(request))
    lines = "\n".join(f"{key} = {value}" for key, value in sorted(connector.use_case_mapping.items()))
    data = request.POST if request.method == "POST" else None
    seen = preview(actor=actor_of(request), connector=connector, mapping=connector.dimension_mapping) if may else None
    rows = MappingRows(data, initial=[*connector.dimension_mapping, *_suggested(connector, seen)], prefix="rows")
    use_cases = UseCaseMappingForm(data, initial={"lines": lines})
    if data is None or not all([rows.is_valid(), use_cases.is_valid()]):
        return _page(request, connector, rows, use_cases, seen, status=422 if data is not None else 200)
    given = [row for row in rows.cleaned_data if row and row.get("metric") and not _left_open(connector, row)]
    try:
        if "preview" in data:
            tried = preview(actor=actor_of(request), connector=connector, mapping=checked_mapping(given))
            return _page(request, connector, rows, use_cases, tried, tried=True)
        verbs.change_connector(
            actor=actor_of(request),
            connector=connector,
            dimension_mapping=given,
            use_case_mapping=use_cases.cleaned_data["lines"],
        )
    except ValidationError as error:
        blame(use_cases, error)
        return _page(request, connector, rows, use_cases, seen, status=422)
    messages.success(request, _("The mapping was saved. The source is read from the beginning next time."))
    return redirect("evidence:connector", pk=pk)


def _suggested(connector: Connector, seen: Preview | None) -> list[dict[str, Any]]:
    """A row for every metric of the newest file without one; its scale only where the format defines it."""
    mapped = {row["metric"] for row in connector.dimension_mapping}
    found = [each for each in (seen.metrics if seen else ()) if each.metric not in mapped]
    return [
        {
            "metric": each.metric,
            "scale_min": each.scale[0] if each.scale else None,
            "scale_max": each.scale[1] if each.scale else None,
            "threshold": next(iter(each.thresholds)) if len(each.thresholds) == 1 else None,
        }
        for each in found
        if len(each.metric) <= 120
    ]


def _left_open(connector: Connector, row: dict[str, Any]) -> bool:
    """A suggestion nobody took up: it says neither dimension nor direction, and was not mapped before."""
    known = {each["metric"] for each in connector.dimension_mapping}
    by_file = connector.kind == "evaluation_file"
    return by_file and row["metric"] not in known and not row.get("dimension") and not row.get("direction")


def _page(
    request: HttpRequest,
    connector: Connector,
    rows: Any,
    use_cases: UseCaseMappingForm,
    seen: Preview | None,
    *,
    tried: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "connector": connector,
        "rows": rows,
        "form": use_cases,
        "seen": seen,
        "tried": tried,
        "runs": [
            {"run": run, "counts": [{"count": each, "label": Dimension(each.dimension).label} for each in run.counts]}
            for run in (seen.runs if seen else ())
        ],
        "may_configure": policies.may_configure_connectors(actor_of(request)),
    }
    return render(request, "evidence/mapping.html", context, status=status)
