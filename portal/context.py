"""What every page's frame shows: navigation, the person, the version."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from portal.access import capabilities_anywhere
from portal.actors import NOBODY, roles_of
from portal.choices import Role
from portal.navigation import open_to


def portal(request: HttpRequest) -> dict[str, Any]:
    actor = getattr(request, "actor", NOBODY)
    context: dict[str, Any] = {"version": settings.VERSION, "nav": [], "oidc_enabled": settings.OIDC_ENABLED}
    if not actor.signed_in:
        return context
    able = capabilities_anywhere(actor)
    context["nav"] = [
        {"label": _(label), "url": url, "current": request.path == url or (url != "/" and request.path.startswith(url))}
        for label, name in settings.NAVIGATION
        if open_to(actor, name) and (url := _url(name))
    ]
    if "register" in able:
        context["register_url"] = _url("usecases:register")
    context["person_menu"] = [{"label": _("Being away"), "url": _url("absences")}] if actor.person is not None else []
    if "manage_people" in able or "issue_tokens" in able:
        context["person_menu"].append({"label": _("People and access"), "url": _url("people")})
    context["sign_out_url"] = reverse("sign-out")
    roles = {held.role for held in roles_of(actor)}
    context["viewer_role"] = ", ".join(str(Role(role).label) for role in sorted(roles))
    return context


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
