"""OpenAI's usage and costs: published pages, cached tokens, and pages that lead nowhere."""

import json
import socket
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from evidence.connectors.base import Batch, Session
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.openai_usage import OpenaiUsageConnector
from evidence.connectors.openai_usage_rows import Days
from evidence.readings import UsageReading
from tests.evidence.connectors.azure_answers import NOW, captured, network
from tests.evidence.connectors.servers import Heard, Server, respond, serving

SETTLE = timedelta(days=3)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def bucket(day: int, *results: dict[str, Any]) -> dict[str, Any]:
    start = int(datetime(2026, 11, day, tzinfo=UTC).timestamp())
    return {"object": "bucket", "start_time": start, "end_time": start + 86400, "results": list(results)}


def used(
    project: str | None, model: str, requests: int, inputs: int, cached: int | None, outputs: int
) -> dict[str, Any]:
    return {
        "project_id": project, "model": model, "num_model_requests": requests, "input_tokens": inputs,
        "input_cached_tokens": cached, "output_tokens": outputs,
    }  # fmt: skip


def paid(project: str, line: str | None, value: Any, currency: Any = "usd") -> dict[str, Any]:
    return {"project_id": project, "line_item": line, "amount": {"value": value, "currency": currency}}


class Openai:
    """An organisation whose endpoints answer page after page."""

    def __init__(self) -> None:
        embedded = {"project_id": "proj_a", "model": "embed-3", "num_model_requests": 3, "input_tokens": 9}
        billed = [paid("proj_a", "gpt-4o-2024-08-06, input", 0.06), paid("proj_a", None, 0.01)]
        self.pages: dict[str, list[list[dict[str, Any]]]] = {
            "usage/completions": [
                [bucket(22, used("proj_a", "gpt-4o", 5, 100, 20, 40), used("proj_b", "gpt-4o", 1, 8, 0, 2))],
                [bucket(23, used("proj_a", "gpt-4o", 2, 10, None, 4), used(None, "gpt-4o", 1, 1, 0, 1)), bucket(24)],
            ],
            "usage/embeddings": [[bucket(22, embedded)]],
            "costs": [[bucket(22, *billed), bucket(23)]],
        }
        self.following = str
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        split = urlsplit(heard.path)
        query, path = parse_qs(split.query), split.path.removeprefix("/organization/")
        self.asked.append((path, query))
        pages, number = self.pages[path], int(query.get("page", ["0"])[0])
        more = number + 1 < len(pages)
        body = {"data": pages[number], "has_more": more, "next_page": self.following(number + 1) if more else None}
        respond(json.dumps(body).encode())(connection, heard)


def fetched(server: Server, cursor: str = "", **config: Any) -> list[Batch]:
    with network(server) as http:
        given = Session(
            config={"base_url": server.url, "usage_days": 3, "settle_days": 1, **config}, http=http, now=NOW
        )
        return list(OpenaiUsageConnector().fetch(given, cursor, timedelta(0)))


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def test_the_published_page_of_usage_includes_cached_tokens_in_its_input() -> None:
    days = Days()
    (told,) = captured("openai_admin", "usage_completions_page_SHAPE")["data"]
    assert days.add_usage("completions", told) == 1
    (found,) = days.readings(date(2026, 1, 1), LATER, SETTLE)
    assert (found.use_case_key, found.model, found.requests, found.input_tokens, found.cached_input_tokens) == (
        "proj_a", "gpt-4o", 5, 100, 20,
    )  # fmt: skip
    assert (found.output_tokens, found.failed_requests, found.billed_cost, found.finality) == (40, None, None, "final")


def test_the_published_page_of_costs_is_exact() -> None:
    days = Days()
    (told,) = captured("openai_admin", "costs_page_DOCS")["data"]
    assert days.add_costs(told) == 1
    (found,) = days.readings(date(2024, 11, 1), LATER, SETTLE)
    assert (found.billed_cost, found.currency, found.use_case_key, found.cost_basis) == (
        Decimal("0.06"),
        "USD",
        "",
        "billed",
    )
    assert (found.requests, found.input_tokens) == (None, None)


def test_usage_and_costs_of_all_pages_stand_in_their_days() -> None:
    openai = Openai()
    with serving(openai) as server:
        batches = fetched(server)
    assert [
        (each.day.day, each.use_case_key, each.model, each.operation, each.requests, each.input_tokens,
         each.cached_input_tokens, each.billed_cost) for each in usage(batches)
    ] == [
        (22, "proj_a", "", "", None, None, None, Decimal("0.01")),
        (22, "proj_a", "embed-3", "embeddings", 3, 9, None, None),
        (22, "proj_a", "gpt-4o", "completions", 5, 100, 20, None),
        (22, "proj_a", "gpt-4o-2024-08-06", "input", None, None, None, Decimal("0.06")),
        (22, "proj_b", "gpt-4o", "completions", 1, 8, 0, None),
        (23, "", "gpt-4o", "completions", 1, 1, 0, None),
        (23, "proj_a", "gpt-4o", "completions", 2, 10, None, None),
    ]  # fmt: skip
    assert [batch.covers[0].day for batch in batches if batch.covers] == [22, 23, 24]
    assert [len(batch.rejects) for batch in batches] == [0, 1, 0]
    assert batches[-1].cursor == "0/2026-11-24"
    first = openai.asked[0][1]
    assert (first["group_by"], first["bucket_width"], first["limit"]) == (["project_id", "model"], ["1d"], ["31"])
    assert int(first["end_time"][0]) - int(first["start_time"][0]) == 3 * 86400


def test_costs_can_be_left_out() -> None:
    openai = Openai()
    with serving(openai) as server:
        fetched(server, costs=False, endpoints=["completions"])
    assert {path for path, _ in openai.asked} == {"usage/completions"}


def test_a_long_first_visit_is_asked_in_parts_of_31_days() -> None:
    openai = Openai()
    openai.pages = {path: [[]] for path in openai.pages}
    with serving(openai) as server:
        batches = fetched(server, usage_days=70, costs=False, endpoints=["completions"])
    assert (len(openai.asked), len(batches), usage(batches)) == (3, 70, [])


def test_a_page_that_comes_twice_counts_once() -> None:
    openai = Openai()
    openai.pages["usage/completions"].insert(1, openai.pages["usage/completions"][0])
    with serving(openai) as server:
        assert sum(each.input_tokens or 0 for each in usage(fetched(server))) == 128


def test_figures_that_change_while_they_are_read_end_the_visit() -> None:
    openai = Openai()
    openai.pages["usage/completions"].append([bucket(22, used("proj_a", "gpt-4o", 6, 100, 20, 40))])
    with serving(openai) as server, pytest.raises(SchemaError, match="changed while they were read"):
        fetched(server)


@pytest.mark.parametrize("token", ["1", "", None])
def test_pages_that_lead_in_a_circle_or_nowhere_end_the_visit(token: Any) -> None:
    openai = Openai()
    openai.pages["usage/completions"] *= 2
    openai.following = lambda _number: token
    with serving(openai) as server, pytest.raises(SchemaError, match="in a circle or nowhere"):
        fetched(server)


@pytest.mark.parametrize(
    "told",
    [
        {"results": None},
        {"results": [7]},
        {"results": [used("p", "m", -1, 1, 1, 1)]},
        {"results": [{**used("p", "m", 1, 1, 1, 1), "input_tokens": "many"}]},
        {"results": [{**used("p", "m", 1, 1, 1, 1), "input_tokens": True}]},
        {"start_time": "today"},
        {"end_time": 1},
    ],
)
def test_a_bucket_of_another_shape_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        Days().add_usage("completions", {**bucket(22), **told})


@pytest.mark.parametrize(("value", "currency"), [("much", "usd"), (None, "usd"), (1.0, None), (True, "usd")])
def test_an_amount_without_number_or_currency_is_refused(value: Any, currency: Any) -> None:
    with pytest.raises(SchemaError):
        Days().add_costs(bucket(22, paid("p", "line", value, currency)))


def test_a_day_that_was_not_asked_for_is_refused() -> None:
    openai = Openai()
    openai.pages["usage/completions"] = [[bucket(12, used("p", "m", 1, 1, 0, 1))]]
    with serving(openai) as server, pytest.raises(SchemaError, match="2026-11-12, which was not asked for"):
        fetched(server)


def test_an_unknown_kind_of_use_is_refused() -> None:
    with serving(Openai()) as server, pytest.raises(Refused, match="“guess” is no kind of use"):
        fetched(server, endpoints=["guess"])


def test_a_check_and_discovery_name_the_projects() -> None:
    openai = Openai()
    with serving(openai) as server, network(server) as http:
        given = Session(config={"base_url": server.url}, http=http, now=NOW)
        steps = OpenaiUsageConnector().check(given).steps
        assert (steps[-1].ok, steps[-1].detail) == (True, "1 projects yesterday: proj_a")
        found = OpenaiUsageConnector().discover(given)
        assert [(each.key, each.count) for each in found] == [("proj_a", 2), ("proj_b", 1)]
