"""How answers become a risk tier, and that the questions people see are the ones that are scored."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from usecases import classification
from usecases.classification import (
    CONTENT,
    TIERS,
    classify,
    load_scheme,
    lowest_residual_tier,
    parse_scheme,
    requirements,
)

DATA = yaml.safe_load(CONTENT.read_text(encoding="utf-8"))
SCHEME = load_scheme()
FACTORS = tuple(factor.id for factor in SCHEME.factors)
HARMLESS = dict.fromkeys(FACTORS, 1)

answers = st.fixed_dictionaries({name: st.integers(1, 5) for name in FACTORS})
contexts = st.fixed_dictionaries(
    {
        "eu_tier": st.sampled_from(["none", "limited", "high_risk_annex_iii", "prohibited", "unsure"]),
        "omb_high_impact": st.booleans(),
    }
)


def rank(tier):
    return TIERS.index(tier)


def floor(found, name):
    return next((each for each in found.floors if each.id == name), None)


def contribution(found, name):
    return next(each for each in found.contributions if each.factor == name)


@pytest.mark.parametrize("case", DATA["golden_cases"], ids=lambda case: case["name"])
def test_a_golden_case_gets_its_score_and_tier(case):
    found = classify(SCHEME, case["f"], case.get("ctx", {}))
    assert (found.score, found.tier, found.provisional) == (case["score"], case["tier"], False)


@given(answers, contexts, st.sampled_from(FACTORS), st.integers(1, 5))
def test_raising_an_answer_never_lowers_the_tier_or_the_score(factors, context, name, value):
    higher = {**factors, name: max(value, factors[name])}
    before, after = classify(SCHEME, factors, context), classify(SCHEME, higher, context)
    assert rank(after.tier) >= rank(before.tier)
    assert after.score >= before.score


@given(answers, contexts, st.sets(st.sampled_from(FACTORS)))
def test_leaving_questions_unanswered_never_lowers_the_tier_and_makes_it_provisional(factors, context, left_out):
    fewer = {name: None if name in left_out else value for name, value in factors.items()}
    complete, partial = classify(SCHEME, factors, context), classify(SCHEME, fewer, context)
    assert rank(partial.tier) >= rank(complete.tier)
    assert partial.provisional == (bool(left_out) or context["eu_tier"] == "unsure")
    assert set(partial.unanswered) == left_out | ({"eu_tier"} if context["eu_tier"] == "unsure" else set())


@given(answers, contexts)
def test_the_tier_is_the_highest_of_score_and_floors_and_survives_storage(factors, context):
    found = classify(SCHEME, factors, context)
    assert found.tier == max([found.scored_tier, *(each.tier for each in found.floors)], key=rank)
    assert [each.raised for each in found.floors] == [
        rank(each.tier) > rank(found.scored_tier) for each in found.floors
    ]
    assert json.loads(json.dumps(found.to_json()))["tier"] == found.tier


@given(answers)
def test_the_score_is_impact_times_exposure_of_the_documented_formula(factors):
    found = classify(SCHEME, factors, {})
    harm = min(5, factors["harm_severity"] + (1 if factors["irreversibility"] >= 4 else 0))
    impact = max(harm, factors["decision_effect"], factors["data_sensitivity"] - 1)
    doubled = 2 * (factors["autonomy"] + factors["user_exposure"] + factors["attack_surface"])
    exposure = int((doubled + factors["scale"] + factors["novelty"]) / 8 + 0.5)
    if factors["autonomy"] >= 4 and factors["attack_surface"] >= 4:
        exposure = max(4, exposure)
    assert (found.impact, found.exposure, found.score) == (impact, exposure, impact * exposure)


def test_the_formula_in_the_data_is_the_one_the_code_implements():
    assert DATA["formula"]["impact"].startswith(
        "max( min(5, harm_severity + (1 if irreversibility>=4 else 0)), decision_effect, data_sensitivity - 1 )"
    )
    assert DATA["formula"]["exposure"] == (
        "floor( sum(weight*value)/sum(weight) + 0.5 ); at least 4 when autonomy>=4 and attack_surface>=4"
    )
    assert DATA["formula"]["score"] == "impact * exposure"


def test_every_floor_in_the_data_has_a_rule_in_code_and_no_rule_is_left_over():
    assert {row["id"] for row in DATA["floors"]} == set(classification.FLOOR_RULES)


@pytest.mark.parametrize(
    ("name", "factors", "context", "tier"),
    [
        ("F1", {}, {"eu_tier": "prohibited"}, "blocked"),
        ("F2", {}, {"eu_tier": "high_risk_annex_iii"}, "high"),
        ("F2", {}, {"eu_tier": "high_risk_annex_i"}, "high"),
        ("F2", {}, {"omb_high_impact": True}, "high"),
        ("F2", {}, {"omb_high_impact": "yes"}, "high"),
        ("F3", {"decision_effect": 5}, {}, "high"),
        ("F4", {"harm_severity": 5}, {}, "high"),
        ("F5", {"harm_severity": 5, "user_exposure": 4}, {}, "critical"),
        ("F5", {"harm_severity": 5, "autonomy": 4}, {}, "critical"),
        ("F6", {"autonomy": 4, "irreversibility": 4}, {}, "high"),
        ("F7", {"data_sensitivity": 5}, {}, "moderate"),
        ("F7", {"user_exposure": 5}, {}, "moderate"),
    ],
)
def test_a_floor_raises_an_otherwise_harmless_use_case(name, factors, context, tier):
    found = classify(SCHEME, {**HARMLESS, **factors}, context)
    assert found.tier == tier
    held = floor(found, name)
    assert (held.tier, held.raised) == (tier, True)
    assert held.sentence == classification.FLOOR_RULES[name].sentence


@pytest.mark.parametrize(
    ("name", "factors", "context"),
    [
        ("F1", {}, {"eu_tier": "high_risk_annex_iii"}),
        ("F2", {}, {"eu_tier": "limited", "omb_high_impact": "no"}),
        ("F3", {"decision_effect": 4}, {}),
        ("F4", {"harm_severity": 4}, {}),
        ("F5", {"harm_severity": 5, "user_exposure": 3, "autonomy": 3}, {}),
        ("F5", {"harm_severity": 4, "user_exposure": 5, "autonomy": 5}, {}),
        ("F6", {"autonomy": 4, "irreversibility": 3}, {}),
        ("F6", {"autonomy": 3, "irreversibility": 5}, {}),
        ("F7", {"data_sensitivity": 4, "user_exposure": 4}, {}),
        ("F8", {}, {}),
    ],
)
def test_a_floor_does_not_hold_one_step_below_its_condition(name, factors, context):
    assert floor(classify(SCHEME, {**HARMLESS, **factors}, context), name) is None


def test_a_floor_below_the_score_is_told_but_raises_nothing():
    found = classify(SCHEME, dict.fromkeys(FACTORS, 5), {})
    assert (found.scored_tier, found.tier) == ("critical", "critical")
    assert [each.raised for each in found.floors] == [False] * len(found.floors)
    assert {each.id for each in found.floors} == {"F3", "F4", "F5", "F6", "F7"}


def test_without_any_answer_the_tier_is_critical_and_provisional_and_each_floor_says_it_is_assumed():
    found = classify(SCHEME, {}, {"eu_tier": None, "omb_high_impact": None})
    assert (found.tier, found.provisional, found.score) == ("critical", True, 25)
    assert found.unanswered == (*FACTORS, "eu_tier", "omb_high_impact")
    told = {each.id: each.sentence for each in found.floors}
    assert told.pop("F8") == "Unanswered questions count as their worst case until someone answers them."
    assert set(told) == {"F2", "F3", "F4", "F5", "F6", "F7"}
    assert all(sentence.startswith("Assumed until answered: ") for sentence in told.values())


@pytest.mark.parametrize("unsure", [None, "", "unsure"])
@pytest.mark.parametrize("question", ["eu_tier", "omb_high_impact"])
def test_being_unsure_about_the_law_counts_as_high_risk_until_someone_knows(question, unsure):
    found = classify(SCHEME, HARMLESS, {question: unsure})
    assert (found.tier, found.scored_tier, found.provisional) == ("high", "low", True)
    assert found.unanswered == (question,)
    assert floor(found, "F2").sentence == "Assumed until answered: the law counts this use as high-risk or high-impact."


def test_a_context_question_that_was_not_asked_says_nothing():
    found = classify(SCHEME, HARMLESS, {})
    assert (found.tier, found.provisional, found.floors) == ("low", False, ())


def test_contributions_say_what_sets_impact_and_how_each_answer_counts():
    found = classify(SCHEME, {**HARMLESS, "harm_severity": 4, "decision_effect": 2, "scale": None}, {})
    assert [each.factor for each in found.contributions] == list(FACTORS)
    harm, scale = contribution(found, "harm_severity"), contribution(found, "scale")
    assert harm.sentence == "Harm severity 4 (serious financial, legal or wellbeing harm) sets impact at 4."
    assert (scale.value, scale.answered, scale.anchor) == (5, False, ">=1M")
    assert scale.sentence == "Scale is unanswered and counts as 5 (>=1M), and weighs 1 in exposure."
    assert contribution(found, "decision_effect").sentence == "Decision effect 2 (internal process only)."
    assert [each.factor for each in found.contributions if each.sets_impact] == ["harm_severity"]


def test_harm_that_is_hard_to_undo_counts_one_more_and_says_so():
    found = classify(SCHEME, {**HARMLESS, "harm_severity": 3, "irreversibility": 4}, {})
    assert found.impact == 4
    assert (
        contribution(found, "irreversibility").sentence
        == "Irreversibility 4 (hard and lasting) raises the harm by one."
    )
    assert [each.factor for each in found.contributions if each.sets_impact] == ["harm_severity", "irreversibility"]


def test_the_gravest_harm_is_not_raised_further_by_being_hard_to_undo():
    found = classify(SCHEME, {**HARMLESS, "harm_severity": 5, "irreversibility": 5}, {})
    assert found.impact == 5
    assert [each.factor for each in found.contributions if each.sets_impact] == ["harm_severity"]


def test_acting_alone_on_untrusted_input_keeps_exposure_at_four_or_more_and_says_so():
    found = classify(SCHEME, {**HARMLESS, "autonomy": 4, "attack_surface": 4}, {})
    assert found.exposure == 4
    assert contribution(found, "autonomy").sentence == (
        "Autonomy 4 (acts alone within limits) weighs 2 in exposure and keeps it at 4 or more."
    )
    assert classify(SCHEME, {**HARMLESS, "autonomy": 4, "attack_surface": 3}, {}).exposure == 2


@pytest.mark.parametrize("value", [0, 6, -1, "3", 3.0, True])
def test_a_value_that_is_not_a_whole_number_from_one_to_five_is_refused(value):
    with pytest.raises(ValueError) as refusal:
        classify(SCHEME, {**HARMLESS, "scale": value}, {})
    assert str(refusal.value) == (
        f"scale is {value!r}; answer with a whole number from 1 to 5, or leave it unanswered."
    )


@pytest.mark.parametrize(
    ("factors", "context", "message"),
    [
        ({"size": 3}, {}, "There is no risk factor 'size'; use harm_severity, decision_effect"),
        ({}, {"eu_class": "prohibited"}, "There is no context question 'eu_class'; use eu_tier, omb_high_impact."),
        ({}, {"eu_tier": "high_risk"}, "eu_tier is 'high_risk'; use one of annex_i_section_b"),
        ({}, {"eu_tier": 4}, "eu_tier is 4; use one of"),
        ({}, {"omb_high_impact": "maybe"}, "omb_high_impact is 'maybe'; answer yes or no, or unsure."),
        ({}, {"omb_high_impact": 1}, "omb_high_impact is 1; answer yes or no, or unsure."),
    ],
)
def test_a_typing_mistake_is_refused_instead_of_lowering_the_tier(factors, context, message):
    with pytest.raises(ValueError) as refusal:
        classify(SCHEME, factors, context)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("factors", "context", "tier", "lowest"),
    [
        ({}, {}, "low", "low"),
        ({"data_sensitivity": 5}, {}, "moderate", "low"),
        ({"autonomy": 4, "irreversibility": 4}, {}, "high", "moderate"),
        ({"decision_effect": 5}, {}, "high", "high"),
        ({"harm_severity": 5, "autonomy": 4}, {}, "critical", "critical"),
        ({}, {"eu_tier": "prohibited"}, "blocked", "blocked"),
    ],
)
def test_controls_lower_a_tier_by_one_at_most_and_never_below_a_lasting_floor(factors, context, tier, lowest):
    found = classify(SCHEME, {**HARMLESS, **factors}, context)
    assert (found.tier, lowest_residual_tier(found)) == (tier, lowest)


def test_each_tier_asks_for_at_least_what_the_tier_below_asks_for():
    needs = [requirements(tier) for tier in TIERS[:-1]]
    assert [need.review_every_months for need in needs] == [12, 6, 3, 1]
    assert [(need.pilot_users, need.pilot_weeks) for need in needs] == [(200, 12), (100, 8), (50, 8), (20, 6)]
    assert [need.monitor_sample_pct for need in needs] == [1, 2, 5, 10]
    assert [need.log_retention_days for need in needs] == [180, 365, 730, 1095]
    assert [need.four_eyes for need in needs] == [False, False, True, True]
    assert [len(need.approvals) for need in needs] == [1, 3, 5, 7]
    assert [need.gate_profile for need in needs] == list(TIERS[:-1])


def test_the_digest_follows_the_content_and_not_the_layout_of_the_file():
    same = yaml.safe_load(yaml.safe_dump(DATA, default_flow_style=False))
    assert parse_scheme(same).digest == SCHEME.digest
    assert parse_scheme(json.loads(json.dumps(DATA))) == SCHEME
    changed = copy.deepcopy(DATA)
    changed["factors"][4]["weight"] = 3
    assert parse_scheme(changed).digest != SCHEME.digest
    assert len(SCHEME.digest) == 64


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data.pop("version"), "incomplete: 'version'"),
        (lambda data: data["tier_requirements"].pop("high"), "incomplete: 'high'"),
        (lambda data: data["tier_requirements"]["low"].update(lunch="free"), "unexpected keyword argument 'lunch'"),
        (lambda data: data["floors"][0].update(result=""), "Floor F1 leads to ''"),
        (lambda data: data["factors"].pop(), "needs exactly these factors"),
        (lambda data: data["factors"][0]["anchors"].pop(5), "harm_severity needs words for 1 to 5"),
        (lambda data: data["factors"][4].update(weight=0), "autonomy needs words for 1 to 5 and a weight"),
        (lambda data: data["floors"].pop(0), "needs exactly these floors"),
        (lambda data: data["floors"][2].update(tier="hgih"), "Floor F3 leads to 'hgih'"),
        (lambda data: data["formula"]["tiers"].update(low=[1, 3]), "cover 1 to 25 without gap or overlap"),
    ],
)
def test_a_scheme_that_cannot_be_judged_by_is_refused(spoil, message):
    data = copy.deepcopy(DATA)
    spoil(data)
    with pytest.raises(ValueError) as refusal:
        parse_scheme(data)
    assert message in str(refusal.value)


def shipped(name):
    return yaml.safe_load((Path(classification.__file__).parent / "content" / name).read_text(encoding="utf-8"))


def test_the_discovery_questionnaire_asks_ten_things_and_then_exactly_what_is_scored():
    outcome, risk = shipped("discovery.yaml")["sections"]
    assert [question["kind"] for question in outcome["questions"]] == ["text"] * 10
    assert [question["key"] for question in risk["questions"]] == [*FACTORS, "eu_tier", "omb_high_impact"]
    everything = [*outcome["questions"], *risk["questions"]]
    assert len({question["fact"] for question in everything}) == 21
    for question in everything:
        assert all(question[part] for part in ("key", "text", "help", "good", "weak", "fact")), question["key"]


def test_every_option_of_a_factor_question_can_be_scored_and_being_unsure_is_allowed():
    for question in shipped("discovery.yaml")["sections"][1]["questions"][:9]:
        values = [option["value"] for option in question["options"]]
        assert values == ["1", "2", "3", "4", "5", "unsure"]
        for value in values[:-1]:
            assert contribution(classify(SCHEME, {question["key"]: int(value)}, {}), question["key"]).answered


def test_every_option_of_a_context_question_is_understood():
    for question in shipped("discovery.yaml")["sections"][1]["questions"][9:]:
        for option in question["options"]:
            found = classify(SCHEME, HARMLESS, {question["key"]: option["value"]})
            assert found.provisional == (option["value"] == "unsure")


def test_the_pilot_checklist_has_eleven_items_that_can_each_turn_green():
    items = shipped("checklist.yaml")["items"]
    assert [item["id"] for item in items] == [f"PC{number:02d}" for number in range(1, 12)]
    for item in items:
        assert item["satisfied_by"] or item["confirm"], item["id"]
        assert item["evidence"] and item["why"].endswith(".")
        assert item["strength"] in ("direct", "partial", "weak")
        assert item["frameworks"]["nist_ai_rmf"] and item["frameworks"]["iso_42001"]
    assert [item["id"] for item in items if not item["frameworks"]["eu_ai_act"]] == ["PC09"]
    assert [item["id"] for item in items if item["confirm"]] == ["PC07", "PC08", "PC10", "PC11"]
