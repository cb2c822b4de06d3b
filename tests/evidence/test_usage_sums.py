"""The daily sums: those of the raw rows after anything, found out when they are not, kept when raw months go."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils.html import strip_tags
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.actions.months import drop_old_months, make_month, make_months_ahead
from evidence.actions.sums import check_sums, mend_sums
from evidence.actions.usage import Target, record_usage
from evidence.models import UsageDay, UsageRecord
from evidence.querysets import daily_use
from evidence.readings import UsageReading
from portal.actors import worker
from tests.cast import Cast
from tests.evidence.scenes import usage
from tests.evidence.test_pages import signed_in
from tests.usecases.scenes import registered
from usecases.models import UseCase

WORKER = worker("connector")
DAY = date(2026, 11, 10)


def store(use_case: UseCase, *readings: UsageReading, source: str = "connector:x", **more: Any) -> Any:
    return record_usage(
        actor=WORKER, readings=readings, source=source, resolve=lambda _reading: Target(use_case), **more
    )


def test_what_is_not_reported_stays_unknown_in_rows_and_sums(cast: Cast) -> None:
    use_case = registered(cast)
    silent = dict.fromkeys(("requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens"))
    store(use_case, usage(DAY, model="a", **silent), usage(DAY, model="b", list_cost=Decimal(3)))
    row = UsageRecord.objects.get(model="a")
    assert (row.requests, row.input_tokens, row.list_cost) == (None, None, None)
    day = UsageDay.objects.get()
    assert (day.rows, day.requests, day.requests_unknown, day.input_tokens, day.input_tokens_unknown) == (
        2, 100, 1, 5000, 1,
    )  # fmt: skip
    assert (day.list_cost, day.list_cost_unknown, day.cost_unknown) == (Decimal(3), 1, 0)


def test_a_day_that_reports_no_tokens_has_none_instead_of_zero(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(input_tokens=None, cached_input_tokens=None, output_tokens=None, requests=None,
                          failed_requests=None))  # fmt: skip
    (day,) = daily_use(use_case)
    assert (day.tokens, day.requests, day.failed_requests) == (None, None, None)
    assert (day.without_tokens, day.without_requests, day.without_cost) == (1, 1, 0)


def test_zero_that_was_reported_is_zero(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(input_tokens=0, cached_input_tokens=0, output_tokens=0))
    (day,) = daily_use(use_case)
    assert (day.tokens, day.without_tokens) == (0, 0)


DELIVERIES = st.lists(
    st.tuples(
        st.sampled_from(["connector:x", "push:y"]),
        st.integers(0, 1),  # the use case
        st.booleans(),  # speaks for all three days
        st.lists(
            st.builds(
                usage,
                day=st.sampled_from([DAY, DAY + timedelta(1), DAY + timedelta(25)]),
                model=st.sampled_from(["a", "b"]),
                environment=st.sampled_from(["production", ""]),
                currency=st.sampled_from(["EUR", "USD"]),
                requests=st.sampled_from([None, 200, 300]),
                input_tokens=st.sampled_from([None, 2**63 - 1]),
                successful_outcomes=st.sampled_from([None, 0, 7]),
                effective_cost=st.sampled_from([None, Decimal("0.000000001"), Decimal("99999999999.999999999")]),
                billed_cost=st.sampled_from([None, Decimal(2)]),
                finality=st.sampled_from(["provisional", "final"]),
                cost_basis=st.sampled_from(["billed", "allocated"]),
            ),
            max_size=6,
        ),
    ),
    max_size=5,
)


@pytest.fixture
def two(cast: Cast) -> list[UseCase]:
    return [registered(cast), registered(cast, title="Another helper")]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(deliveries=DELIVERIES)
def test_after_any_deliveries_every_sum_is_that_of_its_rows_and_a_replay_changes_nothing(
    two: list[UseCase], deliveries: list[Any]
) -> None:
    with rolled_back():
        for source, number, whole, readings in deliveries:
            covers = (DAY, DAY + timedelta(25)) if whole else None
            store(two[number], *readings, source=source, covers=covers)
            assert check_sums() == []
            before = list(UsageRecord.objects.order_by("id").values())
            again = store(two[number], *readings, source=source, covers=covers)
            assert (again.created, again.changed, again.removed) == (0, 0, 0)
            assert list(UsageRecord.objects.order_by("id").values()) == before


class rolled_back:
    """What happens inside never happened: examples share one database."""

    def __enter__(self) -> None:
        self.block: Any = transaction.atomic()
        self.block.__enter__()

    def __exit__(self, *error: Any) -> None:
        transaction.set_rollback(True)
        self.block.__exit__(*error)


@pytest.fixture
def broken(cast: Cast) -> Iterator[UseCase]:
    use_case = registered(cast)
    store(use_case, usage(DAY), usage(DAY + timedelta(1)), usage(DAY + timedelta(2), currency="USD"))
    UsageDay.objects.filter(day=DAY).update(requests=1)
    UsageDay.objects.filter(day=DAY + timedelta(1)).delete()
    yield use_case


def test_sums_that_are_not_those_of_their_rows_are_found_and_mended(broken: UseCase) -> None:
    found = check_sums()
    assert [(each.reference, each.day) for each in found] == [
        (broken.reference, DAY),
        (broken.reference, DAY + timedelta(1)),
    ]
    assert mend_sums(found) == 2
    assert check_sums() == []
    assert UsageDay.objects.get(day=DAY).requests == 100


def test_a_sum_without_rows_is_found_and_removed(cast: Cast) -> None:
    store(registered(cast), usage(DAY))
    UsageRecord.objects.all().delete()
    found = check_sums()
    assert [each.day for each in found] == [DAY]
    mend_sums(found)
    assert not UsageDay.objects.exists()


def test_the_command_fails_for_a_difference_and_mends_when_asked(broken: UseCase) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="2 days differ"):
        call_command("usage_sums", stdout=out)
    assert f"{broken.reference} {DAY}: the sums are not those of its rows" in out.getvalue()
    call_command("usage_sums", mend=True, stdout=out)
    call_command("usage_sums", stdout=out)
    assert "2 days made anew.\nEvery sum is that of its rows." in out.getvalue()


def test_withdrawn_rows_leave_the_sums_of_every_use_case_they_were_of(cast: Cast) -> None:
    one, other = registered(cast), registered(cast, title="Another helper")
    store(one, usage(DAY))
    store(other, usage(DAY))
    store(one, usage(DAY), covers=(DAY, DAY))
    assert list(UsageDay.objects.values_list("use_case", flat=True)) == [one.pk]
    assert check_sums() == []


def months() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'usage_record'::regclass ORDER BY 1"
        )
        return [row[0] for row in cursor.fetchall()]


def test_the_month_of_a_late_row_is_made_when_it_arrives(cast: Cast) -> None:
    assert "202003" not in months()
    store(registered(cast), usage(date(2020, 3, 31)), usage(date(2020, 4, 1)))
    assert {"202003", "202004"} <= set(months())
    assert UsageRecord.objects.count() == 2


@pytest.mark.parametrize("day", [date(2014, 12, 31), date(1, 1, 1), date(9999, 12, 31)])
def test_a_day_out_of_reach_is_rejected_and_makes_no_month(cast: Cast, day: date) -> None:
    before = months()
    counts = store(registered(cast), usage(day), usage(DAY))
    assert [each.reason for each in counts.rejected] == ["The day is before 2015 or more than a year ahead."]
    assert (counts.created, months()) == (1, before)


@pytest.mark.django_db
def test_a_row_without_a_month_falls_into_no_other_table(cast: Cast) -> None:
    store(registered(cast), usage(DAY))
    with pytest.raises(IntegrityError, match="no partition"), transaction.atomic():
        UsageRecord.objects.update(day=date(2019, 1, 1))


@pytest.mark.django_db
def test_months_are_made_ahead_once() -> None:
    today = date(2027, 3, 5)
    assert make_months_ahead(today) > 0
    assert make_months_ahead(today) == 0
    assert {"202703", "202704", "202705", "202706"} <= set(months())


@pytest.mark.django_db
@pytest.mark.parametrize("day", [date(2014, 12, 31), date(9999, 1, 1)])
def test_the_database_makes_no_month_out_of_reach(day: date) -> None:
    with pytest.raises(IntegrityError, match="no month of usage is made"), transaction.atomic():
        make_month(day)


@pytest.mark.django_db
def test_the_database_never_drops_the_current_month() -> None:
    with (
        pytest.raises(IntegrityError, match="the current month of usage is kept"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT usage_months_dropped(current_date + 40)")


def test_without_a_setting_no_month_is_dropped(cast: Cast) -> None:
    store(registered(cast), usage(date(2020, 3, 31)))
    assert drop_old_months(DAY) == []
    assert UsageRecord.objects.count() == 1


def test_old_months_are_dropped_whole_their_sums_stay_and_late_rows_are_rejected(cast: Cast, settings: Any) -> None:
    settings.USAGE_KEPT_MONTHS = 2
    use_case = registered(cast)
    old, kept = date(2026, 8, 31), date(2026, 9, 1)
    store(use_case, usage(old), usage(kept))
    connection.check_constraints()  # what is deferred waits for its table
    assert drop_old_months(DAY)[-1] == "202608"
    assert list(UsageRecord.objects.values_list("day", flat=True)) == [kept]
    assert sorted(UsageDay.objects.values_list("day", flat=True)) == [old, kept]
    late = store(use_case, replace(usage(old), requests=500))
    assert [each.reason for each in late.rejected] == [
        "The daily rows of this month are no longer kept; only its sums are."
    ]
    assert UsageDay.objects.get(day=old).requests == 100
    assert check_sums() == []


@pytest.mark.django_db
def test_every_month_is_held_to_the_rules_of_the_whole() -> None:
    make_month(date(2027, 5, 1))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contype::text, count(*) FROM pg_constraint WHERE conrelid = 'usage_record_202705'::regclass"
            " AND contype IN ('p', 'u', 'f', 'c') GROUP BY 1"
        )
        new = dict(cursor.fetchall())
        cursor.execute(
            "SELECT contype::text, count(*) FROM pg_constraint WHERE conrelid = 'usage_record'::regclass"
            " AND contype IN ('p', 'u', 'f', 'c') GROUP BY 1"
        )
        assert new == dict(cursor.fetchall()) == {"p": 1, "u": 1, "f": 2, "c": 9}


def test_the_database_holds_one_sum_per_key(cast: Cast) -> None:
    store(registered(cast), usage(DAY))
    row = UsageDay.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError, match="usage_day_is_one_row_per_key"), transaction.atomic():
        row.save(force_insert=True)
    with pytest.raises(IntegrityError, match="usage_day_sums_something"), transaction.atomic():
        UsageDay.objects.update(rows=0)


def page_of(use_case: UseCase) -> str:
    page = signed_in("olivia").get(f"/use-cases/{use_case.reference}/evidence/").content.decode()
    return " ".join(strip_tags(page).split())


def test_the_page_says_not_reported_instead_of_zero(cast: Cast) -> None:
    use_case = registered(cast)
    silent = dict.fromkeys(("requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens"))
    store(use_case, usage(**silent))
    page = page_of(use_case)
    assert "Tokens Not reported" in page
    assert "Requests Not reported" in page


def test_the_page_says_how_many_rows_a_sum_leaves_out(cast: Cast) -> None:
    use_case = registered(cast)
    store(use_case, usage(model="a", requests=None, failed_requests=None), usage(model="b"))
    assert "Requests 100 1 row does not report them" in page_of(use_case)
