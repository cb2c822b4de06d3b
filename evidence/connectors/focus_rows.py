"""From grouped FOCUS charges to usage readings: exact decimals, nothing lost in silence, no table library."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, Final

from evidence.connectors.shapes import mapping_of, text_of, time_of_text
from evidence.numbers import to_decimal_or_none
from evidence.readings import Finality, Reject, UsageReading

SUM_DIGITS: Final = 60  # wide enough that adding never rounds
MOST_REJECTS: Final = 1000
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Charges:
    """Charges that share every text we look at; the lists run in parallel, `rows` counts data rows from 0."""

    period_start: str
    period_end: str
    category: str
    tags: str
    provider: str
    model: str
    service: str
    currency: str
    rows: list[int]
    billed: list[str | None]
    effective: list[str | None]


@dataclass(frozen=True, slots=True)
class TagKeys:
    """Under which tags use case, team and environment are found; compared without case and surrounding spaces."""

    use_case: str = "use_case"
    team: str = "team"
    environment: str = "environment"

    def read(self, tags: str) -> tuple[str, str, str] | None:
        """(use case, team, environment) in a FOCUS Tags value, "" where untagged; None when it is not JSON."""
        try:
            found = json.loads(tags) if tags else {}
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        by_key: dict[str, str] = {}
        for key, value in mapping_of(found).items():
            by_key[key.strip().casefold()] = by_key.get(key.strip().casefold()) or text_of(value)
        use_case, team, environment = (
            by_key.get(key.strip().casefold(), "") for key in (self.use_case, self.team, self.environment)
        )
        return use_case, team, environment


Key = tuple[date, str, str, str, str, str, str, str, Finality]


@dataclass(slots=True)
class Totals:
    """Adds charges up per day, use case, team, environment, provider, model, service, currency and finality."""

    tag_keys: TagKeys
    excluded: frozenset[str]
    now: datetime
    settle: timedelta
    has_effective: bool
    billed: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    effective: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    bad: list[tuple[int, str]] = field(default_factory=list)
    untagged: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    def add(self, charges: Charges) -> None:
        """Takes one group in; rows that cannot be read go to `bad` as (row, reason)."""
        if charges.category.casefold() in self.excluded:
            return
        start, tags = time_of_text(charges.period_start), self.tag_keys.read(charges.tags)
        if start is None:
            reason = "ChargePeriodStart is no time. Write it as 2026-11-23T00:00:00Z."
            self.bad += [(row, reason) for row in charges.rows]
            return
        if not charges.currency:
            self.bad += [(row, "BillingCurrency is empty. An amount needs its currency.") for row in charges.rows]
            return
        if tags is None:
            reason = "Tags is not a JSON object. The cost was recorded as unallocated; mend the tags in the export."
            self.bad += [(row, reason) for row in charges.rows]
        use_case, team, environment = tags or ("", "", "")
        place = (use_case, team, environment, charges.provider, charges.model, charges.service, charges.currency)
        self._sum((start.date(), *place, self._finality(charges.period_end)), charges)

    def readings(self) -> tuple[UsageReading, ...]:
        return tuple(self._reading(key) for key in sorted(self.billed))

    def rejects(self, lines: Mapping[int, int], word: str = "line") -> tuple[Reject, ...]:
        """Bad rows by line number, then what carries no use-case tag; `lines` gives the line of each bad row."""
        bad = [Reject(f"{word} {lines[row]}", reason) for row, reason in sorted(self.bad)[:MOST_REJECTS]]
        if len(self.bad) > MOST_REJECTS:
            more = len(self.bad) - MOST_REJECTS
            bad.append(Reject("file", f"{more} more rows could not be read. Mend the first ones and try again."))
        return (*bad, *self._unallocated())

    def _sum(self, key: Key, charges: Charges) -> None:
        for row, billed_text, effective_text in zip(charges.rows, charges.billed, charges.effective, strict=True):
            billed, effective = to_decimal_or_none(billed_text), to_decimal_or_none(effective_text)
            if billed is None or (self.has_effective and effective is None):
                name, text = ("BilledCost", billed_text) if billed is None else ("EffectiveCost", effective_text)
                seen = f"“{text[:40]}”" if text else "empty"
                self.bad.append(
                    (row, f"{name} is {seen}, not a number. Write it with a decimal point and no grouping.")
                )
                continue
            self.billed[key] += billed
            self.effective[key] += NOTHING if effective is None else effective
            if not key[1]:
                count, total = self.untagged.get(charges.currency, (0, NOTHING))
                self.untagged[charges.currency] = (count + 1, total + billed)

    def _finality(self, period_end: str) -> Finality:
        """Final once the billing period has been closed for the settling time; restatements come before that."""
        end = time_of_text(period_end)
        return "final" if end is not None and end + self.settle <= self.now else "provisional"

    def _reading(self, key: Key) -> UsageReading:
        day, use_case, team, environment, provider, model, service, currency, finality = key
        return UsageReading(
            day=day,
            use_case_key=use_case,
            version_digest="",
            environment=environment,
            team=team,
            provider=provider,
            model=model,
            operation=service,
            requests=None,
            failed_requests=None,
            input_tokens=None,
            cached_input_tokens=None,
            output_tokens=None,
            billed_cost=self.billed[key],
            effective_cost=self.effective[key] if self.has_effective else None,
            currency=currency,
            cost_basis="billed",
            finality=finality,
        )

    def _unallocated(self) -> Iterable[Reject]:
        for currency, (count, total) in sorted(self.untagged.items()):
            yield Reject(
                f"Tags.{self.tag_keys.use_case}",
                f"{count} charges, together {total:f} {currency}, carry no use case and were recorded as unallocated. "
                f"Tag the resources with “{self.tag_keys.use_case}”.",
            )


def totals_of(groups: Iterable[Mapping[str, Any]], totals: Totals) -> Totals:
    """Adds all groups to `totals` without ever rounding; cells are stripped, missing ones are empty."""
    with localcontext() as context:
        context.prec = SUM_DIGITS
        for group in groups:
            cells: dict[str, Any] = {
                name: value if isinstance(value, list) else (value or "").strip() for name, value in group.items()
            }
            totals.add(Charges(**cells))
    return totals
