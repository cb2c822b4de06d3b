"""What must never work, tried through the API: each refusal says its codes, and nothing has changed."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.gates import judge_release
from approvals.models import Attestation, Decision, Release
from evidence.models import EvaluationRun
from portal.choices import Role
from portal.models import AuditEvent, Grant
from tests.approvals.doors import browser, machine, post
from tests.approvals.story import a_release, a_run, a_use_case, a_version, approved, expire, sign
from tests.cast import Cast
from tests.journeys.payloads import a_run as pushed_run
from tests.usecases.scenes import answered
from usecases.choices import Tier
from usecases.models import RiskReview, SystemVersion, UseCase

API = "/api/v1/"


def standing() -> dict[str, Any]:
    """Everything a refused request could have changed; a gate's denial may be told, nothing else."""
    models = (Decision, Attestation, Release, RiskReview, SystemVersion, EvaluationRun)
    return {
        **{model.__name__: model.objects.count() for model in models},
        "releases": list(Release.objects.order_by("id").values_list("id", "state", "approved_at", "expires_at")),
        "reviews": list(RiskReview.objects.order_by("id").values_list("id", "state", "concluded_tier")),
        "use cases": list(UseCase.objects.order_by("id").values_list("id", "stage", "tier")),
        "decisions told": AuditEvent.objects.filter(payload__action="decision.taken").count(),
        "told": AuditEvent.objects.exclude(payload__action__startswith="gate.").count(),
    }


def refused(client: Any, path: str, body: Any, status: int) -> list[str]:
    """The codes of a refusal with this status, after making sure that nothing changed."""
    before = standing()
    answer = post(client, API + path, body)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    assert standing() == before
    problem = answer.json()
    assert problem["code"] == problem["reasons"][0]["code"]
    return [reason["code"] for reason in problem["reasons"]]


def signing(
    cast: Cast, name: str, release: Release, lane: str, status: int, kind: str = "approve", **more: Any
) -> list[str]:
    """The codes when this person signs this lane with the right digests and is refused."""
    body = {"lane": lane, "digest": release.system_version.digest, "release_digest": release.digest, "comment": "So."}
    return refused(browser(cast, name), f"releases/{release.pk}/{kind}/", {**body, **more}, status)


def also(cast: Cast, name: str, role: str) -> Grant:
    """One more role for the whole organisation."""
    return Grant.objects.create(
        role=role, person=cast.people[name], valid_from=timezone.now() - timedelta(minutes=1), reason="both"
    )


def test_the_proposer_does_not_approve(cast: Cast) -> None:
    release = a_release(cast, by="petra")
    assert signing(cast, "petra", release, "technical", 403) == ["contributor"]


def test_the_author_of_the_version_does_not_approve(cast: Cast) -> None:
    also(cast, "dev", Role.APPROVER)
    release = a_release(cast, by="petra")
    assert signing(cast, "dev", release, "technical", 403) == ["contributor"]


def test_who_pushed_the_evidence_does_not_approve(cast: Cast) -> None:
    also(cast, "amina", Role.ENGINEER)
    version = a_version(cast, a_use_case(cast))
    pushed = post(
        browser(cast, "amina"), f"{API}evaluation-runs/", pushed_run(version.use_case.reference, version.digest)
    )
    assert pushed.status_code == 201, pushed.content
    body = {"use_case": version.use_case.reference, "version": version.digest, "environment": "production"}
    release = Release.objects.get(pk=post(browser(cast, "dev"), f"{API}releases/", body).json()["id"])
    assert signing(cast, "amina", release, "technical", 403) == ["contributor"]


def test_the_owner_signs_no_independent_lane(cast: Cast) -> None:
    also(cast, "olivia", Role.APPROVER)
    assert signing(cast, "olivia", a_release(cast), "technical", 403) == ["owner_in_independent_lane"]


def test_nobody_signs_the_owners_lane_for_the_owner(cast: Cast) -> None:
    assert signing(cast, "amina", a_release(cast), "business", 403) == ["not_the_owner"]


def test_who_submitted_a_risk_review_does_not_conclude_it(cast: Cast) -> None:
    also(cast, "rafael", Role.ARCHITECT)
    path = f"use-cases/{answered(cast).reference}/risk-reviews/"
    rafael = browser(cast, "rafael")
    assert post(rafael, API + path, {}).status_code == 201
    conclusion = {"tier": "moderate", "rationale": "It is what I said myself."}
    assert refused(rafael, f"{path}1/conclude/", conclusion, 403) == ["own_submission"]


def test_the_owner_does_not_conclude_a_review_of_their_own_use_case(cast: Cast) -> None:
    also(cast, "olivia", Role.RISK)
    path = f"use-cases/{answered(cast).reference}/risk-reviews/"
    assert post(browser(cast, "arno"), API + path, {}).status_code == 201
    conclusion = {"tier": "moderate", "rationale": "My own."}
    assert refused(browser(cast, "olivia"), f"{path}1/conclude/", conclusion, 403) == ["own_use_case"]


def test_an_approval_of_another_version_does_not_count(cast: Cast) -> None:
    release = a_release(cast)
    newer = a_version(cast, release.use_case, "1.1", version="2026-05-01")
    assert signing(cast, "amina", release, "technical", 409, digest=newer.digest) == ["digest_changed"]


def test_an_approval_of_another_release_does_not_count(cast: Cast) -> None:
    assert signing(cast, "amina", a_release(cast), "technical", 409, release_digest="0" * 64) == ["digest_changed"]


def test_what_was_changed_after_the_proposal_is_not_approved(cast: Cast) -> None:
    release = a_release(cast)
    changed = browser(cast, "olivia").patch(
        f"{API}use-cases/{release.use_case.reference}/", {"user_group": "All customers."}, "application/json"
    )
    assert changed.status_code == 200
    assert signing(cast, "amina", release, "technical", 409) == ["declaration_changed"]
    assert gate(cast, release)[:2] == (False, ["no_release"])


def test_without_evidence_nothing_is_approved(cast: Cast) -> None:
    assert signing(cast, "amina", a_release(cast, evidence=False), "technical", 409) == ["gate_not_evaluated"]


def test_one_dimension_without_evidence_is_not_evaluated(cast: Cast) -> None:
    release = a_release(cast, evidence=False)
    a_run(release.system_version, dimensions=("groundedness", "relevance", "coherence", "completeness", "safety"))
    judge_release(release_id=release.pk, judged_by="test")
    assert signing(cast, "amina", release, "technical", 409) == ["gate_not_evaluated"]


def test_inconclusive_evidence_is_not_enough_at_high_risk(cast: Cast) -> None:
    release = a_release(cast, Tier.HIGH, evidence=False)
    a_run(release.system_version, groundedness=(176, 200))
    judge_release(release_id=release.pk, judged_by="test")
    assert signing(cast, "amina", release, "technical", 409) == ["gate_inconclusive"]


def test_rows_a_judge_failed_on_are_not_left_out(cast: Cast) -> None:
    """Every scored row passes, but one in ten has no score: the mean would look perfect."""
    version = a_version(cast, a_use_case(cast))
    run = pushed_run(version.use_case.reference, version.digest, good=180, errored=20)
    assert post(machine(cast, "ingest"), f"{API}evaluation-runs/", run).status_code == 201
    body = {"use_case": version.use_case.reference, "version": version.digest, "environment": "production"}
    release = Release.objects.get(pk=post(machine(cast, "pipeline"), f"{API}releases/", body).json()["id"])
    assert signing(cast, "amina", release, "technical", 409) == ["gate_fails"]


@pytest.mark.parametrize("kind", ["approve", "reject", "return"])
@pytest.mark.parametrize("account", ["pipeline", "ingest"])
def test_a_machine_with_every_scope_decides_nothing(cast: Cast, account: str, kind: str) -> None:
    release = a_release(cast)
    for lane in release.lanes:
        body = {"lane": lane, "digest": release.system_version.digest, "comment": "Automatic."}
        codes = refused(machine(cast, account), f"releases/{release.pk}/{kind}/", body, 403)
        assert codes == ["machine_decides_nothing"]


def test_a_machine_with_every_role_and_every_scope_decides_nothing(cast: Cast) -> None:
    for role in Role.values:
        Grant.objects.create(
            role=role, service_account=cast.accounts["pipeline"], valid_from=timezone.now() - timedelta(minutes=1),
            reason="all of them",
        )  # fmt: skip
    release = a_release(cast)
    body = {"lane": "technical", "digest": release.system_version.digest}
    assert refused(machine(cast, "pipeline"), f"releases/{release.pk}/approve/", body, 403) == [
        "machine_decides_nothing"
    ]


def test_an_administrator_decides_nothing(cast: Cast) -> None:
    release = a_release(cast)
    assert signing(cast, "admin", release, "technical", 403) == ["not_this_lane"]
    assert signing(cast, "admin", release, "business", 403) == ["not_the_owner"]


def test_one_person_signs_one_lane(cast: Cast) -> None:
    also(cast, "amina", Role.SECURITY)
    release = a_release(cast)
    sign(cast, release, "technical")
    assert signing(cast, "amina", release, "security", 409) == ["already_decided_another_lane"]


def test_nothing_is_decided_twice(cast: Cast) -> None:
    release = a_release(cast)
    sign(cast, release, "technical")
    assert signing(cast, "amina", release, "technical", 409, kind="return") == [
        "already_decided_another_lane",
        "lane_already_decided",
    ]
    assert signing(cast, "petra", release, "technical", 409) == ["lane_already_decided"]


def test_a_withdrawn_release_is_not_approved(cast: Cast) -> None:
    release = a_release(cast)
    withdrawn = post(browser(cast, "dev"), f"{API}releases/{release.pk}/withdraw/", {"reason": "Not yet."})
    assert withdrawn.json()["state"] == "withdrawn"
    assert signing(cast, "amina", release, "technical", 409) == ["not_proposed"]


def test_a_no_without_a_reason_is_refused(cast: Cast) -> None:
    release = a_release(cast)
    for kind in ("reject", "return"):
        assert signing(cast, "amina", release, "technical", 409, kind=kind, comment=" ") == ["comment_missing"]


def test_a_decision_without_a_digest_is_refused(cast: Cast) -> None:
    release = a_release(cast)
    before = standing()
    answer = post(browser(cast, "amina"), f"{API}releases/{release.pk}/approve/", {"lane": "technical"})
    assert (answer.status_code, answer.json()["code"], standing()) == (428, "digest_missing", before)


def test_who_may_not_know_the_use_case_is_told_there_is_nothing(cast: Cast) -> None:
    release = a_release(cast)
    before = standing()
    body = {"lane": "technical", "digest": release.system_version.digest}
    answer = post(browser(cast, "otto"), f"{API}releases/{release.pk}/approve/", body)
    assert (answer.status_code, answer.json()["code"], standing()) == (404, "not_found", before)


def gate(cast: Cast, release: Release, **other: Any) -> tuple[bool, list[str], Any]:
    """(allow, codes, the whole answer) for a pipeline that asks about the release, or about something `other`."""
    question = {
        "use_case": release.use_case.reference,
        "environment": release.environment,
        "digest": release.system_version.digest,
        "nonce": secrets.token_urlsafe(12),
        **other,
    }
    before = standing()
    answer = post(machine(cast, "pipeline"), f"{API}gate/check/", question)
    assert (answer.status_code, standing()) == (200, before), answer.content
    told = answer.json()
    assert (told["nonce"], len(told["reasons"])) == (question["nonce"], len(told["codes"]))
    return told["allow"], told["codes"], told


def test_the_gate_allows_exactly_what_was_approved(cast: Cast, settled: Callable[..., Release]) -> None:
    allow, codes, told = gate(cast, settled())
    assert (allow, codes, len(told["attestations"])) == (True, [], 1)


@pytest.mark.parametrize(
    ("other", "codes"),
    [
        ({"digest": "0" * 64}, ["digest_differs"]),
        ({"environment": "test"}, ["no_release"]),
        ({"artifacts": [{"name": "assistant", "sha256": "c" * 64}]}, ["artifact_not_approved"]),
        ({"artifacts": [{"name": "other", "sha256": "b" * 64}]}, ["artifact_not_approved"]),
        ({"use_case": "UC-9999"}, ["unknown_use_case"]),
        ({"use_case": "UC-0001'; --"}, ["unknown_use_case"]),
    ],
)
def test_the_gate_denies_everything_else(
    cast: Cast, settled: Callable[..., Release], other: dict[str, Any], codes: list[str]
) -> None:
    allow, found, told = gate(cast, settled(), **other)
    assert (allow, found, told["attestations"]) == (False, codes, [])


def test_the_gate_denies_when_the_approval_has_expired(cast: Cast, settled: Callable[..., Release]) -> None:
    release = settled()
    expire(release)
    assert gate(cast, release)[:2] == (False, ["approval_expired"])


def test_the_gate_denies_when_an_approver_lost_the_role(cast: Cast, settled: Callable[..., Release]) -> None:
    release = settled()
    Grant.objects.filter(person=cast.sam).update(valid_until=timezone.now())
    allow, codes, told = gate(cast, release)
    assert (allow, codes) == (False, ["approver_not_eligible"])
    assert told["reasons"] == ["Sam, who signed the lane “security”, may no longer sign it. Propose the version again."]


def test_the_gate_denies_when_an_approver_left(cast: Cast, settled: Callable[..., Release]) -> None:
    release = settled()
    type(cast.amina).objects.filter(pk=cast.amina.pk).update(is_active=False)
    assert gate(cast, release)[:2] == (False, ["approver_not_eligible"])


def test_the_gate_denies_when_the_declaration_was_changed(cast: Cast, settled: Callable[..., Release]) -> None:
    release = settled()
    path = f"{API}use-cases/{release.use_case.reference}/"
    changed = browser(cast, "olivia").patch(path, {"user_group": "All customers."}, "application/json")
    assert changed.status_code == 200
    assert gate(cast, release)[:2] == (False, ["declaration_changed"])


def test_the_gate_denies_when_the_evidence_turned_although_nobody_heard(
    cast: Cast, settled: Callable[..., Release]
) -> None:
    release = settled()
    a_run(release.system_version, passed=100)
    assert gate(cast, release)[:2] == (False, ["gate_fails"])


def test_who_may_not_ask_the_gate_is_refused(cast: Cast, settled: Callable[..., Release]) -> None:
    release = settled()
    question = {
        "use_case": release.use_case.reference, "environment": "production",
        "digest": release.system_version.digest, "nonce": "n",
    }  # fmt: skip
    assert refused(machine(cast, "pipeline", ["read"]), "gate/check/", question, 403) == ["not_asker"]
    assert refused(browser(cast, "amina"), "gate/check/", question, 403) == ["not_asker"]


@pytest.fixture
def settled(cast: Cast, django_capture_on_commit_callbacks: Any) -> Callable[..., Release]:
    """Approved in every lane, attestation and all."""

    def make() -> Release:
        with django_capture_on_commit_callbacks(execute=True):
            return approved(cast)

    return make
