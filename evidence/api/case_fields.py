"""The cases of a pushed run, checked row by row in one pass: a hundred thousand rows want no serializer each."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from evidence.readings import ITEM_KINDS

MOST_CASES = 100_000
MOST_SCORES = 200
LONGEST = {"item": 200, "metric": 120, "error": 500, "name": 200, "version": 120}
_CASE = {"item", "kind", "trial", "scores"}
_SCORE = {"value", "error", "judge"}
_JUDGE = {"kind", "name", "version"}

_TEXT = {"type": "string"}
_VALUE_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "number"},
        {"type": "boolean"},
        {
            "type": "object",
            "additionalProperties": False,
            "description": "A value, or the error of a judge that failed.",
            "properties": {
                "value": {"oneOf": [{"type": "number"}, {"type": "boolean"}]},
                "error": {**_TEXT, "maxLength": 500},
                "judge": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "kind": {**_TEXT, "enum": ["code", "llm", "human"]},
                        "name": {**_TEXT, "maxLength": 200},
                        "version": {**_TEXT, "maxLength": 120},
                    },
                },
            },
        },
    ]
}
CASES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_CASES,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["item", "scores"],
        "properties": {
            "item": {**_TEXT, "minLength": 1, "maxLength": 200},
            "kind": {**_TEXT, "enum": list(ITEM_KINDS)},
            "trial": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 1},
            "scores": {"type": "object", "additionalProperties": _VALUE_SCHEMA, "maxProperties": MOST_SCORES},
        },
    },
}


@extend_schema_field(CASES_SCHEMA)
class CasesField(serializers.Field[Any, Any, Any, Any]):
    """A list of `{item, kind, trial, scores: {metric: value or {value | error, judge}}}`, each item and trial once."""

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        if not isinstance(data, list) or not 1 <= len(data) <= MOST_CASES:
            raise serializers.ValidationError(_("This is a list of 1 to %(most)s cases.") % {"most": MOST_CASES})
        seen: set[tuple[str, int]] = set()
        faults: dict[str, list[str]] = {}
        for number, case in enumerate(data):
            if fault := _fault(case, seen):
                faults[str(number)] = [fault]
                if len(faults) == 20:
                    break
        if faults:
            raise serializers.ValidationError(faults)
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def _fault(case: Any, seen: set[tuple[str, int]]) -> str:
    """What is wrong with one case; "" when nothing is."""
    if not isinstance(case, dict) or not case.keys() <= _CASE:
        return _("A case is an object with “item”, “kind”, “trial” and “scores”, nothing else.")
    item, trial, scores = case.get("item"), case.get("trial", 1), case.get("scores")
    if not _is_text(item, LONGEST["item"]) or not item.strip():  # type: ignore[union-attr]
        return _("“item” is a text of 1 to 200 characters that stays the same between runs.")
    if type(trial) is not int or not 1 <= trial <= 10_000:
        return _("“trial” is a whole number from 1 to 10000.")
    if (item.strip(), trial) in seen:  # type: ignore[union-attr]
        return _("Item %(item)s, trial %(trial)s occurs twice. Number its trials.") % {"item": item, "trial": trial}
    seen.add((item.strip(), trial))  # type: ignore[union-attr]
    if case.get("kind", "unspecified") not in ITEM_KINDS:
        return _("“kind” is one of %(kinds)s.") % {"kinds": ", ".join(ITEM_KINDS)}
    if not isinstance(scores, dict) or len(scores) > MOST_SCORES:
        return _("“scores” is an object from metric to score, at most 200.")
    for metric, score in scores.items():
        if not metric.strip() or len(metric) > LONGEST["metric"] or not _is_score(score):
            told = _("The score of “%(metric)s” is a number, true or false, or an object with “value” or “error”.")
            return told % {"metric": metric[:80]}
    return ""


def _is_score(score: Any) -> bool:
    if isinstance(score, int | float):
        return True
    if not isinstance(score, dict) or not score.keys() <= _SCORE or ("value" in score) == ("error" in score):
        return False
    judge = score.get("judge", {})
    if not isinstance(judge, dict) or not judge.keys() <= _JUDGE:
        return False
    kinds = judge.get("kind", "code") in ("code", "llm", "human")
    texts = all(_is_text(judge.get(name, ""), LONGEST[name]) for name in ("name", "version"))
    if "error" in score:
        return kinds and texts and _is_text(score["error"], LONGEST["error"]) and bool(score["error"].strip())
    return kinds and texts and isinstance(score["value"], int | float)


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest
