"""Files that the tools themselves wrote: every one is read, and the failures their averages hide are counted."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from evidence.choices import Dimension
from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.promptfoo import DIMENSIONS
from tests.evidence.connectors.files import PAYLOADS, counted, mapped, read, session, unmapped

PROMPTFOO, DEEPEVAL = PAYLOADS / "promptfoo", PAYLOADS / "deepeval"
AZURE, INSPECT = PAYLOADS / "azure_ai_evaluation", PAYLOADS / "inspect"
RAGAS, LM_EVAL = PAYLOADS / "ragas", PAYLOADS / "lm_eval"


def test_promptfoo_gives_one_run_per_prompt_and_counts_the_test_it_drops_from_its_sums() -> None:
    runs, rejects, kind = read(PROMPTFOO / "results.json", finished_at=None)
    assert kind == "promptfoo"
    assert [(run.external_id, run.model_name) for run in runs] == [
        ("eval-4TA-2026-11-23T08:49:00 0", "gpt-4o-mini"),
        ("eval-4TA-2026-11-23T08:49:00 1", "gpt-4o-mini"),
    ]
    first = runs[0]
    assert first.finished_at == datetime(2026, 11, 23, 8, 49, 2, 141000, tzinfo=UTC)
    assert (first.use_case_key, first.environment, first.application_commit) == ("UC-2026-0042", "staging", "4be1c2a")
    assert first.dataset_name == "hr-golden-set"
    assert [case.item_id for case in first.cases] == ["TC-1", "TC-2", "TC-3", "provider error"]
    # promptfoo's own sum says groundedness 2 of weight 3; of the cases one passed, failed, broke, was not asked.
    assert counted(first) == {
        "groundedness": (4, 2, 1, 1, 1),
        "relevance": (4, 1, 0, 3, 1),
        "safety": (4, 3, 1, 0, 3),
        "task_success": (4, 1, 0, 3, 1),
    }
    errors = {score.error for case in first.cases for score in case.scores if score.state == "errored"}
    assert errors == {"upstream 500: deployment unavailable"}
    assert sorted(set(unmapped(rejects))) == ["cost", "latency"]


def test_promptfoo_s_numbers_are_read_where_a_mapping_says_so() -> None:
    (run,), _, _ = read(
        PROMPTFOO / "results.json",
        mapped("relevance", "relevance", threshold="0.95"),
        mapped("success", kind="boolean"),
        column="hr-policy-answer@2",
    )
    (score,) = [score for case in run.cases for score in case.scores if score.metric == "relevance" and score.value]
    assert (score.value, score.passed) == (Decimal("0.9"), False)
    overall = [score.state for case in run.cases for score in case.scores if score.metric == "success"]
    assert overall == ["scored", "scored", "scored", "errored"]


def test_promptfoo_s_lines_read_as_its_json_but_know_neither_id_nor_time() -> None:
    whole, _, _ = read(PROMPTFOO / "results.json")
    lines, _, kind = read(PROMPTFOO / "results.jsonl", use_case="UC-0001")
    assert kind == "promptfoo"
    assert [counted(run) for run in lines] == [counted(run) for run in whole]
    assert lines[0].external_id == "UC-0001 results.jsonl 2026-11-20T08:00:00+00:00 hr-policy-answer@1"
    runs, rejects, _ = read(PROMPTFOO / "results.jsonl", finished_at=None)
    assert runs == []
    assert "finished_at" in rejects[-1].reason


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (PROMPTFOO / "results.csv", "promptfoo eval -o results.json"),
        (PROMPTFOO / "results.xml", "Write the results as JSON"),
        (LM_EVAL / "results.json", "--log_samples"),
    ],
)
def test_forms_without_cases_or_digits_are_refused_with_the_form_to_write_instead(file: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        read(file)


@pytest.mark.parametrize("name", ["test_run.json", "latest_test_run_wrapped.json"])
def test_deepeval_s_failed_judge_is_an_error_though_its_averages_leave_it_out(name: str) -> None:
    (run,), rejects, kind = read(DEEPEVAL / name, mapped("Groundedness"), mapped("Flaky", "relevance"))
    assert (kind, rejects) == ("deepeval", [])
    assert counted(run) == {"groundedness": (2, 2, 0, 0, 1), "relevance": (2, 1, 1, 0, 1)}
    assert (run.external_id, run.model_name, run.use_case_key) == ("hr-gate-4be1c2a", "gpt-4o-mini", "UC-2026-0042")
    assert [case.item_id for case in run.cases] == ["TC-1", "TC-2"]
    assert [score.error for case in run.cases for score in case.scores if score.error] == ["RuntimeError: judge down"]


def test_deepeval_s_metrics_are_named_for_mapping_and_never_guessed() -> None:
    (run,), rejects, _ = read(DEEPEVAL / "test_run.json")
    assert counted(run) == {}
    assert unmapped(rejects) == ["Groundedness", "Flaky"]


def test_azure_s_nan_is_a_failed_judge() -> None:
    text = (AZURE / "evaluate_output_with_failures.json").read_text()
    assert '"flaky.flaky": 1.0' in text  # what the tool itself says
    mappings = (mapped("groundedness.groundedness"), mapped("flaky.flaky", "relevance"))
    (run,), rejects, kind = read(AZURE / "evaluate_output_with_failures.json", *mappings)
    assert kind == "azure_ai_evaluation"
    assert counted(run) == {"groundedness": (4, 4, 0, 0, 3), "relevance": (4, 3, 1, 0, 3)}
    assert unmapped(rejects) == ["f1.f1_score"]
    assert [case.item_id for case in run.cases] == ["TC-1", "TC-2", "TC-3", "TC-4"]


def test_azure_s_per_judge_results_say_why_a_judge_failed() -> None:
    (run,), _, _ = read(AZURE / "aoai_output_items_and_summary.json", mapped("flaky.flaky"))
    assert counted(run) == {"groundedness": (4, 3, 1, 0, 3)}
    assert [score.error for case in run.cases for score in case.scores if score.error] == ["judge down"]


def test_inspect_s_broken_samples_count_though_its_accuracy_is_one() -> None:
    log = json.loads((INSPECT / "log.json").read_text())
    assert log["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 1.0
    mappings = (mapped("match", "task_success"), mapped("judge/grounded", threshold="0.7"))
    (run,), rejects, kind = read(INSPECT / "log.json", *mappings, finished_at=None)
    assert kind == "inspect"
    assert counted(run) == {"task_success": (6, 4, 2, 0, 4), "groundedness": (6, 4, 2, 0, 4)}
    assert unmapped(rejects) == ["judge/safe"]
    assert [(case.item_id, case.trial, case.item_kind) for case in run.cases] == [
        ("q-1", 1, "common_question"), ("q-2", 1, "edge_case"), ("q-3", 1, "unspecified"),
        ("q-1", 2, "common_question"), ("q-2", 2, "edge_case"), ("q-3", 2, "unspecified"),
    ]  # fmt: skip
    assert (run.use_case_key, run.model_name, run.dataset_name) == ("UC-0001", "mockllm/model", "golden")
    assert run.finished_at is not None
    assert (run.external_id, run.name) == (log["eval"]["eval_id"], "leave")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "error"}, "status is “error”"),
        ({"status": "started"}, "eval-retry"),
        ({"samples": []}, "no samples"),
    ],
)
def test_an_inspect_log_that_did_not_finish_is_no_evidence(change: dict[str, Any], words: str) -> None:
    log = json.loads((INSPECT / "log.json").read_text()) | change
    with pytest.raises(SchemaError, match=words):
        read(log)


def test_samples_an_inspect_log_lacks_are_not_passes() -> None:
    log = json.loads((INSPECT / "log.json").read_text())
    log["samples"] = [sample for sample in log["samples"] if sample["id"] != "q-2"]
    (run,), _, _ = read(log, mapped("match"))
    assert counted(run) == {"groundedness": (5, 2, 3, 0, 2)}


def test_lm_eval_s_samples_are_read_by_metric_and_filter() -> None:
    (run,), rejects, kind = read(LM_EVAL / "samples_leave.jsonl", mapped("acc,none", "task_success", threshold=1))
    assert kind == "lm_eval"
    assert counted(run) == {"task_success": (3, 3, 0, 0, 2)}
    assert unmapped(rejects) == ["acc_norm,none"]
    assert [case.item_id for case in run.cases] == ["0", "1", "2"]


def test_lm_eval_s_filters_are_metrics_of_one_case() -> None:
    lines = (LM_EVAL / "samples_leave.jsonl").read_text()
    other = lines.replace('"filter": "none"', '"filter": "strict-match"').replace('"acc": 1.0', '"acc": [0.3, 7]')
    (run,), _, _ = read((lines + other).encode(), mapped("acc,none"), mapped("acc,strict-match", "relevance"))
    assert counted(run) == {"groundedness": (3, 3, 0, 0, 2), "relevance": (3, 1, 2, 0, 0)}


def test_ragas_lines_are_read_and_an_empty_score_is_a_failed_judge() -> None:
    (run,), rejects, kind = read(RAGAS / "result.jsonl", mapped("exact_match", "task_success"))
    assert kind == "ragas"
    assert counted(run) == {"task_success": (2, 2, 0, 0, 1)}
    assert unmapped(rejects) == ["string_present"]
    failed = (RAGAS / "result.jsonl").read_text().replace('"exact_match":1.0', '"exact_match":null')
    (run,), _, _ = read(failed.encode(), mapped("exact_match", "task_success"))
    assert counted(run) == {"task_success": (2, 1, 1, 0, 0)}
    assert all(case.item_id.startswith("sha256:") for case in run.cases)


def test_ragas_scores_alone_are_read_by_their_place() -> None:
    (run,), _, kind = read(RAGAS / "result.json", mapped("exact_match", "task_success"))
    assert (kind, counted(run)) == ("ragas", {"task_success": (2, 2, 0, 0, 1)})
    assert [case.item_id for case in run.cases] == ["score 1", "score 2"]


def test_the_dimensions_promptfoo_s_metrics_may_be_named_after_are_ours() -> None:
    assert set(DIMENSIONS) <= set(Dimension.values)


@pytest.mark.parametrize("asked", ["deepeval", "ragas", "table", "nothing"])
def test_a_format_that_was_said_is_held_to(asked: str) -> None:
    with pytest.raises(SchemaError):
        read(AZURE / "evaluate_output_with_failures.json", format=asked)
    assert session(AZURE / "evaluate_output_with_failures.json").told.format == ""
