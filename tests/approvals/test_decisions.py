"""Signing: who may, who may not, what binds a signature, and what the last one does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.actions.decisions import decide
from approvals.actions.gates import judge_release
from approvals.choices import ReleaseState
from approvals.models import Decision, Release, ReleaseContributor, Verdict
from portal.access import Refused
from portal.actors import Origin, person
from portal.models import AuditEvent, Grant, Notice
from tests.approvals.story import SIGNERS, a_release, a_run, a_version, approved, fresh, sign
from tests.cast import Cast
from usecases.choices import Stage, Tier
from usecases.models import UseCase


def refused(cast: Cast, release: Release, lane: str, kind: str = "approve", **more: Any) -> list[str]:
    """The codes of a refused signature, after making sure that nothing was signed."""
    before = (Decision.objects.count(), Release.objects.get(pk=release.pk).state)
    with pytest.raises(Refused) as caught:
        sign(cast, release, lane, kind, **more)
    assert (Decision.objects.count(), Release.objects.get(pk=release.pk).state) == before
    return [reason.code for reason in caught.value.reasons]


def test_the_last_signature_approves_the_release(cast: Cast) -> None:
    release = a_release(cast)
    for lane in ("business", "technical"):
        sign(cast, release, lane)
        assert Release.objects.get(pk=release.pk).state == ReleaseState.PROPOSED
    sign(cast, release, "security")
    release.refresh_from_db()
    assert release.state == ReleaseState.APPROVED
    assert release.expires_at is not None and release.approved_at is not None
    assert release.expires_at - release.approved_at == timedelta(days=90)
    assert UseCase.objects.get(pk=release.use_case_id).stage == Stage.PRODUCTION


def test_a_signature_keeps_the_digests_and_the_verdict_it_was_given_on(cast: Cast) -> None:
    release = a_release(cast)
    decision = sign(cast, release, "business", comment="Worth it.")
    assert decision.version_digest == release.system_version.digest
    assert decision.release_digest == release.digest
    assert decision.verdict == Verdict.objects.get(release=release)
    event = AuditEvent.objects.filter(object_id=release.pk).order_by("-object_rev")[0]
    assert event.payload["sentence"] == (
        f"approved release 1 of {release.use_case.reference} for production in the lane business."
    )
    assert event.payload["data"]["watermark"] == decision.verdict.watermark


def test_at_high_risk_an_approval_lasts_thirty_days_and_needs_five_people(cast: Cast) -> None:
    release = approved(cast, Tier.HIGH)
    assert release.expires_at is not None and release.approved_at is not None
    assert release.expires_at - release.approved_at == timedelta(days=30)
    signers = Decision.objects.filter(release=release).values_list("person__username", flat=True)
    assert set(signers) == {SIGNERS[lane] for lane in ("business", "technical", "security", "privacy", "risk")}


def test_a_test_release_leaves_the_stage_alone(cast: Cast) -> None:
    release = approved(cast, environment="test")
    assert UseCase.objects.get(pk=release.use_case_id).stage == Stage.PILOT


def test_one_no_ends_it_with_its_reason(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "business")
    sign(cast, release, "security", "reject", comment="Prompt injection is not handled.")
    release.refresh_from_db()
    assert (release.state, release.state_reason) == (ReleaseState.REJECTED, "Prompt injection is not handled.")
    assert refused(cast, release, "technical") == ["not_proposed"]
    assert Notice.objects.filter(person=cast.dev, text__contains="Prompt injection is not handled.").exists()


def test_a_returned_release_is_over_and_may_be_proposed_again(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "technical", "return", comment="Pin the model version.")
    assert Release.objects.get(pk=release.pk).state == ReleaseState.RETURNED


def test_the_gate_may_fail_and_a_no_stays_possible(cast: Cast) -> None:
    release = a_release(cast, evidence=False)
    assert refused(cast, release, "business") == ["gate_not_evaluated"]
    sign(cast, release, "business", "reject", comment="No evidence.")
    assert Release.objects.get(pk=release.pk).state == ReleaseState.REJECTED


@pytest.mark.parametrize("kind", ["reject", "return"])
def test_a_no_without_a_reason_is_refused(cast: Cast, kind: str) -> None:
    release = a_release(cast)
    assert refused(cast, release, "business", kind, comment="  ") == ["comment_missing"]


def test_the_author_does_not_approve_the_own_version(cast: Cast) -> None:
    release = a_release(cast, by="pipeline")
    Grant.objects.create(person=cast.dev, role="approver", valid_from=timezone.now() - timedelta(days=1))
    assert refused(cast, release, "technical", by="dev") == ["contributor"]


def test_the_proposer_does_not_approve(cast: Cast) -> None:
    release = a_release(cast, by="petra")
    assert refused(cast, release, "technical", by="petra") == ["contributor"]


def test_who_pushed_the_evidence_does_not_judge_it(cast: Cast) -> None:
    release = a_release(cast)
    ReleaseContributor.objects.create(release=release, person=cast.sam, part="evidence")
    with pytest.raises(Refused) as caught:
        sign(cast, release, "security")
    assert [reason.text for reason in caught.value.reasons] == [
        "This lane must be signed by somebody who took no part in the release, and you pushed evidence for it."
    ]


def test_who_pushes_evidence_after_the_proposal_becomes_a_contributor(cast: Cast) -> None:
    release = a_release(cast)
    a_run(release.system_version, pushed_by=cast.petra)
    assert refused(cast, release, "technical", by="petra") == ["contributor"]
    with pytest.raises(IntegrityError, match="decision_four_eyes"):
        raw(release, "technical", cast.petra)


def test_the_owner_signs_no_independent_lane(cast: Cast) -> None:
    release = a_release(cast)
    Grant.objects.create(person=cast.olivia, role="approver", valid_from=timezone.now() - timedelta(days=1))
    assert refused(cast, release, "technical", by="olivia") == ["owner_in_independent_lane"]


def test_only_the_owner_signs_the_business_lane(cast: Cast) -> None:
    release = a_release(cast)
    assert refused(cast, release, "business", by="amina") == ["not_the_owner"]


def test_a_low_risk_owner_does_not_approve_the_own_proposal_alone(cast: Cast) -> None:
    release = a_release(cast, Tier.LOW, by="olivia")
    assert release.lanes == ["business"]
    assert refused(cast, release, "business") == ["self_approval"]


@pytest.mark.parametrize(
    ("who", "lane"), [("sam", "technical"), ("fiona", "security"), ("admin", "technical"), ("aud", "security")]
)
def test_without_the_lanes_role_nobody_signs_it(cast: Cast, who: str, lane: str) -> None:
    assert refused(cast, a_release(cast), lane, by=who) == ["not_this_lane"]


@pytest.mark.parametrize("kind", ["approve", "reject", "return"])
def test_a_service_account_decides_nothing(cast: Cast, kind: str) -> None:
    release = a_release(cast)
    with pytest.raises(Refused) as caught:
        decide(
            actor=cast.actor("pipeline"), release=release, lane="technical", kind=kind, comment="x",
            digest=release.system_version.digest,
        )  # fmt: skip
    assert (caught.value.code, Decision.objects.count()) == ("machine_decides_nothing", 0)


def test_a_lane_the_tier_does_not_ask_for_is_refused(cast: Cast) -> None:
    assert refused(cast, a_release(cast), "legal") == ["lane_not_asked"]


def test_a_lane_is_signed_once(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "technical")
    assert refused(cast, release, "technical", by="petra") == ["lane_already_decided"]


def test_one_person_signs_one_lane(cast: Cast) -> None:
    release = a_release(cast)
    Grant.objects.create(person=cast.amina, role="security", valid_from=timezone.now() - timedelta(days=1))
    sign(cast, release, "technical")
    assert refused(cast, release, "security", by="amina") == ["already_decided_another_lane"]


def test_a_person_switched_off_meanwhile_signs_nothing(cast: Cast) -> None:
    release = a_release(cast)
    actor = fresh(cast, "sam")
    type(cast.sam).objects.filter(pk=cast.sam.pk).update(is_active=False)
    with pytest.raises(Refused) as caught:
        decide(actor=actor, release=release, lane="security", kind="approve", digest=release.system_version.digest)
    assert [reason.code for reason in caught.value.reasons] == ["inactive", "not_this_lane"]


def test_a_role_that_ended_meanwhile_signs_nothing(cast: Cast) -> None:
    release = a_release(cast)
    actor = fresh(cast, "sam")
    from portal.actors import roles_of

    assert len(roles_of(actor)) == 1
    Grant.objects.filter(person=cast.sam).update(valid_until=timezone.now())
    with pytest.raises(Refused) as caught:
        decide(actor=actor, release=release, lane="security", kind="approve", digest=release.system_version.digest)
    assert caught.value.code == "not_this_lane"


def test_at_high_risk_an_old_sign_in_is_not_enough(cast: Cast) -> None:
    release = a_release(cast, Tier.HIGH)
    old = person(cast.sam, Origin(signed_in_at=timezone.now() - timedelta(minutes=16)))
    with pytest.raises(Refused) as caught:
        decide(actor=old, release=release, lane="security", kind="approve", digest=release.system_version.digest)
    assert caught.value.code == "sign_in_again"
    sign(cast, release, "security")
    assert Decision.objects.filter(release=release, lane="security").exists()


def test_without_the_digest_nothing_is_decided(cast: Cast) -> None:
    assert refused(cast, a_release(cast), "business", digest="") == ["digest_missing"]


def test_another_versions_digest_is_refused(cast: Cast) -> None:
    release = a_release(cast)
    other = a_version(cast, release.use_case, "1.1", version="2026-09-01")
    assert refused(cast, release, "business", digest=other.digest) == ["digest_changed"]


def test_another_releases_digest_is_refused(cast: Cast) -> None:
    assert refused(cast, a_release(cast), "business", release_digest="0" * 64) == ["digest_changed"]


def test_a_changed_declaration_is_not_approved(cast: Cast) -> None:
    release = a_release(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(user_group="Everyone")
    assert refused(cast, release, "business") == ["declaration_changed"]


def test_a_stopped_use_case_is_not_approved(cast: Cast) -> None:
    release = a_release(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(stage=Stage.STOPPED)
    assert refused(cast, release, "business") == ["use_case_stopped"]


def test_failing_evidence_is_judged_before_the_decision(cast: Cast) -> None:
    release = a_release(cast)
    a_run(release.system_version, passed=100)
    assert refused(cast, release, "business") == ["gate_fails"]
    assert [v.outcome for v in Verdict.objects.filter(release=release).order_by("judged_at")] == ["pass", "fail"]


def test_inconclusive_evidence_is_tolerated_at_moderate_and_refused_at_high(cast: Cast) -> None:
    release = a_release(cast)
    a_run(release.system_version, scored=50, passed=50)
    sign(cast, release, "business")
    high = a_release(cast, Tier.HIGH)
    a_run(high.system_version, scored=50, passed=50)
    assert refused(cast, high, "business") == ["gate_inconclusive"]


def test_a_failed_judge_is_never_a_pass(cast: Cast) -> None:
    release = a_release(cast, Tier.HIGH)
    a_run(release.system_version, errored=1)
    assert refused(cast, release, "business") == ["gate_inconclusive"]


def test_evidence_that_slips_in_between_judging_and_deciding_is_noticed(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = a_release(cast)

    def judge_then_evidence_arrives(**asked: Any) -> Verdict:
        verdict = judge_release(**asked)
        a_run(release.system_version, passed=10)
        return verdict

    monkeypatch.setattr("approvals.actions.decisions.judge_release", judge_then_evidence_arrives)
    assert refused(cast, release, "business") == ["evidence_changed"]


def test_negative_control_without_the_watermark_the_slip_would_pass(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = a_release(cast)
    frozen = Verdict.objects.get(release=release).watermark

    def judge_then_evidence_arrives(**asked: Any) -> Verdict:
        verdict = judge_release(**asked)
        a_run(release.system_version, passed=10)
        return verdict

    monkeypatch.setattr("approvals.actions.decisions.judge_release", judge_then_evidence_arrives)
    monkeypatch.setattr(
        "approvals.actions.decisions.evidence_for", lambda _release: type("E", (), {"watermark": frozen})()
    )
    assert sign(cast, release, "business").kind == "approve"


def test_a_new_release_takes_the_place_of_the_old(cast: Cast) -> None:
    from approvals.actions.releases import propose_release

    old = approved(cast)
    version = a_version(cast, old.use_case, "2.0", version="2026-09-01")
    a_run(version)
    new = propose_release(actor=cast.actor("dev"), use_case=old.use_case, version=version, environment="production")
    for lane in new.lanes:
        sign(cast, new, lane)
    old.refresh_from_db()
    assert (old.state, old.state_reason) == (ReleaseState.SUPERSEDED, "Release 2 took its place.")
    assert Release.objects.get(pk=new.pk).state == ReleaseState.APPROVED


# --- what the database says whatever code writes -------------------------------------------------------------------


def raw(release: Release, lane: str, who: Any, **more: Any) -> Decision:
    told = {
        "kind": "approve",
        "comment": "x",
        "version_digest": release.system_version.digest,
        "release_digest": release.digest,
        "verdict": Verdict.objects.filter(release=release).latest("judged_at"),
        **more,
    }
    with transaction.atomic():
        return Decision.objects.create(release=release, lane=lane, person=who, **told)


@pytest.mark.parametrize("who", ["dev", "olivia"])
def test_the_database_refuses_contributors_and_owner_in_independent_lanes(cast: Cast, who: str) -> None:
    release = a_release(cast, by="pipeline")
    with pytest.raises(IntegrityError, match="decision_four_eyes"):
        raw(release, "technical", cast.people[who])
    assert raw(release, "technical", cast.amina).lane == "technical"


def test_the_database_refuses_the_proposer(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="decision_four_eyes"):
        raw(a_release(cast, by="petra"), "technical", cast.petra)


def test_the_database_keeps_the_business_lane_for_the_owner(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="decision_business_lane_is_the_owners"):
        raw(a_release(cast), "business", cast.amina)


@pytest.mark.parametrize("field", ["version_digest", "release_digest"])
def test_the_database_binds_a_signature_to_its_digests(cast: Cast, field: str) -> None:
    with pytest.raises(IntegrityError, match="decision_matches_its_release"):
        raw(a_release(cast), "technical", cast.amina, **{field: "0" * 64})


def test_the_database_knows_lane_person_reason_and_kind(cast: Cast) -> None:
    release = a_release(cast)
    raw(release, "technical", cast.amina)
    with pytest.raises(IntegrityError, match="decision_one_per_lane"):
        raw(release, "technical", cast.sam)
    with pytest.raises(IntegrityError, match="decision_one_per_person"):
        raw(release, "security", cast.amina)
    with pytest.raises(IntegrityError, match="decision_against_says_why"):
        raw(release, "security", cast.sam, kind="reject", comment="")
    with pytest.raises(IntegrityError, match="decision_kind_is_known"):
        raw(release, "security", cast.sam, kind="shrug")


def test_a_signature_is_never_changed_nor_taken_back(cast: Cast) -> None:
    decision = sign(cast, a_release(cast), "business")
    for write in (lambda: Decision.objects.filter(pk=decision.pk).update(comment="y"), decision.delete):
        with pytest.raises(Exception, match=r"append-only|permission denied"), transaction.atomic():
            write()
    assert Decision.objects.get(pk=decision.pk).comment == "Looked at it."


def test_a_verdict_allows_only_on_evidence(cast: Cast) -> None:
    release = a_release(cast)
    with pytest.raises(IntegrityError, match="verdict_allows_only_on_evidence"), transaction.atomic():
        Verdict.objects.create(
            release=release, outcome="fail", allows=True, criteria=[], policy_digest="0" * 64, watermark="0" * 64,
            judged_by="x",
        )  # fmt: skip


def test_a_state_that_the_lifecycle_does_not_know_is_refused(cast: Cast) -> None:
    release = approved(cast)
    with pytest.raises(Exception, match="Invalid transition"), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(state=ReleaseState.PROPOSED)
