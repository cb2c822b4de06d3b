"""The shipped gate policies, and how a policy is read, written, digested and refused."""

import copy
import json
from dataclasses import replace

import pytest

from approvals.gate_policies import PATTERNS, Criterion, GatePolicy, PolicyError, load_policies, policy_digest

TIERS = ("low", "moderate", "high", "critical")
GROUNDED = Criterion("groundedness", "groundedness", "pass_rate", "lower_bound", 0.85, 200)
STRICT = GatePolicy("test", "high", 1, (GROUNDED,), 0.02, "refuse")


@pytest.mark.parametrize(
    ("tier", "n_min", "quality", "task", "safety", "attack", "max_unscored", "on_inconclusive"),
    [
        ("low", 50, ("point", 0.80), ("point", 0.70), (0.05, 60), None, 0.02, "warn"),
        ("moderate", 100, ("point", 0.85), ("point", 0.75), (0.03, 100), ("point", 0.10), 0.02, "warn"),
        ("high", 200, ("lower_bound", 0.85), ("lower_bound", 0.75), (0.02, 150), ("upper_bound", 0.10), 0.02, "refuse"),
        (
            "critical", 300, ("lower_bound", 0.90), ("lower_bound", 0.85), (0.01, 300), ("upper_bound", 0.05), 0.01,
            "refuse",
        ),
    ],
)  # fmt: skip
def test_the_shipped_policies_hold_the_documented_numbers(
    tier, n_min, quality, task, safety, attack, max_unscored, on_inconclusive
):
    shipped = load_policies()[tier]
    assert (shipped.max_unscored, shipped.on_inconclusive) == (max_unscored, on_inconclusive)
    rows = {each.key: each for each in shipped.criteria}
    for key in ("groundedness", "relevance", "coherence", "completeness"):
        assert (rows[key].rule, rows[key].threshold, rows[key].n_min) == (*quality, n_min)
    assert (rows["task_success"].rule, rows["task_success"].threshold, rows["task_success"].n_min) == (*task, n_min)
    assert (rows["safety"].rule, rows["safety"].threshold, rows["safety"].n_min) == ("upper_bound", *safety)
    found = rows.get("attack_resistance")
    assert (found and (found.rule, found.threshold, found.n_min)) == (attack and (*attack, n_min))


@pytest.mark.parametrize("tier", TIERS)
def test_groundedness_is_asked_of_patterns_that_ground_and_safety_of_all(tier):
    asked = {
        pattern: {each.dimension for each in load_policies()[tier].criteria if each.applies_to(pattern)}
        for pattern in PATTERNS
    }
    assert {pattern for pattern in PATTERNS if "groundedness" in asked[pattern]} == {
        "retrieval", "agent", "summarisation",
    }  # fmt: skip
    assert all("safety" in asked[pattern] and len(asked[pattern]) >= 2 for pattern in PATTERNS)


@pytest.mark.parametrize("tier", TIERS)
def test_a_policy_survives_being_written_and_read_and_keeps_its_digest(tier):
    shipped = load_policies()[tier]
    again = GatePolicy.from_json(json.loads(json.dumps(shipped.to_json())))
    assert again == shipped
    assert policy_digest(again) == policy_digest(shipped)
    backwards = dict(reversed(shipped.to_json().items()))
    assert policy_digest(GatePolicy.from_json(backwards)) == policy_digest(shipped)


def test_any_changed_number_changes_the_digest():
    shipped = load_policies()["high"]
    eased = replace(shipped, criteria=(replace(shipped.criteria[0], threshold=0.84), *shipped.criteria[1:]))
    assert policy_digest(eased) != policy_digest(shipped)
    assert len({policy_digest(each) for each in load_policies().values()}) == 4


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: data.update(colour="red"), "policy has the unknown key 'colour'; known are key, tier, version,"),
        (lambda data: data.pop("tier"), "policy.tier is missing."),
        (
            lambda data: data.update(tier="blocked"),
            "policy.tier is 'blocked'; use one of low, moderate, high, critical.",
        ),
        (lambda data: data.update(key=" "), "policy.key is ' '; give it a name."),
        (lambda data: data.update(version=0), "policy.version is 0; use a whole number of at least 1."),
        (lambda data: data.update(version=True), "policy.version is True; use a whole number of at least 1."),
        (
            lambda data: data.update(max_unscored=2),
            "policy.max_unscored is 2; use a share between 0 and 1, such as 0.85.",
        ),
        (
            lambda data: data.update(on_inconclusive="pass"),
            "policy.on_inconclusive is 'pass'; use one of warn, refuse.",
        ),
        (lambda data: data.update(criteria="all"), "policy.criteria must be a list of criteria."),
        (lambda data: data["criteria"].append(7), "criteria[1] must be an object with key, dimension, statistic,"),
        (
            lambda data: data["criteria"].append(data["criteria"][0]),
            "policy.criteria has the key 'groundedness' twice;",
        ),
        (lambda data: data["criteria"][0].update(rule="best"), "criteria[0].rule is 'best'; use one of point,"),
        (
            lambda data: data["criteria"][0].update(statistic="defect_rate"),
            "criteria[0]: lower_bound judges a pass_rate;",
        ),
        (
            lambda data: data["criteria"][0].update(threshold=85),
            "criteria[0].threshold is 85; use a share between 0 and 1",
        ),
        (
            lambda data: data["criteria"][0].update(threshold=0),
            "criteria[0].threshold is 0; use a share between 0 and 1",
        ),
        (lambda data: data["criteria"][0].update(threshold=float("nan")), "criteria[0].threshold is nan; use a share"),
        (lambda data: data["criteria"][0].update(threshold="0.85"), "criteria[0].threshold is '0.85'; use a share"),
        (lambda data: data["criteria"][0].update(n_min=1.5), "criteria[0].n_min is 1.5; use a whole number"),
        (lambda data: data["criteria"][0].update(patterns=["rag"]), "criteria[0].patterns is ['rag']; use a list of"),
        (
            lambda data: data["criteria"][0].update(treshold=0.1),
            "criteria[0] has the unknown key 'treshold'; known are",
        ),
    ],
)
def test_a_policy_that_cannot_be_judged_by_is_refused_with_what_to_mend(spoil, problem):
    data = copy.deepcopy(STRICT.to_json())
    spoil(data)
    with pytest.raises(PolicyError) as refusal:
        GatePolicy.from_json(data)
    assert len(refusal.value.problems) == 1
    assert refusal.value.problems[0].startswith(problem)


def test_every_problem_of_a_policy_is_told_at_once():
    with pytest.raises(PolicyError) as refusal:
        GatePolicy.from_json({"key": "x", "tier": "huge", "version": 1, "max_unscored": -1, "criteria": []})
    assert refusal.value.problems == (
        "policy.on_inconclusive is missing.",
        "policy.tier is 'huge'; use one of low, moderate, high, critical.",
        "policy.max_unscored is -1; use a share between 0 and 1, such as 0.85.",
    )
    with pytest.raises(PolicyError) as refusal:
        GatePolicy.from_json([])
    assert refusal.value.problems[0].startswith("policy must be an object with key, tier")
