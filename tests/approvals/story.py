"""Use cases ready to be released, evidence that passes or fails, and releases on their way."""

import hashlib
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from approvals.actions.decisions import decide
from approvals.actions.releases import propose_release
from approvals.models import Decision, Release
from evidence.models import EvaluationDimension, EvaluationRun
from portal.actors import Actor, Origin, person
from portal.models import User
from tests.cast import Cast
from usecases.actions.registration import register_use_case
from usecases.checklists import checklist_items
from usecases.choices import Stage, Tier
from usecases.models import ChecklistConfirmation, SystemVersion, UseCase

DIMENSIONS = ("groundedness", "relevance", "coherence", "completeness", "safety", "attack_resistance")
SIGNERS = {
    "business": "olivia",
    "technical": "amina",
    "security": "sam",
    "privacy": "priya",
    "legal": "leo",
    "risk": "rafael",
}
MANIFEST: dict[str, Any] = {
    "schema": "gatehouse.manifest/v1",
    "model": {"provider": "azure", "name": "gpt-4.1", "version": "2026-04-14"},
    "application": {
        "repository": "https://git.example/assistant",
        "commit": "a" * 40,
        "artifacts": [{"name": "assistant", "sha256": "b" * 64}],
    },
}


def fresh(cast: Cast, name: str, **origin: Any) -> Actor:
    """The person, signed in a moment ago."""
    return person(cast.people[name], Origin(signed_in_at=timezone.now(), **origin))


def a_use_case(cast: Cast, tier: str = Tier.MODERATE, title: str = "Policy assistant") -> UseCase:
    """Olivia's use case at the pilot stage with a concluded tier and a complete checklist."""
    use_case = register_use_case(
        actor=cast.actor("olivia"),
        title=title,
        business_outcome="Questions are answered within an hour.",
        user_group="Service staff",
        pattern="retrieval",
        owner=cast.olivia,
        unit=cast.units["Customer service"],
    )
    for stage in (Stage.DISCOVERY, Stage.REVIEW, Stage.PILOT):
        UseCase.objects.filter(pk=use_case.pk).update(stage=stage)
    UseCase.objects.filter(pk=use_case.pk).update(tier=tier)
    for item in checklist_items():
        if item.id != "PC06":
            ChecklistConfirmation.objects.create(
                use_case=use_case, item=item.id, evidence="Seen.", confirmed_by=cast.arno
            )
    complete_facts(use_case)
    return UseCase.objects.get(pk=use_case.pk)


def complete_facts(use_case: UseCase) -> None:
    from usecases.models import Fact

    held = set(Fact.objects.filter(use_case=use_case, until__isnull=True).values_list("name", flat=True))
    wanted = {name for item in checklist_items() for name in item.satisfied_by} - {"gate_criteria"} - held
    for name in sorted(wanted):
        Fact.objects.create(
            use_case=use_case,
            name=name,
            value=True,
            statement="It is so.",
            source="verb",
            recorded_by="test",
            as_of=timezone.now(),
        )


def a_version(cast: Cast, use_case: UseCase, label: str = "1.0", **changes: Any) -> SystemVersion:
    """Declared by Dev; `changes` replace parts of the manifest's model."""
    from usecases.manifests import normalise

    manifest = normalise({**MANIFEST, "model": {**MANIFEST["model"], **changes}})
    return SystemVersion.objects.create(
        use_case=use_case,
        number=SystemVersion.objects.filter(use_case=use_case).count() + 1,
        label=label,
        canon=manifest.canonical,
        digest=manifest.digest,
        manifest=manifest.data,
        declared_by=cast.dev,
    )


def a_run(
    version: SystemVersion,
    *,
    passed: int = 320,
    scored: int = 320,
    errored: int = 0,
    dimensions: tuple[str, ...] = DIMENSIONS,
    pushed_by: User | None = None,
    **special: tuple[int, int],
) -> EvaluationRun:
    """A finished run; `special` gives (passed, scored) for single dimensions."""
    name = uuid.uuid4().hex
    run = EvaluationRun.objects.create(
        use_case_id=version.use_case_id,
        system_version=version,
        source="push:test",
        external_id=name,
        revision=1,
        name=f"Run {name[:6]}",
        cases=scored + errored,
        finished_at=timezone.now(),
        raw_sha256=hashlib.sha256(name.encode()).hexdigest(),
        pushed_by=pushed_by,
    )
    for dimension in dimensions:
        good, n = special.get(dimension, (passed, scored))
        EvaluationDimension.objects.create(
            run=run,
            dimension=dimension,
            total=n + errored,
            scored=n,
            errored=errored,
            skipped=0,
            passed=good,
            scale_min=0,
            scale_max=1,
            direction="higher",
        )
    return run


def a_release(
    cast: Cast, tier: str = Tier.MODERATE, environment: str = "production", evidence: bool = True, by: str = "dev"
) -> Release:
    """Proposed by Dev, with passing evidence unless told otherwise."""
    use_case = a_use_case(cast, tier)
    version = a_version(cast, use_case)
    if evidence:
        a_run(version)
    return propose_release(actor=cast.actor(by), use_case=use_case, version=version, environment=environment)


def sign(cast: Cast, release: Release, lane: str, kind: str = "approve", by: str = "", **more: Any) -> Decision:
    """The lane's own signer decides with the digests that stand on the page."""
    told = {
        "digest": release.system_version.digest,
        "release_digest": release.digest,
        "comment": "Looked at it.",
        **more,
    }
    return decide(actor=fresh(cast, by or SIGNERS[lane]), release=release, lane=lane, kind=kind, **told)


def approved(cast: Cast, tier: str = Tier.MODERATE, environment: str = "production") -> Release:
    """A release that every lane has approved."""
    release = a_release(cast, tier, environment)
    for lane in release.lanes:
        sign(cast, release, lane)
    return Release.objects.get(pk=release.pk)


def expire(release: Release) -> None:
    """Move the end of its approval into the past."""
    Release.objects.filter(pk=release.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
