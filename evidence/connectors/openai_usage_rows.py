"""From OpenAI's usage and cost buckets to usage readings: pure. Input tokens include the cached ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.progress import finality_of
from evidence.connectors.shapes import mapping_of, text_of
from evidence.numbers import to_decimal_or_none
from evidence.readings import UsageReading, canonical_digest

PROVIDER: Final = "openai"
LONGEST_OPERATION: Final = 40

Row = dict[str, Any]
Place = tuple[str, str, str, str]  # use case, model, operation, currency


@dataclass(slots=True)
class _Figures:
    requests: int | None = None
    inputs: int | None = None
    cached: int | None = None
    outputs: int | None = None
    cost: Decimal | None = None


@dataclass(slots=True)
class Days:
    """Adds buckets up by day and place; a result that comes on two pages counts once."""

    sums: dict[date, dict[Place, _Figures]] = field(default_factory=dict)
    seen: dict[tuple[str, ...], str] = field(default_factory=dict)

    def add_usage(self, operation: str, bucket: Row) -> int:
        """Takes a bucket of a usage endpoint in; how many of its results were new. SchemaError for another shape."""
        day, fresh = _day(bucket), 0
        for row in _results(bucket):
            place = (text_of(row.get("project_id")), text_of(row.get("model")), operation, "")
            if not self._new(day, row, *place):
                continue
            fresh += 1
            found = self._at(day, place)
            found.requests = _plus(found.requests, row.get("num_model_requests"))
            found.inputs = _plus(found.inputs, row.get("input_tokens"))
            found.cached = _plus(found.cached, row.get("input_cached_tokens"))
            found.outputs = _plus(found.outputs, row.get("output_tokens"))
        return fresh

    def add_costs(self, bucket: Row) -> int:
        """Takes a bucket of the costs in, which know no model, only a line such as `gpt-4o-2024-08-06, input`."""
        day, fresh = _day(bucket), 0
        for row in _results(bucket):
            told = mapping_of(row.get("amount"))
            amount, currency = to_decimal_or_none(told.get("value")), text_of(told.get("currency")).upper()
            if amount is None or isinstance(told.get("value"), bool) or not currency:
                raise _drifted("an amount without a number or currency")
            model, _, what = text_of(row.get("line_item")).rpartition(", ")
            if not model:
                model, what = what, ""
            place = (text_of(row.get("project_id")), model, what[:LONGEST_OPERATION], currency)
            if not self._new(day, row, "cost", *place):
                continue
            fresh += 1
            found = self._at(day, place)
            found.cost = (found.cost or Decimal(0)) + amount
        return fresh

    def readings(self, day: date, now: datetime, settle: timedelta) -> tuple[UsageReading, ...]:
        places = self.sums.get(day, {})
        return tuple(_reading(day, place, places[place], now, settle) for place in sorted(places))

    def _new(self, day: date, row: Row, *place: str) -> bool:
        told = tuple(
            f"{name}={row[name]}" for name in sorted(row) if name.endswith(("_id", "tier", "batch", "line_item"))
        )
        count = len(self.seen)
        key, content = (day.isoformat(), *place, *told), canonical_digest(row)
        before = self.seen.setdefault(key, content)
        if before != content:
            mend = "Read it again; nothing of this period was stored."
            raise SchemaError(f"OpenAI's figures of {day} changed while they were read.", mend=mend)
        return count != len(self.seen)

    def _at(self, day: date, place: Place) -> _Figures:
        return self.sums.setdefault(day, {}).setdefault(place, _Figures())


def _reading(day: date, place: Place, found: _Figures, now: datetime, settle: timedelta) -> UsageReading:
    use_case, model, operation, currency = place
    return UsageReading(
        day=day,
        use_case_key=use_case,
        version_digest="",
        environment="",
        team="",
        provider=PROVIDER,
        model=model,
        operation=operation,
        requests=found.requests,
        failed_requests=None,
        input_tokens=found.inputs,
        cached_input_tokens=found.cached,
        output_tokens=found.outputs,
        billed_cost=found.cost,
        effective_cost=None,
        currency=currency,
        cost_basis="billed",
        finality=finality_of(day, now, settle),
    )


def _day(bucket: Row) -> date:
    start, end = bucket.get("start_time"), bucket.get("end_time")
    whole = all(isinstance(each, int) and not isinstance(each, bool) and 0 < each < 10**11 for each in (start, end))
    if not whole or start % 86400 or end - start != 86400:  # type: ignore[operator]
        raise _drifted("a bucket that is no day")
    return datetime.fromtimestamp(start, UTC).date()  # type: ignore[arg-type]


def _results(bucket: Row) -> Iterable[Row]:
    rows = bucket.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _drifted("a bucket without results")
    return rows


def _plus(before: int | None, value: object) -> int | None:
    """Unknown stays unknown; SchemaError for what is no count."""
    if value is None:
        return before
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**15:
        raise _drifted("a count that is none")
    return (before or 0) + value


def _drifted(what: str) -> SchemaError:
    mend = "Check the address and the version of the interface; nothing of it was stored."
    return SchemaError(f"OpenAI answered with {what}.", mend=mend)
