"""Whose signatures a tier asks for."""

from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import pytest

from approvals.lanes import BUSINESS, LANE_BY_WORDS, LANES, lane, lanes_for
from usecases.classification import load_scheme


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("low", ["business"]),
        ("moderate", ["business", "technical", "security"]),
        ("high", ["business", "technical", "security", "privacy", "risk"]),
        ("critical", ["business", "technical", "security", "privacy", "legal", "risk", "executive"]),
    ],
)
def test_each_tier_asks_for_its_lanes_in_signing_order(tier, expected):
    assert [each.key for each in lanes_for(tier)] == expected


def test_a_higher_tier_never_drops_a_lane():
    found = [set(lanes_for(tier)) for tier in ("low", "moderate", "high", "critical")]
    assert all(lower < higher for lower, higher in pairwise(found))


def test_every_signatory_the_method_names_has_a_lane_and_no_word_is_left_over():
    named = {words for needs in load_scheme().requirements.values() for words in needs.approvals}
    assert named == set(LANE_BY_WORDS)


def test_only_the_business_lane_is_not_independent():
    assert [each.key for each in LANES if not each.independent] == ["business"]


def test_keys_and_titles_are_distinct_and_every_lane_asks_a_question():
    assert len({each.key for each in LANES}) == len({each.title for each in LANES}) == 7
    assert all(each.asks.endswith("?") for each in LANES)


@pytest.mark.parametrize(
    ("tier", "message"),
    [
        ("blocked", "A blocked use case has no way to release; retire it or change what it does."),
        ("enormous", "There is no risk tier 'enormous'; use one of low, moderate, high, critical."),
    ],
)
def test_a_tier_without_a_way_to_release_has_no_lanes_to_offer(tier, message):
    with pytest.raises(ValueError) as refusal:
        lanes_for(tier)
    assert str(refusal.value) == message


def test_a_signatory_without_a_lane_stops_the_release_instead_of_being_left_out():
    shipped = load_scheme()
    needs = replace(shipped.requirements["low"], approvals=("business owner", "works council"))
    scheme = replace(shipped, requirements=MappingProxyType({"low": needs}))
    with pytest.raises(ValueError) as refusal:
        lanes_for("low", scheme)
    assert "No lane answers to 'works council'" in str(refusal.value)


def test_a_lane_is_found_by_its_key_and_an_unknown_key_is_refused():
    assert lane("business") is BUSINESS
    with pytest.raises(ValueError) as refusal:
        lane("finance")
    assert str(refusal.value).startswith("There is no lane 'finance'; use one of business, technical")
