"""The door: sign in, sign out."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.errors import Problem, respond
from portal.forms import SignInForm
from portal.http import form_only
from portal.models import User
from portal.sso import begin_session


def _next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else "/"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """By name and password where that door is open; by single sign-on where one is configured."""
    form = SignInForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if settings.LOCAL_SIGN_IN and form.is_valid():
            user = authenticate(request, **form.cleaned_data)
            if isinstance(user, User):
                target = _next(request)
                begin_session(request, user, "password")
                return redirect(target)
            form.add_error(None, _("Name and password do not match, or the account is switched off."))
    elif request.GET.get("failed"):
        form.errors["__all__"] = form.error_class(
            [_("Single sign-on did not let you in. Try again or ask an administrator.")]
        )
    context: dict[str, Any] = {"form": form, "next": _next(request), "local": settings.LOCAL_SIGN_IN}
    return render(request, "portal/sign_in.html", context, status=status)


@form_only("home")
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    detail = _("Wait fifteen minutes, then try again; an administrator can be told at once.")
    return respond(request, Problem(429, "locked_out", _("Too many failed sign-ins."), detail))
