"""A use case described by a file in a repository: `.ai-use-case.yaml` or Backstage's `catalog-info.yaml`; pure.

Only plain YAML is read: no aliases, no tags of other languages, bounded in size and depth. Every fault names its line.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.utils.translation import gettext as _
from yaml.constructor import SafeConstructor

SCHEMA = "gatehouse.use-case/v1"
MAX_BYTES = 128 * 1024
MAX_DEPTH = 20
MAX_NODES = 20_000
LONGEST = {"name": 160, "repository": 300, "title": 160, "business_outcome": 4000, "user_group": 4000, "pattern": 20}
LONGEST |= {"owner": 80, "unit": 120, "label": 80}
FIELDS = (
    "schema",
    "repository",
    "name",
    "title",
    "business_outcome",
    "user_group",
    "pattern",
    "owner",
    "unit",
    "version",
)
REQUIRED = ("repository", "name", "title", "business_outcome", "user_group", "pattern")
PREFIX = "gatehouse/"
ANNOTATIONS = {
    "business-outcome": "business_outcome",
    "user-group": "user_group",
    "pattern": "pattern",
    "owner": "owner",
    "unit": "unit",
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"


class FileError(ValueError):
    """A file that cannot be used; `errors` holds every `(line, message)`, the line counted from one, 0 for none."""

    def __init__(self, errors: Sequence[tuple[int, str]]) -> None:
        self.errors = sorted(errors)
        super().__init__("; ".join(self.sentences()))

    def sentences(self) -> list[str]:
        return [
            _("Line %(line)d: %(message)s") % {"line": line, "message": message} if line else message
            for line, message in self.errors
        ]


@dataclass(frozen=True, slots=True)
class Described:
    """What the file says. `owner` and `unit` may be empty, `manifest` None; `lines` tells where a path stands."""

    values: dict[str, str]
    label: str = ""
    manifest: dict[str, Any] | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, path: str) -> int:
        """The line of this path of the manifest, or of the nearest thing around it."""
        while path:
            if f"manifest.{path}" in self.lines:
                return self.lines[f"manifest.{path}"]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get("manifest", 0)


def read_file(body: bytes) -> Described:
    """What a file of either form says. Raises FileError with everything that is wrong with it."""
    documents = _documents(body)
    ours = [document for document in documents if "schema" in document.value]
    if ours:
        if len(documents) > 1:
            raise _refused(ours[0].line, _("This file holds several documents; describe one use case in a file."))
        return _ours(ours[0])
    entities = [document for document in documents if _is_entity(document.value)]
    if len(entities) != 1:
        text = _(
            "This is neither a use case (schema: %(schema)s) nor one Backstage Component or System with annotations"
            " that begin with %(prefix)s."
        )
        raise _refused(0, text % {"schema": SCHEMA, "prefix": PREFIX})
    return _backstage(entities[0])


def _refused(line: int, message: str) -> FileError:
    return FileError([(line, message)])


# --- YAML ---


@dataclass(slots=True)
class _Document:
    """A document as plain values, with the line of every path."""

    value: dict[str, Any]
    line: int
    lines: dict[str, int]


def _documents(body: bytes) -> list[_Document]:
    if len(body) > MAX_BYTES:
        raise _refused(
            0, _("The file has %(size)d bytes; at most %(limit)d are read.") % {"size": len(body), "limit": MAX_BYTES}
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(0, _("The file is not UTF-8 text.")) from None
    try:
        _require_plain(text)
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = _("This is not valid YAML: %(what)s.") % {"what": error.problem or error.context}
        raise FileError([(mark.line + 1 if mark else 0, message)]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise FileError([(0, _("This is not valid YAML: %(what)s.") % {"what": str(error)[:200]})]) from None
    documents = []
    for node in nodes:
        reading = _Values()
        value = reading.value(node, "")
        if not isinstance(value, dict):
            reading.faults.append((node.start_mark.line + 1, _("A mapping of names and values is expected here.")))
        if reading.faults:
            raise FileError(reading.faults)
        documents.append(_Document(value, node.start_mark.line + 1, reading.lines))
    return documents


def _require_plain(text: str) -> None:
    """Refuse by its events, before anything is built: an alias may stand for a billion copies."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise _refused(line, _("Aliases (*name) are not read; write the value out."))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _refused(line, _("Nested too deeply: at most %(limit)d levels are read.") % {"limit": MAX_DEPTH})
        if count > MAX_NODES:
            raise _refused(line, _("Too many values: at most %(limit)d are read.") % {"limit": MAX_NODES})


class _Values:
    """Plain values out of nodes; gathers every fault."""

    def __init__(self) -> None:
        self.faults: list[tuple[int, str]] = []
        self.lines: dict[str, int] = {}
        self.scalars = SafeConstructor()

    def value(self, node: yaml.Node, path: str) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(each, f"{path}[{index}]") for index, each in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        return self.fault(node, _("The tag %(tag)s is not read here.") % {"tag": node.tag[:80]})

    def mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag == f"{_TAG}merge":
                self.fault(key_node, _("Only plain names may stand before a colon."))
            elif key in found:
                self.fault(key_node, _("“%(key)s” stands twice in one mapping.") % {"key": key[:80]})
            else:
                found[key] = self.value(value_node, f"{path}.{key}" if path else key)
        return found

    def scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            match node.tag.removeprefix(_TAG):
                case "str" | "timestamp":
                    return node.value
                case "null":
                    return None
                case "bool":
                    return self.scalars.construct_yaml_bool(node)
                case "int":
                    return self.scalars.construct_yaml_int(node)
                case "float":
                    number = self.scalars.construct_yaml_float(node)
                    return number if math.isfinite(number) else node.value
        except (ValueError, OverflowError):
            return self.fault(node, _("This number cannot be read; write it in quotes."))
        return self.fault(node, _("The tag %(tag)s is not read here.") % {"tag": node.tag[:80]})

    def fault(self, node: yaml.Node, message: str) -> None:
        self.faults.append((node.start_mark.line + 1, message))


# --- The two forms ---


def _ours(document: _Document) -> Described:
    value, lines, faults = document.value, document.lines, list[tuple[int, str]]()
    if value["schema"] != SCHEMA:
        faults.append((lines["schema"], _('Say which form this is: "schema": "%(schema)s".') % {"schema": SCHEMA}))
    faults += _unknown(value, FIELDS, "", lines)
    values = {name: value[name] for name in LONGEST if name in value and name != "label"}
    version = value.get("version") or {}
    if not isinstance(version, dict):
        raise FileError([*faults, (lines["version"], _("version holds a label and a manifest."))])
    faults += _unknown(version, ("label", "manifest"), "version.", lines)
    label = version.get("label", "")
    manifest = version.get("manifest")
    if manifest is not None and not isinstance(manifest, dict):
        faults.append((lines["version.manifest"], _("The manifest is a mapping, as docs/how-to shows it.")))
    prefix = "version."
    inside = {path.removeprefix(prefix): line for path, line in lines.items() if path.startswith(f"{prefix}manifest")}
    if manifest is not None and "label" not in version:
        faults.append((lines["version"], _("A version has a label: say how the team calls it.")))
    return _checked(values, label, manifest, lines, {**lines, **inside}, document.line, faults)


def _backstage(document: _Document) -> Described:
    metadata, spec = document.value["metadata"], document.value.get("spec")
    notes, at = metadata["annotations"], "metadata.annotations."
    values = {name: notes[f"{PREFIX}{key}"] for key, name in ANNOTATIONS.items() if f"{PREFIX}{key}" in notes}
    lines = {name: document.lines.get(f"{at}{PREFIX}{key}", 0) for key, name in ANNOTATIONS.items()}
    lines |= {name: document.lines.get(f"metadata.{name}", 0) for name in ("name", "title")}
    known = {*(f"{PREFIX}{key}" for key in ANNOTATIONS), f"{PREFIX}version-label", f"{PREFIX}manifest"}
    ours = {key: value for key, value in notes.items() if key.startswith(PREFIX)}
    faults = _unknown(ours, sorted(known), at, document.lines)
    values["name"] = metadata.get("name", "")
    values["title"] = metadata.get("title") or values["name"]
    values["repository"] = _source(notes)
    owner = spec.get("owner", "") if isinstance(spec, dict) else ""
    if "owner" not in values and isinstance(owner, str) and not owner.startswith("group:"):
        values["owner"] = owner.rpartition("/")[2].rpartition(":")[2]
    manifest, label = None, notes.get(f"{PREFIX}version-label", "")
    if text := notes.get(f"{PREFIX}manifest"):
        line = document.lines[f"{at}{PREFIX}manifest"]
        manifest = _inner(text, line, faults)
        lines["manifest"] = line
        if not label:
            faults.append(
                (line, _("A version has a label: add the annotation %(key)s.") % {"key": f"{PREFIX}version-label"})
            )
    return _checked(values, label, manifest, lines, lines, document.line, faults)


def _inner(text: Any, line: int, faults: list[tuple[int, str]]) -> dict[str, Any] | None:
    """A manifest inside an annotation, which is a text of its own."""
    try:
        documents = _documents(text.encode() if isinstance(text, str) else b"-")
    except FileError as error:
        faults += [(line, message) for _line, message in error.errors]
        return None
    return documents[0].value if documents else None


def _source(notes: Mapping[str, Any]) -> str:
    """Where the file lives: Backstage's own annotations say it."""
    location = notes.get("backstage.io/source-location") or notes.get("backstage.io/managed-by-location") or ""
    if isinstance(location, str) and location:
        return location.removeprefix("url:")
    slug = notes.get("github.com/project-slug") or ""
    return f"https://github.com/{slug}" if isinstance(slug, str) and slug else ""


def _is_entity(value: dict[str, Any]) -> bool:
    metadata = value.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    ours = isinstance(notes, dict) and any(key.startswith(PREFIX) for key in notes)
    return ours and value.get("kind") in ("Component", "System")


def _unknown(
    given: Mapping[str, Any], known: Sequence[str], path: str, lines: Mapping[str, int]
) -> list[tuple[int, str]]:
    text = _("“%(key)s” is not known. Known here: %(known)s.")
    words = ", ".join(known)
    return [(lines[f"{path}{key}"], text % {"key": key[:60], "known": words}) for key in given if key not in known]


def _checked(
    values: dict[str, Any],
    label: Any,
    manifest: dict[str, Any] | None,
    lines: Mapping[str, int],
    inside: Mapping[str, int],
    line: int,
    faults: list[tuple[int, str]],
) -> Described:
    for name, value in {**values, "label": label}.items():
        at = lines.get(name) or lines.get(f"version.{name}") or line
        if value is not None and not isinstance(value, str):
            faults.append((at, _("%(name)s is a text: write it in quotes.") % {"name": name}))
        elif value and len(value) > LONGEST[name]:
            faults.append(
                (at, _("%(name)s has at most %(limit)d characters.") % {"name": name, "limit": LONGEST[name]})
            )
        elif value and _UNSTORABLE.search(value):
            faults.append((at, _("%(name)s holds a character that cannot be stored; remove it.") % {"name": name}))
    texts = {name: (value or "").strip() for name, value in values.items() if isinstance(value, str | None)}
    faults += [
        (line, _("%(name)s is missing: add it.") % {"name": name})
        for name in REQUIRED
        if not texts.get(name) and isinstance(values.get(name), str | None)
    ]
    if faults:
        raise FileError(faults)
    return Described(texts, (label or "").strip(), manifest, inside)
