"""Addresses that exist in tests only, beside the real ones: they echo, have an effect, or fail in a chosen way."""

import time
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.access import Denied, Reason, Refused
from portal.api.authentication import actor_of
from portal.api.idempotency import idempotent
from portal.models import OutboxMessage
from portal.urls import urlpatterns as real

ERRORS: dict[str, Exception] = {
    "refused": Refused(Denied((Reason("first", "Not you."), Reason("second", "Not now.", conflict=True)))),
    "conflict": Refused(Denied((Reason("late", "Too late.", conflict=True),))),
    "invalid": exceptions.ValidationError({"scores": [{}, {"value": ["Too small."]}], "non_field_errors": ["Odd."]}),
    "django-invalid": DjangoValidationError({"name": ["Too long."]}),
    "django-invalid-plain": DjangoValidationError("Odd."),
    "http404": Http404("the reason stays inside"),
    "not-found": exceptions.NotFound("the reason stays inside"),
    "forbidden": PermissionDenied("Not here."),
    "suspicious": SuspiciousOperation("details"),
    "too-big": RequestDataTooBig("details"),
    "parse": exceptions.ParseError("Line 3 is odd."),
    "coded": exceptions.AuthenticationFailed("Gone.", "token_revoked"),
    "media": exceptions.UnsupportedMediaType("text/odd"),
    "throttled": exceptions.Throttled(wait=7.2),
    "unexpected": RuntimeError("secret detail"),
}


def _effect(request: Request) -> Response:
    """A row that stays, and an answer that names it."""
    time.sleep(request.data.get("pause", 0) if isinstance(request.data, dict) else 0)
    row = OutboxMessage.objects.create(
        channel="webhook", recipient=actor_of(request).key, body="probe", due_at="2030-01-01T00:00:00Z"
    )
    return Response({"id": str(row.pk)}, status=201, headers={"Location": f"/{row.pk}", "X-Other": "1"})


class Echo(APIView):
    def post(self, request: Request) -> Response:
        return Response({"got": request.data})


class Bare(APIView):
    def post(self, request: Request) -> Response:
        return _effect(request)


class Once(APIView):
    @idempotent
    def post(self, request: Request) -> Response:
        return _effect(request)


class Failing(APIView):
    """Has its effect and then fails as asked, as long as the switch is on."""

    broken: bool = True

    @idempotent
    def post(self, request: Request) -> Response:
        response = _effect(request)
        if Failing.broken:
            raise ERRORS[request.data["how"]]
        return response


class Unavailable(APIView):
    @idempotent
    def post(self, request: Request) -> Response:
        _effect(request)
        return Response({"code": "later"}, status=503)


class Raising(APIView):
    def get(self, request: Request, what: str) -> Response:
        raise ERRORS[what]


def raising(request: HttpRequest, what: str) -> HttpResponse:
    raise ERRORS[what]


def taken(request: HttpRequest) -> HttpResponse:
    """A page that takes a form."""
    return HttpResponse(f"took {len(request.POST)}")


urlpatterns: list[Any] = [
    path("api/v1/probe/echo/", Echo.as_view()),
    path("api/v1/probe/bare/", Bare.as_view()),
    path("api/v1/probe/once/", Once.as_view()),
    path("api/v1/probe/failing/", Failing.as_view()),
    path("api/v1/probe/unavailable/", Unavailable.as_view()),
    path("api/v1/probe/raise/<str:what>/", Raising.as_view()),
    path("probe/raise/<str:what>/", raising),
    path("probe/form/", taken),
    *real,
]
handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.forbidden"
handler404 = "portal.errors.not_found"
handler500 = "portal.errors.server_error"
