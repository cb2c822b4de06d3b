"""Pushing evidence over the API: what is taken, what is refused and why, who sees what."""

import json
from typing import Any

import pytest
from django.test import Client

from evidence.models import EvaluationRun, UsageRecord
from portal.actions.tokens import issue_token
from tests.cast import Cast
from tests.evidence.scenes import counted, usage, version_of
from tests.usecases.scenes import registered
from usecases.models import SystemVersion, UseCase

RUNS, USAGE = "/api/v1/evaluation-runs/", "/api/v1/usage-records/"


class Caller:
    """A service account with a token, calling the API."""

    def __init__(self, cast: Cast, name: str, scopes: list[str]) -> None:
        _token, text = issue_token(
            actor=cast.actor("admin"), account=cast.accounts[name], label="test", scopes=scopes, days=1
        )
        self.headers = {"Authorization": f"Bearer {text}"}
        self.client = Client()

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str) -> Any:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.post(path, data, content_type=content_type, headers={**self.headers, **headers})

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)


@pytest.fixture
def pipeline(cast: Cast) -> Caller:
    return Caller(cast, "pipeline", ["evidence"])


def pushed(version: SystemVersion, /, **changes: Any) -> dict[str, Any]:
    body = {
        "use_case": version.use_case.reference,
        "version": f"sha256:{version.digest}",
        "external_id": "build-17",
        "name": "Build 17",
        "finished_at": "2026-11-20T08:00:00Z",
        "metrics": {
            "grounded": {
                "dimension": "groundedness", "scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 0.7,
                "judge": {"kind": "llm", "name": "judge-1"},
            },
            "toxic": {
                "dimension": "safety", "scale_min": 0, "scale_max": 7, "direction": "lower", "threshold": 2,
            },
        },
        "cases": [
            {"item": "q-1", "kind": "edge_case", "scores": {"grounded": 0.9, "toxic": 1}},
            {"item": "q-2", "kind": "unsafe_prompt", "scores": {"grounded": {"error": "timed out"}, "toxic": 3}},
            {"item": "q-3", "scores": {"grounded": 0.1}},
        ],
    }  # fmt: skip
    return {**body, **changes}


def test_a_pushed_run_is_counted_from_its_cases(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    response = pipeline.post(RUNS, pushed(version))
    assert response.status_code == 201, response.json()
    body = response.json()
    assert (body["change"], body["source"], body["cases"]) == ("created", f"push:{cast.accounts['pipeline'].pk}", 3)
    run = EvaluationRun.objects.get(pk=body["id"])
    assert counted(run) == {"groundedness": (3, 2, 1, 0, 1), "safety": (3, 2, 0, 1, 1)}
    assert run.pushed_by_account == cast.accounts["pipeline"]
    assert pipeline.get(f"{RUNS}{run.pk}/").json()["dimensions"][0]["errored"] == 1


def test_the_same_push_again_is_unchanged_and_a_changed_one_a_revision(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    first = pipeline.post(RUNS, pushed(version)).json()
    again = pipeline.post(RUNS, pushed(version))
    assert (again.status_code, again.json()["change"], again.json()["id"]) == (200, "unchanged", first["id"])
    changed = pipeline.post(RUNS, pushed(version, cases=[{"item": "q-1", "scores": {"grounded": 0.2}}]))
    assert (changed.status_code, changed.json()["change"], changed.json()["revision"]) == (201, "revised", 2)
    listed = pipeline.get(f"{RUNS}?use_case={version.use_case.reference}").json()["results"]
    assert [(row["revision"], row["is_current"]) for row in listed] == [(2, True), (1, False)]


def test_an_idempotency_key_answers_a_repeated_push_alike(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    headers = {"Idempotency-Key": "build-17"}
    first = pipeline.post(RUNS, pushed(version), **headers)
    again = pipeline.post(RUNS, pushed(version), **headers)
    assert (again.status_code, again.json(), again["Idempotent-Replay"]) == (201, first.json(), "true")


METRIC = {"dimension": "groundedness", "scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 0.7}


def _without(name: str) -> dict[str, Any]:
    return {"grounded": {key: value for key, value in METRIC.items() if key != name}}


ONE = [{"item": "q-1", "scores": {"grounded": 1}}]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"metrics": _without("threshold"), "cases": ONE}, "metrics.grounded.threshold"),
        ({"metrics": _without("scale_max"), "cases": ONE}, "metrics.grounded.scale_max"),
        ({"metrics": _without("direction"), "cases": ONE}, "metrics.grounded.direction"),
        ({"metrics": {"grounded": {**METRIC, "dimension": "charm"}}, "cases": ONE}, "metrics.grounded.dimension"),
        ({"metrics": {"grounded": {**METRIC, "threshold": 2}}, "cases": ONE}, "metrics.grounded.threshold"),
        ({"metrics": {"grounded": {**METRIC, "scale_min": 1}}, "cases": ONE}, "metrics.grounded.scale_max"),
        ({"metrics": {}, "cases": ONE}, "metrics"),
        ({"metrics": {"other": METRIC}, "cases": ONE}, "metrics"),
        ({"cases": []}, "cases"),
        ({"cases": ONE * 2}, "cases.1"),
        ({"cases": [{"item": "q", "scores": {}}]}, "cases"),
        ({"cases": [{"item": "q", "scores": {"grounded": "NaN"}}]}, "cases.0"),
        ({"cases": [{"item": "q", "scores": {"grounded": {"value": 1, "error": "x"}}}]}, "cases.0"),
        ({"cases": [{"item": "q", "scores": {"grounded": 1}, "weight": 2}]}, "cases.0"),
        ({"cases": [{"item": "q", "trial": 0, "scores": {"grounded": 1}}]}, "cases.0"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"version": "f" * 64}, "version"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_push_that_is_not_clear_is_refused_with_the_place_and_stores_nothing(
    cast: Cast, pipeline: Caller, changes: dict[str, Any], field: str
) -> None:
    response = pipeline.post(RUNS, pushed(version_of(cast), **changes))
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert field in {error["field"] for error in response.json()["errors"]}
    assert EvaluationRun.objects.count() == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_json_does_not_know_is_refused(cast: Cast, pipeline: Caller, number: str) -> None:
    text = json.dumps(pushed(version_of(cast))).replace("0.9", number)
    response = pipeline.post(RUNS, text)
    assert (response.status_code, response.json()["code"], EvaluationRun.objects.count()) == (400, "parse_error", 0)


def test_a_value_off_its_scale_counts_as_a_failed_judge(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    response = pipeline.post(RUNS, pushed(version, cases=[{"item": "q-1", "scores": {"grounded": 1e300}}]))
    assert response.json()["dimensions"][0]["errored"] == 1


def test_a_duplicate_key_in_the_body_is_refused(cast: Cast, pipeline: Caller) -> None:
    text = json.dumps(pushed(version_of(cast)))[:-1] + ', "use_case": "UC-0001"}'
    assert pipeline.post(RUNS, text).json()["code"] == "parse_error"
    assert EvaluationRun.objects.count() == 0


@pytest.mark.parametrize("path", [RUNS, USAGE])
def test_a_body_over_the_limit_is_refused_before_it_is_read(cast: Cast, pipeline: Caller, path: str) -> None:
    response = pipeline.post(path, b" " * (16 * 1024 * 1024 + 1))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_use_case_that_may_not_be_seen_does_not_exist(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    UseCase.objects.filter(pk=version.use_case_id).update(restricted=True)
    response = pipeline.post(RUNS, pushed(version))
    assert (response.status_code, response.json()["code"], EvaluationRun.objects.count()) == (404, "not_found", 0)


def test_a_token_without_the_scope_may_read_and_not_push(cast: Cast, pipeline: Caller) -> None:
    version = version_of(cast)
    pipeline.post(RUNS, pushed(version))
    reader = Caller(cast, "pipeline", ["read"])
    assert len(reader.get(RUNS).json()["results"]) == 1
    response = reader.post(RUNS, pushed(version, external_id="other"))
    assert (response.status_code, response.json()["code"]) == (403, "not_evidence_source")
    assert EvaluationRun.objects.count() == 1


def _row(use_case: UseCase, /, **changes: Any) -> dict[str, Any]:
    day = usage().day.isoformat()
    row = {"use_case": use_case.reference, "day": day, "requests": 10, "effective_cost": "1.25", "currency": "EUR"}
    return {**row, **changes}


def test_pushed_usage_is_stored_row_by_row_and_rejected_row_by_row(cast: Cast, pipeline: Caller) -> None:
    use_case = registered(cast)
    rows = [
        _row(use_case),
        _row(use_case, model="a", requests=-1),
        _row(use_case, model="b", use_case="UC-9999"),
        _row(use_case, model="c", version="f" * 64),
        _row(use_case),
        "no row",
        _row(use_case, model="d", colour="blue"),
        _row(use_case, model="e"),
    ]
    response = pipeline.post(USAGE, rows)
    body = response.json()
    assert (response.status_code, body["created"], body["changed"], body["unchanged"]) == (200, 2, 0, 0)
    assert [each["row"] for each in body["rejected"]] == [2, 3, 4, 5, 6, 7]
    reasons = {each["row"]: each["reason"] for each in body["rejected"]}
    assert reasons[3] == "There is no use case UC-9999."
    assert reasons[5] == "The same key stands in row 1 already."
    assert reasons[7].startswith("colour: This key is not known.")
    assert UsageRecord.objects.count() == 2


def test_usage_may_come_as_ndjson_and_a_broken_line_costs_only_itself(cast: Cast, pipeline: Caller) -> None:
    use_case = registered(cast)
    lines = [json.dumps(_row(use_case)), '{"use_case":', json.dumps(_row(use_case, model="b")), "", '{"day": NaN}']
    response = pipeline.post(USAGE, "\n".join(lines), content_type="application/x-ndjson")
    body = response.json()
    assert (response.status_code, body["created"]) == (200, 2)
    assert [each["row"] for each in body["rejected"]] == [2, 4]


def test_restated_usage_replaces_its_row_and_is_read_back_exactly(cast: Cast, pipeline: Caller) -> None:
    use_case = registered(cast)
    pipeline.post(USAGE, [_row(use_case)])
    body = pipeline.post(USAGE, [_row(use_case, effective_cost="2.000000001", successful_outcomes=3)]).json()
    assert (body["created"], body["changed"]) == (0, 1)
    (row,) = pipeline.get(f"{USAGE}?use_case={use_case.reference}").json()["results"]
    assert (row["effective_cost"], row["successful_outcomes"], row["version"]) == ("2.000000001", 3, None)


@pytest.mark.parametrize("body", [{}, [], "text", None])
def test_usage_that_is_no_list_of_rows_is_refused(cast: Cast, pipeline: Caller, body: Any) -> None:
    response = pipeline.post(USAGE, json.dumps(body))
    assert (response.status_code, UsageRecord.objects.count()) == (400, 0)
