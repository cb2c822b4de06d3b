"""Which column is which field: suggested by header, decided by the user, by position. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from usecases.importing.tables import header_key
from usecases.importing.words import vocabulary

# Fields of ours, in the order of the page; the value says whether several columns may feed one field.
FIELDS: dict[str, bool] = {
    "title": False,
    "external_id": False,
    "reference": False,
    "organisation": False,
    "unit": False,
    "owner": False,
    "business_outcome": True,
    "user_group": True,
    "pattern": False,
    "reported_stage": False,
    "reported_impact": False,
    "impact_reason": True,
    "topic": True,
    "technique": True,
    "vendor": True,
    "build_type": True,
    "started_on": True,
    "retired_on": True,
    "personal_data": False,
    "outputs": True,
    "data_description": True,
    "code_url": True,
    "contact": True,
}
# What people read for each.
NAMES: dict[str, str] = {
    "title": "Name",
    "external_id": "Id in the source",
    "reference": "Gatehouse reference",
    "organisation": "Organisation",
    "unit": "Business unit",
    "owner": "Accountable owner",
    "business_outcome": "Business outcome",
    "user_group": "User group",
    "pattern": "Pattern",
    "reported_stage": "Reported stage",
    "reported_impact": "Reported impact",
    "impact_reason": "Reason for the impact",
    "topic": "Topic",
    "technique": "Technique",
    "vendor": "Vendor",
    "build_type": "Bought or built",
    "started_on": "Started on",
    "retired_on": "Retired on",
    "personal_data": "Personal data",
    "outputs": "Outputs",
    "data_description": "Data it uses",
    "code_url": "Source code",
    "contact": "Contact",
}


def noun(name: str) -> str:
    """The field inside a sentence: “user group”."""
    return NAMES.get(name, name.replace("_", " ")).lower()


@dataclass(frozen=True)
class ColumnMapping:
    """`columns`: position → field; `words`: field → their word (by `word_key`) → ours, "" for “leave as it is”."""

    columns: Mapping[int, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def positions(self, name: str) -> list[int]:
        return [position for position, wanted in sorted(self.columns.items()) if wanted == name]

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": {str(position): name for position, name in self.columns.items()},
            "words": {name: dict(found) for name, found in self.words.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ColumnMapping":
        columns = {int(position): str(name) for position, name in stored.get("columns", {}).items()}
        return cls(columns, stored.get("words", {}))


def suggested(headers: Sequence[str]) -> dict[int, str]:
    """Position → field for the headers that are recognised; of two that claim one field the more telling one."""
    keys = [header_key(header) for header in headers]
    found: dict[int, str] = {}
    for name, many in FIELDS.items():
        known = vocabulary().headers.get(name, ())
        ranked = sorted(
            (known.index(key), position) for position, key in enumerate(keys) if key in known and position not in found
        )
        for _rank, position in ranked if many else ranked[:1]:
            found[position] = name
    _by_phrase(keys, found)
    return dict(sorted(found.items()))


def _by_phrase(keys: Sequence[str], found: dict[int, str]) -> None:
    """Long headers ask a whole question; a phrase in it tells which, for fields nothing else was found for."""
    for name, many in FIELDS.items():
        phrases = () if name in found.values() else vocabulary().phrases.get(name, ())
        for phrase in phrases:
            position = next((n for n, key in enumerate(keys) if n not in found and phrase in key), None)
            if position is not None:
                found[position] = name
                if not many:
                    break


def faults(mapping: ColumnMapping, width: int) -> list[str]:
    """What speaks against this mapping, in sentences."""
    said = []
    for position, name in mapping.columns.items():
        if name not in FIELDS:
            said.append(f"“{name[:40]}” is no field. Fields: {', '.join(FIELDS)}.")
        if not 0 <= position < width:
            said.append(f"There is no column {position + 1}: the file has {width}.")
    for name, many in FIELDS.items():
        if not many and len(mapping.positions(name)) > 1:
            said.append(f"Only one column can be the {noun(name)}; choose one of them.")
    return said
