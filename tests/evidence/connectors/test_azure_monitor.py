"""Azure Monitor: the documented answer, slices that are halved until they are whole, metrics by hour, and events."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from evidence.connectors.azure_monitor import AzureMonitorConnector
from evidence.connectors.azure_monitor_api import audience_of
from evidence.connectors.azure_monitor_rows import GATEWAY_COLUMNS, Usage, add_metrics, table_of
from evidence.connectors.base import Batch, DimensionMapping
from evidence.connectors.errors import Refused, SchemaError
from evidence.readings import EvaluationRunReading, UsageReading
from tests.evidence.connectors.azure_answers import SignIn, captured, network, session_at
from tests.evidence.connectors.files import counted, unmapped
from tests.evidence.connectors.servers import Heard, Server, respond, serving

WORKSPACE = "00000000-0000-0000-0000-00000000000a"
RESOURCE = "/subscriptions/s1/resourceGroups/hr/providers/Microsoft.CognitiveServices/accounts/hr-openai"
DIGEST = "5e" * 32
DAY = date(2026, 11, 23)
MAPPINGS = (
    DimensionMapping("groundedness", "groundedness", Decimal(1), Decimal(5), "higher", Decimal(3)),
    DimensionMapping("violence", "safety", Decimal(0), Decimal(7), "lower", Decimal(3)),
)
Call = tuple[datetime, list[Any]]


def table(names: Any, rows: list[Any]) -> dict[str, Any]:
    return {"tables": [{"name": "PrimaryResult", "columns": [{"name": name} for name in names], "rows": rows}]}


def partial(told: dict[str, Any], said: str = "too many rows") -> dict[str, Any]:
    inner = {"code": "QueryExecutionError", "innererror": {"code": "-2133196797", "message": said}}
    return {**told, "error": {"code": "PartialError", "message": "There were some errors", "details": [inner]}}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def event(item: str, metric: str, score: Any = None, run: str = "run-1", **more: Any) -> dict[str, Any]:
    inner = {"gen_ai.evaluation.run.id": run, "gatehouse.use_case": "UC-0001", "gatehouse.version_digest": DIGEST}
    told = {
        "gen_ai.evaluation.name": metric,
        "gen_ai.response.id": item,
        "gen_ai.evaluation.explanation": "because annual leave",
    }
    value = {} if score is None else {"gen_ai.evaluation.score.value": score}
    return {**told, **value, **more, "internal_properties": json.dumps(inner)}


class Monitor(SignIn):
    """A workspace with calls of a gateway and evaluation events, and a resource with metrics."""

    def __init__(self) -> None:
        super().__init__()
        at = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
        self.calls: list[Call] = [
            (at, ["UC-0001", f"sha256:{DIGEST}", "hr", "sub-1", "dep-1", "gpt-4o", 2, 1, 100, 40]),
            (at + timedelta(hours=9), ["UC-0001", f"sha256:{DIGEST}", "hr", "sub-1", "dep-1", "gpt-4o", 1, 0, 7, 2]),
            (at + timedelta(hours=9), ["", "", "claims", "sub-2", "dep-1", "gpt-4o", 1, 0, None, None]),
        ]
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.most_hours = 24.0
        self.metrics: dict[str, Any] = {}
        self.slices: list[tuple[datetime, datetime]] = []
        self.too_large: Any = None

    def answer(self, path: str, query: dict[str, str], heard: Heard) -> Any:
        if path == f"{RESOURCE}/providers/microsoft.insights/metrics":
            assert (query["interval"], query["top"]) == ("PT1H", "1000")
            names = query["metricnames"].split(",")
            return respond(json.dumps({"value": [self.metrics[name] for name in names]}).encode())
        assert path == f"/v1/workspaces/{WORKSPACE}/query"
        asked = json.loads(heard.body)["query"]
        if asked.startswith("print"):
            return respond(json.dumps(table(["Ready"], [["yes"]])).encode())
        start, end = map(moment, re.findall(r"datetime\((\S+?)\)", asked)[:2])
        told = self.gateway(start, end) if "ApiManagementGatewayLogs" in asked else self.evaluations(asked, start, end)
        if "ApiManagementGatewayLogs" in asked:
            self.slices.append((start, end))
        if end - start > timedelta(hours=self.most_hours):
            return self.too_large or respond(json.dumps(partial(told)).encode())
        return respond(json.dumps(told).encode())

    def gateway(self, start: datetime, end: datetime) -> dict[str, Any]:
        rows = [row for at, row in self.calls if start <= at < end]
        return table(reversed(GATEWAY_COLUMNS), [list(reversed(row)) for row in rows])

    def evaluations(self, asked: str, start: datetime, end: datetime) -> dict[str, Any]:
        found = [(at, told) for at, told in self.events if start <= moment(at) < end]
        by_run: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for at, told in found:
            by_run.setdefault(json.loads(told["internal_properties"])["gen_ai.evaluation.run.id"], []).append(
                (at, told)
            )
        if "by Run" in asked:
            rows = [[run, min(a for a, _ in e), max(a for a, _ in e), len(e)] for run, e in by_run.items()]
            return table(("Run", "First", "Last", "Rows"), rows)
        run = re.search(r'Run == "([^"]+)"', asked)[1]  # type: ignore[index]
        told_rows = [[at, "trace", json.dumps(told)] for at, told in by_run.get(run, [])]
        return table(("TimeGenerated", "OperationId", "Properties"), told_rows)


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


def fetched(server: Server, cursor: str = "", mappings: Any = MAPPINGS, **config: Any) -> list[Batch]:
    told = {"management_url": server.url, "workspace": WORKSPACE, "usage_days": 2, "evaluations": False, **config}
    with network(server) as http:
        given = session_at(server, http, mappings=mappings, **told)
        return list(AzureMonitorConnector().fetch(given, cursor, timedelta(0)))


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def runs(batches: list[Batch]) -> list[EvaluationRunReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, EvaluationRunReading)]


WHOLE = [
    ("UC-0001", DIGEST, "sub-1", "gpt-4o", 3, 1, 107, 42),
    ("claims", "", "sub-2", "gpt-4o", 1, 0, None, None),
]


def told_of(batches: list[Batch]) -> list[Any]:
    return [
        (each.use_case_key, each.version_digest, each.team, each.model, each.requests, each.failed_requests,
         each.input_tokens, each.output_tokens) for each in usage(batches)
    ]  # fmt: skip


def test_the_documented_answer_is_read_by_column_name() -> None:
    told = captured("azure_monitor", "log_analytics_query_response_DOCS")
    rows = table_of(told, "count_", "Category")
    assert {row["Category"]: row["count_"] for row in rows} == {
        "Administrative": 20839, "Recommendation": 122, "Alert": 64, "ServiceHealth": 11,
    }  # fmt: skip
    with pytest.raises(SchemaError, match="no column Tokens"):
        table_of(told, "Tokens")


def test_calls_of_the_gateway_are_counted_by_use_case_version_and_model(monitor: Monitor) -> None:
    with serving(monitor) as server:
        batches = fetched(server)
    assert told_of(batches) == WHOLE
    assert {(each.day, each.cached_input_tokens, each.effective_cost) for each in usage(batches)} == {(DAY, None, None)}
    assert [batch.covers[0].day for batch in batches if batch.covers] == [23, 24]
    assert batches[-1].cursor == "0/2026-11-24"


@pytest.mark.parametrize(("by", "key"), [("subscription", "sub-2"), ("deployment", "dep-1"), ("product", "claims")])
def test_what_no_header_names_is_named_by_the_chosen_column(monitor: Monitor, by: str, key: str) -> None:
    with serving(monitor) as server:
        assert {each.use_case_key for each in usage(fetched(server, by=by))} == {"UC-0001", key}


@pytest.mark.parametrize("hours", [13.0, 6.0, 0.5])
def test_a_partial_answer_is_no_success_and_is_asked_in_halves(monitor: Monitor, hours: float) -> None:
    monitor.most_hours = hours
    with serving(monitor) as server:
        assert told_of(fetched(server)) == WHOLE
    whole = [(start, end) for start, end in monitor.slices if end - start <= timedelta(hours=hours)]
    of_day = sorted(each for each in whole if each[0].date() == DAY)
    assert of_day[0][0] == datetime(2026, 11, 23, tzinfo=UTC)
    assert of_day[-1][1] == datetime(2026, 11, 24, tzinfo=UTC)
    assert all(one[1] == other[0] for one, other in pairwise(of_day))


def test_an_answer_too_large_for_azure_is_asked_in_halves_too(monitor: Monitor) -> None:
    monitor.most_hours = 13
    body = {"error": {"message": "The query failed", "innererror": {"code": "E_QUERY_RESULT_SET_TOO_LARGE"}}}
    monitor.too_large = respond(json.dumps(body).encode(), status="400 Bad Request")
    with serving(monitor) as server:
        assert told_of(fetched(server)) == WHOLE


def test_a_slice_that_is_never_whole_ends_the_visit(monitor: Monitor) -> None:
    monitor.most_hours = 0
    with serving(monitor) as server, pytest.raises(SchemaError, match="only in part: too many rows"):
        fetched(server)
    assert len(monitor.slices) == 8  # a day, halved seven times


def test_a_query_azure_cannot_run_is_explained(monitor: Monitor) -> None:
    monitor.most_hours = 0
    body = {"error": {"message": "Failed to resolve table ApiManagementGatewayLlmLog"}}
    monitor.too_large = respond(json.dumps(body).encode(), status="400 Bad Request")
    with serving(monitor) as server, pytest.raises(SchemaError, match="Failed to resolve table") as caught:
        fetched(server)
    assert "diagnostic settings" in caught.value.mend


def test_yesterday_is_always_read_once_more_because_logs_are_late(monitor: Monitor) -> None:
    with serving(monitor) as server:
        batches = fetched(server, cursor="0/2026-11-24")
    assert [batch.covers[0].day for batch in batches if batch.covers] == [23, 24]


def metric(name: str, *told: tuple[dict[str, str], dict[str, Any]], code: str = "Success") -> dict[str, Any]:
    series = [
        {
            "metadatavalues": [{"name": {"value": key}, "value": value} for key, value in dimensions.items()],
            "data": [{"timeStamp": at, **({} if total is None else {"total": total})} for at, total in hours.items()],
        }
        for dimensions, hours in told
    ]
    return {"name": {"value": name}, "errorCode": code, "timeseries": series}


def test_hours_of_platform_metrics_become_days_and_throttles_are_failures(monitor: Monitor) -> None:
    one = {"modeldeploymentname": "hr-chat"}
    early, late, next_day = "2026-11-23T00:00:00Z", "2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z"
    monitor.metrics = {
        "AzureOpenAIRequests": metric(
            "AzureOpenAIRequests",
            ({**one, "statuscode": "200"}, {early: 5.0, late: 3.0, next_day: 9.0}),
            ({**one, "statuscode": "429"}, {late: 2.0}),
        ),
        "ProcessedPromptTokens": metric("ProcessedPromptTokens", (one, {early: 100.0, late: None})),
        "GeneratedTokens": metric("GeneratedTokens"),
    }
    with serving(monitor) as server:
        found = usage(fetched(server, read="metrics", resources=[RESOURCE]))
    assert [
        (each.day.day, each.use_case_key, each.requests, each.failed_requests, each.input_tokens, each.output_tokens)
        for each in found
    ] == [(23, "hr-chat", 10, 2, 100, None), (24, "hr-chat", 9, 0, None, None)]


def test_a_metric_answered_in_part_is_refused() -> None:
    with pytest.raises(SchemaError, match="GeneratedTokens only in part"):
        add_metrics(Usage(DAY), {"value": [metric("GeneratedTokens", code="PartialError")]})


@pytest.mark.parametrize("total", ["many", -1, True, float("nan")])
def test_a_total_that_is_no_count_is_refused(total: Any) -> None:
    hours = {"2026-11-23T00:00:00Z": total}
    with pytest.raises(SchemaError):
        add_metrics(Usage(DAY), {"value": [metric("GeneratedTokens", ({"modeldeploymentname": "a"}, hours))]})


def test_evaluation_results_become_one_run_with_its_failed_judge(monitor: Monitor) -> None:
    at = "2026-11-23T08:00:0{}Z"
    monitor.events = [
        (at.format(0), event("q1", "groundedness", 4)),
        (at.format(1), event("q1", "violence", 0)),
        (at.format(2), event("q2", "groundedness", **{"error.type": "judge down"})),
        (at.format(3), event("q2", "violence", 6)),
        (at.format(3), event("q2", "violence", 6)),
        (at.format(4), event("q3", "fluency", 3)),
        (at.format(5), event("q1", "groundedness", 2)),
    ]
    with serving(monitor) as server:
        (batch,) = fetched(server, evaluations=True, read="nothing")
        again = fetched(server, cursor=batch.cursor, evaluations=True, read="nothing")
    (run,) = runs([batch])
    assert (run.external_id, run.use_case_key, run.version_digest) == ("run-1", "UC-0001", DIGEST)
    assert counted(run) == {"groundedness": (4, 2, 1, 1, 1), "safety": (4, 2, 0, 2, 1)}
    assert [(case.item_id, case.trial) for case in run.cases] == [("q1", 1), ("q1", 2), ("q2", 1), ("q3", 1)]
    assert unmapped(list(batch.rejects)) == ["fluency"]
    assert "annual leave" not in repr(run)
    assert runs(again)[0].raw_sha256 == run.raw_sha256


def test_a_run_whose_results_still_arrive_waits_and_one_without_a_name_is_told(monitor: Monitor) -> None:
    monitor.events = [
        ("2026-11-23T08:00:00Z", event("q1", "groundedness", 4, run="")),
        ("2026-11-24T08:45:00Z", event("q1", "groundedness", 4, run="late")),
    ]
    with serving(monitor) as server:
        batches = fetched(server, evaluations=True, read="nothing")
    assert runs(batches) == []
    assert [(reject.reference, reject.reason[:20]) for batch in batches for reject in batch.rejects] == [
        ("AppEvents", "1 evaluation results"), ("late", "Results still arrive"),
    ]  # fmt: skip
    passed = int(datetime(2026, 11, 23, 8, tzinfo=UTC).timestamp() * 1000)
    assert batches[-1].cursor == f"{passed}/"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("workspace", "hr-logs", "workspace is none"),
        ("read", "guess", "“guess” is no choice"),
        ("by", "guess", "“guess” is no choice"),
        ("use_case_header", 'x"] | union *', "is no header"),
    ],
)
def test_a_setting_that_is_none_is_refused(monitor: Monitor, field: str, value: str, words: str) -> None:
    with serving(monitor) as server, pytest.raises(Refused, match=words):
        fetched(server, **{field: value})
    assert monitor.slices == []


@pytest.mark.parametrize("resources", [[], ["hr-openai"], [f"{RESOURCE}/../x"]])
def test_metrics_need_whole_resource_ids(monitor: Monitor, resources: list[str]) -> None:
    with serving(monitor) as server, pytest.raises(Refused, match=r"No resource is set|is no resource id"):
        fetched(server, read="metrics", resources=resources)


def test_a_check_goes_through_every_step_and_discovery_names_keys(monitor: Monitor) -> None:
    with serving(monitor) as server, network(server) as http:
        given = session_at(server, http, workspace=WORKSPACE)
        assert [(step.ok, step.detail) for step in AzureMonitorConnector().check(given).steps][1:] == [
            (True, "The workspace answers"), (True, "2 keys yesterday: UC-0001, claims"),
        ]  # fmt: skip
        assert [each.key for each in AzureMonitorConnector().discover(given)] == ["UC-0001", "claims"]


def test_national_clouds_have_tokens_of_their_own() -> None:
    assert audience_of("https://api.loganalytics.azure.com") == "https://api.loganalytics.io/.default"
    assert audience_of("https://api.loganalytics.us") == "https://api.loganalytics.us/.default"
