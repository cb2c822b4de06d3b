"""The catalogue of components: what versions bring along, what people add, and what is known about each."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases import policies
from usecases.actions.authors import person_of
from usecases.cataloguing import Entry, entries_of, identity
from usecases.choices import ComponentKind
from usecases.events import retirement_set
from usecases.models import Component, SystemVersion, VersionComponent

BATCH = 200
# What is known about a component and may change; its identity may not.
FACTS = ("description", "licence", "deployment", "endpoint", "region", "modalities", "acts_as", "card")
_NOUNS = {
    "description": "the description",
    "licence": "the licence",
    "deployment": "the deployment",
    "endpoint": "the endpoint",
    "region": "the region",
    "modalities": "the modalities",
    "acts_as": "the identity it acts as",
    "card": "the link to its card",
}


def link_components(versions: Sequence[SystemVersion]) -> int:
    """Match what these versions' manifests name to the catalogue, adding what is new. Returns how many were added.

    Runs in the transaction of whoever declares; the version's own sentence in the trail tells of it.
    """
    wanted = [(version, entry) for version in versions for entry in entries_of(version.manifest)]
    entries = {entry.key: entry for _version, entry in wanted}
    known = dict(Component.objects.filter(key__in=entries).values_list("key", "pk"))
    # In the order of keys, so that two who add the same wait for each other instead of blocking each other.
    fresh = [_row(entries[key]) for key in sorted(entries.keys() - known.keys())]
    if fresh:
        Component.objects.bulk_create(fresh, ignore_conflicts=True)
        known |= dict(Component.objects.filter(key__in=[row.key for row in fresh]).values_list("key", "pk"))
    VersionComponent.objects.bulk_create(
        [
            VersionComponent(
                system_version=version,
                use_case_id=version.use_case_id,
                component_id=known[entry.key],
                details=dict(entry.details),
            )
            for version, entry in wanted
        ],
        ignore_conflicts=True,
    )
    return len(fresh)


def _row(entry: Entry) -> Component:
    return Component(
        kind=ComponentKind(entry.kind),
        provider=entry.provider,
        name=entry.name,
        version=entry.version,
        digest=entry.digest,
        key=entry.key,
    )


def catalogue_declared_versions() -> list[str]:
    """Catalogue the versions declared before there was a catalogue; run at every installation, again it finds none."""
    unlinked = SystemVersion.objects.filter(~Exists(VersionComponent.objects.filter(system_version=OuterRef("pk"))))
    done = 0
    while batch := list(unlinked.order_by("pk")[:BATCH]):
        with transaction.atomic():
            link_components(batch)
        done += len(batch)
    return [f"components of {done} versions catalogued"] if done else []


@transaction.atomic
def catalogue_component(
    *,
    actor: Actor,
    kind: str,
    name: str,
    version: str = "",
    provider: str = "",
    parts: Iterable[Component] = (),
    **facts: Any,
) -> Component:
    """A component that a person puts into the catalogue. Raises Refused; ValidationError when it is there already."""
    require(policies.may_catalogue(actor))
    told = {"kind": ComponentKind(kind).value, "provider": provider.strip(), "name": name.strip()}
    told |= {"version": version.strip(), "digest": ""}
    key = identity(**told)
    component, made = Component.objects.get_or_create(
        key=key,
        defaults={**told, **_known(facts), "catalogued_by": person_of(actor), "catalogued_at": timezone.now()},
    )
    if not made:
        raise ValidationError({"name": _("This is in the catalogue already. Open it there and say what is missing.")})
    component.parts.set(_tools(component, parts))
    record(
        actor,
        "component.catalogued",
        component,
        f"added {component} to the components.",
        data={"kind": component.kind, "name": component.name, "version": component.version},
    )
    return component


@transaction.atomic
def describe_component(
    *, actor: Actor, component: Component, parts: Iterable[Component] | None = None, **facts: Any
) -> Component:
    """Change the facts that are given; what is the same already writes nothing. Raises Refused."""
    require(policies.may_catalogue(actor))
    component = Component.objects.lock(component)
    known = _known(facts)
    changed = {name: value for name, value in known.items() if value != getattr(component, name)}
    before = {name: getattr(component, name) for name in changed}
    said = [_NOUNS[name] for name in changed]
    if parts is not None:
        wanted = _tools(component, parts)
        if {part.pk for part in wanted} != set(component.parts.values_list("pk", flat=True)):
            component.parts.set(wanted)
            said.append("its tools")
    if not said:
        return component
    for name, value in changed.items():
        setattr(component, name, value)
    component.save(update_fields=list(changed) or None)
    record(
        actor,
        "component.described",
        component,
        f"changed {', '.join(said)} of {component}.",
        data={"before": before, "after": changed},
    )
    return component


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    unknown = facts.keys() - set(FACTS)
    if unknown:
        raise TypeError(f"{sorted(unknown)} are no facts of a component.")
    return {name: sorted(value) if name == "modalities" else value.strip() for name, value in facts.items()}


def _tools(component: Component, parts: Iterable[Component]) -> Collection[Component]:
    """What an agent works with: tools and MCP servers, never itself."""
    found = list(parts)
    if found and component.kind != ComponentKind.AGENT:
        raise ValidationError({"parts": _("Only an agent has tools. Leave this empty.")})
    if any(part.kind not in (ComponentKind.TOOL, ComponentKind.MCP_SERVER) for part in found):
        raise ValidationError({"parts": _("An agent's tools are tools and MCP servers.")})
    return found


@transaction.atomic
def set_retirement(*, actor: Actor, component: Component, retires_on: date | None, source: str) -> Component:
    """From this day on its provider no longer serves it; None takes the day back. Raises Refused, ValidationError.

    Who runs on it is told after commit; the hourly watch finds it when that message is lost.
    """
    require(policies.may_catalogue(actor))
    if not source.strip():
        text = _("Say who announced it, or why it no longer holds: others plan their work by this day.")
        raise ValidationError({"source": text})
    component = Component.objects.lock(component)
    if component.retires_on == retires_on and component.retirement_source == source.strip():
        return component
    before, component.retires_on = component.retires_on, retires_on
    component.retirement_source = source.strip()
    component.retirement_set_by, component.retirement_set_at = person_of(actor), timezone.now()
    component.save(
        update_fields=["retires_on", "retirement_source", "retirement_set_by", "retirement_set_at"],
    )
    sentence = f"set the retirement of {component} to {retires_on:%d %B %Y}." if retires_on else ""
    record(
        actor,
        "component.retirement_set",
        component,
        sentence or f"took back the retirement of {component}.",
        data={"before": before, "retires_on": retires_on, "reason": source.strip()},
    )
    send = partial(retirement_set.send_robust, sender=Component, component_id=component.pk)
    transaction.on_commit(send, robust=True)
    return component
