"""The catalogue of components: the list, one component with where it runs, and what people say about it."""

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import htmx
from portal.access import require
from portal.http import form_only
from portal.models import AuditEvent
from portal.trail import as_lines
from usecases import policies
from usecases.actions.components import FACTS, catalogue_component, describe_component, set_retirement
from usecases.catalogue import SOON, is_retired, links_of, siblings_of, todays_date
from usecases.choices import ComponentKind, Modality
from usecases.forms import ComponentFilterForm, ComponentForm, NewComponentForm, RetirementForm
from usecases.models import Component, PromptText, UseCase, VersionComponent
from usecases.prompts import compare_texts
from usecases.views.frame import actor_of, carried_out, posted

PAGE = 50
TOLD = 20


@dataclass(frozen=True)
class WantedComponents:
    """What an address asks of the catalogue; `kept` is what its other pages keep."""

    form: ComponentFilterForm
    rows: Any
    kept: dict[str, str]
    kind: str
    attention: bool


def wanted_components(request: HttpRequest) -> WantedComponents:
    actor, form = actor_of(request), ComponentFilterForm(request.GET)
    form.is_valid()
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    kept = {name: request.GET[name] for name in wanted}
    attention = bool(wanted.pop("attention", False))
    found = Component.objects.visible_to(actor).narrowed(
        **wanted, retiring_by=todays_date() + SOON if attention else None
    )
    seen = UseCase.objects.visible_to(actor).values("id")
    running = VersionComponent.objects.filter(component=OuterRef("pk"), use_case_id__in=seen)
    rows = found.annotate(in_use=Exists(running))
    return WantedComponents(form, rows, kept, wanted.get("kind", ""), attention)


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """All components one may see, by name; a tab per kind, and one for what is retired soon."""
    wanted = wanted_components(request)
    rows, after = wanted.rows.page(request.GET.get("after", "")[:600], PAGE)
    for row in rows:
        row.is_retired = is_retired(row)
    context = {
        "form": wanted.form,
        "rows": rows,
        "tabs": _tabs(wanted.kind, wanted.attention),
        "attention": wanted.attention,
        "filtered": bool(wanted.kept),
        "next_url": "?" + urlencode({**wanted.kept, "after": after}) if after else "",
        "first_url": "?" + urlencode(wanted.kept) if request.GET.get("after") else "",
        "export_query": urlencode(wanted.kept),
        "may_catalogue": policies.may_catalogue(actor_of(request)),
    }
    return htmx.render(request, "usecases/components.html", context, partial="rows")


def _tabs(kind: str, attention: bool) -> list[dict[str, Any]]:
    here = reverse("usecases:components")
    return [
        {"label": _("All"), "url": here, "current": not kind and not attention},
        *(
            {"label": each.label, "url": f"{here}?kind={each.value}", "current": kind == each.value and not attention}
            for each in ComponentKind
        ),
        {"label": _("Needs attention"), "url": f"{here}?attention=on", "current": attention},
    ]


@require_safe
def component(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = Component.objects.get_visible(actor_of(request), pk)
    return _page(request, found, _retirement_form(found))


def _retirement_form(found: Component) -> RetirementForm:
    return RetirementForm(initial={"retires_on": found.retires_on, "source": found.retirement_source})


def _page(request: HttpRequest, found: Component, form: RetirementForm, status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    links, older = _links(found, request)
    seen = Component.objects.visible_to(actor)
    told = AuditEvent.objects.filter(object_type=Component._meta.db_table, object_id=found.pk)
    context = {
        # Not `component`: that word is the templates' own.
        "thing": found,
        "retired": is_retired(found),
        "soon": found.retires_on is not None and found.retires_on <= todays_date() + SOON,
        "facts": _facts(found),
        "links": links,
        "older_url": f"?before={older}" if older else "",
        "newest_url": found.get_absolute_url() if request.GET.get("before") else "",
        "siblings": siblings_of(found, actor),
        "text": PromptText.objects.filter(sha256=found.digest).first() if found.kind == ComponentKind.PROMPT else None,
        "tools": list(seen.filter(part_of=found).order_by("name")) if found.kind == ComponentKind.AGENT else [],
        "agents": list(seen.filter(parts=found).order_by("name")) if found.kind in ("tool", "mcp_server") else [],
        "lines": as_lines(told.order_by("-object_rev")[:TOLD]),
        "panels": _panels(found),
        "form": form,
        "may_catalogue": policies.may_catalogue(actor),
    }
    return render(request, "usecases/component.html", context, status=status)


def _links(found: Component, request: HttpRequest) -> tuple[list[VersionComponent], str]:
    """(a page of the versions that run on it, the key of the next page or "")."""
    links = links_of(found, actor_of(request))
    if before := request.GET.get("before", "")[:40]:
        try:
            links = links.filter(system_version_id__lt=uuid.UUID(before))
        except ValueError:
            links = links.none()
    rows = list(links[: PAGE + 1])
    return rows[:PAGE], str(rows[PAGE - 1].system_version_id) if len(rows) > PAGE else ""


def _panels(found: Component) -> list[str]:
    """Addresses of what the floors above know of it."""
    return [
        reverse(name, kwargs={"pk": found.pk}) for kind, name in settings.COMPONENT_PANELS if kind in ("", found.kind)
    ]


def _facts(found: Component) -> list[dict[str, Any]]:
    """What is known, without empty lines."""
    told = [
        (_("Kind"), found.get_kind_display(), ""),
        (_("Provider"), found.provider, ""),
        (_("Version"), found.version, ""),
        (_("Deployment"), found.deployment, ""),
        (_("Endpoint"), found.endpoint, ""),
        (_("Region"), found.region, ""),
        (_("Takes and gives"), ", ".join(str(Modality(each).label) for each in found.modalities), ""),
        (_("Acts as"), found.acts_as, ""),
        (_("Licence"), found.licence, ""),
        (_("Card"), found.card, found.card if found.card.startswith("https://") else ""),
    ]
    return [{"label": label, "value": value, "url": url} for label, value, url in told if value]


@require_http_methods(["GET", "POST"])
def new_component(request: HttpRequest) -> HttpResponse:
    """What no version brings along: agents, MCP servers, evaluation sets."""
    actor = actor_of(request)
    ruling = policies.may_catalogue(actor)
    form = NewComponentForm(actor, "", posted(request))
    if request.method == "POST":
        require(ruling)
        made = carried_out(form, catalogue_component, actor=actor)
        if made is not None:
            messages.success(request, _("%(name)s is in the catalogue.") % {"name": made})
            return redirect(made)
    context = {"form": form, "ruling": ruling}
    return render(request, "usecases/new_component.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    actor = actor_of(request)
    found = Component.objects.get_visible(actor, pk)
    initial = {name: getattr(found, name) for name in FACTS}
    if found.kind == ComponentKind.AGENT:
        initial["parts"] = [part.pk for part in found.parts.all()]
    form = ComponentForm(actor, found.kind, posted(request), initial=initial)
    if request.method == "POST" and carried_out(form, describe_component, actor=actor, component=found):
        messages.success(request, _("What is known about it was changed."))
        return redirect(found)
    context = {"thing": found, "form": form, "ruling": policies.may_catalogue(actor)}
    return render(request, "usecases/edit_component.html", context, status=422 if form.is_bound else 200)


@form_only("usecases:component", "pk")
def retirement(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Set or take back the day from which it is gone."""
    found, form = Component.objects.get_visible(actor_of(request), pk), RetirementForm(request.POST)
    done = carried_out(form, set_retirement, actor=actor_of(request), component=found)
    if done is None:
        return _page(request, found, form, status=422)
    messages.success(request, _told(done.retires_on))
    return redirect(found)


def _told(day: date | None) -> str:
    if day is None:
        return _("The retirement was taken back.")
    return _("The retirement stands. Whoever runs on it is told half a year ahead, then again, and once it is over.")


@require_safe
def compare(request: HttpRequest, pk: uuid.UUID, other: uuid.UUID) -> HttpResponse:
    """Two prompts side by side, the older at the left."""
    actor = actor_of(request)
    both = sorted((Component.objects.get_visible(actor, each) for each in (pk, other)), key=lambda each: each.pk)
    if any(each.kind != ComponentKind.PROMPT for each in both):
        raise Http404
    before, after = both
    difference = compare_texts(after.name, before.digest, after.digest)
    context = {"before": before, "after": after, "difference": difference, "choices": siblings_of(after, actor)}
    return render(request, "usecases/compare_prompts.html", context)
