"""Bills of materials in CycloneDX 1.6: a manifest written as one and read from one; pure.

What CycloneDX has no field for stands in properties named `gatehouse:…`, so that reading our own bill gives the same
manifest. A foreign bill is read as far as a manifest can express it; everything else is listed, nothing is dropped.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from usecases.manifests import FIELDS, LISTS, SCHEMA, ManifestError

FORMAT, SPEC = "CycloneDX", "1.6"
OURS = "gatehouse:"
MOST_COMPONENTS = 1_000
MOST_LISTED = 200
# Section of the manifest → type of the CycloneDX component.
TYPES = {
    "model": "machine-learning-model",
    "prompts": "data",
    "tools": "application",
    "knowledge_sources": "data",
    "guardrails": "application",
    "artifacts": "file",
}
READ_AT_TOP = {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components"}


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of the model besides the manifest."""

    licence: str = ""
    card: str = ""
    description: str = ""
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """The version a bill is written for; `declared_at` is RFC 3339 text."""

    reference: str
    title: str
    label: str
    number: int
    digest: str
    declared_at: str


@dataclass(slots=True)
class Bill:
    """A bill that was read: a manifest still to be normalised, and every part of it that a manifest cannot hold."""

    manifest: dict[str, Any]
    label: str = ""
    digest: str = ""
    not_expressed: list[str] = field(default_factory=list)


def write_bill(manifest: Mapping[str, Any], about: About, known: Known) -> dict[str, Any]:
    """The bill of a normalised manifest; the same version gives the same bill."""
    application = manifest["application"]
    told = {"use_case": about.reference, "number": str(about.number), "manifest_digest": about.digest}
    told |= {key: application[key] for key in ("repository", "commit") if key in application}
    subject: dict[str, Any] = {"type": "application", "bom-ref": "system", "name": about.title, "version": about.label}
    subject["properties"] = _properties(told)
    # Not in `hashes`: the manifest's digest is of no file that anybody could hash.
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": FORMAT,
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'gatehouse:{about.reference}:{about.digest}')}",
        "version": 1,
        "metadata": {"timestamp": about.declared_at, "component": subject},
        "components": [_model(manifest, known), *_parts(manifest)],
    }


def _model(manifest: Mapping[str, Any], known: Known) -> dict[str, Any]:
    component = _component("model", 0, manifest["model"])
    parameters = {f"parameter:{name}": json.dumps(value) for name, value in manifest["parameters"].items()}
    component["properties"] += _properties(parameters)
    if known.description:
        component["description"] = known.description
    if known.licence:
        component["licenses"] = [{"license": {"name": known.licence}}]
    if known.card:
        component["externalReferences"] = [{"type": "model-card", "url": known.card}]
    if known.modalities:
        formats = [{"format": modality} for modality in known.modalities]
        component["modelCard"] = {"modelParameters": {"inputs": formats, "outputs": formats}}
    return component


def _parts(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for section in LISTS:
        yield from (_component(section, index, row) for index, row in enumerate(manifest[section]))
    artifacts = manifest["application"]["artifacts"]
    yield from (_component("artifacts", index, row) for index, row in enumerate(artifacts))


def _component(section: str, index: int, row: Mapping[str, str]) -> dict[str, Any]:
    component: dict[str, Any] = {"type": TYPES[section], "bom-ref": f"{section}:{index}", "name": row["name"]}
    if "version" in row:
        component["version"] = row["version"]
    if "provider" in row:
        component["supplier"] = {"name": row["provider"]}
    if "sha256" in row:
        component["hashes"] = [{"alg": "SHA-256", "content": row["sha256"]}]
    if TYPES[section] == "data":
        component["data"] = _data(section, row["name"])
    more = {key: row[key] for key in FIELDS[section] if key in row and key not in _NATIVE}
    component["properties"] = _properties({"section": section, **more})
    return component


_NATIVE = ("name", "version", "provider", "sha256")


def _data(section: str, name: str) -> list[dict[str, str]]:
    return [{"type": "dataset" if section == "knowledge_sources" else "other", "name": name}]


def _properties(told: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"{OURS}{name}", "value": value} for name, value in told.items()]


def read_bill(raw: object) -> Bill:
    """The manifest that a bill describes. Raises ManifestError when it is no bill or names no model with a version."""
    if not isinstance(raw, Mapping) or raw.get("bomFormat") != FORMAT:
        raise ManifestError([("bomFormat", _("This is no CycloneDX bill of materials in JSON: bomFormat says so."))])
    components = _mappings(raw.get("components"))
    if len(components) > MOST_COMPONENTS:
        message = _("%(count)d components; at most %(limit)d are accepted.")
        raise ManifestError([("components", message % {"count": len(components), "limit": MOST_COMPONENTS})])
    bill = Bill({"schema": SCHEMA, **{key: [] for key in LISTS}, "application": {"artifacts": []}, "parameters": {}})
    _read_subject(bill, raw.get("metadata"))
    for component in components:
        _read_component(bill, component)
    bill.not_expressed += [str(key) for key in raw if key not in READ_AT_TOP and raw[key]]
    if "model" not in bill.manifest:
        text = _(
            "The bill names no component of type machine-learning-model; a version cannot be declared without one."
        )
        raise ManifestError([("components", text)])
    if len(bill.not_expressed) > MOST_LISTED:
        rest = len(bill.not_expressed) - MOST_LISTED
        bill.not_expressed[MOST_LISTED:] = [_("and %(count)d more") % {"count": rest}]
    return bill


def _mappings(raw: object) -> list[Mapping[str, Any]]:
    return [each for each in raw if isinstance(each, Mapping)] if isinstance(raw, list) else []


def _read_subject(bill: Bill, metadata: object) -> None:
    """The application the bill is about: its label, repository and commit."""
    if not isinstance(metadata, Mapping):
        return
    bill.not_expressed += [f"metadata.{key}" for key in metadata if key not in ("timestamp", "component")]
    subject = metadata.get("component")
    if not isinstance(subject, Mapping):
        return
    ours, foreign = _our_properties(subject)
    bill.label, bill.digest = str(subject.get("version", "")), ours.pop("manifest_digest", "")
    application = bill.manifest["application"]
    application |= {key: ours[key] for key in ("repository", "commit") if key in ours}
    left = [key for key in subject if key not in ("type", "bom-ref", "name", "version", "properties")]
    sources = [each.get("url") for each in _mappings(subject.get("externalReferences")) if each.get("type") == "vcs"]
    if sources and "repository" not in application:
        application["repository"] = sources[0]
        if len(_mappings(subject.get("externalReferences"))) == 1:
            left.remove("externalReferences")
    bill.not_expressed += [f"metadata.component.{each}" for each in (*left, *foreign)]


def _read_component(bill: Bill, component: Mapping[str, Any]) -> None:
    ours, foreign = _our_properties(component)
    name, kind = str(component.get("name", ""))[:80], str(component.get("type", ""))[:40]
    section = ours.pop("section", "") or _section_of(component)
    if section not in TYPES or (section == "model" and "model" in bill.manifest):
        bill.not_expressed.append(_("the component “%(name)s” (%(type)s)") % {"name": name, "type": kind})
        return
    row, used = _row(section, component, ours)
    if section == "model":
        bill.manifest["model"] = row
        named = {key.removeprefix("parameter:"): ours.pop(key) for key in list(ours) if key.startswith("parameter:")}
        bill.manifest["parameters"] = {key: _value(text) for key, text in named.items()}
    elif section == "artifacts":
        bill.manifest["application"]["artifacts"].append(row)
    else:
        bill.manifest[section].append(row)
    left = [key for key in component if key not in used and component[key]]
    left += [*foreign, *(f"{OURS}{key}" for key in ours if key not in FIELDS[section])]
    bill.not_expressed += [_("%(what)s of “%(name)s”") % {"what": each, "name": name} for each in left]


def _section_of(component: Mapping[str, Any]) -> str:
    """Where a foreign component belongs, if anywhere: only what has what the manifest asks for."""
    match component.get("type"):
        case "machine-learning-model":
            return "model"
        case "data" if component.get("version"):
            return "knowledge_sources"
        case "file" if _sha256(component):
            return "artifacts"
    return ""


def _row(section: str, component: Mapping[str, Any], ours: Mapping[str, str]) -> tuple[dict[str, Any], set[str]]:
    """(the entry of the manifest, the keys of the component that are told with it)."""
    fields, used = FIELDS[section], {"type", "bom-ref", "name", "properties"}
    row: dict[str, Any] = {"name": component.get("name", "")}
    if "version" in fields and "version" in component:
        row["version"] = component["version"]
        used.add("version")
    if "sha256" in fields and (digest := _sha256(component)):
        row["sha256"] = digest
        if len(_mappings(component.get("hashes"))) == 1:
            used.add("hashes")
    if "provider" in fields:
        row |= _provider(component, used)
    if component.get("data") == _data(section, str(row["name"])):
        used.add("data")
    return row | {key: ours[key] for key in fields if key in ours}, used


def _provider(component: Mapping[str, Any], used: set[str]) -> dict[str, str]:
    for key in ("supplier", "manufacturer", "publisher", "group"):
        told = component.get(key)
        name = told.get("name") if isinstance(told, Mapping) else told
        if name:
            if not isinstance(told, Mapping) or len(told) == 1:
                used.add(key)
            return {"provider": name}
    return {}


def _sha256(component: Mapping[str, Any]) -> str:
    found = [each.get("content") for each in _mappings(component.get("hashes")) if each.get("alg") == "SHA-256"]
    return found[0].lower() if found and isinstance(found[0], str) else ""


def _our_properties(component: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """(ours by name without the prefix, the names of the others)."""
    ours: dict[str, str] = {}
    foreign: list[str] = []
    for each in _mappings(component.get("properties")):
        name, value = str(each.get("name", "")), each.get("value", "")
        if name.startswith(OURS) and isinstance(value, str):
            ours[name.removeprefix(OURS)] = value
        else:
            foreign.append(_("the property “%(name)s”") % {"name": name[:80]})
    return ours, foreign


def _value(text: str) -> Any:
    """A parameter's value as it was; what is no JSON is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
