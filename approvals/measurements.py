"""What was measured of a system version, as the gate reads it, and the watermark that names it."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from approvals.gating import Measurement
from evidence.models import EvaluationDimension, EvaluationRun
from usecases.models import SystemVersion


@dataclass(frozen=True, slots=True)
class Evidence:
    """The newest current reading of every dimension of one version, and the runs that hold them."""

    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    runs: tuple[EvaluationRun, ...] = ()

    @property
    def run_ids(self) -> tuple[uuid.UUID, ...]:
        return tuple(sorted(run.pk for run in self.runs))

    @property
    def watermark(self) -> str:
        """SHA-256 of the ordered run ids: runs never change, so the same ids are the same evidence."""
        return hashlib.sha256("\n".join(str(each) for each in self.run_ids).encode()).hexdigest()


def evidence_of(version: SystemVersion) -> Evidence:
    """The evidence of one version as this transaction sees it."""
    return evidence_of_versions([version.pk])[version.pk]


def evidence_of_versions(versions: Iterable[uuid.UUID]) -> dict[uuid.UUID, Evidence]:
    """The same for many versions, in one query; a version without evidence has an empty entry."""
    wanted = list(versions)
    rows = (
        EvaluationDimension.objects.filter(run__system_version_id__in=wanted, run__is_current=True)
        .select_related("run")
        .order_by("run__system_version_id", "dimension", "-run__finished_at", "-run_id")
        .distinct("run__system_version_id", "dimension")
    )
    found: dict[uuid.UUID, list[EvaluationDimension]] = {pk: [] for pk in wanted}
    for row in rows:
        found[row.run.system_version_id].append(row)
    return {pk: _evidence(rows) for pk, rows in found.items()}


def _evidence(rows: list[EvaluationDimension]) -> Evidence:
    runs = {row.run_id: row.run for row in rows}
    return Evidence({row.dimension: _measurement(row) for row in rows}, tuple(runs[pk] for pk in sorted(runs)))


def _measurement(row: EvaluationDimension) -> Measurement:
    return Measurement(
        dimension=row.dimension,
        total=row.total,
        scored=row.scored,
        errored=row.errored,
        skipped=row.skipped,
        passed=row.passed,
        source=row.run.source,
        reference=str(row.run_id),
        finished_at=row.run.finished_at,
        url=row.run.url,
    )
