"""Which releases run on a component, and who approved them: a panel of the component's page."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from approvals.querysets import releases_on
from portal.htmx import render
from usecases.models import Component

LISTED = 50


@require_safe
def component_releases(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The newest releases of the use cases one may see, each with the lanes that were signed."""
    actor = request.actor  # type: ignore[attr-defined]
    component = Component.objects.get_visible(actor, pk)
    found = list(releases_on(component, actor).prefetch_related("decisions__person")[: LISTED + 1])
    context = {"thing": component, "releases": found[:LISTED], "more": len(found) > LISTED}
    return render(request, "approvals/component_releases.html", context, partial="panel")
