"""JSON as strict as the database: no duplicate keys, no NaN, bounded depth, no text PostgreSQL cannot store."""

import json
from collections import Counter
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 32


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return loads(stream.read())


def loads(body: bytes) -> Any:
    """The value of a JSON text; ParseError says what to mend."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError(_("The body is not UTF-8 text.")) from None
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ParseError(_("The body is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        raise ParseError(
            _("The body is not valid JSON: %(what)s at line %(line)s, column %(column)s.")
            % {"what": error.msg, "line": error.lineno, "column": error.colno}
        ) from None
    except ValueError:
        raise ParseError(_("The body holds an integer of too many digits.")) from None
    _require_shallow(value)
    if "\\u" in text:
        _require_storable(value)
    return value


def _require_shallow(value: Any) -> None:
    """Level by level, so that a large body costs a pass over its containers and none over its characters."""
    level = [value] if isinstance(value, dict | list) else []
    for _depth in range(MAX_DEPTH):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise ParseError(_("The body is nested too deeply: at most %(depth)s levels.") % {"depth": MAX_DEPTH})


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _value in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ParseError(_("The key “%(key)s” stands twice in one object.") % {"key": twice[:80]})
    return found


def _no_constant(name: str) -> None:
    raise ParseError(_("%(name)s is not a number JSON knows; leave the value out or send null.") % {"name": name})


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ParseError(_("The number %(number)s is too large.") % {"number": text[:40]})
    return number


def _require_storable(value: Any) -> None:
    """PostgreSQL stores neither NUL nor half a surrogate pair."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ParseError(_("A text holds a NUL character or half a surrogate pair, which cannot be stored."))
    elif isinstance(value, dict):
        for key, item in value.items():
            _require_storable(key)
            _require_storable(item)
    elif isinstance(value, list):
        for item in value:
            _require_storable(item)
