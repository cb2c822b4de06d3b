"""Azure Cost Management: Microsoft's published answers, days over pages, quotas, and a scripted Azure."""

import json
import socket
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.connectors.azure_cost import AzureCostConnector
from evidence.connectors.azure_cost_rows import Bill, Grouping, readings_of
from evidence.connectors.base import Batch
from evidence.connectors.errors import AuthError, ConnectorError, RateLimited, Refused, SchemaError
from evidence.connectors.tagging import key_of
from evidence.readings import UsageReading
from tests.evidence.connectors.azure_answers import NOW, SCOPE, SECRET, SignIn, captured, network, session_at
from tests.evidence.connectors.servers import Heard, Server, in_turn, respond, serving

TAG = Grouping("tag", "use_case", "MeterSubCategory")
GROUP = Grouping("dimension", "ResourceGroup", "ResourceGroup")
DAY = date(2026, 11, 22)
COLUMNS = ("Currency", "TagValue", "UsageDate", "TagKey", "Meter", "Cost")


class Azure(SignIn):
    """Bills by day and basis, `size` rows a page, its columns in an order of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, str], list[tuple[str, str, float]]] = {}
        self.size = 1000
        self.asked: list[tuple[str, str]] = []
        self.link: Callable[[str, int], str] = lambda url, end: f"{url}&$skiptoken={end}"
        self.busy: list[Any] = []

    def answer(self, path: str, query: dict[str, str], heard: Heard) -> Any:
        assert path == f"{SCOPE}/providers/Microsoft.CostManagement/query"
        assert query["api-version"] == "2025-03-01"
        if self.busy:
            return self.busy.pop(0)
        body = json.loads(heard.body)
        day = body["timePeriod"]["from"][:10]
        assert body["timePeriod"]["to"] == f"{day}T23:59:59Z"
        self.asked.append((day, body["type"]))
        rows = self.rows.get((day, body["type"]))
        if rows is None:
            return respond(b"", status="204 No Content")
        start = int(query.get("$skiptoken", 0))
        end = start + self.size
        url = f"http://{heard.headers['host']}{path}?api-version=2025-03-01"
        told = [
            ["EUR", key, int(day.replace("-", "")), "use_case", meter, cost] for key, meter, cost in rows[start:end]
        ]
        properties = {
            "columns": [{"name": name, "type": "String"} for name in COLUMNS],
            "rows": told,
            "nextLink": self.link(url, end) if end < len(rows) else None,
        }
        return respond(json.dumps({"properties": properties}).encode())


@pytest.fixture
def azure() -> Azure:
    azure = Azure()
    azure.rows["2026-11-22", "ActualCost"] = [
        ("uc-0001", "gpt-4o in", 12.5),
        ("UC-0001", "gpt-4o out", 0.1),
        ("", "x", 3.1),
    ]
    azure.rows["2026-11-23", "ActualCost"] = [("HR-Bot", "gpt-4o in", 1.25)]
    return azure


def fetched(server: Server, cursor: str = "", waits: list[float] | None = None, **config: Any) -> list[Batch]:
    config = {"scope": SCOPE, "usage_days": 3, "settle_days": 1, **config}
    with network(server, waits) as http:
        return list(AzureCostConnector().fetch(session_at(server, http, **config), cursor, timedelta(0)))


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def test_the_published_answer_by_resource_group_is_read_by_column_name() -> None:
    told = captured("azure_cost", "query_daily_grouped_OFFICIAL_EnrollmentAccountQueryGrouping")["response"][
        "properties"
    ]
    bill = Bill(date(2018, 3, 31), GROUP)
    assert bill.add(told) == 3
    assert {place[0]: amount for place, amount in bill.totals().items()} == {
        "japanunifia-trial": Decimal("19.545363672276512"), "rviiot-trial": Decimal("173.41979241290323"),
        "vsthol-1595322048000".replace("vsthol", "vstshol"): Decimal("20.35941656262545"),
    }  # fmt: skip


def test_the_published_answer_over_several_days_is_refused_for_one_day() -> None:
    told = captured("azure_cost", "query_filtered_OFFICIAL_SubscriptionQuery")["response"]["properties"]
    with pytest.raises(SchemaError, match="Azure answered for 20180401 when 2018-03-31 was asked for"):
        Bill(date(2018, 3, 31), GROUP).add(told)
    april = {**told, "rows": [[2.0, "Prod", 20180429, "USD"], told["rows"][3], [1.0, "PROD", 20180429, "USD"]]}
    bill = Bill(date(2018, 4, 29), GROUP)
    bill.add(april)
    assert sum(bill.totals().values()) == Decimal("3.009865586851323632")
    assert {place[0] for place in bill.totals()} == {"prod", "ict_stratandplan_goldsprova_prod"}


def test_the_answer_by_tag_becomes_usage_and_names_what_is_untagged() -> None:
    told = captured("azure_cost", "query_by_tag_CONSTRUCTED")["response"]["properties"]
    bill = Bill(DAY, TAG)
    bill.add(told)
    readings, rejects = readings_of({"actual": bill}, DAY, NOW, timedelta(days=35))
    assert [(each.use_case_key, each.model, each.billed_cost, each.currency, each.finality) for each in readings] == [
        ("", "Azure OpenAI", Decimal("3.1"), "EUR", "provisional"),
        ("uc-2026-0042", "Azure OpenAI", Decimal("12.44"), "EUR", "provisional"),
    ]
    assert {(each.requests, each.input_tokens, each.effective_cost) for each in readings} == {(None, None, None)}
    assert [reject.reason for reject in rejects] == [
        "3.1 EUR carry no use case. Tag the resources, or tell the bill apart in another way."
    ]


def test_days_are_asked_one_by_one_and_a_day_without_charges_covers_itself(azure: Azure) -> None:
    with serving(azure) as server:
        batches = fetched(server)
    assert azure.asked == [(f"2026-11-{day}", "ActualCost") for day in (22, 23, 24)]
    assert [(each.day.day, each.use_case_key, each.model, each.billed_cost) for each in usage(batches)] == [
        (22, "", "x", Decimal("3.1")), (22, "UC-0001", "gpt-4o in", Decimal("12.5")),
        (22, "UC-0001", "gpt-4o out", Decimal("0.1")), (23, "hr-bot", "gpt-4o in", Decimal("1.25")),
    ]  # fmt: skip
    assert {each.finality for each in usage(batches) if each.day.day == 22} == {"final"}
    assert {each.finality for each in usage(batches) if each.day.day == 23} == {"provisional"}
    assert [batch.covers for batch in batches][-1] == (date(2026, 11, 24), date(2026, 11, 24))
    assert batches[-1].cursor == "0/2026-11-24"
    assert azure.tokens == 1


def test_pages_follow_their_link_with_the_same_question_and_add_up(azure: Azure) -> None:
    azure.size = 2
    azure.rows["2026-11-22", "ActualCost"] = [(f"uc-000{n}", "m", n / 10) for n in range(1, 8)]
    with serving(azure) as server:
        found = usage(fetched(server))
        bodies = {heard.body for heard in server.heard if b"2026-11-22" in heard.body}
    assert sum(each.billed_cost or 0 for each in found if each.day == DAY) == Decimal("2.8")
    assert azure.asked.count(("2026-11-22", "ActualCost")) == 4
    assert len(bodies) == 1


@pytest.mark.parametrize("end", [0, 2])
def test_a_page_that_leads_back_ends_the_visit(azure: Azure, end: int) -> None:
    azure.size = 2
    azure.link = lambda url, _end: f"{url}&$skiptoken={end}"
    azure.rows["2026-11-22", "ActualCost"] = [(f"uc-000{n}", "m", n / 10) for n in range(1, 8)]
    with serving(azure) as server, pytest.raises(SchemaError, match="same page for ever"):
        fetched(server)


def test_a_next_page_elsewhere_is_never_asked(azure: Azure) -> None:
    azure.size = 1
    azure.link = lambda _url, _end: "https://collector.example.org/steal"
    with serving(azure) as server, pytest.raises(Refused, match="lies at another address"):
        fetched(server)


def test_rows_that_come_twice_count_once_and_restated_ones_end_the_day(azure: Azure) -> None:
    azure.size = 2
    azure.rows["2026-11-22", "ActualCost"] = [("a", "m", 1.0), ("b", "m", 2.0), ("b", "m", 2.0), ("c", "m", 4.0)]
    with serving(azure) as server:
        assert sum(each.billed_cost or 0 for each in usage(fetched(server)) if each.day == DAY) == 7
        azure.rows["2026-11-22", "ActualCost"][2] = ("b", "m", 2.5)
        with pytest.raises(SchemaError, match="changed while it was read"):
            fetched(server)


def test_both_costs_stand_beside_each_other(azure: Azure) -> None:
    azure.rows["2026-11-22", "AmortizedCost"] = [("uc-0001", "gpt-4o in", 10.0), ("uc-0002", "reserved", 4.0)]
    with serving(azure) as server:
        found = [each for each in usage(fetched(server, basis="both")) if each.day == DAY and each.use_case_key]
        alone = [each for each in usage(fetched(server, basis="amortized")) if each.day == DAY]
    assert [(each.use_case_key, each.model, each.billed_cost, each.effective_cost) for each in found] == [
        ("UC-0001", "gpt-4o in", Decimal("12.5"), Decimal(10)), ("UC-0001", "gpt-4o out", Decimal("0.1"), Decimal(0)),
        ("UC-0002", "reserved", Decimal(0), Decimal(4)),
    ]  # fmt: skip
    assert {(each.billed_cost, each.cost_basis) for each in alone} == {(None, "effective")}


def test_a_later_visit_reads_new_days_first_and_then_those_that_may_be_restated(azure: Azure) -> None:
    with serving(azure) as server:
        batches = fetched(server, cursor="0/2026-11-22", settle_days=3)
    assert [day for day, _ in azure.asked] == [f"2026-11-{day}" for day in (23, 24, 22, 21, 20, 19)]
    assert [batch.cursor for batch in batches] == ["0/2026-11-23", *["0/2026-11-24"] * 5]


def test_the_reported_throttling_headers_are_waited_for(azure: Azure) -> None:
    told = captured("azure_cost", "rate_limit_429_headers_REPORTED")
    headers = told["headers"]
    longer = {**headers, "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "900", "Retry-After": "1"}
    busy = json.dumps(told["body"]).encode()
    waits: list[float] = []
    azure.busy = [respond(busy, status="429 Too Many Requests", headers=headers)]
    with serving(azure) as server:
        assert len(usage(fetched(server, waits=waits))) == 4
        azure.busy = [respond(busy, status="429 Too Many Requests", headers=longer)]
        with pytest.raises(RateLimited) as caught:
            fetched(server)
    assert waits == [45.0]
    assert caught.value.retry_after == 900


def test_a_storm_of_refusals_ends_after_three(azure: Azure) -> None:
    azure.busy = [respond(b"{}", status="429 Too Many Requests", headers={"Retry-After": "2"})] * 9
    with serving(azure) as server, pytest.raises(RateLimited):
        fetched(server)
    assert len(azure.busy) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"columns": [{"name": name} for name in COLUMNS[1:]]},
        {"columns": "Cost"},
        {"rows": None},
        {"rows": [["EUR", "a", 20261122, "use_case", "m"]]},
        {"rows": [["EUR", "a", 20261122, "use_case", "m", "twelve"]]},
        {"rows": [["EUR", "a", 20261122, "use_case", "m", None]]},
        {"rows": [["EUR", "a", None, "use_case", "m", 1]]},
        {"rows": [{"Cost": 1}]},
    ],
)
def test_a_bill_of_another_shape_is_refused_and_never_read_as_nothing(change: dict[str, Any]) -> None:
    rows = [["EUR", "a", 20261122, "use_case", "m", 1]]
    whole = {"columns": [{"name": name} for name in COLUMNS], "rows": rows, **change}
    with pytest.raises(SchemaError):
        Bill(DAY, Grouping("tag", "use_case", "Meter")).add(whole)


def test_signing_in_explains_what_is_wrong_and_never_shows_the_secret(azure: Azure) -> None:
    said = {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: 1",
    }
    with serving(azure) as server, network(server) as http:
        azure.refusal = said
        steps = AzureCostConnector().check(session_at(server, http, scope=SCOPE)).steps
        assert [(step.what, step.ok) for step in steps] == [("Resolve the address", True), ("Sign in", False)]
        assert steps[-1].detail == "Azure does not accept the client secret."
        assert "not its id" in steps[-1].mend
        azure.refusal = {"error": "strange", "error_description": f"you sent {SECRET}"}
        with pytest.raises(AuthError) as caught:
            list(AzureCostConnector().fetch(session_at(server, http, scope=SCOPE), ""))
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__
    assert SECRET not in repr(session_at(server, http))


def test_a_check_goes_through_every_step_and_discovery_names_the_keys(azure: Azure) -> None:
    with serving(azure) as server, network(server) as http:
        session = session_at(server, http, scope=SCOPE)
        steps = AzureCostConnector().check(session).steps
        assert [step.ok for step in steps] == [True] * 3
        assert steps[-1].detail == "3 charges on 2026-11-22, 1 keys: UC-0001"
        assert [(each.key, each.count) for each in AzureCostConnector().discover(session)] == [("UC-0001", 2)]
        wrong = AzureCostConnector().check(session_at(server, http, scope="subscriptions/../x?y")).steps
        assert wrong[-1].detail == "The scope is none of Azure's."


def test_a_token_that_ends_is_renewed_and_none_outlives_the_visit(azure: Azure) -> None:
    azure.expires_in = 100  # used once: it would end within two minutes
    with serving(azure) as server:
        fetched(server)
        assert azure.tokens == 3
        azure.expires_in = 3599
        fetched(server)
        fetched(server)
    assert azure.tokens == 5


def test_what_answers_for_azure_without_a_token_is_told() -> None:
    def answer(connection: socket.socket, heard: Heard) -> None:
        respond(b'{"access_token": "a\\nb"}')(connection, heard)

    with serving(answer) as server, pytest.raises(SchemaError, match="The sign-in brought no token"):
        fetched(server)


def test_missing_credentials_are_told_before_anything_is_asked(azure: Azure) -> None:
    with serving(azure) as server, pytest.raises(Refused, match="Tenant, application or client secret is missing"):
        fetched(server, tenant="")
    assert server.heard == []


@pytest.mark.parametrize(("field", "value"), [("by", "guess"), ("basis", "free")])
def test_a_setting_that_is_none_is_refused(azure: Azure, field: str, value: str) -> None:
    with serving(azure) as server, pytest.raises(ConnectorError, match=f"“{value}”"):
        fetched(server, **{field: value})


@given(
    st.lists(
        st.tuples(st.sampled_from("abAB"), st.sampled_from("mn"), st.integers(-9, 99)),
        max_size=12,
        unique_by=lambda e: e[:2],
    )
)
def test_no_amount_is_lost_when_spellings_are_brought_together(rows: list[tuple[str, str, int]]) -> None:
    bill = Bill(DAY, Grouping("tag", "use_case", "Meter"))
    bill.add(
        {
            "columns": [{"name": name} for name in COLUMNS],
            "rows": [["EUR", key, 20261122, "use_case", meter, cost] for key, meter, cost in rows],
        }
    )
    readings, _ = readings_of({"actual": bill}, DAY, NOW, timedelta(days=1))
    assert sum(each.billed_cost or 0 for each in readings) == sum(cost for *_, cost in rows)
    assert len({(each.use_case_key, each.model) for each in readings}) == len(readings)


def test_keys_are_written_small_and_our_own_references_large() -> None:
    assert [key_of(text) for text in (" HR-Bot ", "uc-0001", "UC-2026-0042", "")] == [
        "hr-bot",
        "UC-0001",
        "uc-2026-0042",
        "",
    ]


def test_in_turn_a_garbled_page_ends_the_visit_without_a_batch_of_that_day(azure: Azure) -> None:
    garbled = in_turn(respond(b'{"properties": {"rows": [[1,'), respond(b"<html>"))
    azure.busy = [garbled]
    with serving(azure) as server, pytest.raises(SchemaError):
        fetched(server)
    assert azure.asked == []
