"""Recording daily usage: one row per key, restated figures replace, exact decimals, reasons for what is left out."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from evidence.actions.usage import Resolve, Target, UsageCounts, record_usage
from evidence.models import UsageRecord
from evidence.querysets import cost_totals, daily_use
from evidence.readings import UsageReading
from portal.access import Refused
from portal.actors import worker
from tests.cast import Cast
from tests.evidence.scenes import usage, version_of
from tests.usecases.scenes import codes, registered, sentences
from usecases.models import Fact, UseCase

WORKER = worker("connector")
DAY = date(2026, 11, 10)


def to(use_case: UseCase, **more: UseCase) -> Resolve:
    def resolve(reading: UsageReading) -> Target:
        if reading.use_case_key == "nowhere":
            raise ValidationError("There is no use case nowhere.")
        return Target(more.get(reading.use_case_key, use_case))

    return resolve


def store(use_case: UseCase, *readings: UsageReading, **changes: Any) -> UsageCounts:
    return record_usage(actor=WORKER, readings=readings, source="connector:x", resolve=to(use_case), **changes)


def summary(counts: UsageCounts) -> tuple[int, int, int, int]:
    return counts.created, counts.changed, counts.unchanged, counts.removed


def test_the_same_rows_again_change_nothing(cast: Cast) -> None:
    use_case = registered(cast)
    assert summary(store(use_case, usage(DAY), usage(DAY + timedelta(1)))) == (2, 0, 0, 0)
    assert summary(store(use_case, usage(DAY), usage(DAY + timedelta(1)))) == (0, 0, 2, 0)
    assert sentences("usage.recorded") == [f"recorded usage of {use_case.reference}: 2 new daily rows."]


def test_a_restated_row_replaces_exactly_its_key(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(DAY), usage(DAY, model="gpt-4.1"))
    counts = store(use_case, usage(DAY, effective_cost=Decimal("9.000000001"), finality="final"))
    assert summary(counts) == (0, 1, 0, 0)
    rows = UsageRecord.objects.order_by("model").values_list("model", "effective_cost", "finality")
    assert list(rows) == [
        ("gpt-4.1", Decimal("1.123456789"), "provisional"),
        ("gpt-4o", Decimal("9.000000001"), "final"),
    ]


def test_two_recordings_in_one_transaction_do_not_mix(cast: Cast) -> None:
    use_case = registered(cast)
    with transaction.atomic():
        store(use_case, usage(DAY))
        assert summary(store(use_case, usage(DAY + timedelta(1)))) == (1, 0, 0, 0)
    assert UsageRecord.objects.count() == 2


def test_a_source_that_speaks_for_whole_days_withdraws_what_it_no_longer_has(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(DAY), usage(DAY, model="gone"), usage(DAY + timedelta(5), model="outside"))
    record_usage(actor=WORKER, readings=[usage(DAY, model="else's")], source="connector:y", resolve=to(use_case))
    assert summary(store(use_case, usage(DAY), covers=(DAY, DAY))) == (0, 0, 1, 1)
    assert sorted(UsageRecord.objects.values_list("model", flat=True)) == ["else's", "gpt-4o", "outside"]


def test_two_keys_of_the_source_that_mean_one_use_case_add_up(cast: Cast) -> None:
    use_case = registered(cast)
    counts = store(use_case, usage(DAY, use_case_key="a"), usage(DAY, use_case_key="b", finality="final"))
    assert summary(counts) == (1, 0, 0, 0)
    row = UsageRecord.objects.get()
    assert (row.requests, row.effective_cost, row.finality) == (200, Decimal("2.246913578"), "provisional")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_case_key": "nowhere"}, "There is no use case nowhere."),
        ({"requests": -1}, "negative or too large"),
        ({"input_tokens": 2**63}, "negative or too large"),
        ({"failed_requests": 101}, "more failed requests"),
        ({"cached_input_tokens": 6000}, "more cached input tokens"),
        ({"currency": ""}, "currency as a code"),
        ({"currency": "EURO"}, "currency as a code"),
        ({"effective_cost": Decimal("1e12")}, "not a number or too large"),
        ({"effective_cost": Decimal("NaN")}, "not a number or too large"),
    ],
)
def test_a_row_that_cannot_be_stored_is_rejected_with_its_reason_and_the_rest_is_stored(
    cast: Cast, changes: dict[str, Any], words: str
) -> None:
    counts = store(registered(cast), usage(DAY), usage(DAY + timedelta(1), **changes))
    assert (summary(counts), len(counts.rejected), UsageRecord.objects.count()) == ((1, 0, 0, 0), 1, 1)
    assert counts.rejected[0].reference == "2"
    assert words in counts.rejected[0].reason


def test_the_same_key_twice_in_one_delivery_is_rejected(cast: Cast) -> None:
    counts = store(registered(cast), usage(DAY), usage(DAY, requests=7))
    assert [each.reason for each in counts.rejected] == ["The same key stands in row 1 already."]
    assert UsageRecord.objects.get().requests == 100


def test_unknown_cost_stays_unknown_and_totals_never_mix_currencies(cast: Cast) -> None:
    use_case = registered(cast)
    today = usage().day
    store(
        use_case,
        usage(today, billed_cost=None, effective_cost=None, currency="", successful_outcomes=4),
        usage(today, effective_cost=Decimal(10)),
        usage(today - timedelta(1), effective_cost=Decimal(2)),
    )
    (total,) = cost_totals(daily_use(use_case))
    assert (total.currency, total.cost, total.outcomes, total.per_outcome) == ("EUR", Decimal(12), 4, Decimal(3))
    store(use_case, usage(today, currency="USD", effective_cost=Decimal(5)))
    totals = cost_totals(daily_use(use_case))
    assert [(each.currency, each.cost, each.per_outcome) for each in totals] == [
        ("EUR", Decimal(12), None),
        ("USD", Decimal(5), None),
    ]


def test_no_successful_outcome_is_no_price_instead_of_infinity(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(successful_outcomes=0))
    (total,) = cost_totals(daily_use(use_case))
    assert (total.outcomes, total.per_outcome) == (0, None)


def test_cost_and_monitoring_become_facts_that_do_not_change_every_day(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(DAY))
    store(use_case, usage(DAY + timedelta(1)))
    facts = Fact.objects.filter(use_case=use_case, name__in=["cost_recorded", "monitoring"]).order_by("name")
    assert [fact.statement for fact in facts] == [
        "Cost is recorded since 2026-11-10.",
        "Use in production is measured since 2026-11-10.",
    ]


def test_usage_without_cost_is_no_record_of_cost(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(DAY, billed_cost=None, effective_cost=None, currency="", environment="test"))
    assert not Fact.objects.filter(name__in=["cost_recorded", "monitoring"]).exists()


def test_who_may_not_push_evidence_is_refused_and_nothing_is_stored(cast: Cast) -> None:
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        record_usage(actor=cast.actor("olivia"), readings=[usage()], source="push:x", resolve=to(use_case))
    assert codes(refused) == ["not_evidence_source"]
    assert UsageRecord.objects.count() == 0


def test_a_version_is_part_of_the_key(cast: Cast) -> None:
    version = version_of(cast)

    def resolve(reading: UsageReading) -> Target:
        return Target(version.use_case, version if reading.version_digest else None)

    readings = [usage(DAY), replace(usage(DAY), version_digest=version.digest)]
    for expected in ((2, 0), (0, 2)):
        counts = record_usage(actor=WORKER, readings=readings, source="s", resolve=resolve)
        assert (counts.created, counts.unchanged) == expected


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"cached_input_tokens": 9999}, "usage_record_cached_is_a_part"),
        ({"failed_requests": 101}, "usage_record_failed_is_a_part"),
        ({"currency": ""}, "usage_record_cost_has_currency"),
    ],
)
def test_the_database_refuses_impossible_figures(cast: Cast, changes: dict[str, Any], constraint: str) -> None:
    store(registered(cast), usage(DAY))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        UsageRecord.objects.update(**changes)


def test_the_database_holds_one_row_per_key_even_without_a_version(cast: Cast) -> None:
    store(registered(cast), usage(DAY))
    row = UsageRecord.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError, match="usage_record_is_one_row_per_key"), transaction.atomic():
        row.save(force_insert=True)
