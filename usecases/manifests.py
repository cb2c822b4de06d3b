"""The manifest of a system version: one canonical form, one digest, and the difference of two in plain words; pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from django.utils.translation import gettext as _

SCHEMA = "gatehouse.manifest/v1"
MAX_CANONICAL_BYTES = 64 * 1024
MAX_ENTRIES = 200
MAX_STRING = 500
MAX_PROMPT_TEXT = 200_000
MAX_INTEGER = 2**53 - 1  # beyond it JSON readers disagree about the value

# Field → (kind, required). The command-line tool carries the same table; a property test holds the two together.
FIELDS: dict[str, dict[str, tuple[str, bool]]] = {
    "model": {
        "provider": ("text", True),
        "name": ("text", True),
        "version": ("text", True),
        "endpoint": ("text", False),
        "region": ("text", False),
    },
    "prompts": {"name": ("text", True), "version": ("text", True), "sha256": ("sha256", True)},
    "tools": {"name": ("text", True), "version": ("text", True), "access": ("access", True)},
    "knowledge_sources": {
        "name": ("text", True),
        "version": ("text", True),
        "sha256": ("sha256", False),
        "reference": ("text", False),
    },
    "guardrails": {"name": ("text", True), "version": ("text", True)},
    "application": {"repository": ("text", False), "commit": ("commit", False)},
    "artifacts": {"name": ("text", True), "sha256": ("sha256", True)},
}
LISTS = ("prompts", "tools", "knowledge_sources", "guardrails")
KEYS = ("schema", "model", *LISTS, "application", "parameters")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class ManifestError(ValueError):
    """A manifest that cannot be accepted; `errors` holds every `(path, message)`, each saying how to mend it."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in self.errors))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A normalised manifest; two are equal when their canonical forms are.

    `canonical` is the RFC 8785 text, `digest` the SHA-256 (lower hex) of its UTF-8 bytes, `data` the same as Python
    values, `prompt_texts` the texts that came along, by their SHA-256. Texts are no part of the digest; their
    hashes are.
    """

    canonical: str
    digest: str
    data: dict[str, Any] = field(compare=False)
    prompt_texts: dict[str, str] = field(compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two manifests: `kind` is added, removed or changed; `sentence` is for people."""

    kind: str
    path: str
    before: str | int | bool | None
    after: str | int | bool | None
    sentence: str


def normalise(raw: Mapping[str, Any]) -> Manifest:
    """Check `raw` and bring it to the canonical form: lists by name, texts replaced by hashes, empty sections present.

    Raises ManifestError with all faults found, never only the first.
    """
    reading = _Reading()
    data = reading.manifest(raw)
    if reading.errors:
        raise ManifestError(reading.errors)
    canonical: bytes = rfc8785.dumps(data)
    if len(canonical) > MAX_CANONICAL_BYTES:
        message = _("The manifest is %(size)d bytes in canonical form; shorten it to %(limit)d or fewer.")
        raise ManifestError([("", message % {"size": len(canonical), "limit": MAX_CANONICAL_BYTES})])
    return Manifest(canonical.decode(), hashlib.sha256(canonical).hexdigest(), data, reading.prompt_texts)


class _Reading:
    """One pass over a raw manifest that gathers every fault instead of stopping at the first."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, str]] = []
        self.prompt_texts: dict[str, str] = {}

    def refuse(self, path: str, message: str) -> None:
        self.errors.append((path, message))

    def manifest(self, raw: object) -> dict[str, Any]:
        given = self.mapping(raw, "", KEYS)
        if given.get("schema") != SCHEMA:
            self.refuse("schema", _('Say which form this is: "schema": "%(schema)s".') % {"schema": SCHEMA})
        if "model" not in given:
            self.refuse("model", _("Missing: say which model answers, with provider, name and version."))
        # A model that is missing altogether has been said once; five more faults about it would be noise.
        model = self.entry(given["model"], "model", FIELDS["model"]) if "model" in given else {}
        data: dict[str, Any] = {"schema": SCHEMA, "model": model}
        for key in LISTS:
            data[key] = self.entries(given.get(key, []), key, FIELDS[key])
        data["application"] = self.application(given.get("application", {}))
        data["parameters"] = self.parameters(given.get("parameters", {}))
        return data

    def mapping(self, raw: object, path: str, known: Sequence[str]) -> dict[str, Any]:
        """The raw object as a dict with only known keys; anything else is refused and left out."""
        if not isinstance(raw, Mapping):
            self.refuse(path, _("This must be an object with the keys %(known)s.") % {"known": ", ".join(known)})
            return {}
        unknown = [str(key)[:60] for key in raw if key not in known]
        if unknown:
            message = _("Unknown keys: %(unknown)s. Known here: %(known)s. Remove or rename them.")
            shown = ", ".join(map(_printable, unknown[:10]))
            self.refuse(path, message % {"unknown": shown, "known": ", ".join(known)})
        return {key: value for key, value in raw.items() if key in known}

    def entry(self, raw: object, path: str, fields: Mapping[str, tuple[str, bool]]) -> dict[str, Any]:
        given = self.mapping(raw, path, [*fields, "text"] if path.startswith("prompts[") else [*fields])
        if isinstance(raw, Mapping) and "text" in given:
            given["sha256"] = self.prompt_text(given.pop("text"), f"{path}.text", given.get("sha256"))
        entry = {}
        for name, (kind, required) in fields.items():
            if name in given:
                entry[name] = self.value(given[name], f"{path}.{name}", kind)
            elif required and isinstance(raw, Mapping):
                self.refuse(f"{path}.{name}", _("Missing: add it."))
        return entry

    def entries(self, raw: object, path: str, fields: Mapping[str, tuple[str, bool]]) -> list[dict[str, Any]]:
        if not isinstance(raw, list | tuple):
            self.refuse(path, _("This must be a list."))
            return []
        if len(raw) > MAX_ENTRIES:
            message = _("%(count)d entries; at most %(limit)d are accepted. Group or shorten the list.")
            self.refuse(path, message % {"count": len(raw), "limit": MAX_ENTRIES})
            return []
        found = [self.entry(item, f"{path}[{index}]", fields) for index, item in enumerate(raw)]
        names = [item["name"] for item in found if isinstance(item.get("name"), str)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            message = _("“%(name)s” is named more than once; give each entry its own name.")
            self.refuse(path, message % {"name": _printable(name)})
        # UTF-16 order, as RFC 8785 orders keys, so that an implementation in any language sorts alike.
        return sorted(found, key=lambda item: str(item.get("name", "")).encode("utf-16-be", "surrogatepass"))

    def application(self, raw: object) -> dict[str, Any]:
        fields = FIELDS["application"]
        given = self.mapping(raw, "application", [*fields, "artifacts"])
        artifacts = self.entries(given.pop("artifacts", []), "application.artifacts", FIELDS["artifacts"])
        return {**self.entry(given, "application", fields), "artifacts": artifacts}

    def parameters(self, raw: object) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            self.refuse("parameters", _("This must be an object of names and values."))
            return {}
        if len(raw) > MAX_ENTRIES:
            message = _("%(count)d parameters; at most %(limit)d are accepted.")
            self.refuse("parameters", message % {"count": len(raw), "limit": MAX_ENTRIES})
            return {}
        return {
            self.text(name, "parameters"): self.parameter(value, f"parameters.{_printable(str(name)[:60])}")
            for name, value in raw.items()
        }

    def parameter(self, raw: object, path: str) -> str | int | bool:
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, int):
            if abs(raw) > MAX_INTEGER:
                self.refuse(path, _("Too large for a JSON number; write it as a string."))
            return raw
        if isinstance(raw, float):
            self.refuse(path, _('Decimals are written as strings, for example "0.2", so that every reader agrees.'))
            return ""
        return self.text(raw, path, blank=True)

    def value(self, raw: object, path: str, kind: str) -> str:
        text = self.text(raw, path)
        if not text:
            return text
        if kind == "sha256" and not _SHA256.fullmatch(text):
            self.refuse(path, _("This must be a SHA-256 digest: 64 lower-case hexadecimal digits."))
        elif kind == "commit" and not _COMMIT.fullmatch(text):
            self.refuse(path, _("This must be a commit: 7 to 64 lower-case hexadecimal digits."))
        elif kind == "access" and text not in ("read", "write"):
            self.refuse(path, _("This must be read or write."))
        return text

    def text(self, raw: object, path: str, *, limit: int = MAX_STRING, blank: bool = False) -> str:
        """The raw value if it is a string that can be stored and hashed the same everywhere, else the empty string."""
        if not isinstance(raw, str):
            self.refuse(path, _("This must be a string; leave the key out if there is nothing to say."))
        elif len(raw) > limit:
            message = _("%(count)d characters; at most %(limit)d are accepted.")
            self.refuse(path, message % {"count": len(raw), "limit": limit})
        elif _UNSTORABLE.search(raw):
            self.refuse(path, _("Remove the NUL character or the half surrogate pair: it cannot be stored."))
        elif not blank and not raw.strip():
            self.refuse(path, _("This must not be blank; leave the key out if there is nothing to say."))
        else:
            return raw
        return ""

    def prompt_text(self, raw: object, path: str, declared: object) -> str:
        """The SHA-256 of a prompt's text, which is kept aside; a declared hash must agree with it."""
        before = len(self.errors)
        text = self.text(raw, path, limit=MAX_PROMPT_TEXT)
        if len(self.errors) > before:
            return "0" * 64  # the text was refused already; do not add a second complaint about its hash
        digest = hashlib.sha256(text.encode()).hexdigest()
        if declared is not None and declared != digest:
            message = _("The text's SHA-256 is %(digest)s, not the one declared; leave sha256 out or correct it.")
            self.refuse(path, message % {"digest": digest})
        self.prompt_texts[digest] = text
        return digest


def difference(old: Manifest, new: Manifest) -> list[Change]:
    """What changed from `old` to `new`, in the order of the manifest; an empty list when the digests agree."""
    before, after = old.data, new.data
    changes = list(_field_changes("model", _("model"), before["model"], after["model"]))
    for key in LISTS:
        changes += _list_changes(key, _noun(key), before[key], after[key])
    applications = ({k: v for k, v in data["application"].items() if k != "artifacts"} for data in (before, after))
    changes += _field_changes("application", _("application"), *applications)
    artifacts = (data["application"]["artifacts"] for data in (before, after))
    changes += _list_changes("application.artifacts", _("artifact"), *artifacts)
    changes += _field_changes("parameters", _("parameter"), before["parameters"], after["parameters"])
    return changes


def _list_changes(path: str, noun: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> Iterator[Change]:
    before, after = {item["name"]: item for item in old}, {item["name"]: item for item in new}
    for name in sorted(before.keys() | after.keys()):
        here, words = f"{path}[{name}]", {"noun": noun, "name": name}
        if name not in before:
            sentence = _("%(noun)s added: %(name)s (%(detail)s)") % {**words, "detail": _detail(after[name])}
            yield Change("added", here, None, name, sentence)
        elif name not in after:
            sentence = _("%(noun)s removed: %(name)s (%(detail)s)") % {**words, "detail": _detail(before[name])}
            yield Change("removed", here, name, None, sentence)
        else:
            yield from _field_changes(here, f"{noun} {name}", before[name], after[name])


def _field_changes(path: str, noun: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        # 1 and true are equal in Python and different in JSON.
        if before == after and type(before) is type(after):
            continue
        words = {"what": f"{noun} {_word(key, path)}", "before": _shown(key, before), "after": _shown(key, after)}
        if key not in old:
            kind, sentence = "added", _("%(what)s set to %(after)s") % words
        elif key not in new:
            kind, sentence = "removed", _("%(what)s removed; it was %(before)s") % words
        else:
            kind, sentence = "changed", _("%(what)s changed from %(before)s to %(after)s") % words
        yield Change(kind, f"{path}.{key}", before, after, sentence)


def _noun(section: str) -> str:
    nouns = {
        "prompts": _("prompt"),
        "tools": _("tool"),
        "knowledge_sources": _("data source"),
        "guardrails": _("guardrail"),
    }
    return nouns[section]


def _word(key: str, path: str) -> str:
    if key == "sha256" and path != "parameters":
        return _("text") if path.startswith("prompts[") else _("content")
    return key


def _detail(entry: Mapping[str, str]) -> str:
    version = _("version %(version)s") % {"version": entry["version"]} if "version" in entry else ""
    access = _("%(access)s access") % {"access": entry["access"]} if "access" in entry else ""
    digest = _shown("sha256", entry["sha256"]) if "version" not in entry else ""
    return ", ".join(part for part in (version, access, digest) if part)


def _shown(key: str, value: object) -> str:
    if key == "sha256" and isinstance(value, str) and _SHA256.fullmatch(value):
        return f"{value[:12]}…"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value != "" else "“”"


def _printable(text: str) -> str:
    """Text fit for a message: control characters and half surrogates shown as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
