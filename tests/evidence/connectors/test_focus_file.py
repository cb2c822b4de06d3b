"""FOCUS files: real charges, odd charges, and files that are none."""

import csv
import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.connectors import focus_file
from evidence.connectors.base import Batch, Session
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.focus_file import FocusFileConnector
from evidence.readings import UsageReading

SLICE = Path(__file__).parent.parent / "payloads" / "focus" / "focus_1.0_real_slice.csv"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
COLUMNS = (
    "BilledCost", "EffectiveCost", "BillingCurrency", "BillingPeriodEnd", "ChargeCategory", "ChargePeriodStart",
    "ProviderName", "ServiceName", "SkuId", "Tags",
)  # fmt: skip
CHARGE = {
    "BilledCost": "1.5",
    "EffectiveCost": "1.25",
    "BillingCurrency": "USD",
    "BillingPeriodEnd": "2026-11-01 00:00:00",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-10-05 00:00:00",
    "ProviderName": "Microsoft",
    "ServiceName": "Azure OpenAI",
    "SkuId": "gpt-4o-mini",
    "Tags": '{"use_case": "UC-0001"}',
}


def written(*charges: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**CHARGE, **charge} for charge in charges)
    return out.getvalue().encode()


def read(source: bytes | Path, **config: Any) -> Batch:
    session = Session(config=config, source=source, now=NOW)
    (batch,) = FocusFileConnector().fetch(session, "")
    return batch


def usage(batch: Batch) -> list[UsageReading]:
    return [reading for reading in batch.readings if isinstance(reading, UsageReading)]


def test_the_real_slice_adds_up_to_the_last_digit_and_nothing_is_lost() -> None:
    with SLICE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    batch = read(SLICE, tag_key="application")
    found = usage(batch)
    assert sum((row.billed_cost for row in found if row.billed_cost), Decimal(0)) == sum(
        Decimal(row["BilledCost"]) for row in rows
    )
    assert sum((row.effective_cost for row in found if row.effective_cost), Decimal(0)) == sum(
        Decimal(row["EffectiveCost"]) for row in rows
    )
    assert len(rows) == 86
    assert {row.currency for row in found} == {"USD"}
    assert {row.provider for row in found} == {row["ProviderName"] for row in rows}
    assert batch.covers == (date(2024, 9, 1), date(2024, 9, 30))
    assert {row.finality for row in found} == {"final"}
    untagged = sum(Decimal(row["BilledCost"]) for row in rows if '"application"' not in row["Tags"])
    assert [reject.reference for reject in batch.rejects] == ["Tags.application"]
    assert f"together {untagged:f} USD" in batch.rejects[0].reason


def test_charges_add_up_per_day_key_model_and_currency() -> None:
    batch = read(
        written(
            {},
            {"BilledCost": "0.000000000000001", "ChargePeriodStart": "2026-10-05 23:00:00"},
            {"ChargePeriodStart": "2026-10-06T00:00:00Z"},
            {"SkuId": "gpt-4o"},
            {"BillingCurrency": "EUR"},
            {"Tags": '{"use_case": "UC-0002"}'},
        )
    )
    found = usage(batch)
    assert len(found) == 5
    assert found[0] == UsageReading(
        day=date(2026, 10, 5),
        use_case_key="UC-0001",
        version_digest="",
        environment="",
        team="",
        provider="Microsoft",
        model="gpt-4o",
        operation="Azure OpenAI",
        requests=None,
        failed_requests=None,
        input_tokens=None,
        cached_input_tokens=None,
        output_tokens=None,
        billed_cost=Decimal("1.5"),
        effective_cost=Decimal("1.25"),
        currency="USD",
        cost_basis="billed",
        finality="final",
    )
    together = [row for row in found if (row.model, row.currency, row.day.day) == ("gpt-4o-mini", "USD", 5)]
    assert {row.billed_cost for row in together} == {Decimal("1.500000000000001"), Decimal("1.5")}
    assert batch.rejects == ()


def test_an_effective_cost_of_zero_beside_a_billed_one_stays_as_it_is() -> None:
    (row,) = usage(read(written({"BilledCost": "3000", "EffectiveCost": "0"})))
    assert (row.billed_cost, row.effective_cost) == (Decimal(3000), Decimal(0))


def test_without_the_column_the_effective_cost_is_unknown_and_not_zero() -> None:
    columns = tuple(name for name in COLUMNS if name != "EffectiveCost")
    (row,) = usage(read(written({}, columns=columns)))
    assert (row.billed_cost, row.effective_cost) == (Decimal("1.5"), None)


def test_taxes_and_credits_are_left_out_unless_the_configuration_wants_them() -> None:
    data = written({}, {"ChargeCategory": "Tax"}, {"ChargeCategory": "credit", "BilledCost": "-9"})
    assert [row.billed_cost for row in usage(read(data))] == [Decimal("1.5")]
    assert [row.billed_cost for row in usage(read(data, excluded_categories=[]))] == [Decimal("-6.0")]


@pytest.mark.parametrize(
    ("tags", "key"),
    [
        ('{"use_case": "UC-1"}', "UC-1"),
        ('{" Use_Case": " UC-1 "}', "UC-1"),
        ('{" use_case": "", "USE_CASE": "UC-1"}', "UC-1"),
        ('{"use_case": 7}', "7"),
        ('{"org": "x"}', ""),
        ('{"use_case": null}', ""),
        ('{"use_case": ["UC-1"]}', ""),
        ("NULL", ""),
        ("", ""),
    ],
)
def test_the_use_case_is_found_in_the_tags_whatever_their_case_and_spaces(tags: str, key: str) -> None:
    batch = read(written({"Tags": tags}))
    assert [row.use_case_key for row in usage(batch)] == [key]
    assert len(batch.rejects) == (0 if key else 1)


def test_team_and_environment_come_from_tags_too() -> None:
    (row,) = usage(read(written({"Tags": '{"case": "UC-1", "Squad": "hr", "env": "prod"}'}), tag_key="case",
                        team_tag="squad", environment_tag="ENV"))  # fmt: skip
    assert (row.use_case_key, row.team, row.environment) == ("UC-1", "hr", "prod")


def test_tags_that_are_no_json_keep_the_cost_and_are_reported() -> None:
    batch = read(written({}, {"Tags": "use_case=UC-1"}))
    assert sum(row.billed_cost or 0 for row in usage(batch)) == Decimal("3.0")
    assert [reject.reference for reject in batch.rejects] == ["line 3", "Tags.use_case"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BilledCost": "1,234.50"}, "BilledCost is “1,234.50”"),
        ({"BilledCost": "NULL"}, "BilledCost is empty"),
        ({"BilledCost": "NaN"}, "BilledCost is “NaN”"),
        ({"EffectiveCost": "x"}, "EffectiveCost is “x”"),
        ({"ChargePeriodStart": "05.10.2026"}, "ChargePeriodStart is no time"),
        ({"ChargePeriodStart": "NULL"}, "ChargePeriodStart is no time"),
        ({"BillingCurrency": ""}, "BillingCurrency is empty"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_are_read(change: dict[str, str], words: str) -> None:
    batch = read(written({"ServiceName": "two\nlines"}, change, {}))
    assert [(reject.reference, words in reject.reason) for reject in batch.rejects] == [("line 4", True)]
    assert sum(row.billed_cost or 0 for row in usage(batch)) == Decimal("3.0")


def test_ragged_lines_are_named_and_the_others_are_read() -> None:
    data = written({"ServiceName": "two\nlines"}, {}, {"BilledCost": "x"})
    lines = data.split(b"\n")
    lines.insert(3, lines[3] + b",surplus")
    batch = read(b"\n".join(lines))
    assert [reject.reference for reject in batch.rejects] == ["line 4", "line 6"]
    assert "fields, the header 10" in batch.rejects[0].reason
    assert sum(row.billed_cost or 0 for row in usage(batch)) == Decimal("3.0")


def test_many_bad_rows_are_summed_up() -> None:
    batch = read(written(*({"BilledCost": "x"} for _ in range(1005))))
    assert len(batch.rejects) == 1001
    assert batch.rejects[-1].reason.startswith("5 more rows")
    assert (batch.readings, batch.covers) == ((), None)


def test_a_billing_period_is_provisional_until_it_has_settled() -> None:
    ends = ("2026-11-18T00:00:00Z", "2026-11-18T00:00:01Z", "2026-12-01 00:00:00", "NULL")
    found = usage(read(written(*({"BillingPeriodEnd": end, "SkuId": str(n)} for n, end in enumerate(ends)))))
    assert [row.finality for row in found] == ["final", "provisional", "provisional", "provisional"]
    later = usage(read(written({"BillingPeriodEnd": ends[0]}), settle_days=6))
    assert [row.finality for row in later] == ["provisional"]


def test_newer_column_names_win_and_unknown_columns_are_ignored() -> None:
    columns = (*COLUMNS, "ServiceProviderName", "SkuMeter", "Id")
    data = written({"ServiceProviderName": "Azure", "SkuMeter": "gpt-4o-mini input tokens", "Id": "7"}, columns=columns)
    (row,) = usage(read(data))
    assert (row.provider, row.model) == ("Azure", "gpt-4o-mini input tokens")


@pytest.mark.parametrize("wrap", [lambda data: data, gzip.compress, lambda data: b"\xef\xbb\xbf" + data])
def test_plain_compressed_and_marked_files_read_the_same(wrap: Any) -> None:
    assert usage(read(wrap(written({})))) == usage(read(written({})))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "missing in its header"),
        (b"a,b\n1,2\n", "no FOCUS file: ChargePeriodStart, BilledCost, BillingCurrency missing"),
        (b"\xff\xfe" + "BilledCost".encode("utf-16-le"), "not UTF-8"),
        (written({}).replace(b"SkuId", b"BilledCost"), "repeats a column"),
        (b",".join(b"c%d" % n for n in range(301)) + b"\n", "more than 300"),
        (b"\x1f\x8bdamaged", "damaged"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        read(data)
    result = FocusFileConnector().check(Session(source=data))
    assert not result.ok
    assert result.steps[-1].mend


def test_size_and_rows_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(focus_file, "MOST_ROWS", 2)
    with pytest.raises(Refused, match="more than 2 charges"):
        read(written({}, {}, {}))
    monkeypatch.setattr(focus_file, "LARGEST_FILE", 1_000_000)
    packed = tmp_path / "bomb.csv.gz"
    packed.write_bytes(gzip.compress(bytes(50_000_000)))
    for source in (packed, b"x" * 1_000_001):
        with pytest.raises(Refused, match="More than 1 MB"):
            read(source)
    with pytest.raises(Refused, match="no file"):
        list(FocusFileConnector().fetch(Session(), ""))


def test_the_same_file_has_the_same_digest_and_another_has_another() -> None:
    assert read(written({})).raw_sha256 == read(written({})).raw_sha256
    assert read(written({})).raw_sha256 != read(written({}, {})).raw_sha256


def test_discovery_counts_charges_per_use_case() -> None:
    session = Session(source=written({}, {}, {"Tags": '{"USE_CASE": "UC-0002"}'}, {"Tags": "NULL"}, {"Tags": "bad"}))
    found = FocusFileConnector().discover(session)
    assert [(entry.key, entry.count) for entry in found] == [("UC-0001", 2), ("UC-0002", 1)]


@settings(deadline=None)  # the first file imports the table library
@given(st.lists(st.decimals(min_value=-(10**12), max_value=10**12, places=15), min_size=1, max_size=30))
def test_sums_never_round(costs: list[Decimal]) -> None:
    rows = usage(read(written(*({"BilledCost": f"{cost:f}"} for cost in costs))))
    scaled = sum(int(cost.scaleb(15)) for cost in costs)
    assert [int((row.billed_cost or Decimal(0)).scaleb(15)) for row in rows] == [scaled]
