"""Lists as files: the same filters, the same order and the same visibility as on their pages."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from portal.exports import exported, kind_of
from usecases.exporting import (
    COMPONENT_HEADERS,
    HISTORY_HEADERS,
    SOURCE_HEADERS,
    component_rows,
    history_rows,
    register_table,
    source_rows,
)
from usecases.finding.query import read
from usecases.views.catalogue import wanted_sources
from usecases.views.components import wanted_components
from usecases.views.frame import actor_of, fetch
from usecases.views.past import wanted_history


@require_safe
def use_cases(request: HttpRequest) -> HttpResponseBase:
    """`?format=csv|xlsx|json`; anything else is CSV."""
    headers, rows = register_table(actor_of(request), read(request.GET))
    return exported(kind_of(request.GET), "use-cases", headers, rows)


@require_safe
def data_sources(request: HttpRequest) -> HttpResponseBase:
    found = wanted_sources(request)
    return exported(kind_of(request.GET), "data-sources", SOURCE_HEADERS, source_rows(found.rows, found.order))


@require_safe
def components(request: HttpRequest) -> HttpResponseBase:
    found = wanted_components(request)
    return exported(kind_of(request.GET), "components", COMPONENT_HEADERS, component_rows(found.rows))


@require_safe
def history(request: HttpRequest, reference: str) -> HttpResponseBase:
    use_case = fetch(request, reference)
    _form, wanted = wanted_history(request)
    rows = history_rows(use_case, wanted)
    return exported(kind_of(request.GET), f"{use_case.reference}-history", HISTORY_HEADERS, rows)
