"""One problem, three faces: a page, an htmx partial, a problem+json. The code is stable, the words may improve."""

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from portal.access import Reason, Refused


@dataclass(frozen=True)
class Problem:
    status: int
    code: str
    title: str
    detail: str = ""
    reasons: tuple[Reason, ...] = ()
    errors: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        if self.detail:
            body["detail"] = self.detail
        if self.reasons:
            body["reasons"] = [{"code": reason.code, "text": reason.text} for reason in self.reasons]
        if self.errors:
            body["errors"] = self.errors
        return body


def problem_of(error: Exception) -> Problem | None:
    """The problem an expected exception stands for; None for the unexpected."""
    if isinstance(error, Refused):
        return Problem(
            409 if error.is_conflict else 403,
            error.code,
            _("This is not possible now.") if error.is_conflict else _("You may not do this."),
            str(error),
            error.reasons,
        )
    if isinstance(error, Http404):
        return Problem(
            404,
            "not_found",
            _("There is nothing here."),
            _("The address may be mistyped, or it leads to something you are not allowed to know of."),
        )
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", _("You may not do this."), str(error))
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return Problem(413, "body_too_large", _("The request is too large."))
    if isinstance(error, BadRequest):
        return Problem(400, "bad_request", _("This request cannot be read."), str(error))
    if isinstance(error, SuspiciousOperation):
        return Problem(400, "bad_request", _("This request cannot be read."))
    return None


def problem_response(problem: Problem) -> JsonResponse:
    """The problem as application/problem+json outside a DRF view, to the byte what a DRF view would send."""
    return JsonResponse(
        problem.as_dict(),
        status=problem.status,
        content_type="application/problem+json",
        json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
    )


def scim_response(status: int, detail: str, scim_type: str = "") -> JsonResponse:
    """The error as SCIM words it (RFC 7644, 3.12)."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": detail}
    body |= {"scimType": scim_type} if scim_type else {}
    return JsonResponse(body, status=status, content_type="application/scim+json")


def wants_json(request: HttpRequest) -> bool:
    """True for addresses that machines call; the API's reference is a page for people."""
    return request.path.startswith(("/api/", "/otlp/", "/.well-known/")) and not request.path.startswith("/api/docs/")


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem in the form the caller can use."""
    if request.path.startswith("/scim/"):
        return scim_response(problem.status, problem.detail or problem.title)
    if wants_json(request):
        return problem_response(problem)
    if getattr(request, "htmx", False):
        return render(request, "errors/_problem.html", {"problem": problem}, status=problem.status)
    name = problem.status if problem.status in (400, 403, 404, 409, 413, 429) else 400
    return render(request, [f"errors/{name}.html", "errors/400.html"], {"problem": problem}, status=problem.status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    problem = problem_of(exception) if exception is not None else None
    return respond(request, problem or Problem(400, "bad_request", _("This request cannot be read.")))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    problem = problem_of(Http404())
    assert problem is not None
    return respond(request, problem)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return respond(request, Problem(403, "forbidden", _("You may not do this."), str(exception or "")))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    detail = _("The page was open too long or came from elsewhere. Go back, reload the page and try again.")
    return respond(request, Problem(403, "csrf", _("This form is no longer valid."), detail))


def server_error(request: HttpRequest) -> HttpResponse:
    title = _("Something broke on our side.")
    if wants_json(request):
        return problem_response(Problem(500, "server_error", title))
    # Without the request: what broke may be what the context processors need.
    return HttpResponse(render_to_string("errors/500.html"), status=500)
