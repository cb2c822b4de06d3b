"""JSON as strict as the database: no duplicate keys, no NaN, bounded depth, no text PostgreSQL cannot store."""

import json
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
    _require_shallow(text)
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ParseError(_("The body is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        raise ParseError(
            _("The body is not valid JSON: %(what)s at line %(line)s, column %(column)s.")
            % {"what": error.msg, "line": error.lineno, "column": error.colno}
        ) from None
    except ValueError as error:
        raise ParseError(str(error)) from None
    if "\\u" in text:
        _require_storable(value)
    return value


def _require_shallow(text: str) -> None:
    depth, in_string, escaped = 0, False, False
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    for character in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ParseError(_("The body is nested too deeply: at most %(depth)s levels.") % {"depth": MAX_DEPTH})
        elif character in "]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _value in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
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
