"""FOCUS as Parquet: the same charges as in CSV give the same totals; bombs and damage are refused."""

import io
import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.connectors import focus_file, focus_parquet
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.parquet_footer import read_footer
from tests.evidence.connectors.test_focus_file import SLICE, read, usage

BESIDE = Path(__file__).parents[3].parent / "shared" / "reference" / "data"
FOCUS_FILES = sorted(Path(os.environ.get("GATEHOUSE_REFERENCE_DATA", BESIDE)).glob("focus/**/*.csv"))
START = datetime(2026, 10, 5, tzinfo=UTC)


def packed(**columns: list[Any]) -> bytes:
    """A Parquet file of these columns beside the needed ones."""
    count = len(next(iter(columns.values())))
    needed = {"ChargePeriodStart": [START] * count, "BilledCost": [Decimal("1.5")] * count}
    out = io.BytesIO()
    polars.DataFrame({**needed, "BillingCurrency": ["EUR"] * count, **columns}).write_parquet(out)
    return out.getvalue()


def as_parquet(source: Path) -> bytes:
    """A CSV export as Parquet, costs as decimals and times as times."""
    table = polars.read_csv(source, infer_schema=False, null_values=["NULL", ""])
    for name in {"BilledCost", "EffectiveCost"} & set(table.columns):
        exact = table[name].cast(polars.Decimal(38, 18), strict=False)
        if exact.null_count() == table[name].null_count():  # some examples write amounts with a currency sign
            table = table.with_columns(exact)
    out = io.BytesIO()
    table.write_parquet(out, compression="snappy")
    return out.getvalue()


@pytest.mark.parametrize("source", [SLICE, *FOCUS_FILES], ids=lambda path: path.name)
def test_the_same_charges_give_the_same_totals_in_both_forms(source: Path) -> None:
    try:
        from_csv = read(source)
    except SchemaError as error:  # an example that leaves needed columns out
        with pytest.raises(SchemaError, match=re.escape(error.what)):
            read(as_parquet(source))
        return
    from_parquet = read(as_parquet(source))
    assert usage(from_parquet) == usage(from_csv)
    assert from_parquet.covers == from_csv.covers
    assert len(from_parquet.rejects) == len(from_csv.rejects)


@pytest.mark.parametrize(
    "tags",
    [
        ['{"use_case": "UC-0001"}', None],
        [{"use_case": "UC-0001"}, {"use_case": None}],
        [[{"key": "use_case", "value": "UC-0001"}], []],
    ],
)
def test_tags_are_read_as_text_as_struct_and_as_map(tags: list[Any]) -> None:
    batch = read(packed(Tags=tags))
    assert sorted((each.use_case_key, each.billed_cost) for each in usage(batch)) == [
        ("", Decimal("1.5")), ("UC-0001", Decimal("1.5")),
    ]  # fmt: skip
    assert {each.day.isoformat() for each in usage(batch)} == {"2026-10-05"}


def test_a_charge_that_cannot_be_read_is_named_by_its_row() -> None:
    batch = read(packed(BillingCurrency=["EUR", None], Tags=["{}", "{}"]))
    assert [each.reference for each in batch.rejects] == ["row 2", "Tags.use_case"]


def test_floats_that_are_no_numbers_are_no_cost() -> None:
    batch = read(packed(BilledCost=[0.1, float("nan"), float("inf"), None], Tags=["{}"] * 4))
    assert [each.billed_cost for each in usage(batch)] == [Decimal("0.1")]
    assert len(batch.rejects) == 4


def test_another_table_is_no_focus_file() -> None:
    out = io.BytesIO()
    polars.DataFrame({"a": [1]}).write_parquet(out)
    with pytest.raises(SchemaError, match="BillingCurrency missing"):
        read(out.getvalue())


def test_too_many_rows_and_too_many_bytes_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = packed(Tags=["x" * 1_000_000] * 40)
    assert len(bomb) < 100_000
    # The writer keeps equal values once; the footer counts what is unpacked.
    assert read_footer(bomb).rows == 40
    monkeypatch.setattr(focus_parquet, "LARGEST_UNPACKED", read_footer(bomb).unpacked - 1)
    with pytest.raises(Refused, match="unpacks to more than"):
        read(bomb)
    monkeypatch.setattr(focus_file, "MOST_ROWS", 39)
    with pytest.raises(Refused, match="more than 39 charges"):
        read(bomb)


WHOLE = packed(Tags=['{"use_case": "UC-0001"}'])


@settings(deadline=None, max_examples=200)
@given(st.integers(4, len(WHOLE) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_damage_is_refused_or_read_and_never_crashes(place: int, junk: bytes, cut: bool) -> None:
    damaged = WHOLE[:place] if cut else WHOLE[:place] + junk + WHOLE[place + len(junk) :]
    try:
        batch = read(damaged)
    except (SchemaError, Refused) as error:
        assert error.mend
    else:
        assert len(usage(batch)) <= 1
