"""Proposing and withdrawing: what is written down, who takes part, and every refusal."""

import json

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.moves import release_url
from approvals.actions.policies import publish
from approvals.actions.releases import propose_release, withdraw_release
from approvals.choices import ReleaseState
from approvals.declarations import changes_since_proposal, declared_digest, digest_of
from approvals.gating import load_policies
from approvals.models import GatePolicyVersion, Release, ReleaseContributor, Verdict
from portal.access import Refused
from portal.models import AuditEvent, Notice
from tests.approvals.story import a_release, a_run, a_use_case, a_version, approved, sign
from tests.cast import Cast
from usecases.choices import Stage, Tier
from usecases.models import ChecklistConfirmation, DataSource, DataUse, Fact, Questionnaire, RiskReview, UseCase


def refused(
    cast: Cast, use_case: UseCase, *, by: str = "dev", environment: str = "production", **more: object
) -> list[str]:
    """The codes of the refusal, after making sure that nothing was proposed."""
    version = more.get("version") or use_case.versions.first()
    before = (Release.objects.count(), Fact.objects.filter(use_case=use_case).count(), AuditEvent.objects.count())
    with pytest.raises(Refused) as caught:
        propose_release(actor=cast.actor(by), use_case=use_case, version=version, environment=environment)  # type: ignore[arg-type]
    after = (Release.objects.count(), Fact.objects.filter(use_case=use_case).count(), AuditEvent.objects.count())
    assert after == before
    return [reason.code for reason in caught.value.reasons]


def test_a_proposed_release_binds_what_people_will_approve(cast: Cast) -> None:
    release = a_release(cast)
    declared = json.loads(release.canon)
    assert release.digest == digest_of(release.canon) == declared_digest(release)
    assert (release.number, release.state, release.tier) == (1, ReleaseState.PROPOSED, Tier.MODERATE)
    assert release.lanes == ["business", "technical", "security"]
    assert declared["version"] == release.system_version.digest
    assert declared["use_case"]["owner"] == str(cast.olivia.pk)
    assert [run["id"] for run in declared["runs"]] == [
        str(run.pk) for run in release.system_version.evaluation_runs.all()
    ]


def test_proposing_judges_at_once_and_tells_the_trail(cast: Cast) -> None:
    release = a_release(cast)
    verdict = Verdict.objects.get(release=release)
    assert (verdict.outcome, verdict.allows, verdict.judged_by) == ("pass", True, cast.actor("dev").key)
    events = AuditEvent.objects.filter(object_id=release.pk).order_by("object_rev")
    assert [event.payload["action"] for event in events] == ["release.proposed", "release.judged"]
    assert events[0].payload["sentence"] == "proposed version “1.0” of UC-0001 for production as release 1.".replace(
        "UC-0001", release.use_case.reference
    )
    assert release.use_case.reference in events[0].references


def asked(release: Release) -> set[str]:
    """Who is still asked for a signature on their home page."""
    waiting = Notice.objects.filter(url=f"{release_url(release)}#decide", read_at__isnull=True)
    return set(waiting.values_list("person__username", flat=True))


def test_those_who_may_sign_are_told(cast: Cast) -> None:
    assert asked(a_release(cast)) == {"olivia", "amina", "petra", "sam"}


def test_who_can_no_longer_sign_is_no_longer_asked(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "technical")
    assert asked(release) == {"olivia", "sam"}
    sign(cast, release, "security")
    assert asked(release) == {"olivia"}
    sign(cast, release, "business")
    assert asked(release) == set()


def test_nobody_is_asked_about_a_release_that_ended(cast: Cast) -> None:
    release = a_release(cast)
    withdraw_release(actor=cast.actor("olivia"), release=release, reason="Too early.")
    assert asked(release) == set()
    assert Notice.objects.filter(read_at__isnull=True).exists()  # what was told since stays


def test_contributors_are_everyone_who_made_what_is_claimed(cast: Cast) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    a_run(version, pushed_by=cast.petra)
    questionnaire = Questionnaire.objects.order_by("published_at").last() or Questionnaire.objects.create(
        key="discovery", version="t", title="t", definition={}, digest="0" * 64
    )
    use_case.answers.create(questionnaire=questionnaire, question="q", revision=1, value="x", answered_by=cast.arno)
    release = propose_release(actor=cast.actor("olivia"), use_case=use_case, version=version, environment="test")
    parts = ReleaseContributor.objects.filter(release=release).values_list("person__username", "part")
    assert set(parts) == {("dev", "version"), ("petra", "evidence"), ("arno", "answers"), ("olivia", "proposal")}


def test_a_service_account_may_propose(cast: Cast) -> None:
    release = a_release(cast, by="pipeline")
    assert release.proposed_by is None
    assert release.proposed_by_account == cast.accounts["pipeline"]


@pytest.mark.parametrize("who", ["amina", "rafael", "aud", "otto", "admin", "ingest"])
def test_who_has_no_part_in_building_proposes_nothing(cast: Cast, who: str) -> None:
    use_case = a_use_case(cast)
    a_version(cast, use_case)
    assert refused(cast, use_case, by=who) == ["not_proposer"]


def test_without_a_concluded_tier_nothing_is_proposed(cast: Cast) -> None:
    use_case = a_use_case(cast, tier="")
    a_version(cast, use_case)
    assert refused(cast, use_case, environment="test") == ["tier_not_concluded"]


def test_a_prohibited_use_is_never_proposed(cast: Cast) -> None:
    use_case = a_use_case(cast, tier=Tier.BLOCKED)
    a_version(cast, use_case)
    assert refused(cast, use_case, environment="test") == ["use_case_prohibited"]


def test_a_stopped_use_case_is_not_released(cast: Cast) -> None:
    use_case = a_use_case(cast)
    a_version(cast, use_case)
    UseCase.objects.filter(pk=use_case.pk).update(stage=Stage.STOPPED)
    assert refused(cast, use_case) == ["use_case_stopped"]


def test_while_a_risk_review_is_open_nothing_is_proposed(cast: Cast) -> None:
    use_case = a_use_case(cast)
    a_version(cast, use_case)
    RiskReview.objects.create(
        use_case=use_case,
        number=1,
        factors={},
        context={},
        scheme_version="1",
        scheme_digest="0" * 64,
        classification={},
        proposed_tier="high",
        provisional=False,
        submitted_by=cast.arno,
    )
    assert refused(cast, use_case) == ["review_open"]


def test_the_version_of_another_use_case_is_refused(cast: Cast) -> None:
    use_case, other = a_use_case(cast), a_use_case(cast, title="Another")
    a_version(cast, use_case)
    assert refused(cast, use_case, version=a_version(cast, other)) == ["version_of_other_use_case"]


def test_production_asks_for_the_whole_checklist_and_test_does_not(cast: Cast) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    ChecklistConfirmation.objects.filter(use_case=use_case, item="PC07").update(
        withdrawn_by=cast.arno, withdrawn_at="2026-01-01T00:00:00Z"
    )
    with pytest.raises(Refused) as caught:
        propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    assert [(r.code, r.text) for r in caught.value.reasons] == [
        ("checklist_open", "The pilot checklist is not complete: Access control design.")
    ]
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="test")
    assert release.environment == "test"


def test_one_release_waits_per_environment(cast: Cast) -> None:
    release = a_release(cast)
    assert refused(cast, release.use_case) == ["release_open"]
    with pytest.raises(IntegrityError, match="release_one_is_proposed_per_environment"), transaction.atomic():
        Release.objects.create(
            **{
                field: getattr(release, field)
                for field in ("use_case", "system_version", "environment", "tier", "policy", "canon", "digest", "lanes")
            },
            number=2,
            proposed_by=cast.dev,
        )


def test_proposing_fixes_the_criteria_for_the_checklist(cast: Cast) -> None:
    release = a_release(cast)
    fact = Fact.objects.get(use_case=release.use_case, name="gate_criteria", until__isnull=True)
    assert fact.value["digest"] == release.policy.digest


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"title": "Another title"},
            "The title was “Policy assistant” when the release was proposed and is “Another title” now.",
        ),
        (
            {"user_group": "Everyone"},
            "The user group was “Service staff” when the release was proposed and is “Everyone” now.",
        ),
        ({"business_outcome": "More"}, "The business outcome was"),
        ({"pattern": "agent"}, "The pattern was “Answers from documents” when"),
        ({"tier": "high"}, "The risk tier was Moderate when the release was proposed and is High now."),
    ],
)
def test_every_declared_field_is_part_of_what_is_approved(cast: Cast, change: dict[str, str], told: str) -> None:
    release = a_release(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(**change)
    assert declared_digest(release) != release.digest
    assert changes_since_proposal(release)[0].startswith(told)


def test_a_new_owner_and_a_new_data_use_are_changes(cast: Cast) -> None:
    release = a_release(cast)
    UseCase.objects.filter(pk=release.use_case_id).update(owner=cast.fiona)
    source = DataSource.objects.create(
        name="Policies", system="DMS", owner=cast.petra, unit=cast.units["Technology"], classification="internal",
        personal_data=False, declared_by=cast.petra,
    )  # fmt: skip
    DataUse.objects.create(use_case=release.use_case, data_source=source, purpose="Answer", requested_by=cast.arno)
    assert changes_since_proposal(release) == [
        "The accountable owner was “Olivia” when the release was proposed and is “Fiona” now.",
        "The data source “Policies” was added.",
    ]


def test_a_replaced_policy_makes_open_releases_stale(cast: Cast) -> None:
    release = a_release(cast)
    GatePolicyVersion.objects.filter(pk=release.policy_id).update(retired_at="2026-01-01T00:00:00Z")
    GatePolicyVersion.objects.create(
        tier="moderate", version="99", definition=release.policy.definition, digest="9" * 64
    )
    assert changes_since_proposal(release) == ["The gate policy was replaced since the release was proposed."]


def test_later_evidence_does_not_change_the_digest(cast: Cast) -> None:
    release = a_release(cast)
    a_run(release.system_version)
    assert changes_since_proposal(release) == []


def test_a_proposal_is_withdrawn_by_its_team(cast: Cast) -> None:
    release = a_release(cast)
    withdraw_release(actor=cast.actor("olivia"), release=release, reason="Wrong version.")
    release.refresh_from_db()
    assert (release.state, release.state_reason) == (ReleaseState.WITHDRAWN, "Wrong version.")
    event = AuditEvent.objects.filter(object_id=release.pk).order_by("-object_rev")[0]
    assert event.payload["sentence"] == f"withdrew release 1 of {release.use_case.reference}: Wrong version."


@pytest.mark.parametrize(("who", "code"), [("amina", "not_proposer"), ("otto", "not_proposer")])
def test_others_withdraw_nothing(cast: Cast, who: str, code: str) -> None:
    release = a_release(cast)
    with pytest.raises(Refused) as caught:
        withdraw_release(actor=cast.actor(who), release=release)
    release.refresh_from_db()
    assert (caught.value.code, release.state) == (code, ReleaseState.PROPOSED)


def test_a_machine_does_not_withdraw_what_people_approved(cast: Cast) -> None:
    release = approved(cast)
    with pytest.raises(Refused) as caught:
        withdraw_release(actor=cast.actor("pipeline"), release=release)
    assert caught.value.code == "machine_withdraws_no_approval"
    assert Release.objects.get(pk=release.pk).state == ReleaseState.APPROVED


def test_what_is_over_cannot_be_withdrawn(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "business", "reject")
    with pytest.raises(Refused) as caught:
        withdraw_release(actor=cast.actor("dev"), release=release)
    assert (caught.value.code, caught.value.is_conflict) == ("release_is_over", True)


def test_the_shipped_policies_are_published_once(cast: Cast) -> None:
    assert publish() == []
    in_force = GatePolicyVersion.objects.filter(retired_at__isnull=True)
    assert {policy.tier for policy in in_force} == set(load_policies()) == {"low", "moderate", "high", "critical"}


def test_a_published_policy_never_changes(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        GatePolicyVersion.objects.filter(tier="low").update(definition={})


def test_a_release_keeps_its_claim(cast: Cast) -> None:
    release = a_release(cast)
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(digest="0" * 64)
