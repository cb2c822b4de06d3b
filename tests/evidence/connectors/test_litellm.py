"""The LiteLLM connector against captured answers and a scripted proxy."""

import copy
import json
import socket
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.connectors.base import Batch, Session
from evidence.connectors.errors import SchemaError
from evidence.connectors.litellm import LitellmConnector
from evidence.connectors.litellm_rows import Activity, Figures, call_of, summed
from evidence.connectors.transport import Limits, Transport
from evidence.readings import UsageReading
from tests.evidence.connectors.answers import PAYLOADS
from tests.evidence.connectors.servers import Heard, Server, respond, serving

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = date(2026, 11, 21)
KEY = "UC-2026-0042"
DIGEST = "5e" * 32


def captured(name: str) -> Any:
    """The body of a captured LiteLLM answer."""
    return json.loads((PAYLOADS / "litellm" / f"{name}.json").read_text())["body"]


class Litellm:
    """Activity by page and spend logs behind LiteLLM's own paths."""

    def __init__(self) -> None:
        self.activity: dict[tuple[str, str], list[Any]] = {
            ("tag", ""): [captured("tag_daily_activity")],
            ("tag", f"use_case:{KEY}"): [captured("tag_daily_activity_filtered")],
            ("team", ""): [captured(f"team_daily_activity_page{page}_size3") for page in (1, 2)],
        }
        self.logs: list[Any] = captured("spend_logs_v2")["data"]
        self.capped = False
        self.asked: list[dict[str, str]] = []

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        asked = urlsplit(heard.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        self.asked.append(query)
        if asked.path == "/health/liveliness":
            respond(b'"I\'m alive!"')(connection, heard)
            return
        respond(json.dumps(self.answer(asked.path, query)).encode())(connection, heard)

    def answer(self, path: str, query: dict[str, str]) -> Any:
        page = int(query["page"])
        if path == "/spend/logs/v2":
            size = int(query["page_size"])
            found = [row for row in self.logs if self._within(row, query)]
            rows = found[(page - 1) * size : page * size]
            return {"data": rows, "page": page, "total_pages": 1, "total_is_capped": self.capped}
        by = path.split("/")[1]
        pages = self.activity.get((by, query.get("tags") or query.get("team_ids") or ""), [])
        if page > len(pages):
            return {"results": [], "metadata": {"page": page, "total_pages": len(pages), "has_more": False}}
        reply = copy.deepcopy(pages[page - 1])
        reply["results"] = [row for row in reply["results"] if row["date"] == query["start_date"]]
        return reply

    def _within(self, row: Any, query: dict[str, str]) -> bool:
        return bool(query["start_date"] <= row["startTime"].replace("T", " ") <= query["end_date"])


@pytest.fixture
def litellm() -> Litellm:
    return Litellm()


def fetched(server: Server, cursor: str = "", now: datetime = NOW, **config: Any) -> list[Batch]:
    with Transport(allowed_internal=server.allowed, limits=Limits(total=20)) as http:
        config = {"base_url": server.url, "usage_days": 5, **config}
        return list(LitellmConnector().fetch(Session(config=config, http=http, now=now), cursor, timedelta(days=1)))


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def test_activity_by_tag_is_read_per_day_use_case_and_model(litellm: Litellm) -> None:
    with serving(litellm) as server:
        batches = fetched(server)
    assert [
        (
            each.day.day,
            each.use_case_key,
            each.provider,
            each.model,
            each.requests,
            each.failed_requests,
            each.effective_cost,
        )
        for each in usage(batches)
    ] == [
        (21, KEY, "azure", "gpt-4o", 60, 0, Decimal("0.16")),
        (21, KEY, "azure", "gpt-4o-mini", 210, 5, Decimal("0.0234")),
        (22, KEY, "azure", "gpt-4o-mini", 260, 2, Decimal("0.0291")),
    ]
    one = usage(batches)[2]
    assert (one.input_tokens, one.cached_input_tokens, one.currency, one.cost_basis) == (
        150_000,
        45_000,
        "USD",
        "estimated",
    )
    assert [batch.covers for batch in batches] == [(DAY + timedelta(n), DAY + timedelta(n)) for n in (-1, 0, 1, 2, 3)]
    assert batches[-1].cursor == "0/2026-11-24"


def test_tags_that_name_no_use_case_are_no_use_case(litellm: Litellm) -> None:
    with serving(litellm) as server:
        assert {each.use_case_key for each in usage(fetched(server))} == {KEY}
        assert not any("User-Agent" in (asked.get("tags") or "") for asked in litellm.asked)
        assert usage(fetched(server, prefix="case=")) == []


def test_a_page_is_not_a_day_so_pages_are_merged() -> None:
    merged = Activity(DAY)
    for page in (1, 2):
        merged.add(captured(f"team_daily_activity_page{page}_size3"))
    assert merged.total.cost == Decimal("0.3668")  # 0.16 on one page, 0.2068 on the other
    assert (merged.total.requests, merged.total.failed) == (540, 10)
    readings, rejects = merged.readings("x", "", NOW)
    assert rejects == []
    assert {each.model: each.effective_cost for each in readings} == {
        "gpt-4o": Decimal("0.32"), "gpt-4o-mini": Decimal("0.0468"),
    }  # fmt: skip


def test_activity_by_team_asks_for_each_team_over_all_its_pages(litellm: Litellm) -> None:
    pages = litellm.activity["team", ""]
    litellm.activity["team", "team-hr"] = pages
    litellm.activity["team", "team-claims"] = []
    with serving(litellm) as server:
        found = usage(fetched(server, read="team"))
    assert {each.use_case_key for each in found} == {"team-hr"}
    assert sum(each.effective_cost or 0 for each in found if each.day == DAY) == Decimal("0.3668")
    assert {each.team for each in found} == {"team-hr"}


def test_models_that_do_not_add_up_are_not_told_apart(litellm: Litellm) -> None:
    body = litellm.activity["tag", f"use_case:{KEY}"][0]
    body["results"][0]["metrics"]["api_requests"] = 300
    with serving(litellm) as server:
        batches = fetched(server)
    of_day = [each for each in usage(batches) if each.day == date(2026, 11, 22)]
    assert [(each.model, each.requests, each.effective_cost) for each in of_day] == [("", 300, Decimal("0.0291"))]
    assert ["do not add up" in reject.reason for batch in batches for reject in batch.rejects] == [True]


def test_spend_logs_know_version_environment_and_evaluation(litellm: Litellm) -> None:
    litellm.logs[0]["request_tags"] = json.dumps([f"use_case:{KEY}", "env:prod", f"version:sha256:{DIGEST}"])
    litellm.logs[1]["request_tags"] = ["use_case:UC-0007", "Evaluation"]
    litellm.logs[2] |= {"status": "failure", "request_tags": "not json"}
    with serving(litellm) as server:
        found = usage(fetched(server, read="logs", left_out=["evaluation"]))
    assert [(each.use_case_key, each.version_digest, each.environment, each.failed_requests) for each in found] == [
        (KEY, "", "", 1), (KEY, DIGEST, "prod", 0),
    ]  # fmt: skip
    assert {(each.model, each.provider, each.operation) for each in found} == {("gpt-4o-mini", "azure", "acompletion")}
    assert sum(each.effective_cost or 0 for each in found) == Decimal("0.000027")


def test_a_request_on_the_edge_of_a_day_counts_in_one_day(litellm: Litellm) -> None:
    litellm.logs = [{**litellm.logs[0], "startTime": "2026-11-23T00:00:00"}]
    with serving(litellm) as server:
        assert [(each.day.day, each.requests) for each in usage(fetched(server, read="logs"))] == [(23, 1)]


def test_a_capped_list_of_requests_is_refused(litellm: Litellm) -> None:
    litellm.capped = True
    with serving(litellm) as server, pytest.raises(SchemaError, match="caps the number of requests"):
        fetched(server, read="logs")


def test_a_page_that_repeats_for_ever_ends_the_fetch(litellm: Litellm) -> None:
    body = copy.deepcopy(litellm.activity["tag", ""][0])
    body["metadata"] |= {"has_more": True, "total_pages": 99}
    litellm.activity["tag", ""] = [body] * 99
    with serving(litellm) as server, pytest.raises(SchemaError, match="same page for ever"):
        fetched(server)


def test_a_proxy_without_a_database_is_explained() -> None:
    body = b'{"error": {"message": "DB not connected. See https://docs.litellm.ai", "code": "500"}}'
    with serving(respond(body, status="500 Internal Server Error")) as server, pytest.raises(SchemaError) as caught:
        fetched(server)
    assert "runs without a database" in caught.value.what
    assert "/api/v1/usage-records/litellm/" in caught.value.mend


def test_a_later_visit_reads_the_look_back_again(litellm: Litellm) -> None:
    with serving(litellm) as server:
        batches = fetched(server, cursor="0/2026-11-23")
    assert [batch.covers[0].day for batch in batches if batch.covers] == [22, 23, 24]


def test_a_check_goes_through_every_step(litellm: Litellm) -> None:
    with serving(litellm) as server, Transport(allowed_internal=server.allowed) as http:

        def steps(**config: Any) -> list[tuple[bool, str]]:
            session = Session(
                config={"base_url": server.url, **config}, http=http, now=datetime(2026, 11, 23, 9, tzinfo=UTC)
            )
            return [(step.ok, step.detail) for step in LitellmConnector().check(session).steps]

        assert [ok for ok, _ in steps()] == [True] * 3
        assert steps()[-1][1] == f"1 keys yesterday: {KEY}"
        assert steps(read="logs")[-1] == (True, "No request yesterday")
        assert steps(read="guess")[-1] == (False, "“guess” is no way to read LiteLLM.")


def test_discovery_names_the_keys_of_the_last_days(litellm: Litellm) -> None:
    with serving(litellm) as server, Transport(allowed_internal=server.allowed) as http:
        found = LitellmConnector().discover(Session(config={"base_url": server.url}, http=http, now=NOW))
    assert [(each.key, each.count) for each in found] == [(KEY, 2)]


def test_the_captured_callback_becomes_calls_without_their_words() -> None:
    calls = [call_of(row) for row in captured("generic_api_callback_batch")]
    assert [(call.place.use_case, call.place.environment, call.place.model) for call in calls if call] == [
        (KEY, "prod", "gpt-4o-mini"), (KEY, "prod", "gpt-4o-mini"),
    ]  # fmt: skip
    first = calls[0]
    assert first is not None
    assert first.figures == Figures(1, 0, 10, 0, 20, Decimal("0.0000135"))
    assert first.at == datetime(2026, 11, 23, 8, 39, 43, 805511, tzinfo=UTC)
    assert "annual leave" not in repr(calls)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None, "litellm_call_id": "", "request_id": []},
        {"startTime": "yesterday"},
        {"startTime": float("nan")},
        {"startTime": 1e300},
        {"startTime": True},
    ],
)
def test_a_call_without_a_name_or_a_time_is_none(change: Any) -> None:
    assert call_of({**captured("generic_api_callback_batch")[0], **change}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "startTime", "metadata", "request_tags", "status", "model", "spend",
                                        "prompt_tokens", "response_cost", "results", "metrics"]), JSON))  # fmt: skip
def test_no_shape_of_a_row_breaks_the_reading(row: dict[str, Any]) -> None:
    call = call_of(row)
    assert len(summed([call] if call else [], NOW)) == (1 if call else 0)
    Activity(DAY).add({"results": [row, {"date": "2026-11-21", **row}]})
