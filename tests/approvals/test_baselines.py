"""A release is compared with the one before it: on the same evaluation set, item by item, as the rows say."""

import random
from decimal import Decimal

import pytest

from approvals.actions.gates import judge_release, reevaluate, sweep
from approvals.actions.releases import propose_release
from approvals.measurements import evidence_for
from approvals.models import Release, Verdict
from evidence.models import EvaluationDimension, EvaluationRun, EvaluationScore
from tests.approvals.story import a_run, a_use_case, a_version, approved, sign
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def scored(run: EvaluationRun, outcomes: list[tuple[str, int, str]], metric: str = "groundedness") -> None:
    """Rows of (item, trial, "pass", "fail" or "errored") on groundedness."""
    EvaluationScore.objects.bulk_create(
        EvaluationScore(
            run=run, item_id=item, item_kind="common_question", trial=trial, dimension="groundedness", metric=metric,
            state="errored" if told == "errored" else "scored",
            value=None if told == "errored" else Decimal(told == "pass"),
            passed=None if told == "errored" else told == "pass",
            scale_min=0, scale_max=1, direction="higher", threshold=1, judge_kind="code",
        )
        for item, trial, told in outcomes
    )  # fmt: skip


def on_set(run: EvaluationRun, name: str = "golden", version: str = "3") -> EvaluationRun:
    """The run as one that was read from this evaluation set; runs are fixed, so it is a new one."""
    copy = EvaluationRun.objects.get(pk=run.pk)
    dimensions = list(EvaluationDimension.objects.filter(run=run))
    EvaluationRun.objects.filter(pk=run.pk).update(is_current=False)
    copy.pk, copy.id, copy.external_id, copy.dataset_name, copy.dataset_version = None, None, f"{run.pk}", name, version
    copy._state.adding, copy.is_current = True, True
    copy.save(force_insert=True)
    for each in dimensions:
        each.pk, each.run = None, copy
        each._state.adding = True
        each.save(force_insert=True)
    return copy


def items(passing: int, of: int) -> list[tuple[str, int, str]]:
    return [(f"q{number}", 1, "pass" if number < passing else "fail") for number in range(of)]


def next_release(cast: Cast, before: Release, *, passing: int, of: int = 320, name: str = "golden") -> Release:
    """Another version of the same use case, proposed after the first was approved."""
    version = a_version(cast, before.use_case, "2.0", version="2026-09-01")
    scored(on_set(a_run(version), name), items(passing, of))
    return propose_release(
        actor=cast.actor("dev"), use_case=before.use_case, version=version, environment=before.environment
    )


@pytest.fixture
def before(cast: Cast) -> Release:
    """Release 1, approved, all 320 cases of the golden set grounded."""
    release = approved(cast)
    scored(on_set(EvaluationRun.objects.get(system_version=release.system_version)), items(320, 320))
    judge_release(release_id=release.pk, judged_by="test")
    release.refresh_from_db()
    assert release.state == "approved"
    return release


def groundedness(release: Release) -> dict[str, object]:
    verdict = judge_release(release_id=release.pk, judged_by="test")
    return next(row for row in verdict.criteria if row["criterion"]["dimension"] == "groundedness")


def test_what_passed_in_the_release_before_and_fails_now_is_a_regression(cast: Cast, before: Release) -> None:
    release = next_release(cast, before, passing=310)
    row = groundedness(release)
    assert row["verdict"] == "fail"
    assert row["comparison"] == {
        "baseline": "release 1",
        "reference": str(EvaluationRun.objects.get(system_version=before.system_version, is_current=True).pk),
        "shared": 320, "worse": 10, "better": 0, "dropped": 0, "margin": 0.05, "verdict": "fail",
        "p_value": 0.000977, "low": pytest.approx(-0.047, abs=0.002),
        "explanation": (
            "on 320 cases that release 1 was scored on too, 10 that passed there fail now and 0 the other way, which is"
            " a regression (p = 0.00098)"
        ),
    }  # fmt: skip


def test_equal_answers_are_not_inferior(cast: Cast, before: Release) -> None:
    row = groundedness(next_release(cast, before, passing=318))
    assert row["verdict"] == "pass"
    assert row["comparison"]["verdict"] == "pass"  # type: ignore[index]


def test_another_evaluation_set_is_not_compared_and_the_verdict_says_so(cast: Cast, before: Release) -> None:
    release = next_release(cast, before, passing=200, name="other")
    row = groundedness(release)
    assert row["comparison"] is None
    verdict = Verdict.objects.filter(release=release).latest("judged_at")
    assert any(told.startswith("Groundedness was not compared with release 1") for told in verdict.warnings)


def test_the_first_release_has_nothing_to_be_compared_with(cast: Cast, before: Release) -> None:
    assert evidence_for(before).baseline is None
    assert all(row["comparison"] is None for row in Verdict.objects.filter(release=before).latest("judged_at").criteria)


def test_the_same_version_proposed_again_is_not_compared_with_itself(cast: Cast, before: Release) -> None:
    again = propose_release(
        actor=cast.actor("dev"), use_case=before.use_case, version=before.system_version, environment="production"
    )
    assert evidence_for(again).baseline is None


def test_another_environment_is_no_baseline(cast: Cast, before: Release) -> None:
    version = a_version(cast, before.use_case, "2.0", version="2026-09-01")
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=before.use_case, version=version, environment="test")
    assert evidence_for(release).baseline is None


def test_trials_count_once_by_most_of_them_and_failed_judges_not_at_all(cast: Cast, before: Release) -> None:
    release = next_release(cast, before, passing=0, of=0)
    run = EvaluationRun.objects.get(system_version=release.system_version, is_current=True)
    scored(run, [("q1", 1, "pass"), ("q1", 2, "pass"), ("q1", 3, "fail")])
    scored(run, [("q2", 1, "pass"), ("q2", 2, "fail")])
    scored(run, [("q3", 1, "errored"), ("q4", 1, "pass"), ("new", 1, "pass")])
    scored(run, [("q4", 1, "fail")], metric="second judge")
    found = evidence_for(release).pairs()["groundedness"]
    # q1 stays; q2 and q4 turned; q3 has no score; 317 of the baseline and the new one stand alone.
    assert (found.shared, found.worse, found.better, found.dropped) == (3, 2, 0, 318)


def test_the_database_counts_pairs_as_plain_python_does(cast: Cast, before: Release) -> None:
    dice = random.Random(11)
    release = next_release(cast, before, passing=0, of=0)
    run = EvaluationRun.objects.get(system_version=release.system_version, is_current=True)
    told = {f"q{n}": [dice.choice(["pass", "fail", "errored"]) for _ in range(dice.randint(1, 4))] for n in range(400)}
    scored(run, [(item, trial, each) for item, trials in told.items() for trial, each in enumerate(trials, 1)])
    counted = {item: [each for each in trials if each != "errored"] for item, trials in told.items()}
    passes = {item: 2 * trials.count("pass") > len(trials) for item, trials in counted.items() if trials}
    shared = [passes[item] for item in passes if int(item[1:]) < 320]
    found = evidence_for(release).pairs()["groundedness"]
    assert (found.shared, found.worse, found.better) == (len(shared), shared.count(False), 0)
    assert found.dropped == len(passes) + 320 - 2 * len(shared)


def test_new_evidence_of_the_release_before_is_judged_anew(cast: Cast, before: Release) -> None:
    release = next_release(cast, before, passing=310)
    assert groundedness(release)["verdict"] == "fail"
    newer = on_set(EvaluationRun.objects.get(system_version=before.system_version, is_current=True), version="3")
    scored(newer, items(309, 320))
    assert release.pk in reevaluate(version_id=before.system_version_id)
    assert groundedness(release)["comparison"]["worse"] == 0  # type: ignore[index]


def test_the_sweep_finds_a_release_whose_baseline_has_new_evidence(cast: Cast, before: Release) -> None:
    release = next_release(cast, before, passing=310)
    groundedness(release)
    assert sweep() == []
    scored(on_set(EvaluationRun.objects.get(system_version=before.system_version, is_current=True)), items(309, 320))
    assert release.pk in sweep()


def test_a_regression_keeps_the_last_signature_from_letting_it_through(cast: Cast, before: Release) -> None:
    from portal.access import Refused

    release = next_release(cast, before, passing=310)
    with pytest.raises(Refused) as refusal:
        sign(cast, release, "business")
    assert any("gate" in reason.text.lower() for reason in refusal.value.reasons)
    assert Release.objects.get(pk=before.pk).state == "approved"


def test_a_use_case_of_its_own_is_never_compared_with_another(cast: Cast, before: Release) -> None:
    other = a_use_case(cast, title="Second assistant")
    version = a_version(cast, other)
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=other, version=version, environment="production")
    assert evidence_for(release).baseline is None
