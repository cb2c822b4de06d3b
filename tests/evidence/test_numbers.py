"""The one reader of numbers, tried with everything sources have been seen to send."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.numbers import to_decimal_or_none


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (7, "7"),
        (-3, "-3"),
        (0.1, "0.1"),
        (0.35733333333333334, "0.35733333333333334"),
        (1e-05, "0.00001"),
        (-0.01288992, "-0.01288992"),
        (Decimal("0.000000000000001"), "0.000000000000001"),
        ("0.8", "0.8"),
        (" 42 ", "42"),
        ("-0.00000764078", "-0.00000764078"),
        ("1E-7", "0.0000001"),
        ("+5", "5"),
        (".5", "0.5"),
        (True, "1"),
        (False, "0"),
    ],
)
def test_a_number_keeps_the_digits_its_source_wrote(value: object, expected: str) -> None:
    assert to_decimal_or_none(value) == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        math.nan,
        math.inf,
        -math.inf,
        1.7976931348623157e308,
        -1.7976931348623157e308,
        "NaN",
        "nan",
        "sNaN",
        "Infinity",
        "-inf",
        "1.7976931348623157e308",
        "1e999",
        "1e-999",
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1e400"),
        10**60,
        "",
        "   ",
        "1_000",
        "1,5",
        "１２",
        "0x10",
        "safe",
        "9" * 65,
        [],
        {},
        {"value": 1},
        b"1",
        object(),
    ],
)
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert to_decimal_or_none(value) is None
    assert to_decimal_or_none(value, boolean=True) is None


@pytest.mark.parametrize(("word", "expected"), [("yes", 1), ("No", 0), (" TRUE ", 1), ("false", 0)])
def test_words_are_numbers_only_where_the_mapping_says_boolean(word: str, expected: int) -> None:
    assert to_decimal_or_none(word, boolean=True) == Decimal(expected)
    assert to_decimal_or_none(word) is None


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e29, max_value=1e29))
def test_a_float_survives_the_journey_exactly_or_is_too_small_to_mean_anything(number: float) -> None:
    found = to_decimal_or_none(json.loads(json.dumps(number)))
    if number and abs(number) < 1e-29:
        assert found is None or float(found) == number
    else:
        assert found is not None
        assert float(found) == number


@given(st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.booleans(), st.none(), st.decimals()))
def test_nothing_raises_and_every_answer_is_finite(value: object) -> None:
    for boolean in (True, False):
        found = to_decimal_or_none(value, boolean=boolean)
        assert found is None or found.is_finite()
