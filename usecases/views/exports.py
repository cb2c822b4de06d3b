"""The register as a file: the same filters and the same visibility as its list."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from portal.exports import FORMATS, exported
from usecases.exporting import HEADERS, register_rows
from usecases.finding.query import read
from usecases.views.frame import actor_of


@require_safe
def use_cases(request: HttpRequest) -> HttpResponseBase:
    """`?format=csv|xlsx|json`; anything else is CSV."""
    kind = request.GET.get("format", "csv")
    rows = register_rows(actor_of(request), read(request.GET))
    return exported(kind if kind in FORMATS else "csv", "use-cases", HEADERS, rows)
