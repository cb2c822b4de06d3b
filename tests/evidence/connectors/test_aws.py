"""AWS: its published examples of signatures, a captured shape of Cost Explorer, and scripted pages."""

import json
import socket
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from evidence.connectors.aws import AwsConnector
from evidence.connectors.aws_rows import Calls, Costs
from evidence.connectors.aws_signing import Keys, signed_headers
from evidence.connectors.base import Batch, Session
from evidence.connectors.errors import AuthError, ConnectorError, RateLimited, Refused, SchemaError
from evidence.readings import UsageReading
from tests.evidence.connectors.azure_answers import NOW, captured, network
from tests.evidence.connectors.servers import Heard, Server, respond, serving

# AWS's published examples of signature version 4: one key, one moment.
EXAMPLE = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EXAMPLES = "https://example.amazonaws.com/"
BEDROCK = "anthropic.claude-v9"


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "signature"),
    [
        ("GET", EXAMPLES, {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET", f"{EXAMPLES}?Param2=value2&Param1=value1", {}, b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", EXAMPLES, {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST", EXAMPLES, FORM, b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)  # fmt: skip
def test_the_published_examples_are_signed_alike(
    method: str, url: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    told = signed_headers(
        EXAMPLE, method=method, url=url, headers=headers, body=body, region="us-east-1", service="service", now=AT
    )
    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    assert told["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    assert told["X-Amz-Date"] == "20150830T123600Z"


def test_the_published_example_of_a_service_is_signed_alike() -> None:
    told = signed_headers(
        EXAMPLE, method="GET", url="https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body=b"", region="us-east-1",
        service="iam", now=AT,
    )  # fmt: skip
    assert told["Authorization"].endswith("=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_keys_are_not_shown_and_a_session_token_is_signed() -> None:
    keys = Keys("AKID", "canary-secret", "canary-token")
    told = signed_headers(
        keys, method="POST", url="https://a.example/", headers={}, body=b"", region="r", service="s", now=AT
    )
    assert "canary" not in repr(keys)
    assert told["X-Amz-Security-Token"] == "canary-token"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in told["Authorization"]
    assert "canary-secret" not in str(told)


def group(key: str, usage_type: str, amount: str, unit: str = "USD") -> dict[str, Any]:
    return {"Keys": [f"use_case${key}", usage_type], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}


def of_day(day: int, *groups: dict[str, Any], estimated: Any = False) -> dict[str, Any]:
    period = {"Start": f"2026-11-{day}", "End": f"2026-11-{day + 1}"}
    return {"TimePeriod": period, "Total": {}, "Groups": list(groups), "Estimated": estimated}


def series(metric: str, days: dict[int, Any], code: str = "Complete", model: str = BEDROCK) -> dict[str, Any]:
    times = [datetime(2026, 11, day, tzinfo=UTC).timestamp() for day in days]
    return {"Id": metric, "Label": model, "Timestamps": times, "Values": list(days.values()), "StatusCode": code}


class Aws:
    """Cost Explorer and CloudWatch on one address, page after page."""

    def __init__(self) -> None:
        self.costs: list[list[dict[str, Any]]] = [
            [of_day(22, group("UC-0001", "in", "1.2345"), group("", "x", "0.5")), of_day(23)],
            [of_day(23, group("uc-0001", "in", "0.1"), estimated=True)],
        ]
        self.metrics: list[list[dict[str, Any]]] = [
            [series("invocations", {22: 10.0}, "PartialData"), series("inputs", {22: 500.0, 23: 7.0})],
            [series("invocations", {23: 3.0}), series("client_errors", {23: 4.0}), series("outputs", {22: 90.0})],
        ]
        self.refusal: tuple[str, bytes] | None = None
        self.following = str
        self.asked: list[dict[str, Any]] = []

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        assert "Credential=AKID/" in heard.headers["authorization"]
        assert "canary" not in str(heard)
        if self.refusal is not None:
            respond(self.refusal[1], status=self.refusal[0])(connection, heard)
            return
        asked = json.loads(heard.body)
        self.asked.append(asked)
        cost = heard.headers["x-amz-target"].endswith("GetCostAndUsage")
        assert ("/us-east-1/ce/" if cost else "/eu-central-1/monitoring/") in heard.headers["authorization"]
        token, name = ("NextPageToken", "ResultsByTime") if cost else ("NextToken", "MetricDataResults")
        pages = self.costs if cost else self.metrics
        number = int(asked.get(token, 0))
        body = {name: pages[number], token: self.following(number + 1) if number + 1 < len(pages) else None}
        respond(json.dumps(body).encode())(connection, heard)


def session(server: Server, http: Any, **config: Any) -> Session:
    given = {
        "base_url": server.url, "monitoring_url": server.url, "region": "eu-central-1", "access_key_id": "AKID",
        "usage_days": 3, "settle_days": 1, **config,
    }  # fmt: skip
    return Session(config=given, secrets={"secret_access_key": "canary-secret"}, http=http, now=NOW)


def fetched(server: Server, cursor: str = "", **config: Any) -> list[Batch]:
    with network(server) as http:
        return list(AwsConnector().fetch(session(server, http, **config), cursor, timedelta(0)))


def usage(batches: list[Batch]) -> list[UsageReading]:
    return [each for batch in batches for each in batch.readings if isinstance(each, UsageReading)]


def test_the_captured_shape_is_read_exactly_and_an_estimate_is_provisional() -> None:
    costs = Costs()
    assert costs.add(captured("aws", "ce_get_cost_and_usage_SHAPE")["response"]) == 1
    (found,) = costs.readings(date(2026, 11, 21), datetime(2027, 1, 1, tzinfo=UTC), timedelta(days=1))
    assert (found.use_case_key, found.model, found.billed_cost, found.currency, found.finality) == (
        "uc-2026-0042", "USE1-Claude-input-tokens", Decimal("1.2345"), "USD", "provisional",
    )  # fmt: skip
    assert (found.requests, found.input_tokens, found.cost_basis) == (None, None, "billed")


def test_cost_and_calls_of_all_pages_stand_in_their_days() -> None:
    aws = Aws()
    with serving(aws) as server:
        batches = fetched(server)
    assert [
        (each.day.day, each.use_case_key, each.billed_cost, each.requests, each.failed_requests, each.input_tokens,
         each.output_tokens, each.finality) for each in usage(batches)
    ] == [
        (22, "", Decimal("0.5"), None, None, None, None, "final"),
        (22, "UC-0001", Decimal("1.2345"), None, None, None, None, "final"),
        (22, BEDROCK, None, 10, 0, 500, 90, "provisional"),
        (23, "UC-0001", Decimal("0.1"), None, None, None, None, "provisional"),
        (23, BEDROCK, None, 4, 4, 7, None, "provisional"),
    ]  # fmt: skip
    assert [batch.covers[0].day for batch in batches if batch.covers] == [22, 23, 24]
    assert [len(batch.rejects) for batch in batches] == [1, 0, 0]
    assert aws.asked[0]["TimePeriod"] == {"Start": "2026-11-22", "End": "2026-11-25"}
    assert len(aws.asked) == 4


def test_without_cloudwatch_only_cost_is_read() -> None:
    aws = Aws()
    with serving(aws) as server:
        assert {each.cost_basis for each in usage(fetched(server, monitoring_url=""))} == {"billed"}
    assert len(aws.asked) == 2


def test_a_page_that_comes_twice_counts_once_and_a_circle_ends_the_visit() -> None:
    aws = Aws()
    aws.costs = [aws.costs[0], aws.costs[0], aws.costs[1]]
    with serving(aws) as server:
        assert sum(each.billed_cost or 0 for each in usage(fetched(server))) == Decimal("1.8345")
        aws.following = lambda _number: "1"
        with pytest.raises(SchemaError, match="lead in a circle"):
            fetched(server)


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        ("400 Bad Request", "ThrottlingException", RateLimited),
        ("400 Bad Request", "com.amazonaws.ce#LimitExceededException", RateLimited),
        ("400 Bad Request", "AccessDeniedException", AuthError),
        ("400 Bad Request", "UnrecognizedClientException", AuthError),
        ("403 Forbidden", "InvalidSignatureException", AuthError),
        ("400 Bad Request", "ValidationException", SchemaError),
    ],
)
def test_what_aws_means_by_400_is_told_apart(status: str, name: str, kind: type[ConnectorError]) -> None:
    aws = Aws()
    aws.refusal = (status, json.dumps({"__type": name, "Message": "why"}).encode())
    with serving(aws) as server, pytest.raises(kind, match="why"):
        fetched(server)


@pytest.mark.parametrize(
    "change",
    [
        {"Groups": [{"Keys": ["a"], "Metrics": {}}]},
        {"Groups": [group("a", "b", "much")]},
        {"Groups": [group("a", "b", "1", "N/A or so")]},
        {"TimePeriod": {"Start": "2026-11-01", "End": "2026-12-01"}},
        {"TimePeriod": {"Start": "today"}},
    ],
)
def test_a_cost_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        Costs().add({"ResultsByTime": [{**of_day(22, group("a", "b", "1")), **change}]})


@pytest.mark.parametrize(
    "change",
    [{"StatusCode": "Forbidden"}, {"StatusCode": None}, {"Values": []}, {"Values": ["x"]}, {"Timestamps": ["x"]}],
)
def test_a_series_that_is_not_whole_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        Calls().add({"MetricDataResults": [{**series("inputs", {22: 1.0}), **change}]})


def test_a_day_that_was_not_asked_for_and_missing_keys_are_refused() -> None:
    aws = Aws()
    aws.costs = [[of_day(12, group("a", "b", "1"))]]
    with serving(aws) as server:
        with pytest.raises(SchemaError, match="2026-11-12, which was not asked for"):
            fetched(server)
        with pytest.raises(Refused, match="access key or its secret is missing"):
            fetched(server, access_key_id="")


def test_a_check_goes_through_every_step_and_discovery_names_keys_and_models() -> None:
    aws = Aws()
    aws.costs = [[of_day(23, group("UC-0001", "in", "1"))]]
    with serving(aws) as server, network(server) as http:
        given = session(server, http)
        assert [(step.ok, step.detail) for step in AwsConnector().check(given).steps][1:] == [
            (True, "1 groups yesterday, 1 keys: UC-0001"), (True, "1 models yesterday"),
        ]  # fmt: skip
        assert [(each.key, each.count) for each in AwsConnector().discover(given)] == [("UC-0001", 1), (BEDROCK, 1)]
