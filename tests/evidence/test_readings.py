"""Digests that are equal on replay and different after any change, and the small readers beside them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.readings import canonical_digest, item_kind_or_unspecified, version_digest_or_empty

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_the_digest_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert canonical_digest({"a": 1, "b": [1, 2]}) == canonical_digest({"b": [1, 2], "a": 1})
    assert canonical_digest({"a": 1, "b": [1, 2]}) != canonical_digest({"a": 1, "b": [2, 1]})
    assert canonical_digest({"a": 1}) != canonical_digest({"a": "1"})
    assert canonical_digest({"a": 1}) != canonical_digest({"a": 1.0000000000000002})


def test_the_digest_is_the_published_one_so_that_stored_digests_stay_valid() -> None:
    expected = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"
    assert canonical_digest({"b": 2, "a": 1}) == expected


def test_nan_and_half_a_surrogate_pair_can_be_digested() -> None:
    assert canonical_digest([math.nan]) == canonical_digest([math.nan])
    assert canonical_digest(["\ud800"]) != canonical_digest(["?"])


@given(JSON, JSON)
def test_different_rows_have_different_digests(one: object, other: object) -> None:
    assert (canonical_digest(one) == canonical_digest(other)) == (repr_of(one) == repr_of(other))


def repr_of(value: object) -> str:
    """A form in which [], {}, 1, 1.0 and True differ, as they do in JSON."""
    if isinstance(value, dict):
        return "object " + repr(sorted((key, repr_of(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return "array " + repr([repr_of(inner) for inner in value])
    return repr(value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a" * 64, "a" * 64),
        ("sha256:" + "0f" * 32, "0f" * 32),
        (" " + "AB" * 32 + " ", "ab" * 32),
        ("a" * 63, ""),
        ("a" * 65, ""),
        ("g" * 64, ""),
        ("sha512:" + "a" * 64, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_version_digest_is_64_hex_digits_or_nothing(written: object, expected: str) -> None:
    assert version_digest_or_empty(written) == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("edge_case", "edge_case"),
        ("Edge case", "edge_case"),
        ("UNSAFE-PROMPT", "unsafe_prompt"),
        ("nonsense", "unspecified"),
        ("", "unspecified"),
        (None, "unspecified"),
    ],
)
def test_kinds_of_items_are_read_kindly_and_never_invented(named: object, expected: str) -> None:
    assert item_kind_or_unspecified(named) == expected
