"""The public keys by which anybody verifies what the portal signed."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from approvals import signing


@require_safe
def keyset(request: HttpRequest) -> JsonResponse:
    """Pin this file; it names its own expiry. Cached briefly, so that a revoked key is not believed for long."""
    signing.ensure_keys(settings.GATEHOUSE_HOME)
    response = JsonResponse(signing.keyset(home=settings.GATEHOUSE_HOME))
    response["Cache-Control"] = "public, max-age=60"
    return response
