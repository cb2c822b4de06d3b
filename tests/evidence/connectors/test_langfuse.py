"""The Langfuse connector against a scripted server that speaks both dialects of the published interface."""

import json
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.errors import SchemaError
from evidence.connectors.langfuse import LangfuseConnector
from evidence.connectors.transport import Limits, Transport
from evidence.readings import EvaluationRunReading, UsageReading
from tests.evidence.connectors.servers import Heard, Server, respond, serving

NONE, HALF, ONE = Decimal(0), Decimal("0.5"), Decimal(1)
MAPPINGS = (
    DimensionMapping("faithful", "groundedness", NONE, ONE, "higher", HALF),
    DimensionMapping("safe", "safety", NONE, ONE, "higher", kind="boolean"),
    DimensionMapping("tone", "coherence", NONE, ONE, "higher", HALF),
)
LABELS = ["tone:fine=1", "tone:rude=0"]
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
METADATA = {"gatehouse.use_case": "UC-0001", "gatehouse.version_digest": "5e" * 32, "model": "m-1", "git_sha": "4b"}


def score_row(number: int, item: str, name: str, value: Any, data_type: str = "NUMERIC", **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}", "traceId": f"t-{item}", "name": name, "value": value, "dataType": data_type,
        "source": "EVAL", "timestamp": f"2026-11-20T08:10:{number:02}.000Z", "environment": "sdk-experiment", **more,
    }  # fmt: skip


class Langfuse:
    """One project with one dataset, in the dialect of version 4 or 3."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.datasets = [{"id": "d1", "name": "golden/set", "metadata": {}}]
        self.items = {"q1": {"item_kind": "edge_case"}, "q2": {}, "q3": {}}
        categorical = {"value": 0, "stringValue": "fine"} if dialect == "v3" else {"value": "fine"}
        boolean: Any = 1 if dialect == "v3" else True
        self.scores = [
            score_row(1, "q1", "faithful", 0.9),
            score_row(2, "q2", "faithful", "0.25"),
            score_row(3, "q1", "safe", boolean, "BOOLEAN", source="ANNOTATION"),
            score_row(4, "q2", "safe", boolean, "BOOLEAN", source="API"),
            score_row(5, "q3", "safe", boolean, "BOOLEAN"),
            score_row(6, "q1", "tone", categorical.pop("value"), "CATEGORICAL", **categorical),
            score_row(7, "q1", "remark", "nice", "TEXT"),
        ]
        self.runs = [{"id": "r1", "name": "candidate 7", "metadata": METADATA}]
        self.levels = {"q3": "DEFAULT"}
        self.ended = True
        self.metrics: list[Any] = []
        self.daily: dict[tuple[str, str], Any] = {}
        self.largest_page = 100
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        split = urlsplit(heard.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        path = unquote(split.path.removeprefix("/api/public/"))
        self.asked.append((path, query))
        body = self.answer(path, query)
        if body is None:
            respond(b"<html>404</html>", status="404 Not Found", kind="text/html")(connection, heard)
        else:
            respond(json.dumps(body).encode())(connection, heard)

    def answer(self, path: str, query: dict[str, str]) -> Any:
        newer = {"experiments": self._experiments, "experiment-items": self._items, "v3/scores": self._scores}
        older = {
            "datasets/golden/set/runs": self._runs,
            "dataset-run-items": self._run_items,
            "dataset-items": lambda _: [{"id": name, "metadata": told} for name, told in self.items.items()],
            "v2/scores": self._scores,
            "metrics/daily": self._daily,
        }
        if path == "projects":
            return {"data": [{"id": "p1", "name": "HR"}]}
        if path == "v2/datasets":
            return self._numbered(self.datasets, query)
        if self.dialect == "v4" and path == "v2/metrics":
            asked = json.loads(query["query"])
            return {"data": [row for row in self.metrics if asked["fromTimestamp"].startswith(row["day"])]}
        if self.dialect == "v4" and path in newer:
            return self._cursored(newer[path](query), query)
        if self.dialect == "v3" and path in older:
            return self._numbered(older[path](query), query)
        return None

    def _experiments(self, query: dict[str, str]) -> list[Any]:
        found = {
            "startTime": "2026-11-20T08:00:00Z",
            "endTime": "2026-11-20T08:09:00Z",
            "itemCount": 3,
            "datasetId": "d1",
        }
        clipped = {"startTime": max(found["startTime"], query["fromStartTime"])}
        return [{**run, **found, **clipped} for run in self.runs if found["endTime"] >= query["fromStartTime"]]

    def _items(self, query: dict[str, str]) -> list[Any]:
        assert query["fromStartTime"] < "2021"
        return [
            {
                "id": f"o-{name}", "traceId": f"t-{name}", "experimentItemId": name, "environment": "sdk-experiment",
                "startTime": f"2026-11-20T08:0{number}:00Z", "level": self.levels.get(name, "DEFAULT"),
                "endTime": f"2026-11-20T08:0{number}:30Z" if self.ended else None, "experimentItemMetadata": told,
                "scores": [row for row in self.scores if row["traceId"] == f"t-{name}"][:50],
            }
            for number, (name, told) in enumerate(self.items.items())
        ]  # fmt: skip

    def _runs(self, _query: dict[str, str]) -> list[Any]:
        return [{**run, "createdAt": "2026-11-20T08:00:00Z", "updatedAt": "2026-11-20T08:00:00Z"} for run in self.runs]

    def _run_items(self, query: dict[str, str]) -> list[Any]:
        assert (query["datasetId"], query["runName"]) == ("d1", "candidate 7")
        return [
            {
                "id": f"i-{name}",
                "datasetItemId": name,
                "traceId": f"t-{name}",
                "createdAt": f"2026-11-20T08:0{number}:30Z",
            }
            for number, name in enumerate(self.items)
        ]

    def _scores(self, query: dict[str, str]) -> list[Any]:
        return [row for row in self.scores if row["traceId"] == query["traceId"]]

    def _daily(self, query: dict[str, str]) -> list[Any]:
        found = self.daily.get((query.get("environment", ""), query.get("tags", "")))
        return [found] if found and query["fromTimestamp"].startswith(found["date"]) else []

    def _cursored(self, rows: list[Any], query: dict[str, str]) -> dict[str, Any]:
        start = int(query.get("cursor", "0"))
        end = start + min(int(query["limit"]), self.largest_page)
        return {"data": rows[start:end], "meta": {"limit": 100, **({"cursor": str(end)} if end < len(rows) else {})}}

    def _numbered(self, rows: list[Any], query: dict[str, str]) -> dict[str, Any]:
        size = min(int(query["limit"]), self.largest_page)
        start = (int(query["page"]) - 1) * size
        pages = -(-len(rows) // size)
        return {"data": rows[start : start + size], "meta": {"page": int(query["page"]), "totalPages": pages}}


@pytest.fixture(params=["v3", "v4"])
def langfuse(request: pytest.FixtureRequest) -> Langfuse:
    return Langfuse(request.param)


@pytest.fixture
def newer() -> Langfuse:
    return Langfuse("v4")


@pytest.fixture
def older() -> Langfuse:
    return Langfuse("v3")


def session(server: Server, http: Transport, config: dict[str, Any]) -> Session:
    config = {"base_url": server.url, "labels": LABELS, "usage_days": 2, "environments": ["production"], **config}
    return Session(config=config, mappings=MAPPINGS, http=http, now=NOW)


def fetched(server: Server, cursor: str = "", lookback: int = 7, **config: Any) -> list[Batch]:
    with Transport(allowed_internal=server.allowed, limits=Limits(total=20)) as http:
        return list(LangfuseConnector().fetch(session(server, http, config), cursor, timedelta(days=lookback)))


def run_of(batches: list[Batch]) -> EvaluationRunReading:
    found = [each for batch in batches for each in batch.readings if isinstance(each, EvaluationRunReading)]
    assert len(found) == 1
    return found[0]


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def states(reading: EvaluationRunReading) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for case in reading.cases:
        for each in case.scores:
            found.setdefault(each.metric, Counter())[each.state] += 1
    return found


def test_both_dialects_tell_the_same_of_the_same_run() -> None:
    told = []
    for dialect in ("v3", "v4"):
        with serving(Langfuse(dialect)) as server:
            run = run_of(fetched(server))
        assert run.raw_sha256
        told.append((run.external_id, run.use_case_key, run.version_digest, run.model_name, run.cases, run.finished_at))
        assert states(run) == {
            "faithful": Counter(scored=2, skipped=1),
            "safe": Counter(scored=3),
            "tone": Counter(scored=1, skipped=2),
        }
        assert [case.item_kind for case in run.cases] == ["edge_case", "unspecified", "unspecified"]
    assert told[0] == told[1]


def test_who_judged_is_told_by_the_source(langfuse: Langfuse) -> None:
    with serving(langfuse) as server:
        run = run_of(fetched(server))
    judges = {(case.item_id, each.metric): each.judge_kind for case in run.cases for each in case.scores}
    assert (judges["q1", "safe"], judges["q2", "safe"], judges["q3", "safe"]) == ("human", "code", "llm")


def test_a_category_is_worth_what_was_declared_and_never_the_zero_beside_it(langfuse: Langfuse) -> None:
    with serving(langfuse) as server:
        values = [each.value for case in run_of(fetched(server)).cases for each in case.scores if each.metric == "tone"]
        assert values == [ONE, None, None]
        assert states(run_of(fetched(server, labels=[])))["tone"] == Counter(errored=1, skipped=2)


def test_everything_is_read_over_all_pages(langfuse: Langfuse) -> None:
    with serving(langfuse) as server:
        whole = run_of(fetched(server))
        langfuse.largest_page = 1
        assert run_of(fetched(server)) == whole


def test_the_newest_score_of_a_name_counts_and_an_unmapped_one_is_reported(langfuse: Langfuse) -> None:
    langfuse.scores += [score_row(30, "q1", "faithful", 0.1), score_row(31, "q1", "speed", 3)]
    with serving(langfuse) as server:
        batches = fetched(server)
    value = next(
        s.value for c in run_of(batches).cases if c.item_id == "q1" for s in c.scores if s.metric == "faithful"
    )
    assert value == Decimal("0.1")
    assert ["“speed” has no mapping" in reject.reason for batch in batches for reject in batch.rejects] == [True]


@pytest.mark.parametrize("odd", [None, "NaN", float("nan"), float("inf"), "n/a", 17, {}, "<b>"])
def test_what_is_no_number_on_the_scale_is_errored(langfuse: Langfuse, odd: Any) -> None:
    langfuse.scores[0]["value"] = odd
    with serving(langfuse) as server:
        assert states(run_of(fetched(server)))["faithful"] == Counter(scored=1, errored=1, skipped=1)


def test_a_score_that_comes_late_changes_the_digest(langfuse: Langfuse) -> None:
    with serving(langfuse) as server:
        before = run_of(fetched(server))
        langfuse.scores.reverse()
        assert run_of(fetched(server)).raw_sha256 == before.raw_sha256
        langfuse.scores.append(score_row(40, "q3", "faithful", 1))
        after = run_of(fetched(server))
    assert after.raw_sha256 != before.raw_sha256
    assert after.finished_at == before.finished_at


def test_an_old_run_is_left_to_the_look_back(langfuse: Langfuse) -> None:
    with serving(langfuse) as server:
        cursor = fetched(server)[-1].cursor
        assert run_of(fetched(server, cursor=cursor)).external_id == "r1"
        later = f"{int(cursor.split('/')[0]) + 8 * 86_400_000}/2026-11-24"
        assert [each for batch in fetched(server, cursor=later) for each in batch.readings] == []


def test_a_case_that_ended_in_an_error_is_errored_by_every_judge(newer: Langfuse) -> None:
    newer.levels["q3"] = "ERROR"
    newer.scores = [row for row in newer.scores if row["traceId"] != "t-q3"]
    with serving(newer) as server:
        run = run_of(fetched(server))
    assert {each.state for each in run.cases[2].scores} == {"errored"}
    assert len(run.cases[2].scores) == 3


def test_an_experiment_whose_cases_still_run_waits(newer: Langfuse) -> None:
    newer.ended = False
    with serving(newer) as server:
        batches = fetched(server)
    assert usage(batches) == []
    assert [reject.reason.startswith("3 cases have not ended") for batch in batches for reject in batch.rejects] == [
        True
    ]


def test_an_item_with_more_scores_than_it_brings_is_asked_for_all(newer: Langfuse) -> None:
    newer.scores += [score_row(10, "q1", "speed", number, id=f"x{number}") for number in range(60)]
    newer.scores += [score_row(59, "q1", "faithful", 0.125)]
    with serving(newer) as server:
        run = run_of(fetched(server))
    assert [path for path, _ in newer.asked].count("v3/scores") == 1
    assert next(s.value for s in run.cases[0].scores if s.metric == "faithful") == Decimal("0.125")


def metric_row(day: str, tags: Any, count: Any, **more: Any) -> dict[str, Any]:
    return {
        "day": day, "providedModelName": "m-1", "environment": "production", "level": "DEFAULT", "tags": tags,
        "count_count": count, "sum_inputTokens": "120", "sum_outputTokens": 30, "sum_totalCost": 0.5, **more,
    }  # fmt: skip


def test_usage_of_the_newer_dialect_is_told_apart_by_tags(newer: Langfuse) -> None:
    newer.metrics = [
        metric_row("2026-11-23", ["use_case:UC-0001"], "4"),
        metric_row("2026-11-23", ["use_case:UC-0001"], 1, level="ERROR", sum_totalCost=None),
        metric_row("2026-11-23", ["use_case:UC-0001", "Evaluation"], 100),
        metric_row("2026-11-24", "use_case:UC-0002", 2),
        metric_row("2026-11-24", [], 7),
    ]
    with serving(newer) as server:
        found = usage(fetched(server, left_out=["evaluation"], use_case="rest"))
    assert [
        (e.day.day, e.use_case_key, e.requests, e.failed_requests, e.input_tokens, e.effective_cost) for e in found
    ] == [
        (23, "UC-0001", 5, 1, 240, Decimal("0.5")),
        (24, "UC-0002", 2, 0, 120, Decimal("0.5")),
        (24, "rest", 7, 0, 120, Decimal("0.5")),
    ]
    asked = json.loads(next(query["query"] for path, query in newer.asked if path == "v2/metrics"))
    assert {"column": "environment", "operator": "any of", "value": ["production"], "type": "stringOptions"} in asked[
        "filters"
    ]


def test_a_day_with_too_many_combinations_is_refused_and_not_cut_off(newer: Langfuse) -> None:
    newer.metrics = [metric_row("2026-11-23", [f"t{number}"], 1) for number in range(1000)]
    with serving(newer) as server, pytest.raises(SchemaError, match="the rest is cut off"):
        fetched(server)


def test_usage_of_the_older_dialect_is_asked_by_environment_and_tag(older: Langfuse) -> None:
    day = {"date": "2026-11-23", "countTraces": 1, "totalCost": 600, "usage": [
        {"model": "m-1", "inputUsage": "2468", "outputUsage": 356, "countObservations": 2, "totalCost": "0.25"}, None,
    ]}  # fmt: skip
    older.daily = {("production", "use_case:UC-0001"): day}
    with serving(older) as server:
        batches = fetched(server, tags=["use_case:UC-0001", "use_case:UC-0002"])
        found = usage(batches)
        assert usage(fetched(server, environments=["-"])) == []
    assert [(e.use_case_key, e.environment, e.requests, e.failed_requests, e.effective_cost) for e in found] == [
        ("UC-0001", "production", 2, None, Decimal("0.25"))
    ]
    assert [batch.covers[0].day for batch in batches if batch.covers] == [23, 24]


def test_the_dialect_is_found_unless_it_is_told(langfuse: Langfuse) -> None:
    with serving(langfuse) as server, Transport(allowed_internal=server.allowed) as http:

        def steps(**config: Any) -> list[tuple[str, bool, str]]:
            result = LangfuseConnector().check(session(server, http, config))
            assert all(step.ok or step.mend for step in result.steps)
            return [(step.what, step.ok, step.detail) for step in result.steps]

        assert [ok for _, ok, _ in steps()] == [True] * 5
        assert steps()[2] == ("Find the dialect", True, langfuse.dialect)
        assert steps(dialect="v3")[2][2] == "v3"
        assert steps(dialect="v5")[-1][:2] == ("Find the dialect", False)
        assert steps(datasets=["gone"])[-1][:2] == ("Find the configured datasets", False)
        assert steps(datasets=["golden/set"])[-1][1]
        assert steps(labels=["x"])[-1][:2] == ("Read the declared words", False)


def test_only_configured_datasets_are_read(langfuse: Langfuse) -> None:
    langfuse.datasets.append({"id": "d2", "name": "golden/set", "metadata": {}})
    langfuse.datasets[1]["name"] = "other"
    with serving(langfuse) as server:
        assert run_of(fetched(server, datasets=["d1", "missing"])).external_id == "r1"
        found = fetched(server, datasets=["d1", "missing"])
    assert [reject.reference for batch in found for reject in batch.rejects] == ["missing"]


def test_discovery_counts_datasets_use_cases_and_metrics(langfuse: Langfuse) -> None:
    with serving(langfuse) as server, Transport(allowed_internal=server.allowed) as http:
        found = LangfuseConnector().discover(session(server, http, {}))
    assert [(each.kind, each.label, each.count) for each in found] == [
        ("experiment", "golden/set", 1), ("use_case", "UC-0001", 1), ("metric", "faithful", 2), ("metric", "remark", 1),
        ("metric", "safe", 3), ("metric", "tone", 1),
    ]  # fmt: skip


def test_pages_that_lead_back_end_the_fetch(langfuse: Langfuse) -> None:
    answer = langfuse.answer

    def again(path: str, query: dict[str, str]) -> Any:
        body = answer(path, {**query, **({"page": "1"} if "page" in query else {}), "cursor": "0"})
        if isinstance(body, dict) and "meta" in body:
            body["meta"] |= {"cursor": "again", "totalPages": 9}
        return body

    langfuse.answer = again  # type: ignore[method-assign]
    with serving(langfuse) as server, pytest.raises(SchemaError, match="same page for ever"):
        fetched(server)


def test_keys_become_basic_credentials() -> None:
    headers = LangfuseConnector().request_headers({"public_key": "pk"}, {"secret_key": "sk"})
    assert headers == {"Authorization": "Basic cGs6c2s="}
