"""From MLflow's run and traces to one evaluation run reading: pure, so that captured answers test it."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from evidence.connectors.base import DimensionMapping
from evidence.connectors.scoring import Judge, score, unmapped, with_gaps_filled
from evidence.connectors.shapes import first_text, key_values, mapping_of, rows_of, text_of, time_of_ms, time_of_text
from evidence.readings import (
    CaseReading,
    EvaluationRunReading,
    JudgeKind,
    Reject,
    ScoreReading,
    canonical_digest,
    item_kind_or_unspecified,
    version_digest_or_empty,
)

RUN_TYPE_TAG: Final = "mlflow.runType"
EVALUATION: Final = "genai_evaluate"
USE_CASE_TAGS: Final = ("gatehouse.use_case", "governance.use_case_id")
SOURCE_RUN: Final = "mlflow.assessment.sourceRunId"
REQUEST_ID_TAG: Final = "mlflow.eval.requestId"
SCORER_TRACE_TAG: Final = "mlflow.trace.sourceScorer"
JUDGE_KINDS: Final[Mapping[str, JudgeKind]] = {"LLM_JUDGE": "llm", "AI_JUDGE": "llm", "HUMAN": "human"}

# Storage moves and bookkeeping change these without the evidence changing; everything else counts for the digest.
VOLATILE: Final = frozenset(
    {
        "artifact_uri",
        "mlflow.artifactLocation",
        "mlflow.trace.archivalFailure",
        "mlflow.trace.archiveLocation",
        "mlflow.trace.infoFinalized",
        "mlflow.trace.sizeBytes",
        "mlflow.trace.sizeStats",
        "mlflow.trace.spansLocation",
    }
)
# Parameters worth keeping; others may hold prompts.
KEPT_PARAMETERS: Final = ("model", "model_version", "prompt_uri", "temperature")
EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class RunReader:
    """Reads the runs of one MLflow; `base_url` has no final slash, `experiments` are MLflow's own rows by id."""

    base_url: str
    mappings: Mapping[str, DimensionMapping]
    experiments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def read(self, run: dict[str, Any], traces: list[dict[str, Any]]) -> tuple[EvaluationRunReading, list[Reject]]:
        """The reading of `run` with the cases among `traces`, and what of it could not be read."""
        info, data = mapping_of(run.get("info")), mapping_of(run.get("data"))
        run_id, experiment_id = text_of(info.get("run_id")), text_of(info.get("experiment_id"))
        tags, parameters = key_values(rows_of(data.get("tags"))), key_values(rows_of(data.get("params")))
        experiment = self.experiments.get(experiment_id, {})
        cases = sorted((trace for trace in traces if is_case(trace, run_id)), key=_order)
        readings, rejects = self._cases(run_id, cases)
        digest, digest_rejects = _version_digest(run_id, tags)
        dataset = _dataset(run)
        reading = EvaluationRunReading(
            external_id=run_id,
            name=first_text(info.get("run_name"), tags.get("mlflow.runName"), run_id),
            url=f"{self.base_url}/#/experiments/{experiment_id}/evaluation-runs?selectedRunUuid={run_id}",
            started_at=time_of_ms(info.get("start_time")),
            finished_at=time_of_ms(info.get("end_time")),
            use_case_key=use_case_key(tags, experiment),
            version_digest=digest,
            dataset_name=text_of(dataset.get("name")),
            dataset_version=first_text(tags.get("gatehouse.dataset_version"), tags.get("dataset_version")),
            dataset_digest=text_of(dataset.get("digest")),
            model_name=first_text(parameters.get("model"), tags.get("model")),
            application_commit=first_text(tags.get("git_sha"), tags.get("mlflow.source.git.commit")),
            environment=first_text(tags.get("gatehouse.environment"), tags.get("environment")),
            cases=readings,
            raw_sha256=canonical_digest({"run": settled_run(run), "traces": [settled_trace(t, run_id) for t in cases]}),
            attributes=_attributes(experiment_id, experiment, tags, parameters),
        )
        return reading, digest_rejects + rejects

    def _cases(self, run_id: str, traces: list[dict[str, Any]]) -> tuple[tuple[CaseReading, ...], list[Reject]]:
        unknown: dict[str, None] = {}
        rejects: list[Reject] = []
        trials: Counter[str] = Counter()
        cases = []
        for trace in traces:
            item, kind = _item_id(trace), _label(trace, "gatehouse.item_kind")
            trials[item] += 1
            if kind and item_kind_or_unspecified(kind) == "unspecified" and kind != "unspecified":
                rejects.append(_unknown_kind(text_of(trace.get("trace_id")), kind))
            scores = tuple(self._scores(trace, run_id, unknown))
            cases.append(CaseReading(item, item_kind_or_unspecified(kind), trials[item], scores))
        rejects += [unmapped(run_id, metric) for metric in unknown]
        return with_gaps_filled(cases), rejects

    def _scores(self, trace: dict[str, Any], run_id: str, unknown: dict[str, None]) -> list[ScoreReading]:
        scores: dict[str, ScoreReading] = {}
        for assessment in sorted(_valid_feedback(trace, run_id), key=_age):
            for metric, value, error in _answers(assessment):
                mapping = self.mappings.get(metric)
                if mapping is None:
                    unknown.setdefault(metric)
                else:  # a later assessment of the same name supersedes the earlier one
                    scores[metric] = score(mapping, value, judge=_judge(assessment), error=error)
        return [scores[metric] for metric in sorted(scores)]


def is_case(trace: dict[str, Any], run_id: str) -> bool:
    """Whether a trace is one of the run's cases: judged by the run or predicted for it, and not a judge's own trace."""
    tags = mapping_of(trace.get("tags"))
    if SCORER_TRACE_TAG in tags:
        return False
    return REQUEST_ID_TAG in tags or bool(_of_run(trace, run_id))


def use_case_key(tags: Mapping[str, str], experiment: Mapping[str, Any]) -> str:
    """The use case a run names in its own tags or, failing that, in those of its experiment; "" when neither does."""
    above = key_values(rows_of(experiment.get("tags")))
    return first_text(*(tags.get(tag) for tag in USE_CASE_TAGS), *(above.get(tag) for tag in USE_CASE_TAGS))


def settled_run(run: dict[str, Any]) -> dict[str, Any]:
    """The run as it counts for the digest: volatile fields out, lists in an order of their own."""
    data = mapping_of(run.get("data"))
    return {
        "info": _settled(mapping_of(run.get("info"))),
        "data": {part: sorted(map(_settled, rows_of(data.get(part))), key=_text) for part in sorted(data)},
        "inputs": sorted(rows_of(mapping_of(run.get("inputs")).get("dataset_inputs")), key=_text),
    }


def settled_trace(trace: dict[str, Any], run_id: str) -> dict[str, Any]:
    """The trace as it counts for the run's digest: volatile fields and other runs' assessments out."""
    kept = {key: value for key, value in trace.items() if key not in {"assessments", "trace_metadata", "tags"}}
    kept["trace_metadata"] = _settled(mapping_of(trace.get("trace_metadata")))
    kept["tags"] = _settled(mapping_of(trace.get("tags")))
    kept["assessments"] = sorted(_of_run(trace, run_id), key=_text)
    return kept


def _settled(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("key") in VOLATILE:
        return {}
    return {key: value for key, value in row.items() if key not in VOLATILE}


def _text(row: object) -> str:
    return json.dumps(row, sort_keys=True)


def _of_run(trace: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
    rows = rows_of(trace.get("assessments"))
    return [row for row in rows if mapping_of(row.get("metadata")).get(SOURCE_RUN) == run_id]


def _valid_feedback(trace: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
    """The run's judgements on a trace: no expectations (what people wrote beforehand), nothing superseded."""
    rows = _of_run(trace, run_id)
    return [row for row in rows if isinstance(row.get("feedback"), dict) and row.get("valid", True) is True]


def _answers(assessment: dict[str, Any]) -> list[tuple[str, object, str]]:
    """(metric, value, error) of one assessment; a judge that answers with an object has one metric per field."""
    name, feedback = text_of(assessment.get("assessment_name")), mapping_of(assessment.get("feedback"))
    if feedback.get("error"):
        failure = mapping_of(feedback["error"])
        words = first_text(failure.get("error_message"), failure.get("error_code"), "The judge failed.")
        return [(name, None, words)]
    value = feedback.get("value")
    if isinstance(value, dict) and value:
        return [(f"{name}.{part}", answer, "") for part, answer in sorted(value.items())]
    return [(name, value, "")]


def _judge(assessment: dict[str, Any]) -> Judge:
    source, metadata = mapping_of(assessment.get("source")), mapping_of(assessment.get("metadata"))
    return Judge(
        kind=JUDGE_KINDS.get(text_of(source.get("source_type")), "code"),
        name=text_of(source.get("source_id")),
        version=first_text(
            metadata.get("mlflow.assessment.scorerVersion"), metadata.get("mlflow.assessment.scorerDigest")
        ),
    )


def _age(assessment: dict[str, Any]) -> tuple[datetime, datetime, str]:
    changed, made = time_of_text(assessment.get("last_update_time")), time_of_text(assessment.get("create_time"))
    return changed or EPOCH, made or EPOCH, text_of(assessment.get("assessment_id"))


def _order(trace: dict[str, Any]) -> tuple[datetime, str]:
    return time_of_text(trace.get("request_time")) or EPOCH, text_of(trace.get("trace_id"))


def _label(trace: dict[str, Any], name: str) -> str:
    return first_text(mapping_of(trace.get("tags")).get(name), mapping_of(trace.get("trace_metadata")).get(name))


def _item_id(trace: dict[str, Any]) -> str:
    """The evaluation item: named by tag, by dataset record, or recognised by the digest of its request."""
    named = first_text(_label(trace, "gatehouse.item"), _label(trace, "dataset_record_id"))
    if named:
        return named
    request = [trace.get("request_preview"), mapping_of(trace.get("trace_metadata")).get("mlflow.traceInputs")]
    return "request-" + hashlib.sha256(json.dumps(request).encode("ascii")).hexdigest()[:24]


def _version_digest(run_id: str, tags: Mapping[str, str]) -> tuple[str, list[Reject]]:
    written = tags.get("gatehouse.version_digest", "")
    digest = version_digest_or_empty(written)
    if digest or not written:
        return digest, []
    reason = (
        "The tag gatehouse.version_digest is no digest. Write the 64 hex digits shown on the system version's page."
    )
    return "", [Reject(run_id, reason)]


def _unknown_kind(trace_id: str, kind: str) -> Reject:
    return Reject(
        trace_id,
        f"“{kind[:60]}” is no kind of evaluation item, so it counts as unspecified. Set gatehouse.item_kind to one of: "
        "common_question, edge_case, known_failure, unsafe_prompt, source_grounded, expected_characteristic.",
    )


def _dataset(run: dict[str, Any]) -> dict[str, Any]:
    inputs = rows_of(mapping_of(run.get("inputs")).get("dataset_inputs"))
    return mapping_of(inputs[0].get("dataset")) if inputs else {}


def _attributes(
    experiment_id: str, experiment: Mapping[str, Any], tags: Mapping[str, str], parameters: Mapping[str, str]
) -> dict[str, Any]:
    found = {
        "experiment_id": experiment_id,
        "experiment": text_of(experiment.get("name")),
        "agent_digest": tags.get("mlflow.genaiEvaluate.agent.digest", ""),
        "scorers_digest": tags.get("mlflow.genaiEvaluate.scorersDigest", ""),
        "linked_prompts": tags.get("mlflow.linkedPrompts", ""),
        **{name: parameters.get(name, "") for name in KEPT_PARAMETERS},
    }
    return {name: value for name, value in found.items() if value}
