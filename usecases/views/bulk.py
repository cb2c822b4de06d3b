"""One change to many use cases: first the preview, row by row, then the change itself, all or nothing."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access import Refused
from portal.http import form_only
from usecases.actions.bulk import KINDS, Kind, Line, change_many, checked, preview, shown_value
from usecases.finding.pages import MOST_AT_ONCE, all_rows, by_references
from usecases.finding.query import read
from usecases.views.frame import actor_of

MAX_QUERY = 4_000
MAX_VALUE = 500


@form_only("usecases:list")
def bulk(request: HttpRequest) -> HttpResponse:
    """What would happen to each of the rows chosen, or of all that match."""
    kind, value = _asked(request)
    if kind is None:
        return _told(request, _("Choose what to change."))
    actor = actor_of(request)
    if request.POST.get("scope") == "all":
        use_cases = all_rows(actor, read(QueryDict(request.POST.get("query", "")[:MAX_QUERY].removeprefix("?"))))
    else:
        use_cases = by_references(actor, request.POST.getlist("ref"))
    if not use_cases:
        return _told(request, _("Choose at least one row."))
    try:
        lines = preview(actor, kind, value, use_cases)
    except ValidationError as error:
        return _told(request, " ".join(error.messages))
    return _preview(request, kind, value, lines)


@form_only("usecases:list")
def apply_bulk(request: HttpRequest) -> HttpResponse:
    """Carry out what was previewed. What has become impossible since is shown again, and nothing is changed."""
    kind, value = _asked(request)
    if kind is None:
        return _told(request, _("Choose what to change."))
    actor = actor_of(request)
    use_cases = by_references(actor, request.POST.getlist("ref"))
    if not use_cases:
        return _told(request, _("Choose at least one row."))
    try:
        value = checked(kind, value)
    except ValidationError as error:
        return _told(request, " ".join(error.messages))
    try:
        count = change_many(actor=actor, kind=kind, value=value, use_cases=use_cases)
    except (Refused, ValidationError):
        fresh = actor.afresh()
        lines = preview(fresh, kind, value, by_references(fresh, request.POST.getlist("ref")))
        problem = _("Something has changed since the preview, so nothing was done. Look again.")
        return _preview(request, kind, value, lines, problem=problem, status=409)
    text = ngettext("%(count)s use case was changed.", "%(count)s use cases were changed.", count) % {"count": count}
    messages.success(request, f"{kind.label}: {text}")
    back = request.POST.get("query", "")[:MAX_QUERY]
    response = redirect("usecases:list")
    if back.startswith("?"):
        response["Location"] += read(QueryDict(back[1:])).address()
    return response


def _asked(request: HttpRequest) -> tuple[Kind | None, str]:
    """The kind and its value; a unit is chosen from a list, and comes back from the preview as the value."""
    kind = KINDS.get(request.POST.get("kind", ""))
    value = request.POST.get("value", "")
    if kind is not None and kind.needs == "unit":
        value = request.POST.get("unit", value)
    return kind, value.replace("\x00", "")[:MAX_VALUE]


def _told(request: HttpRequest, problem: str) -> HttpResponse:
    context = {"problem": problem, "back": _back(request)}
    return render(request, "usecases/bulk.html", context, status=422)


def _preview(
    request: HttpRequest, kind: Kind, value: str, lines: list[Line], *, problem: str = "", status: int = 200
) -> HttpResponse:
    by_outcome = {name: [line for line in lines if line.outcome == name] for name in ("change", "refused", "same")}
    context: dict[str, Any] = {
        "kind": kind,
        "value": value,
        "shown": shown_value(kind, value),
        "lines": by_outcome,
        "total": len(lines),
        "most": MOST_AT_ONCE if len(lines) == MOST_AT_ONCE else 0,
        "problem": problem,
        "back": _back(request),
        "query": request.POST.get("query", "")[:MAX_QUERY],
    }
    return render(request, "usecases/bulk.html", context, status=status)


def _back(request: HttpRequest) -> str:
    """The list as it was; only its own filters, whatever was sent."""
    return read(QueryDict(request.POST.get("query", "")[:MAX_QUERY].removeprefix("?"))).address()
