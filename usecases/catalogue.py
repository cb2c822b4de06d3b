"""Reading the catalogue: what runs on a component, what a version stands on, what will soon be gone."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from portal.actors import Actor
from usecases.choices import ItemKind, Stage
from usecases.models import Component, SystemVersion, UseCase, VersionComponent, WorkItem

SOON = timedelta(days=180)
SIX_KINDS = tuple(kind for kind in ItemKind if kind != ItemKind.UNSPECIFIED)


def todays_date() -> date:
    """Retirements are dates of the providers, without a time: they count in UTC."""
    return timezone.now().date()


def links_of(component: Component, actor: Actor) -> QuerySet[VersionComponent]:
    """The versions that run on it, as far as the actor may see their use cases, newest first."""
    seen = UseCase.objects.visible_to(actor).values("id")
    links = VersionComponent.objects.filter(component=component, use_case_id__in=seen)
    return (
        links.annotate(overtaken=Exists(newer_versions()))
        .select_related("use_case__owner", "use_case__unit", "system_version")
        .defer("system_version__canon", "system_version__manifest")
        .order_by("-system_version_id")
    )


def newer_versions() -> QuerySet[SystemVersion]:
    """For a link: versions of the same use case declared later than its own."""
    return SystemVersion.objects.filter(
        use_case_id=OuterRef("use_case_id"), number__gt=OuterRef("system_version__number")
    )


def affected_use_cases(component: Component, released: "Iterable[uuid.UUID] | QuerySet") -> list[uuid.UUID]:
    """The use cases whose newest version runs on it, or one of the `released` versions; none that was stopped."""
    links = VersionComponent.objects.filter(component=component).exclude(use_case__stage=Stage.STOPPED)
    newest = links.filter(~Exists(newer_versions())).values_list("use_case_id", flat=True)
    claimed = links.filter(system_version_id__in=released).values_list("use_case_id", flat=True)
    return sorted({*newest, *claimed})


def components_of(version: SystemVersion) -> list[Component]:
    return list(Component.objects.filter(version_components__system_version=version).order_by("kind", "name", "id"))


def retirements_of(version_id: uuid.UUID) -> list[Component]:
    """What of this version is retired or will be within half a year, the earliest first."""
    soon = Component.objects.filter(retires_on__lte=todays_date() + SOON)
    return list(soon.filter(version_components__system_version_id=version_id).order_by("retires_on", "name"))


def is_retired(component: Component, at: datetime | None = None) -> bool:
    day = at.astimezone(UTC).date() if at else todays_date()
    return component.retires_on is not None and component.retires_on <= day


def siblings_of(component: Component, actor: Actor) -> list[Component]:
    """Its other versions: the same kind, provider and name, newest first.

    Prompts of one name in different use cases have nothing in common, so theirs must share a use case.
    """
    found = Component.objects.visible_to(actor).filter(
        kind=component.kind, provider=component.provider, name=component.name
    )
    if component.kind == "prompt":
        seen = UseCase.objects.visible_to(actor).values("id")
        here = VersionComponent.objects.filter(component=component, use_case_id__in=seen).values("use_case_id")
        found = found.filter(id__in=VersionComponent.objects.filter(use_case_id__in=here).values("component_id"))
    return list(found.exclude(pk=component.pk).order_by("-id")[:50])


def open_work(use_case: UseCase) -> list[WorkItem]:
    """What this use case has to do by a day, the earliest first."""
    found = list(WorkItem.objects.open().filter(use_case=use_case).select_related("component").order_by("due_on", "id"))
    for item in found:
        item.use_case = use_case
    return found


def coverage(kinds: Iterable[str]) -> list[dict[str, Any]]:
    """The six kinds of test questions, each with whether an evaluation set holds any."""
    held = set(kinds)
    return [{"kind": kind.value, "label": kind.label, "covered": kind.value in held} for kind in SIX_KINDS]
