"""From the tables of Azure Cost Management to usage readings: columns by name, exact amounts, nothing dropped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from evidence.connectors.errors import SchemaError
from evidence.connectors.progress import finality_of
from evidence.connectors.shapes import rows_of, text_of
from evidence.connectors.tagging import key_of
from evidence.numbers import to_decimal_or_none
from evidence.readings import Reject, UsageReading

PROVIDER: Final = "azure"
COST: Final = ("cost", "pretaxcost", "totalcost", "costusd")
Basis = Literal["actual", "amortized"]


@dataclass(frozen=True, slots=True)
class Grouping:
    """By what a bill is told apart: the column that names the use case, and the one that names what was used."""

    by: Literal["tag", "dimension"]
    name: str
    detail: str

    def asked(self) -> list[dict[str, str]]:
        kind = "TagKey" if self.by == "tag" else "Dimension"
        return [{"type": kind, "name": self.name}, {"type": "Dimension", "name": self.detail}]

    @property
    def column(self) -> str:
        return "tagvalue" if self.by == "tag" else self.name.lower()


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of a bill."""

    use_case: str
    detail: str
    currency: str
    amount: Decimal


Place = tuple[str, str, str]  # use case, detail, currency


@dataclass(slots=True)
class Bill:
    """One day's charges over all pages, by place; a row that comes twice counts once."""

    day: date
    grouping: Grouping
    charges: dict[tuple[str, ...], Charge] = field(default_factory=dict)

    def add(self, properties: Mapping[str, Any]) -> int:
        """Takes one page in and says how many of its rows were new; SchemaError for a table of another shape."""
        names = [text_of(column.get("name")).lower() for column in rows_of(properties.get("columns"))]
        rows = properties.get("rows")
        if not isinstance(rows, list):
            raise _drifted("it has no rows")
        cost, needed = (
            _column(names, COST),
            ("usagedate", "currency", self.grouping.column, self.grouping.detail.lower()),
        )
        missing = [name for name in needed if name not in names]
        if cost is None or missing:
            raise _drifted(f"no column {', '.join(missing) or 'of cost'}")
        fresh = 0
        for row in rows:
            if not isinstance(row, list) or len(row) != len(names):
                raise _drifted("a row is not as wide as its columns")
            fresh += self._take(dict(zip(names, row, strict=True)), cost)
        return fresh

    def _take(self, row: Mapping[str, object], cost: str) -> bool:
        seen = text_of(row["usagedate"]).replace("-", "")[:8]
        if seen != f"{self.day:%Y%m%d}":
            raise SchemaError(
                f"Azure answered for {seen or 'no day'} when {self.day} was asked for.",
                mend="Nothing of that day was stored. Try again; if it persists, use a FOCUS export.",
            )
        amount, currency = to_decimal_or_none(row[cost]), text_of(row["currency"]).upper()
        if amount is None or isinstance(row[cost], bool):
            raise _drifted("a cost is not a number")
        where = (text_of(row[self.grouping.column]), text_of(row[self.grouping.detail.lower()]), currency)
        known = self.charges.get(where)
        if known is not None and known.amount != amount:
            raise SchemaError(
                f"The bill of {self.day} changed while it was read.", mend="Read it again; nothing of it was stored."
            )
        self.charges[where] = Charge(key_of(where[0]), where[1], currency, amount)
        return known is None

    def totals(self) -> dict[Place, Decimal]:
        """The amounts by place; two spellings of a resource group are one."""
        found: dict[Place, Decimal] = {}
        for each in self.charges.values():
            place = (each.use_case, each.detail, each.currency)
            found[place] = found.get(place, Decimal(0)) + each.amount
        return found


def readings_of(
    bills: Mapping[Basis, Bill], day: date, now: datetime, settle: timedelta
) -> tuple[list[UsageReading], list[Reject]]:
    """One reading per place: billed from the actual bill, effective from the amortised one where it was read."""
    totals = {basis: bill.totals() for basis, bill in bills.items()}
    places = sorted({place for found in totals.values() for place in found})
    actual, amortised = totals.get("actual"), totals.get("amortized")
    readings = [
        UsageReading(
            day=day,
            use_case_key=place[0],
            version_digest="",
            environment="",
            team="",
            provider=PROVIDER,
            model=place[1],
            operation="",
            requests=None,
            failed_requests=None,
            input_tokens=None,
            cached_input_tokens=None,
            output_tokens=None,
            billed_cost=None if actual is None else actual.get(place, Decimal(0)),
            effective_cost=None if amortised is None else amortised.get(place, Decimal(0)),
            currency=place[2],
            cost_basis="effective" if actual is None else "billed",
            finality=finality_of(day, now, settle),
        )
        for place in places
    ]
    return readings, list(_unallocated(day, actual if actual is not None else amortised or {}))


def _unallocated(day: date, totals: Mapping[Place, Decimal]) -> Iterable[Reject]:
    sums: dict[str, Decimal] = {}
    for (use_case, _detail, currency), amount in totals.items():
        if not use_case:
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    for currency, amount in sorted(sums.items()):
        reason = f"{amount:f} {currency} carry no use case. Tag the resources, or tell the bill apart in another way."
        yield Reject(f"{day} untagged", reason)


def _column(names: list[str], wanted: tuple[str, ...]) -> str | None:
    return next((name for name in wanted if name in names), None)


def _drifted(what: str) -> SchemaError:
    mend = "Check the version of the interface; nothing of this day was stored."
    return SchemaError(f"The answer is not a bill as Azure describes it: {what}.", mend=mend)
