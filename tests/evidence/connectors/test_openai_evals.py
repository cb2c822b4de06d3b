"""Evals of OpenAI and Foundry: items a real judge failed on, lists that go on, and runs that are not done."""

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.errors import AuthError, Refused, SchemaError
from evidence.connectors.openai_evals import OpenaiEvalsConnector
from evidence.readings import EvaluationRunReading
from tests.evidence.connectors.azure_answers import NOW, SECRET, SignIn, captured, network, session_at
from tests.evidence.connectors.files import counted, unmapped
from tests.evidence.connectors.servers import Heard, Server, respond, serving

NONE, ONE = Decimal(0), Decimal(1)
MAPPINGS = (
    DimensionMapping("f1_score", "task_success", NONE, ONE, "higher", Decimal("0.5")),
    DimensionMapping("groundedness", "groundedness", NONE, ONE, "higher", Decimal("0.8")),
    DimensionMapping("flaky", "relevance", NONE, ONE, "higher", Decimal("0.5")),
    DimensionMapping("String check", "safety", NONE, ONE, "higher", kind="boolean"),
)
MADE = 1795423928
ITEMS = captured("azure_ai_evaluation", "aoai_output_items_and_summary")["_evaluation_results_list"]
COUNTS = captured("azure_ai_evaluation", "aoai_output_items_and_summary")["_evaluation_summary"]["result_counts"]
NOW_THEN = datetime.fromtimestamp(MADE + 86400, UTC)


def run_row(name: str, made: int = MADE, status: str = "completed", **more: Any) -> dict[str, Any]:
    metadata = {"gatehouse.use_case": "UC-0001", "gatehouse.version_digest": "5e" * 32, "git_sha": "4b"}
    return {
        "id": name, "object": "eval.run", "name": f"run {name}", "created_at": made, "status": status,
        "metadata": metadata, "result_counts": COUNTS, "per_model_usage": [{"model_name": "gpt-4o"}],
        "report_url": "https://x.example/r", **more,
    }  # fmt: skip


def graded(ident: str, status: str, told: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    return {"id": ident, "status": status, "datasource_item": told, "results": [result]}


class Evals(SignIn):
    """One evaluation with runs and items, `size` a page."""

    def __init__(self) -> None:
        super().__init__()
        self.evals = [{"id": "eval_1", "name": "HR golden set", "metadata": {}, "created_at": MADE}]
        self.runs = [run_row("r1")]
        self.items: dict[str, list[Any]] = {"r1": json.loads(json.dumps(ITEMS))}
        self.size = 100
        self.asked: list[str] = []
        self.last: Any = None

    def rows(self, path: str) -> list[Any]:
        parts = path.strip("/").split("/")
        return {1: self.evals, 3: self.runs}.get(len(parts)) or self.items[parts[3]]

    def page(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        self.asked.append(path)
        rows = self.rows(path)
        start = next((n + 1 for n, row in enumerate(rows) if row["id"] == query.get("after")), 0)
        end = start + min(self.size, int(query["limit"]))
        found = rows[start:end]
        last = self.last or (found[-1]["id"] if found else None)
        return {"object": "list", "data": found, "has_more": end < len(rows), "last_id": last}

    def answer(self, path: str, query: dict[str, str], heard: Heard) -> Any:
        return respond(json.dumps(self.page(path, query)).encode())

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        if "authorization" in heard.headers or heard.path.endswith("token"):
            super().__call__(connection, heard)
            return
        split = urlsplit(heard.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self.answer(split.path, query, heard)(connection, heard)


@pytest.fixture
def evals() -> Evals:
    return Evals()


def fetched(
    server: Server, cursor: str = "", now: datetime = NOW_THEN, mappings: Any = MAPPINGS, **config: Any
) -> list[Batch]:
    with network(server) as http:
        given = Session(config={"base_url": server.url, **config}, http=http, now=now, mappings=mappings)
        return list(OpenaiEvalsConnector().fetch(given, cursor, timedelta(days=1)))


def runs(batches: list[Batch]) -> list[EvaluationRunReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, EvaluationRunReading)]


def test_the_written_items_are_counted_and_the_failed_judge_is_errored_not_zero(evals: Evals) -> None:
    with serving(evals) as server:
        (batch,) = fetched(server)
    (run,) = runs([batch])
    assert counted(run) == {
        "groundedness": (4, 4, 0, 0, 3), "relevance": (4, 3, 1, 0, 3), "task_success": (4, 4, 0, 0, 4),
    }  # fmt: skip
    assert (run.use_case_key, run.version_digest, run.model_name, run.application_commit) == (
        "UC-0001",
        "5e" * 32,
        "gpt-4o",
        "4b",
    )
    assert [case.item_id for case in run.cases] == ["TC-1", "TC-2", "TC-3", "TC-4"]
    failed = [score.error for case in run.cases for score in case.scores if score.state == "errored"]
    assert failed == ["judge down"]
    assert "annual leave" not in repr(run)
    assert batch.cursor == f"{MADE * 1000}/"


def test_small_pages_bring_the_same_run(evals: Evals) -> None:
    with serving(evals) as server:
        whole = runs(fetched(server))
        evals.size = 1
        assert runs(fetched(server)) == whole


def test_pages_that_come_twice_count_once_and_a_circle_ends_the_visit(evals: Evals) -> None:
    evals.items["r1"].insert(2, evals.items["r1"][0])
    with serving(evals) as server:
        assert len(runs(fetched(server))[0].cases) == 4
        evals.size, evals.last = 2, "2"
        evals.items["r1"] = [*ITEMS, *({**ITEMS[0], "id": f"x{n}"} for n in range(4))]
        with pytest.raises(SchemaError, match="same page for ever"):
            fetched(server)


def test_a_list_that_goes_on_without_saying_where_is_refused() -> None:
    answer = respond(b'{"data": [], "has_more": true}')
    with serving(answer) as server, pytest.raises(SchemaError, match="goes on but not where"):
        fetched(server)


def test_items_that_are_missing_leave_the_run_uncounted(evals: Evals) -> None:
    evals.items["r1"].pop()
    with serving(evals) as server:
        (batch,) = fetched(server)
    assert (batch.readings, [reject.reason for reject in batch.rejects]) == (
        (), ["3 of 4 items could be read. Nothing was counted."],
    )  # fmt: skip


def test_the_cursor_waits_for_a_run_that_is_still_to_finish(evals: Evals) -> None:
    evals.runs = [run_row("r0", MADE - 7200, "in_progress"), run_row("r1"), run_row("r2", MADE + 60, "failed")]
    with serving(evals) as server:
        batches = fetched(server)
        assert [batch.cursor for batch in batches] == ["0/"] * 3
        assert [reject.reference for batch in batches for reject in batch.rejects] == ["r0", "r2"]
        evals.runs[0] |= {"status": "completed"}
        evals.items["r0"] = evals.items["r1"]
        assert [batch.cursor for batch in fetched(server)][-1] == f"{(MADE + 60) * 1000}/"
        evals.runs[0] |= {"status": "queued", "created_at": MADE - 40 * 86400}
        assert fetched(server)[-1].cursor == f"{(MADE + 60) * 1000}/"


def test_a_later_visit_reads_the_look_back_again_and_a_change_is_another_content(evals: Evals) -> None:
    evals.runs.insert(0, run_row("old", MADE - 2 * 86400))
    with serving(evals) as server:
        (before,) = runs(fetched(server, cursor=f"{MADE * 1000}/"))
        evals.items["r1"][2]["results"][2] |= {"score": 0.0, "status": "completed", "sample": {}}
        (after,) = runs(fetched(server, cursor=f"{MADE * 1000}/"))
    assert before.raw_sha256 != after.raw_sha256
    assert counted(after)["relevance"] == (4, 4, 0, 0, 3)


def test_graders_of_the_hosted_service_lose_the_id_behind_their_name(evals: Evals) -> None:
    name = "String check-a2486074-d803-4445-b431-ad2262e85d47"
    first = {"item": {"id": "q1", "item_kind": "edge_case"}}
    broken = {"error": {"message": "the model refused"}}
    evals.items["r1"] = [
        graded("o1", "pass", first, {"name": name, "passed": True, "score": 1.0}),
        graded("o2", "fail", {"item": {"id": "q2"}}, {"name": name, "passed": False}),
        {"id": "o3", "status": "error", "datasource_item_id": 3, "results": [], "sample": broken},
        graded("o4", "fail", {"id": "q2"}, {"name": name, "score": None}),
    ]
    with serving(evals) as server:
        (run,) = runs(fetched(server))
    assert counted(run) == {"safety": (4, 2, 2, 0, 1)}
    assert [(case.item_id, case.item_kind, case.trial) for case in run.cases] == [
        ("3", "unspecified", 1), ("q1", "edge_case", 1), ("q2", "unspecified", 1), ("q2", "unspecified", 2),
    ]  # fmt: skip
    errors = [score.error for case in run.cases for score in case.scores if score.state == "errored"]
    assert errors == [
        "The application failed on this case: the model refused",
        "The grader gave neither a score nor a label.",
    ]


def test_metrics_without_a_mapping_are_named(evals: Evals) -> None:
    with serving(evals) as server:
        (batch,) = fetched(server, mappings=MAPPINGS[:2])
    assert unmapped(list(batch.rejects)) == ["flaky"]


def test_evaluations_can_be_chosen_and_missing_ones_are_told(evals: Evals) -> None:
    with serving(evals) as server:
        batches = fetched(server, evaluations=["HR golden set", "gone"])
        assert [reject.reference for batch in batches for reject in batch.rejects] == ["gone"]
        assert len(runs(batches)) == 1
        assert runs(fetched(server, evaluations=["gone"])) == []


@pytest.mark.parametrize(
    ("auth", "header"), [("bearer", ("Authorization", "Bearer k")), ("api_key", ("api-key", "k")), ("entra", None)]
)
def test_a_key_goes_where_its_service_wants_it_and_never_where_tokens_are_given(auth: str, header: Any) -> None:
    told = OpenaiEvalsConnector().request_headers({"auth": auth}, {"token": "k", "client_secret": "s"})
    assert told == (dict([header]) if header else {})


def test_an_azure_application_signs_in_for_the_chosen_service(evals: Evals) -> None:
    with serving(evals) as server, network(server) as http:
        given = session_at(
            server, http, now=NOW_THEN, mappings=MAPPINGS, auth="entra", audience="https://a.example/.default"
        )
        assert len(runs(list(OpenaiEvalsConnector().fetch(given, "")))) == 1
        assert b"scope=https%3A%2F%2Fa.example%2F.default" in server.heard[0].body
        assert [step.ok for step in OpenaiEvalsConnector().check(given).steps] == [True] * 3
        evals.refusal = {"error": "invalid_client", "error_description": f"AADSTS7000222: expired {SECRET}"}
        with pytest.raises(AuthError, match="has expired") as caught:
            list(OpenaiEvalsConnector().fetch(given, ""))
    assert SECRET not in str(caught.value)


def test_a_check_explains_and_discovery_names_evaluations_use_cases_and_graders(evals: Evals) -> None:
    with serving(evals) as server, network(server) as http:
        given = Session(config={"base_url": server.url}, secrets={"token": ""}, http=http, now=NOW)
        assert [step.ok for step in OpenaiEvalsConnector().check(given).steps] == [True, False]
        found = OpenaiEvalsConnector().discover(given)
        assert [(each.kind, each.label, each.count) for each in found] == [
            ("experiment", "HR golden set", 1), ("use_case", "UC-0001", 1), ("metric", "f1_score", 4),
            ("metric", "flaky", 4), ("metric", "groundedness", 4),
        ]  # fmt: skip
        wrong = replace(given, config={"base_url": server.url, "auth": "guess"})
        with pytest.raises(Refused, match="“guess” is no way to sign in"):
            OpenaiEvalsConnector().discover(wrong)
