"""From a file's items to one run: scales applied, trials numbered, failures and gaps kept, the unknown named."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evidence.connectors.base import DimensionMapping
from evidence.connectors.formats.base import Answer, FileRun, Item
from evidence.connectors.scoring import Judge, score, unmapped, with_gaps_filled
from evidence.connectors.told import Told
from evidence.numbers import to_decimal_or_none
from evidence.readings import (
    ITEM_KINDS,
    CaseReading,
    EvaluationRunReading,
    Reject,
    ScoreReading,
    canonical_digest,
    item_kind_or_unspecified,
    version_digest_or_empty,
)

LONGEST_TEXT = 200
MOST_REJECTS = 100


def assemble(
    run: FileRun, mappings: Mapping[str, DimensionMapping], told: Told, *, file_sha256: str = "", format_key: str = ""
) -> tuple[EvaluationRunReading | None, list[Reject]]:
    """The run as a reading, with what of it could not be read; None when an id or its end is missing.

    `mappings` of the connector's page count before what the format declares for itself.
    """
    reference = run.name or told.file_name
    rejects = list(run.rejects)
    finished = run.finished_at or told.finished_at
    if finished is None:
        reason = "The file does not say when the run finished. Say so with the upload: finished_at, as ISO 8601."
        return None, [*rejects, Reject(reference, reason)]
    known = {**run.declared, **mappings}
    cases = with_gaps_filled(_cases(run, known, rejects, reference))
    use_case, digest = told.use_case or run.use_case, told.version or run.version
    if digest and not version_digest_or_empty(digest):
        rejects.append(Reject(reference, "The version is no digest. Write the 64 hex digits of its page."))
    reading = EvaluationRunReading(
        external_id=_external_id(run, told, finished.isoformat(), use_case),
        name=(run.name or told.run or told.file_name)[:LONGEST_TEXT],
        url=run.url,
        started_at=run.started_at,
        finished_at=finished,
        use_case_key=use_case,
        version_digest=version_digest_or_empty(digest),
        dataset_name=run.dataset_name,
        dataset_version=run.dataset_version,
        dataset_digest=run.dataset_digest,
        model_name=run.model,
        application_commit=run.commit,
        environment=told.environment or run.environment,
        cases=cases,
        raw_sha256=canonical_digest(run.rows),
        attributes={**run.attributes, "format": format_key, "file": told.file_name, "file_sha256": file_sha256},
    )
    return reading, rejects


def _external_id(run: FileRun, told: Told, finished: str, use_case: str) -> str:
    """The tool's own id; else the name told; else file, end and use case, so that another night is another run."""
    if run.external_id:
        return run.external_id[:LONGEST_TEXT]
    name = told.run or f"{told.file_name} {finished}"
    return " ".join(part for part in (use_case, name, run.column) if part)[:LONGEST_TEXT]


def _cases(
    run: FileRun, known: Mapping[str, DimensionMapping], rejects: list[Reject], reference: str
) -> list[CaseReading]:
    unknown: dict[str, None] = {}
    read: dict[tuple[str, int], CaseReading] = {}
    trials: Counter[str] = Counter()
    used = {metric: None for item in run.items for metric in item.answers if metric in known}
    for item in run.items:
        name = item.item.strip()[:LONGEST_TEXT]
        if not name:
            rejects.append(Reject(item.where, "The row names no item. Fill its item column."))
            continue
        trials[name] += 1
        trial = item.trial or trials[name]
        if (name, trial) in read:
            rejects.append(Reject(item.where, f"Item {name}, trial {trial} occurs twice. Number its trials."))
            continue
        kind = _kind(item, rejects)
        unknown |= {metric: None for metric in item.answers if metric not in known and metric not in run.optional}
        read[name, trial] = CaseReading(name, kind, trial, tuple(_scores(item, known, used)))
    rejects += [unmapped(reference, metric) for metric in unknown]
    if len(rejects) > MOST_REJECTS:
        more = len(rejects) - MOST_REJECTS
        rejects[MOST_REJECTS:] = [Reject(reference, f"{more} more could not be read. Mend the first ones first.")]
    return list(read.values())


def _kind(item: Item, rejects: list[Reject]):  # type: ignore[no-untyped-def]
    kind = item_kind_or_unspecified(item.kind)
    if item.kind and kind == "unspecified" and item.kind != "unspecified":
        kinds = ", ".join(ITEM_KINDS)
        reason = f"“{str(item.kind)[:60]}” is no kind, so the case counts as unspecified. Use {kinds}."
        rejects.append(Reject(item.where, reason))
    return kind


def _scores(item: Item, known: Mapping[str, DimensionMapping], used: Mapping[str, None]) -> Iterator[ScoreReading]:
    for metric in sorted(used):
        answer = item.answers.get(metric)
        if item.error and (answer is None or not answer.error):
            # What the judges would have said is not known: an item that broke fails them all.
            judge = answer.judge if answer else Judge()
            yield score(known[metric], None, judge=judge, error=item.error)
        elif answer is not None and not answer.skipped:
            yield score(known[metric], _value(answer, known[metric]), judge=answer.judge, error=answer.error)


def _value(answer: Answer, mapping: DimensionMapping) -> object:
    return answer.passed if mapping.kind == "boolean" and answer.passed is not None else answer.value


@dataclass(slots=True)
class MetricSeen:
    """One metric as a file has it: how often it answered, between which numbers, and what was no number."""

    metric: str
    scale: tuple[Decimal, Decimal] | None = None
    numbers: int = 0
    failed: int = 0
    skipped: int = 0
    passes: int = 0
    lowest: Decimal | None = None
    highest: Decimal | None = None
    thresholds: set[Decimal] = field(default_factory=set)
    words: dict[str, None] = field(default_factory=dict)

    def add(self, answer: Answer) -> None:
        self.passes += bool(answer.passed)
        threshold = to_decimal_or_none(answer.threshold)
        if threshold is not None and len(self.thresholds) < 5:
            self.thresholds.add(threshold)
        number = to_decimal_or_none(answer.value, boolean=True)
        if answer.skipped:
            self.skipped += 1
        elif answer.error or number is None:
            self.failed += 1
            if not answer.error and answer.value is not None and len(self.words) < 5:
                self.words[str(answer.value)[:40]] = None
        else:
            self.numbers += 1
            self.lowest = number if self.lowest is None else min(self.lowest, number)
            self.highest = number if self.highest is None else max(self.highest, number)


def survey(run: FileRun) -> list[MetricSeen]:
    """Every metric of a run as it stands in the file, mapped or not, in order of name."""
    seen: dict[str, MetricSeen] = {}
    for item in run.items:
        for metric, answer in item.answers.items():
            seen.setdefault(metric, MetricSeen(metric, run.scale)).add(answer)
    return [seen[metric] for metric in sorted(seen)]
