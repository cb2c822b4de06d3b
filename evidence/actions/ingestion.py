"""Recording an evaluation run: counted from its rows, once per content, a change as a new revision."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from evidence import policies
from evidence.actions.words import evaluation_set_words, line
from evidence.choices import Dimension
from evidence.counting import PLACES, DimensionCount, count_dimensions
from evidence.events import evidence_recorded
from evidence.models import EvaluationDimension, EvaluationRun, EvaluationScore
from evidence.readings import CaseReading, EvaluationRunReading, ScoreReading, canonical_digest
from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases.actions.facts import record_fact
from usecases.choices import FactSource, ItemKind
from usecases.models import SystemVersion, UseCase

LONGEST_ID = 200
LONGEST_METRIC = 120
LARGEST_VALUE = 10**9  # what the column holds
CLOCKS_DIFFER = timedelta(days=1)

Change = Literal["created", "revised", "unchanged"]

_COPY_SCORES = """
COPY evaluation_score (run_id, item_id, item_kind, trial, dimension, metric, state, value, scale_min, scale_max,
                       direction, threshold, passed, judge_kind, judge_name, judge_version, error) FROM STDIN
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The run as it stands now, and whether this recording changed anything."""

    run: EvaluationRun
    change: Change


@transaction.atomic
def record_evaluation_run(
    *, actor: Actor, use_case: UseCase, version: SystemVersion, reading: EvaluationRunReading, source: str
) -> Recorded:
    """Store the run with all its scores, as a new revision when it changed since; the same content changes nothing.

    Raises Refused, and ValidationError when the run cannot be counted honestly: no cases, a case judged twice by one
    metric, a metric without threshold, an unknown dimension.
    """
    require(policies.may_push_evidence(actor, use_case))
    if version.use_case_id != use_case.pk:
        raise ValidationError(_("This version belongs to another use case. Name a version of this one."))
    require_countable(reading)
    read_as = canonical_digest([repr(case) for case in reading.cases])
    _lock(source, reading.external_id)
    runs = EvaluationRun.objects.filter(source=source, external_id=reading.external_id)
    current = runs.select_for_update(of=("self",)).filter(is_current=True).first()
    if current is not None and _same(current, version, reading, read_as):
        return Recorded(current, "unchanged")
    if current is not None:
        runs.filter(pk=current.pk).update(is_current=False)
    run = _create(actor, version, reading, source, read_as, current.revision + 1 if current else 1)
    counts = count_dimensions(reading.cases)
    _copy_scores(run, reading.cases)
    EvaluationDimension.objects.bulk_create([_row(run, count) for count in counts])
    _tell(actor, use_case, version, run, counts)
    _know(actor, use_case, run)
    _announce(run, current)
    return Recorded(run, "revised" if current else "created")


def require_countable(reading: EvaluationRunReading) -> None:
    """Raises ValidationError with what makes the run unusable as evidence."""
    if not reading.external_id or len(reading.external_id) > LONGEST_ID:
        raise ValidationError(_("A run's id has 1 to %(most)s characters.") % {"most": LONGEST_ID})
    if reading.finished_at is None:
        raise ValidationError(_("The run has not finished. Only finished runs are evidence."))
    if reading.finished_at > timezone.now() + CLOCKS_DIFFER:
        raise ValidationError(_("The run says it finished in the future. Check the clock where it was made."))
    if not reading.cases:
        raise ValidationError(_("The run has no judged cases, so nothing can be counted."))
    if not any(case.scores for case in reading.cases):
        raise ValidationError(_("No case has a score. Map the source's metrics to dimensions first."))
    seen: set[tuple[str, int]] = set()
    for case in reading.cases:
        _require_case(case, seen)


def _require_case(case: CaseReading, seen: set[tuple[str, int]]) -> None:
    about: dict[str, Any] = {"item": case.item_id[:80], "trial": case.trial}
    if not case.item_id or len(case.item_id) > LONGEST_ID:
        raise ValidationError(_("The item id “%(item)s…” is empty or has more than 200 characters.") % about)
    key = (line(case.item_id, LONGEST_ID), case.trial)
    if key in seen:
        raise ValidationError(_("Item %(item)s, trial %(trial)s occurs twice. Number its trials.") % about)
    seen.add(key)
    metrics: set[str] = set()
    for score in case.scores:
        about["metric"] = score.metric[:80]
        if score.metric in metrics:
            text = _("Item %(item)s, trial %(trial)s is judged twice by %(metric)s. Send one score of each metric.")
            raise ValidationError(text % about)
        metrics.add(score.metric)
        _require_score(score, about)


def _require_score(score: ScoreReading, about: dict[str, Any]) -> None:
    if not score.metric or len(score.metric) > LONGEST_METRIC:
        raise ValidationError(_("A metric's name has 1 to 120 characters: %(metric)s.") % about)
    if score.dimension not in Dimension.values:
        known = {"dimension": score.dimension[:80], "known": ", ".join(Dimension.values), **about}
        raise ValidationError(_("“%(dimension)s” (%(metric)s) is no dimension. Use one of %(known)s.") % known)
    if threshold_of(score) is None:
        raise ValidationError(
            _("The metric %(metric)s has no threshold. Say from which value on a case passes.") % about
        )
    bounds = [score.scale_min, score.scale_max, score.threshold or Decimal(0), score.value or Decimal(0)]
    if any(abs(bound) >= LARGEST_VALUE for bound in bounds):
        raise ValidationError(_("A number of %(metric)s is too large to be a score.") % about)


def threshold_of(score: ScoreReading) -> Decimal | None:
    """Where the score passes: as declared, or the good end of the scale for yes-or-no; None when nobody said."""
    if score.threshold is not None:
        return score.threshold
    if score.state == "scored" and score.passed is None:
        return None
    return score.scale_max if score.direction == "higher" else score.scale_min


def _lock(source: str, external_id: str) -> None:
    """Two recordings of one run take turns, also when it is not there yet."""
    digest = hashlib.sha256(f"{source}\x1f{external_id}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _same(current: EvaluationRun, version: SystemVersion, reading: EvaluationRunReading, read_as: str) -> bool:
    """Same content at the source, read the same way (a changed mapping reads it anew), for the same version."""
    return (
        current.raw_sha256 == reading.raw_sha256
        and current.attributes.get("read_as") == read_as
        and current.system_version_id == version.pk
    )


def _create(
    actor: Actor, version: SystemVersion, reading: EvaluationRunReading, source: str, read_as: str, revision: int
) -> EvaluationRun:
    finished_at = reading.finished_at
    assert finished_at is not None
    attributes = {line(name, 60): line(value, 500) for name, value in list(reading.attributes.items())[:50]}
    attributes |= {"model": line(reading.model_name, 200), "commit": line(reading.application_commit, 200)}
    return EvaluationRun.objects.create(
        use_case_id=version.use_case_id,
        system_version=version,
        source=source,
        external_id=reading.external_id,
        revision=revision,
        name=line(reading.name or reading.external_id, 200),
        # Shown as a link: nothing but a web address may stand here.
        url=line(reading.url, 500) if reading.url.startswith(("https://", "http://")) else "",
        environment=line(reading.environment, 40),
        dataset_name=line(reading.dataset_name, 200),
        dataset_version=line(reading.dataset_version, 80),
        dataset_digest=line(reading.dataset_digest, 128),
        cases=len(reading.cases),
        started_at=reading.started_at,
        finished_at=finished_at,
        raw_sha256=reading.raw_sha256,
        attributes=attributes | {"read_as": read_as},
        pushed_by=actor.person,
        pushed_by_account=actor.account,
    )


def _copy_scores(run: EvaluationRun, cases: tuple[CaseReading, ...]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY_SCORES) as copy:
        for case in cases:
            item, kind = line(case.item_id, LONGEST_ID), ItemKind(case.item_kind).value
            for score in case.scores:
                threshold = threshold_of(score)
                assert threshold is not None
                copy.write_row(
                    (
                        run.pk, item, kind, case.trial, score.dimension, line(score.metric, LONGEST_METRIC),
                        score.state, None if score.value is None else score.value.quantize(PLACES),
                        score.scale_min.quantize(PLACES), score.scale_max.quantize(PLACES), score.direction,
                        threshold.quantize(PLACES), score.passed, score.judge_kind,
                        line(score.judge_name, 200), line(score.judge_version, 120), line(score.error, 500),
                    )
                )  # fmt: skip


def _row(run: EvaluationRun, count: DimensionCount) -> EvaluationDimension:
    return EvaluationDimension(
        run=run,
        dimension=count.dimension,
        total=count.total,
        scored=count.scored,
        errored=count.errored,
        skipped=count.skipped,
        passed=count.passed,
        mean=count.mean,
        scale_min=count.scale_min,
        scale_max=count.scale_max,
        direction=count.direction,
        sample=count.sample.to_json(),
    )


def _tell(
    actor: Actor, use_case: UseCase, version: SystemVersion, run: EvaluationRun, counts: list[DimensionCount]
) -> None:
    verb, action = ("recorded", "recorded") if run.revision == 1 else ("found a changed", "revised")
    errored = sum(count.errored for count in counts)
    failed = f" {errored} judgements failed." if errored > 1 else " One judgement failed." if errored else ""
    record(
        actor,
        f"evaluation_run.{action}",
        run,
        f"{verb} evaluation run “{run.name}” of {run.cases} cases for version {version.label} of"
        f" {use_case.reference} (revision {run.revision}).{failed}",
        use_case=use_case.pk,
        data={
            "source": run.source,
            "external_id": run.external_id,
            "revision": run.revision,
            "version": version.number,
            "cases": run.cases,
            "sha256": run.raw_sha256,
            "dimensions": {c.dimension: [c.total, c.scored, c.errored, c.skipped, c.passed] for c in counts},
        },
        references=[use_case.reference],
    )


def _know(actor: Actor, use_case: UseCase, run: EvaluationRun) -> None:
    """The use case's evaluation set: the cases of the newest run on each data set of the version measured last.

    An older run that arrives late says nothing new.
    """
    use_case = UseCase.objects.lock(use_case)
    current = EvaluationRun.objects.filter(use_case=use_case, is_current=True)
    if current.filter(finished_at__gt=run.finished_at).exclude(system_version=run.system_version).exists():
        return
    newest = (
        current.filter(system_version=run.system_version)
        .order_by("dataset_name", "-finished_at", "-id")
        .distinct("dataset_name")
    )
    cases = set(
        EvaluationScore.objects.filter(run_id__in=list(newest.values_list("pk", flat=True)))
        .values_list("run_id", "item_id", "item_kind")
        .distinct()
    )
    items = len({(run_id, item) for run_id, item, _kind in cases})
    kinds = sorted({kind for _run, _item, kind in cases} - {"unspecified"})
    record_fact(
        actor=actor,
        use_case=use_case,
        name="evaluation_set",
        value={"cases": items, "kinds": kinds},
        statement=evaluation_set_words(items, len(kinds)),
        source=FactSource.EVIDENCE,
        confidence="measured",
    )


def _announce(run: EvaluationRun, replaced: EvaluationRun | None) -> None:
    """Whoever stands on this version's evidence hears of it; a run that moved tells both versions."""
    affected = {(run.use_case_id, run.system_version_id)}
    if replaced is not None:
        affected.add((replaced.use_case_id, replaced.system_version_id))
    for use_case_id, version_id in sorted(affected):
        send = partial(
            evidence_recorded.send_robust,
            sender=EvaluationRun,
            use_case_id=use_case_id,
            version_id=version_id,
            revised=replaced is not None,
        )
        transaction.on_commit(send, robust=True)
