"""Which catalogue components a manifest names: one entry per part, each with the identity it is known by; pure."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import rfc8785

# Section of the manifest → the kind its entries are catalogued as.
SECTION_KINDS = {
    "prompts": "prompt",
    "tools": "tool",
    "knowledge_sources": "knowledge_index",
    "guardrails": "guardrail",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One part of a manifest; `details` is what this version alone says of it: endpoint, region, access, reference."""

    kind: str
    name: str
    provider: str = ""
    version: str = ""
    digest: str = ""
    details: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        return identity(
            kind=self.kind, provider=self.provider, name=self.name, version=self.version, digest=self.digest
        )


def identity(*, kind: str, provider: str, name: str, version: str, digest: str) -> str:
    """SHA-256 of what makes two entries the same component: the content where it has a digest, else the version."""
    last = ["digest", digest] if digest else ["version", version]
    canonical: bytes = rfc8785.dumps([kind, provider, name, *last])
    return hashlib.sha256(canonical).hexdigest()


def entries_of(manifest: Mapping[str, Any]) -> list[Entry]:
    """The components of a normalised manifest, the model first; each identity once."""
    return list({entry.key: entry for entry in _entries(manifest)}.values())


def _entries(manifest: Mapping[str, Any]) -> Iterator[Entry]:
    model = manifest["model"]
    deployed = {key: model[key] for key in ("endpoint", "region") if key in model}
    yield Entry("model", model["name"], model["provider"], model["version"], details=deployed)
    for section, kind in SECTION_KINDS.items():
        for row in manifest[section]:
            told = {key: row[key] for key in ("access", "reference") if key in row}
            # A prompt's version is a label of its team: two texts under one label are two prompts.
            yield Entry(kind, row["name"], "", row["version"], row.get("sha256", ""), told)
