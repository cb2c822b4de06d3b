"""Our own evaluation file: one run with its cases as JSON, or one run per line; the same shape as a pushed run.

    {"external_id": "nightly-17", "name": "…", "url": "…", "started_at": "…", "finished_at": "2026-11-23T08:32:08Z",
     "use_case": "UC-0001", "version_digest": "<64 hex>", "environment": "staging", "model": "…", "commit": "…",
     "dataset": {"name": "…", "version": "…", "digest": "…"},
     "metrics": {"groundedness": {"dimension": "groundedness", "scale_min": 0, "scale_max": 1, "direction": "higher",
                                  "threshold": 0.7, "kind": "numeric",
                                  "judge": {"kind": "llm", "name": "…", "version": "…"}}},
     "cases": [{"item": "q-1", "kind": "edge_case", "trial": 1, "scores": {"groundedness": 0.9,
                "safety": {"error": "judge timed out"}, "relevance": {"value": 0.4, "judge": {…}}}}]}

`external_id`, `finished_at` and `cases` are needed. A metric needs its scale and direction, here or on the connector's
page, which takes precedence. A score is a value, or an object with `value` or `error`; a metric that a case lacks
counts as skipped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from evidence.connectors.base import (
    DEFAULT_LOOKBACK,
    Batch,
    CheckResult,
    ConfigField,
    DimensionMapping,
    Discovered,
    Proof,
    Session,
    check_until_failure,
)
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.inflate import inflate
from evidence.connectors.scoring import Judge, score, unmapped, with_gaps_filled
from evidence.connectors.shapes import mapping_of, text_of, time_of_text
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

LARGEST_FILE: Final = 100_000_000
MOST_CASES: Final = 100_000
LONGEST_TEXT: Final = 500
MOST_ATTRIBUTES: Final = 50


@dataclass(slots=True)
class _Parser:
    """Reads one run, collecting what could not be read."""

    reference: str
    mappings: dict[str, DimensionMapping]
    judges: dict[str, Judge]
    rejects: list[Reject]

    def reject(self, where: str, reason: str) -> None:
        self.rejects.append(Reject(f"{self.reference} {where}".strip(), reason))

    def declare(self, metrics: object) -> None:
        """Takes the scales a run declares for itself; those of the connector's page stay as they are."""
        for metric, declared in mapping_of(metrics).items():
            rule = mapping_of(declared)
            self.judges[metric] = _judge(rule.get("judge"), Judge())
            if metric in self.mappings:
                continue
            try:
                self.mappings[metric] = _mapping(metric, rule)
            except ValueError as error:
                self.reject(f"metrics.{metric}", str(error))

    def cases(self, rows: list[Any]) -> tuple[CaseReading, ...]:
        found: dict[tuple[str, int], CaseReading] = {}
        unknown: dict[str, None] = {}
        for number, row in enumerate(rows, 1):
            case = self._case(f"case {number}", mapping_of(row), unknown)
            if case is None:
                continue
            if (case.item_id, case.trial) in found:
                self.reject(
                    f"case {number}", f"Item {case.item_id}, trial {case.trial} occurs twice. Number the trials."
                )
                continue
            found[case.item_id, case.trial] = case
        self.rejects += [unmapped(self.reference, metric) for metric in unknown]
        return with_gaps_filled(found.values())

    def _case(self, where: str, row: dict[str, Any], unknown: dict[str, None]) -> CaseReading | None:
        item, trial, kind = text_of(row.get("item"))[:LONGEST_TEXT], row.get("trial", 1), text_of(row.get("kind"))
        if not item:
            self.reject(where, "The case names no item. Give each case an “item” that stays the same between runs.")
            return None
        if isinstance(trial, bool) or not isinstance(trial, int) or not 1 <= trial <= 10_000:
            self.reject(where, "“trial” is a whole number from 1.")
            return None
        if kind and item_kind_or_unspecified(kind) == "unspecified" and kind != "unspecified":
            self.reject(
                where, f"“{kind[:60]}” is no kind, so the case counts as unspecified. Use {', '.join(ITEM_KINDS)}."
            )
        scores = tuple(self._scores(mapping_of(row.get("scores")), unknown))
        return CaseReading(item, item_kind_or_unspecified(kind), trial, scores)

    def _scores(self, scores: dict[str, Any], unknown: dict[str, None]) -> Iterator[ScoreReading]:
        for metric, given in sorted(scores.items()):
            mapping = self.mappings.get(metric)
            if mapping is None:
                unknown.setdefault(metric)
                continue
            answer = given if isinstance(given, dict) else {"value": given}
            judge = _judge(answer.get("judge"), self.judges.get(metric, Judge()))
            yield score(mapping, answer.get("value"), judge=judge, error=text_of(answer.get("error")))


def parse_run(
    document: object, mappings: Mapping[str, DimensionMapping], *, reference: str = ""
) -> tuple[EvaluationRunReading | None, list[Reject]]:
    """The run in a parsed JSON document, with what of it could not be read; None when it is no run at all.

    `mappings` (by metric) take precedence over the scales the document declares. Used for files and for pushed runs.
    """
    run = mapping_of(document)
    external_id, finished = text_of(run.get("external_id"))[:LONGEST_TEXT], time_of_text(run.get("finished_at"))
    parser = _Parser(reference or external_id, dict(mappings), {}, [])
    rows = run.get("cases")
    if not external_id:
        parser.reject("", "The run has no “external_id”. Give it the id it has where it was made.")
    if finished is None:
        parser.reject("", "The run has no “finished_at”, or it is no ISO 8601 time. Only finished runs are evidence.")
    if not isinstance(rows, list) or not rows or len(rows) > MOST_CASES:
        parser.reject("", f"“cases” is a list of 1 to {MOST_CASES} cases.")
    if parser.rejects or not isinstance(rows, list):
        return None, parser.rejects
    parser.declare(run.get("metrics"))
    cases = parser.cases(rows)
    dataset, digest = mapping_of(run.get("dataset")), version_digest_or_empty(run.get("version_digest"))
    if run.get("version_digest") and not digest:
        parser.reject("", "“version_digest” is no digest. Write the 64 hex digits of the system version's page.")
    reading = EvaluationRunReading(
        external_id=external_id,
        name=_line(run, "name") or external_id,
        url=_line(run, "url"),
        started_at=time_of_text(run.get("started_at")),
        finished_at=finished,
        use_case_key=_line(run, "use_case"),
        version_digest=digest,
        dataset_name=_line(dataset, "name"),
        dataset_version=_line(dataset, "version"),
        dataset_digest=_line(dataset, "digest"),
        model_name=_line(run, "model"),
        application_commit=_line(run, "commit"),
        environment=_line(run, "environment"),
        cases=cases,
        raw_sha256=canonical_digest(run),
        attributes=_attributes(run.get("attributes")),
    )
    return reading, parser.rejects


class EvaluationFileConnector:
    """Evaluation runs from an uploaded file in the portal's own format."""

    kind: ClassVar[str] = "evaluation_file"
    title: ClassVar[str] = "Evaluation file"
    summary: ClassVar[str] = "Evaluation runs in the portal's own format, from a file that somebody uploads."
    proof: ClassVar[Proof] = Proof("specification", "The format is Gatehouse's own and its tests define it.")
    reads_scores: ClassVar[bool] = True
    config_schema: ClassVar[tuple[ConfigField, ...]] = ()

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {}

    def check(self, session: Session) -> CheckResult:
        return check_until_failure(("Read the file", lambda: f"{len(_documents(session))} runs"))

    def discover(self, session: Session) -> list[Discovered]:
        runs = [mapping_of(document) for _, document in _documents(session)]
        keys = [text_of(run.get("use_case")) for run in runs]
        return [Discovered(key, key, keys.count(key)) for key in sorted(set(keys) - {""})]

    def fetch(
        self,
        session: Session,
        cursor: str,
        lookback: timedelta = DEFAULT_LOOKBACK,
    ) -> Iterator[Batch]:
        for reference, document in _documents(session):
            if isinstance(document, Reject):
                yield Batch((), (document,), cursor)
                continue
            reading, rejects = parse_run(document, session.mapping_by_metric(), reference=reference)
            yield Batch((reading,) if reading else (), tuple(rejects), cursor)


def read_source(source: bytes | Path | None, *, limit: int) -> bytes:
    """The file of a session, unpacked when it is gzip; Refused above `limit` bytes or when there is none."""
    if source is None:
        raise Refused("There is no file to read.", mend="Upload one.", stage="address")
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(limit + 1)
    return inflate(source, limit=limit)


def _documents(session: Session) -> list[tuple[str, object]]:
    """(reference, parsed document or Reject) of every run in the file."""
    data = read_source(session.source, limit=LARGEST_FILE)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SchemaError("The file is not UTF-8 text.", mend="Save it as UTF-8.") from error
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _lines(text)
    runs = whole if isinstance(whole, list) else [whole]
    return [("", run) if len(runs) == 1 else (f"run {number}", run) for number, run in enumerate(runs, 1)]


def _lines(text: str) -> list[tuple[str, object]]:
    numbered = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    lines = [(f"line {number}", _line_document(number, line)) for number, line in numbered]
    if not any(isinstance(document, dict) for _, document in lines):
        mend = "It may have been cut; see the format's description."
        raise SchemaError("The file is neither JSON nor one JSON object per line.", mend=mend)
    return lines


def _line_document(number: int, line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return Reject(
            f"line {number}", "The line is not JSON. Write one whole run per line, without line breaks in it."
        )


def _mapping(metric: str, rule: Mapping[str, Any]) -> DimensionMapping:
    low, high = to_decimal_or_none(rule.get("scale_min")), to_decimal_or_none(rule.get("scale_max"))
    if low is None or high is None:
        raise ValueError(
            f"{metric} declares no scale. Give scale_min and scale_max, or map it on the connector's page."
        )
    threshold = to_decimal_or_none(rule.get("threshold"))
    if rule.get("threshold") is not None and threshold is None:
        raise ValueError(f"The threshold of {metric} is no number.")
    dimension, direction = text_of(rule.get("dimension")) or metric, rule.get("direction")
    kind: Any = rule.get("kind", "numeric")
    return DimensionMapping(metric, dimension, low, high, direction, threshold, kind)  # type: ignore[arg-type]


def _judge(given: object, otherwise: Judge) -> Judge:
    told = mapping_of(given)
    kind: Any = told.get("kind", otherwise.kind)
    if kind not in ("code", "llm", "human"):  # any JSON may stand here, hashable or not
        kind = otherwise.kind
    return Judge(kind, _line(told, "name") or otherwise.name, _line(told, "version") or otherwise.version)


def _attributes(given: object) -> dict[str, str]:
    pairs = list(mapping_of(given).items())[:MOST_ATTRIBUTES]
    return {text_of(name)[:LONGEST_TEXT]: text_of(value)[:LONGEST_TEXT] for name, value in pairs}


def _line(row: Mapping[str, Any], name: str) -> str:
    return text_of(row.get(name))[:LONGEST_TEXT]
