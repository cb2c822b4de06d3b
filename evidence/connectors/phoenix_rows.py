"""From Phoenix's experiment and its rows to one evaluation run reading: pure, so that captured answers test it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from evidence.connectors.base import DimensionMapping
from evidence.connectors.labels import Labels, worth
from evidence.connectors.scoring import Judge, score, unmapped, with_gaps_filled
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.readings import (
    CaseReading,
    EvaluationRunReading,
    ItemKind,
    JudgeKind,
    Reject,
    ScoreReading,
    canonical_digest,
    item_kind_or_unspecified,
    version_digest_or_empty,
)

USE_CASE_KEYS: Final = ("gatehouse.use_case", "governance.use_case_id", "use_case")
VERSION_KEY: Final = "gatehouse.version_digest"
JUDGE_KINDS: Final[Mapping[str, JudgeKind]] = {"LLM": "llm", "HUMAN": "human"}
# Counted from traces that may arrive after the experiment; the evidence itself does not change with them.
VOLATILE: Final = frozenset({"prompt_token_count", "completion_token_count"})
KEPT_METADATA: Final = ("model", "prompt_version", "temperature")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExperimentReader:
    """Reads the experiments of one Phoenix; `base_url` has no final slash."""

    base_url: str
    mappings: Mapping[str, DimensionMapping]
    labels: Labels

    def read(
        self, experiment: Row, rows: list[Row], dataset: Row, examples: Mapping[str, Row]
    ) -> tuple[EvaluationRunReading, list[Reject]]:
        """The reading of `experiment` with its rows, and what of it could not be read. `examples` are by id."""
        told = mapping_of(experiment.get("metadata"))
        external_id = text_of(experiment.get("id"))
        ordered = sorted(rows, key=_place)
        cases, rejects = self._cases(external_id, ordered, examples)
        digest, digest_rejects = version_of(external_id, told)
        dataset_id = first_text(experiment.get("dataset_id"), dataset.get("id"))
        reading = EvaluationRunReading(
            external_id=external_id,
            name=first_text(experiment.get("name"), external_id),
            url=f"{self.base_url}/datasets/{quote(dataset_id)}/compare?experimentId={quote(external_id)}",
            started_at=_first(min, ordered, "start_time") or time_of_text(experiment.get("created_at")),
            finished_at=_first(max, ordered, "end_time") or time_of_text(experiment.get("updated_at")),
            use_case_key=use_case_key(told, mapping_of(dataset.get("metadata"))),
            version_digest=digest,
            dataset_name=text_of(dataset.get("name")),
            dataset_version=text_of(experiment.get("dataset_version_id")),
            dataset_digest="",
            model_name=text_of(told.get("model")),
            application_commit=text_of(told.get("git_sha")),
            environment=first_text(told.get("gatehouse.environment"), told.get("environment")),
            cases=cases,
            raw_sha256=canonical_digest({"experiment": _settled(experiment), "rows": [_row(row) for row in ordered]}),
            attributes={name: text_of(told[name]) for name in KEPT_METADATA if text_of(told.get(name))},
        )
        return reading, digest_rejects + rejects

    def _cases(
        self, external_id: str, rows: list[Row], examples: Mapping[str, Row]
    ) -> tuple[tuple[CaseReading, ...], list[Reject]]:
        unknown: dict[str, None] = {}
        judged = [(row, self._scores(row, unknown)) for row in rows]
        # A case on which the application itself failed was judged by nobody; every judge of the others is missing.
        known = {found.metric: found for _, scores in judged for found in scores}
        cases: dict[tuple[str, int], CaseReading] = {}
        rejects = []
        for row, scores in judged:
            item, kind = _item(row, examples)
            place = (item, _trial(row))
            if place in cases:
                reason = "The case stands twice in the experiment, so only the first was counted."
                rejects.append(Reject(f"{external_id} {item}", reason))
                continue
            failed = self._failed(row, {found.metric for found in scores}, known)
            ordered = sorted([*scores, *failed], key=lambda found: found.metric)
            cases[place] = CaseReading(item, kind, place[1], tuple(ordered))
        rejects += [unmapped(external_id, metric) for metric in unknown]
        return with_gaps_filled(cases.values()), rejects

    def _scores(self, row: Row, unknown: dict[str, None]) -> list[ScoreReading]:
        scores: dict[str, ScoreReading] = {}
        for annotation in sorted(rows_of(row.get("annotations")), key=lambda each: text_of(each.get("end_time"))):
            metric = text_of(annotation.get("name"))
            mapping = self.mappings.get(metric)
            if mapping is None:
                unknown.setdefault(metric)
                continue
            raw = annotation.get("score")
            if raw is None:
                raw = worth(self.labels, metric, annotation.get("label"))
            error = _words(annotation.get("error"))
            scores[metric] = score(mapping, raw, judge=_judge(annotation), error=error)  # the latest of a name counts
        return list(scores.values())

    def _failed(self, row: Row, present: set[str], known: Mapping[str, ScoreReading]) -> list[ScoreReading]:
        error = _words(row.get("error"))
        if not error:
            return []
        text = f"The application failed on this case: {error}"
        missing = (known[metric] for metric in sorted(known.keys() - present))
        return [
            score(
                self.mappings[like.metric],
                None,
                judge=Judge(like.judge_kind, like.judge_name, like.judge_version),
                error=text,
            )
            for like in missing
        ]


def use_case_key(*places: Mapping[str, Any]) -> str:
    """The use case that the first of these metadata names; "" when none does."""
    return first_text(*(place.get(key) for place in places for key in USE_CASE_KEYS))


def version_of(reference: str, metadata: Mapping[str, Any]) -> tuple[str, list[Reject]]:
    """The digest of the system version that metadata names, or why what stands there is none."""
    written = metadata.get(VERSION_KEY)
    digest = version_digest_or_empty(written)
    if digest or not written:
        return digest, []
    reason = f"The metadata {VERSION_KEY} is no digest. Write the 64 hex digits shown on the system version's page."
    return "", [Reject(reference, reason)]


def unfinished(experiment: Row) -> int:
    """How many cases of the experiment have not been run yet."""
    missing = experiment.get("missing_run_count")
    return missing if isinstance(missing, int) and not isinstance(missing, bool) else 0


def changed_ms(experiment: Row) -> int:
    """When the experiment was last changed, in milliseconds; later annotations do not move it."""
    times = [time_of_text(experiment.get(name)) for name in ("created_at", "updated_at")]
    return max((round(time.timestamp() * 1000) for time in times if time), default=0)


def _settled(experiment: Row) -> Row:
    return {key: value for key, value in experiment.items() if key not in {"updated_at", "project_name"}}


def _row(row: Row) -> Row:
    kept = {key: value for key, value in row.items() if key not in VOLATILE}
    kept["annotations"] = sorted(rows_of(row.get("annotations")), key=lambda each: json.dumps(each, sort_keys=True))
    return kept


def _place(row: Row) -> tuple[str, int]:
    return text_of(row.get("example_id")), _trial(row)


def _trial(row: Row) -> int:
    number = row.get("repetition_number")
    return number if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 10_000 else 1


def _item(row: Row, examples: Mapping[str, Row]) -> tuple[str, ItemKind]:
    example_id = text_of(row.get("example_id"))
    told = mapping_of(mapping_of(examples.get(example_id)).get("metadata"))
    kind = item_kind_or_unspecified(told.get("gatehouse.item_kind", told.get("item_kind")))
    return first_text(told.get("gatehouse.item"), example_id), kind


def _judge(annotation: Row) -> Judge:
    told = mapping_of(annotation.get("metadata"))
    return Judge(
        kind=JUDGE_KINDS.get(text_of(annotation.get("annotator_kind")), "code"),
        name=first_text(told.get("judge"), told.get("model")),
        version=text_of(told.get("version")),
    )


def _words(error: object) -> str:
    """An error as one text, whatever its shape; "" when there is none."""
    if error in (None, "", {}, []):
        return ""
    return text_of(error) or json.dumps(error)[:500]


def _first(pick: Any, rows: Iterable[Row], name: str) -> datetime | None:
    times = [time for time in (time_of_text(row.get(name)) for row in rows) if time]
    return pick(times) if times else None
