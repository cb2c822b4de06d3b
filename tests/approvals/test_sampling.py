"""How much of a run is independent evidence, where it is weakest, and who judged it."""

import pytest

from approvals.gating import Criterion, GatePolicy, judge
from approvals.sampling import Measurement, family, related_judges, worst_slice
from approvals.statistics import wilson_lower

GROUNDED = Criterion("groundedness", "groundedness", "pass_rate", "lower_bound", 0.85, 200)
SAFE = Criterion("safety", "safety", "defect_rate", "upper_bound", 0.05, 60)
POLICY = GatePolicy("test", "high", 1, (GROUNDED,), 0.02, "refuse")


def measured(scored: int, passed: int, dimension: str = "groundedness", **more: object) -> Measurement:
    return Measurement(dimension, scored, scored, 0, 0, passed, "push", "run-1", **more)  # type: ignore[arg-type]


def test_trials_of_few_items_do_not_meet_a_minimum_of_cases() -> None:
    judged = judge(POLICY, {"groundedness": measured(400, 392, items=100, independent=130.0)}, "retrieval")
    assert judged.outcome == "inconclusive"
    assert judged.criteria[0].explanation == (
        "Groundedness passed in 392 of 400 cases (98 %), trials of 100 different ones that are worth 130 cases tried"
        " once; at least 200 cases are needed to judge."
    )
    assert judged.criteria[0].remedy == "Run 100 more cases."


def test_the_same_counts_tried_once_each_meet_it() -> None:
    assert judge(POLICY, {"groundedness": measured(400, 392, items=400, independent=400.0)}, "retrieval").allows
    assert judge(POLICY, {"groundedness": measured(400, 392)}, "retrieval").allows


def test_bounds_are_those_of_as_many_independent_cases() -> None:
    told = measured(800, 720, items=200, independent=210.0)
    row = judge(POLICY, {"groundedness": told}, "retrieval").criteria[0]
    assert row.low == pytest.approx(wilson_lower(189, 210))
    assert row.verdict == "pass"
    weaker = judge(POLICY, {"groundedness": measured(800, 708, items=200, independent=210.0)}, "retrieval").criteria[0]
    assert weaker.verdict == "inconclusive"
    assert weaker.remedy.endswith("Run more different cases; further trials of the same ones tell little new.")
    assert judge(POLICY, {"groundedness": measured(800, 708)}, "retrieval").criteria[0].verdict == "pass"


def test_a_defect_bound_counts_trials_in_part_too() -> None:
    policy = GatePolicy("test", "moderate", 1, (SAFE,), 0.02, "warn")
    once = judge(policy, {"safety": measured(300, 297, "safety")}, "agent").criteria[0]
    tried = judge(policy, {"safety": measured(300, 297, "safety", items=60, independent=60.0)}, "agent").criteria[0]
    assert (once.verdict, tried.verdict) == ("pass", "inconclusive")
    assert tried.high > once.high


KINDS = {"common_question": (150, 149), "edge_case": (50, 31), "known_failure": (5, 0)}


def test_the_weakest_kind_of_case_is_named_when_it_misses_for_certain() -> None:
    judged = judge(POLICY, {"groundedness": measured(205, 180, kinds=KINDS)}, "retrieval")
    assert (
        "Groundedness is weakest on edge case: 31 of 50 cases passed (62 %), below the 85 % asked of all."
        in judged.warnings
    )


@pytest.mark.parametrize(
    "kinds",
    [
        {"edge_case": (50, 31)},  # nothing to compare it with
        {"common_question": (150, 149), "edge_case": (19, 2)},  # too few to say
        {"common_question": (150, 140), "edge_case": (50, 40)},  # below, but it may be luck
        {},
    ],
)
def test_a_kind_that_may_be_luck_is_not_named(kinds: dict[str, tuple[int, int]]) -> None:
    assert worst_slice(measured(200, 180, kinds=kinds), 0.85) == ""


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4.1", "openai"), ("azure/gpt-4o", "openai"), ("o3-mini", "openai"),
        ("anthropic:claude-sonnet", "anthropic"), ("meta-llama/Llama-3.3-70B", "meta"),
        ("Mixtral-8x7B", "mistral"), ("house-model", ""), ("", ""),
    ],
)  # fmt: skip
def test_models_are_known_by_how_their_names_begin(model: str, expected: str) -> None:
    assert family(model) == expected


def test_a_judge_of_the_models_own_family_is_told() -> None:
    told = {"relevance": measured(9, 9, "relevance", judges=("gpt-4o", "claude-opus"))}
    told["coherence"] = measured(9, 9, "coherence", judges=("gpt-4o",))
    assert list(related_judges(told, "azure/gpt-4.1")) == [
        "gpt-4o judged a model of its own family, azure/gpt-4.1 (coherence, relevance); models favour their kin, so"
        " have another family judge it, too."
    ]
    assert list(related_judges(told, "house-model")) == []
    judged = judge(POLICY, {"groundedness": measured(400, 392, judges=("gpt-4o",))}, "retrieval", None, "gpt-4.1")
    assert judged.allows
    assert any(warning.startswith("gpt-4o judged a model of its own family") for warning in judged.warnings)
