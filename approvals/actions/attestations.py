"""Issuing the signed statement of an approved release. It reads everything itself and signs only what the rows say."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from approvals import signing
from approvals.actions.gates import locked
from approvals.actions.moves import release_url, tell_of
from approvals.attestation import (
    APPROVED,
    ApprovalFact,
    Artifact,
    CriterionFact,
    GateFact,
    PolicyFact,
    Reference,
    ReleaseFacts,
    UseCaseFact,
    canonical,
    release_statement,
    statement_digest,
)
from approvals.choices import ReleaseState
from approvals.grounds import Grounds, grounds_of
from approvals.models import Attestation, Release, Verdict
from evidence.models import EvaluationRun
from portal.actors import worker

SIGNER = "signer"


@transaction.atomic
def issue_attestation(*, release_id: uuid.UUID) -> Attestation | None:
    """The attestation of an approved release; the one already there if there is one, None if nothing may be signed.

    Raises SigningError or ValueError when the rows do not add up to what may be signed.
    """
    release = locked(release_id)
    found = Attestation.objects.filter(release=release).order_by("-issued_at").first()
    grounds = grounds_of(release)
    if found is not None or release.state != ReleaseState.APPROVED or not grounds.complete:
        return found
    now = Release.objects.filter(pk=release.pk).values_list(Now(), flat=True).get()
    assert release.expires_at is not None
    statement = release_statement(_facts(release, grounds, now))
    keys = signing.ensure_keys(settings.GATEHOUSE_HOME)
    attestation = Attestation.objects.create(
        release=release,
        predicate_type=statement["predicateType"],
        statement_digest=statement_digest(statement),
        envelope=signing.sign(canonical(statement), "decision", home=settings.GATEHOUSE_HOME),
        key_id=keys["decision"],
        issued_at=now,
        expires_at=release.expires_at,
    )
    sentence = f"signed the approval of release {release.number} of {release.use_case.reference}."
    data = {"statement": attestation.statement_digest, "key": attestation.key_id}
    tell_of(worker(SIGNER), "attestation.issued", release, sentence, **data)
    return attestation


def issue_missing() -> list[uuid.UUID]:
    """Sign what was approved while signing was not possible. Returns the releases signed."""
    missing = Release.objects.filter(state=ReleaseState.APPROVED, attestations__isnull=True).order_by("id")
    ids = list(missing.values_list("pk", flat=True))
    return [pk for pk in ids if issue_attestation(release_id=pk) is not None]


def use_case_fact(release: Release) -> UseCaseFact:
    use_case = release.use_case
    return UseCaseFact(f"{settings.PUBLIC_URL}/use-cases/{use_case.reference}/", use_case.reference, release.tier)


def artifacts_of(release: Release) -> tuple[Artifact, ...]:
    """The built things the version's manifest names."""
    named = release.system_version.manifest.get("application", {}).get("artifacts", [])
    return tuple(Artifact(item["name"], item["sha256"]) for item in named)


def _facts(release: Release, grounds: Grounds, now: datetime) -> ReleaseFacts:
    assert release.expires_at is not None and grounds.verdict is not None
    policy = release.policy
    # The verdict that the last signature was given on: what was approved, not what was measured later.
    verdict = max((each.verdict for each in release.decisions.select_related("verdict")), key=lambda v: v.judged_at)
    return ReleaseFacts(
        decision=APPROVED,
        issued_at=now,
        expires_at=release.expires_at,
        use_case=use_case_fact(release),
        release_uri=f"{settings.PUBLIC_URL}{release_url(release)}",
        release_number=release.number,
        release_digest=release.digest,
        version_digest=release.system_version.digest,
        environment=release.environment,
        policy=PolicyFact(
            f"{settings.PUBLIC_URL}/policies/{policy.tier}/{policy.version}", policy.version, policy.digest
        ),
        gate=GateFact(verdict.outcome, _criteria(verdict)),
        approvals=tuple(_approvals(grounds)),
        contributors=tuple(str(person) for person in grounds.contributions),
        independent_lanes=tuple(lane.key for lane in grounds.lanes if lane.independent),
        artifacts=artifacts_of(release),
    )


def _approvals(grounds: Grounds) -> list[ApprovalFact]:
    return [
        ApprovalFact(
            lane=decision.lane,
            decision=decision.kind,
            decided_at=decision.decided_at,
            subject=str(decision.person_id),
            content_digest=decision.version_digest,
            release_digest=decision.release_digest,
            issuer=settings.PUBLIC_URL,
            name=decision.person.name,
            acting_for=str(decision.signed_for_id or ""),
        )
        for decision in grounds.decisions.values()
    ]


def _criteria(verdict: Verdict) -> tuple[CriterionFact, ...]:
    raw = {str(run.pk): run for run in EvaluationRun.objects.filter(pk__in=verdict.runs)}
    return tuple(_criterion(row, raw) for row in verdict.criteria)


def _criterion(row: dict[str, object], runs: dict[str, EvaluationRun]) -> CriterionFact:
    criterion, measured = row["criterion"], row["measurement"]
    assert isinstance(criterion, dict)
    run = runs.get(str(measured["reference"])) if isinstance(measured, dict) else None
    sign = ">=" if criterion["statistic"] == "pass_rate" else "<="
    return CriterionFact(
        id=str(criterion["key"]),
        outcome=str(row["verdict"]),
        observed="" if row["value"] is None else str(row["value"]),
        threshold=f"{sign}{criterion['threshold']}",
        evaluated_at=run.finished_at if run else None,
        evidence=(Reference(f"{settings.PUBLIC_URL}/evaluation-runs/{run.pk}/", run.raw_sha256),) if run else (),
    )
