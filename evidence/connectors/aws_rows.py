"""From Cost Explorer's groups and CloudWatch's series to usage readings: pure. Amounts are texts and stay exact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.progress import finality_of
from evidence.connectors.shapes import mapping_of, rows_of, text_of
from evidence.connectors.tagging import key_of
from evidence.numbers import to_decimal_or_none
from evidence.readings import Finality, UsageReading

PROVIDER: Final = "aws"
COST: Final = "UnblendedCost"
# The metrics of AWS/Bedrock that are read, and what each counts.
METRICS: Final[Mapping[str, str]] = {
    "invocations": "Invocations",
    "inputs": "InputTokenCount",
    "outputs": "OutputTokenCount",
    "client_errors": "InvocationClientErrors",
    "server_errors": "InvocationServerErrors",
}

Row = dict[str, Any]
Place = tuple[str, str, str]  # use case, usage type, currency


@dataclass(slots=True)
class Costs:
    """Groups by day and place over all pages; a group that comes twice counts once."""

    days: dict[date, dict[Place, Decimal]] = field(default_factory=dict)
    estimated: dict[date, bool] = field(default_factory=dict)
    seen: dict[tuple[str, ...], Decimal] = field(default_factory=dict)

    def add(self, reply: Mapping[str, Any]) -> int:
        """Takes one page in; how many of its groups were new. SchemaError for an answer of another shape."""
        if not isinstance(reply.get("ResultsByTime"), list):
            raise _drifted("no results by time")
        fresh = 0
        for result in rows_of(reply["ResultsByTime"]):
            day = _day(mapping_of(result.get("TimePeriod")))
            # Said of every page of a day; one estimate makes the day an estimate.
            self.estimated[day] = self.estimated.get(day, False) or result.get("Estimated") is not False
            fresh += sum(self._take(day, group) for group in rows_of(result.get("Groups")))
        return fresh

    def _take(self, day: date, group: Row) -> bool:
        keys = group.get("Keys")
        told = mapping_of(mapping_of(group.get("Metrics")).get(COST))
        amount, unit = to_decimal_or_none(told.get("Amount")), text_of(told.get("Unit"))
        if not isinstance(keys, list) or len(keys) != 2 or amount is None or len(unit) != 3:
            raise _drifted("a group without its keys or its cost")
        where = (day.isoformat(), *map(text_of, keys), unit)
        known = self.seen.get(where)
        if known is not None and known != amount:
            mend = "Read it again; nothing of this period was stored."
            raise SchemaError(f"The cost of {day} changed while it was read.", mend=mend)
        if known is not None:
            return False
        self.seen[where] = amount
        places = self.days.setdefault(day, {})
        place = (key_of(text_of(keys[0]).partition("$")[2]), text_of(keys[1]), unit)
        places[place] = places.get(place, Decimal(0)) + amount
        return True

    def readings(self, day: date, now: datetime, settle: timedelta) -> list[UsageReading]:
        """One reading per place. What AWS calls estimated is provisional, and so is what has not settled."""
        settled = finality_of(day, now, settle)
        finality: Finality = "provisional" if self.estimated.get(day, True) else settled
        places = self.days.get(day, {})
        return [
            _reading(day, key, usage_type, finality, operation="", billed=places[key, usage_type, unit], currency=unit)
            for key, usage_type, unit in sorted(places)
        ]


@dataclass(slots=True)
class Calls:
    """CloudWatch's daily sums by model: values by (metric, model, day)."""

    values: dict[tuple[str, str, date], int] = field(default_factory=dict)

    def add(self, reply: Mapping[str, Any]) -> None:
        """Takes one page in. A series may go on on the next page; one that Amazon could not read ends the visit."""
        if not isinstance(reply.get("MetricDataResults"), list):
            raise _drifted("no metric results")
        for series in rows_of(reply["MetricDataResults"]):
            code = text_of(series.get("StatusCode"))
            if code not in ("Complete", "PartialData"):
                mend = "Let the account read CloudWatch's metrics, or try again later."
                raise SchemaError(
                    f"CloudWatch answered {text_of(series.get('Label'))} with {code or 'nothing'}.", mend=mend
                )
            self._take(text_of(series.get("Id")), text_of(series.get("Label")), series)

    def _take(self, metric: str, model: str, series: Row) -> None:
        times, values = series.get("Timestamps"), series.get("Values")
        if not isinstance(times, list) or not isinstance(values, list) or len(times) != len(values):
            raise _drifted("a series whose times and values differ")
        for at, value in zip(times, values, strict=True):
            number = to_decimal_or_none(value)
            if (
                isinstance(at, bool)
                or not isinstance(at, int | float)
                or not 0 <= at < 1e11
                or number is None
                or number < 0
            ):
                raise _drifted("a value or a time that is none")
            self.values[metric, model, datetime.fromtimestamp(at, UTC).date()] = int(number)

    def readings(self, day: date, now: datetime) -> list[UsageReading]:
        models = sorted({model for _, model, of in self.values if of == day})
        return [self._of(day, model, now) for model in models]

    def _of(self, day: date, model: str, now: datetime) -> UsageReading:
        found = {metric: self.values.get((metric, model, day)) for metric in METRICS}
        failed = (found["client_errors"] or 0) + (found["server_errors"] or 0)
        # AWS's papers differ on whether Invocations counts failed calls; so that no failure exceeds the calls, the
        # larger one counts.
        requests = None if found["invocations"] is None and not failed else max(found["invocations"] or 0, failed)
        finality = finality_of(day, now)
        return _reading(
            day, model, model, finality, operation="invoke", requests=requests,
            failed=failed if requests is not None else None, inputs=found["inputs"], outputs=found["outputs"],
        )  # fmt: skip


def _reading(
    day: date,
    key: str,
    model: str,
    finality: Finality,
    *,
    operation: str,
    billed: Decimal | None = None,
    currency: str = "",
    requests: int | None = None,
    failed: int | None = None,
    inputs: int | None = None,
    outputs: int | None = None,
) -> UsageReading:
    return UsageReading(
        day=day,
        use_case_key=key,
        version_digest="",
        environment="",
        team="",
        provider=PROVIDER,
        model=model,
        operation=operation,
        requests=requests,
        failed_requests=failed,
        input_tokens=inputs,
        cached_input_tokens=None,
        output_tokens=outputs,
        billed_cost=billed,
        effective_cost=None,
        currency=currency,
        cost_basis="billed" if billed is not None else "estimated",
        finality=finality,
    )


def _day(period: Mapping[str, Any]) -> date:
    try:
        start, end = (date.fromisoformat(text_of(period.get(name))) for name in ("Start", "End"))
    except ValueError:
        raise _drifted("a period without its days") from None
    if end - start != timedelta(days=1):
        raise _drifted("a period that is no day")
    return start


def _drifted(what: str) -> SchemaError:
    mend = "Check the addresses; nothing of this period was stored."
    return SchemaError(f"AWS answered with {what}.", mend=mend)
