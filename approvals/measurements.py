"""What was measured of a version and of the one released before it, as the gate reads it; the watermark names it."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from approvals.gating import Measurement, Paired
from approvals.models import Release
from evidence.models import EvaluationDimension, EvaluationRun
from usecases.models import SystemVersion

# Both versions on the same cases. A trial passes as it is counted elsewhere: no judge of it failed, and all that scored
# it say so; an item tried several times passes when more than half of its trials do.
PAIRS = """
    WITH wanted AS (
        SELECT * FROM unnest(%s::text[], %s::uuid[], %s::uuid[]) AS asked(dimension, ours, theirs)
    ), trials AS (
        SELECT wanted.dimension, score.run_id = wanted.ours AS is_ours, score.item_id, score.trial,
               bool_and(score.passed) FILTER (WHERE score.state = 'scored') AS passed
        FROM wanted JOIN evaluation_score score
            ON score.run_id IN (wanted.ours, wanted.theirs) AND score.dimension = wanted.dimension
        GROUP BY 1, 2, 3, 4
        HAVING NOT bool_or(score.state = 'errored') AND bool_or(score.state = 'scored')
    ), items AS (
        SELECT dimension, is_ours, item_id, 2 * count(*) FILTER (WHERE passed) > count(*) AS passed
        FROM trials GROUP BY 1, 2, 3
    )
    SELECT dimension,
           count(*) FILTER (WHERE ours.passed IS NOT NULL AND theirs.passed IS NOT NULL),
           count(*) FILTER (WHERE NOT ours.passed AND theirs.passed),
           count(*) FILTER (WHERE ours.passed AND NOT theirs.passed),
           count(*) FILTER (WHERE ours.passed IS NULL OR theirs.passed IS NULL)
    FROM (SELECT * FROM items WHERE is_ours) ours
    FULL JOIN (SELECT * FROM items WHERE NOT is_ours) theirs USING (dimension, item_id)
    GROUP BY dimension
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The newest current reading of every dimension of one version, and the runs that hold them.

    `baseline` is the same of the version released before, named by `baseline_name`; None where none was.
    """

    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    runs: tuple[EvaluationRun, ...] = ()
    baseline: "Evidence | None" = None
    baseline_name: str = ""

    @property
    def run_ids(self) -> tuple[uuid.UUID, ...]:
        return tuple(sorted(run.pk for run in self.runs))

    @property
    def watermark(self) -> str:
        """SHA-256 of the ordered run ids: runs never change, so the same ids are the same evidence."""
        told = [str(each) for each in self.run_ids]
        if self.baseline is not None and self.baseline.runs:
            told += [self.baseline_name, *(str(each) for each in self.baseline.run_ids)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def pairs(self) -> dict[str, Paired]:
        """How each dimension compares with the baseline's, case by case; empty without a baseline. One query."""
        theirs = self.baseline.measurements if self.baseline is not None else {}
        shared = sorted(self.measurements.keys() & theirs.keys())
        runs = {str(run.pk): run for run in (*self.runs, *(self.baseline.runs if self.baseline else ()))}
        ours_of, theirs_of = ({key: held[key].reference for key in shared} for held in (self.measurements, theirs))
        asked = [key for key in shared if _same_set(runs[ours_of[key]], runs[theirs_of[key]])]
        counted = _count_pairs([(key, ours_of[key], theirs_of[key]) for key in asked])
        return {key: Paired(self.baseline_name, theirs_of[key], *counted.get(key, (0, 0, 0, 0))) for key in shared}


def evidence_for(release: Release) -> Evidence:
    """The evidence a release is judged by: its version's, beside that of the version released before it."""
    return evidence_for_all([release])[release.pk]


def evidence_for_all(releases: Iterable[Release]) -> dict[uuid.UUID, Evidence]:
    """The same for many releases, by release, in two queries."""
    wanted = list(releases)
    before = {pk: (number, version) for pk, number, version in _baselines(wanted)}
    versions = {release.system_version_id for release in wanted} | {version for _number, version in before.values()}
    held = evidence_of_versions(versions)
    found = {}
    for release in wanted:
        found[release.pk] = held[release.system_version_id]
        if release.pk in before:
            number, version = before[release.pk]
            found[release.pk] = replace(found[release.pk], baseline=held[version], baseline_name=f"release {number}")
    return found


def _baselines(releases: list[Release]) -> QuerySet[Release, tuple[uuid.UUID, int, uuid.UUID]]:
    """(release, number, version) of the last release of another version that was in force there before it.

    One release at a time is proposed for an environment, so this never changes once a release is proposed.
    """
    earlier = (
        Release.objects.filter(
            use_case=OuterRef("use_case"),
            environment=OuterRef("environment"),
            number__lt=OuterRef("number"),
            approved_at__isnull=False,
        )
        .exclude(system_version=OuterRef("system_version"))
        .order_by("-number")
    )
    found = Release.objects.filter(pk__in=[release.pk for release in releases]).annotate(
        before_number=Subquery(earlier.values("number")[:1]),
        before_version=Subquery(earlier.values("system_version")[:1]),
    )
    return found.filter(before_number__isnull=False).values_list("pk", "before_number", "before_version")


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


def _same_set(one: EvaluationRun, other: EvaluationRun) -> bool:
    """Whether both runs asked the same cases: by the set's digest where both tell it, else by its name and version."""
    if one.dataset_digest and other.dataset_digest:
        return one.dataset_digest == other.dataset_digest
    named = (one.dataset_name, one.dataset_version)
    return bool(one.dataset_name) and named == (other.dataset_name, other.dataset_version)


def _count_pairs(asked: list[tuple[str, str, str]]) -> dict[str, tuple[int, int, int, int]]:
    """(shared, worse, better, dropped) by dimension, of (dimension, our run, their run)."""
    if not asked:
        return {}
    dimensions, ours, theirs = (list(column) for column in zip(*asked, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(PAIRS, [dimensions, ours, theirs])
        return {row[0]: row[1:] for row in cursor.fetchall()}


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
        items=row.sample.get("items"),
        independent=row.sample.get("independent"),
        kinds={kind: (scored, passed) for kind, (scored, passed) in row.sample.get("kinds", {}).items()},
        judges=tuple(row.sample.get("judges", ())),
    )
