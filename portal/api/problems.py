"""Errors as application/problem+json (RFC 9457) with a stable `code` and every reason."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from portal.access import Refused
from portal.errors import Problem, problem_of


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: every expected error becomes a problem; the unexpected goes on and becomes a 500."""
    problem = _problem(error)
    if problem is None:
        return None
    set_rollback()
    headers = {}
    if isinstance(error, exceptions.APIException):
        if header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait) + 1)
    return Response(problem.as_dict(), status=problem.status, content_type="application/problem+json", headers=headers)


def _problem(error: Exception) -> Problem | None:
    if isinstance(error, exceptions.ValidationError):
        return Problem(400, "invalid", _("Some values cannot be used."), errors=_flatten(error.detail))
    if isinstance(error, DjangoValidationError):
        return Problem(400, "invalid", _("Some values cannot be used."), errors=_of_django(error))
    if isinstance(error, Http404 | PermissionDenied | Refused):
        return problem_of(error)
    if isinstance(error, exceptions.NotFound):
        return problem_of(Http404())
    if isinstance(error, exceptions.APIException):
        code = getattr(error.detail, "code", None) or error.default_code
        return Problem(error.status_code, str(code), _title(error.status_code), str(error.detail))
    return problem_of(error)


def _title(status: int) -> str:
    match status:
        case 401:
            return _("Who is asking is not clear.")
        case 403:
            return _("You may not do this.")
        case 405:
            return _("This address does not take that method.")
        case 406 | 415:
            return _("This form of content is not spoken here.")
        case 429:
            return _("Too many requests.")
        case _:
            return _("This request cannot be read.")


def _of_django(error: DjangoValidationError) -> list[dict[str, str]]:
    if hasattr(error, "error_dict"):
        return [{"field": field, "message": text} for field, texts in error.message_dict.items() for text in texts]
    return [{"field": "", "message": text} for text in error.messages]


def _flatten(detail: Any, path: str = "") -> list[dict[str, str]]:
    """[{field: "scores.3.value", message}] out of DRF's nested details."""
    if isinstance(detail, dict):
        return [
            found
            for key, item in detail.items()
            for found in _flatten(item, path if key == "non_field_errors" else f"{path}.{key}".strip("."))
        ]
    if isinstance(detail, list):
        if all(not isinstance(item, dict | list) for item in detail):
            return [{"field": path, "message": str(item)} for item in detail]
        return [found for index, item in enumerate(detail) for found in _flatten(item, f"{path}.{index}".strip("."))]
    return [{"field": path, "message": str(detail)}]
