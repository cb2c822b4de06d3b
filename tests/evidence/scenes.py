"""Situations that several tests of evidence start from, made by the verbs themselves."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from evidence.actions.ingestion import Recorded, record_evaluation_run
from evidence.connectors.base import DimensionMapping
from evidence.connectors.scoring import Judge, score, with_gaps_filled
from evidence.readings import CaseReading, EvaluationRunReading, UsageReading, canonical_digest
from portal.actors import Actor
from tests.cast import Cast
from tests.usecases.scenes import MANIFEST, registered
from usecases.actions.versions import declare_version
from usecases.models import SystemVersion, UseCase

ZERO_TO_ONE = (Decimal(0), Decimal(1))
GROUNDED = DimensionMapping("grounded", "groundedness", *ZERO_TO_ONE, "higher", Decimal("0.7"))
FAITHFUL = DimensionMapping("faithful", "groundedness", *ZERO_TO_ONE, "higher", Decimal("0.5"))
TOXIC = DimensionMapping("toxic", "safety", Decimal(0), Decimal(7), "lower", Decimal(2))
MAPPINGS = {mapping.metric: mapping for mapping in (GROUNDED, FAITHFUL, TOXIC)}
FINISHED = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
BROKEN = "the judge timed out"


def version_of(cast: Cast, use_case: UseCase | None = None, **changes: Any) -> SystemVersion:
    """Dev's declared version of “Refund helper”."""
    use_case = use_case or registered(cast)
    manifest = {**MANIFEST, **changes}
    return declare_version(actor=cast.actor("dev"), use_case=use_case, label="candidate", manifest=manifest)


def case(item: str, kind: str = "common_question", trial: int = 1, **scores: Any) -> CaseReading:
    """A case whose scores are values by metric, or BROKEN where the judge failed."""
    judged = [
        score(MAPPINGS[metric], raw, judge=Judge("llm", "judge"), error=raw if raw == BROKEN else "")
        for metric, raw in scores.items()
    ]
    return CaseReading(item, kind, trial, tuple(judged))  # type: ignore[arg-type]


def run_of(*cases: CaseReading, external_id: str = "nightly-1", **changes: Any) -> EvaluationRunReading:
    """A finished run of these cases, gaps filled as connectors fill them."""
    filled = with_gaps_filled(cases or (case("q-1", grounded="0.9"),))
    reading = EvaluationRunReading(
        external_id=external_id, name="Nightly", url="https://mlflow.example.org/run/1", started_at=None,
        finished_at=FINISHED, use_case_key="UC-0001", version_digest="", dataset_name="golden", dataset_version="3",
        dataset_digest="", model_name="gpt-4o", application_commit="", environment="test", cases=filled,
        raw_sha256=canonical_digest([repr(each) for each in filled]),
    )  # fmt: skip
    return replace(reading, **changes)


def recorded(
    actor: Actor, version: SystemVersion, *cases: CaseReading, source: str = "connector:x", **changes: Any
) -> Recorded:
    return record_evaluation_run(
        actor=actor, use_case=version.use_case, version=version, reading=run_of(*cases, **changes), source=source
    )


def usage(day: date | None = None, use_case_key: str = "UC-0001", **changes: Any) -> UsageReading:
    reading = UsageReading(
        day=day or (timezone.now() - timedelta(days=1)).date(), use_case_key=use_case_key, version_digest="",
        environment="production", team="claims", provider="azure", model="gpt-4o", operation="chat", requests=100,
        failed_requests=2, input_tokens=5000, cached_input_tokens=1000, output_tokens=800, billed_cost=Decimal("1.25"),
        effective_cost=Decimal("1.123456789"), currency="EUR", cost_basis="billed", finality="provisional",
    )  # fmt: skip
    return replace(reading, **changes)


def counted(run: Any) -> dict[str, tuple[int, int, int, int, int]]:
    """(total, scored, errored, skipped, passed) by dimension."""
    return {
        row.dimension: (row.total, row.scored, row.errored, row.skipped, row.passed) for row in run.dimensions.all()
    }


def items(cases: Iterable[CaseReading]) -> list[str]:
    return [each.item_id for each in cases]
