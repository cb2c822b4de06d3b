"""JSON: an array of records, alone or as the one list of an object."""

import json
from typing import Any, BinaryIO

from usecases.importing.bounds import (
    MAX_JSON_BYTES,
    MAX_JSON_CONTAINERS,
    MAX_JSON_DEPTH,
    MAX_JSON_VALUES,
    MAX_ROWS,
    Unreadable,
)
from usecases.importing.readings import Meter


def read_records(file: BinaryIO, meter: Meter) -> tuple[str, ...]:
    """Fill the meter; returns the keys in the order they appear. Raises Unreadable."""
    records = _records(_value(file))
    keys: dict[str, int] = {}
    for record in records:
        for key in record:
            keys.setdefault(key, len(keys))
    for number, record in enumerate(records, start=1):
        cells = [""] * len(keys)
        for key, value in record.items():
            cells[keys[key]] = _cell(value)
        meter.take(number, cells)
    return tuple(keys)


def _value(file: BinaryIO) -> Any:
    body = file.read(MAX_JSON_BYTES + 1)
    if len(body) > MAX_JSON_BYTES:
        raise Unreadable("too_large", f"At most {MAX_JSON_BYTES // 2**20} MiB of JSON are read. Split the file.")
    # Before anything is built: containers and values cost far more memory than they have characters.
    if body.count(b"{") + body.count(b"[") > MAX_JSON_CONTAINERS or body.count(b",") > MAX_JSON_VALUES:
        raise Unreadable("too_many_values", "The JSON holds too many values. Split the file.")
    try:
        return json.loads(body.decode("utf-8-sig"))
    except RecursionError:
        raise Unreadable("too_deep", f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels. Flatten it.") from None
    except ValueError as error:
        raise Unreadable("json", f"The file is not JSON: {str(error)[:120]}.") from None


def _records(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else value
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        raise Unreadable("not_records", "The JSON must be a list of records: [{…}, {…}].")
    if len(value) > MAX_ROWS:
        raise Unreadable("too_many_rows", f"The file holds more than {MAX_ROWS:,} records. Split it.")
    for record in value:
        _require_shallow(record)
    return value


def _require_shallow(record: Any) -> None:
    level = [record]
    for _depth in range(MAX_JSON_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise Unreadable("too_deep", f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels. Flatten it.")


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case _:
            return json.dumps(value, ensure_ascii=False)
