"""Tabs, stage track and panels around a page about one use case; whichever floor serves the page."""

from typing import Any

from django import template
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from usecases.choices import Stage
from usecases.models import UseCase

register = template.Library()

TRACK = (Stage.REGISTERED, Stage.DISCOVERY, Stage.REVIEW, Stage.PILOT, Stage.PRODUCTION)
GATED = (Stage.REVIEW, Stage.PILOT)


def address(name: str, reference: str) -> str:
    """The address of a page about this use case; empty while no floor serves it."""
    try:
        return reverse(name, kwargs={"reference": reference})
    except NoReverseMatch:
        return ""


@register.inclusion_tag("components/tabs.html", takes_context=True)
def use_case_tabs(context: template.Context, use_case: UseCase) -> dict[str, Any]:
    """The tabs of every floor; the longest address that the page's own begins with is the current one."""
    path = context["request"].path
    tabs = [
        {"label": _(label), "url": url, "current": False}
        for label, name in settings.USE_CASE_TABS
        if (url := address(name, use_case.reference))
    ]
    here = [tab for tab in tabs if path.startswith(str(tab["url"]))]
    if here:
        max(here, key=lambda tab: len(str(tab["url"])))["current"] = True
    return {"tabs": tabs, "label": _("Parts of this use case")}


@register.inclusion_tag("components/spine.html")
def use_case_spine(use_case: UseCase, swapped: bool = False) -> dict[str, Any]:
    """The stage track, with a bar where somebody has to decide; `swapped` puts it in place of the one on the page."""
    return {"stages": track(use_case.stage), "id": "stages", "swapped": swapped}


@register.simple_tag
def use_case_track(use_case: UseCase) -> list[dict[str, Any]]:
    """The same as data, for the small track in a table row."""
    return track(use_case.stage)


def track(stage: str) -> list[dict[str, Any]]:
    if stage == Stage.STOPPED:
        return [{"label": Stage.STOPPED.label, "state": "current", "kind": "decision", "gate": "closed"}]
    now = TRACK.index(Stage(stage))
    return [
        {
            "label": step.label,
            "state": "done" if index < now else "current" if index == now else "ahead",
            "kind": "decision" if step == Stage.REVIEW else "stage",
            "gate": ("open" if index < now else "closed") if step in GATED else "none",
        }
        for index, step in enumerate(TRACK)
    ]


@register.simple_tag
def use_case_panels(use_case: UseCase) -> list[str]:
    """Addresses of the panels that the floors above show on the overview."""
    return [url for name in settings.USE_CASE_PANELS if (url := address(name, use_case.reference))]
