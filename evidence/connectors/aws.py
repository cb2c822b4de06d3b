"""AWS: cost of Bedrock by day and tag from Cost Explorer, and calls and tokens by model from CloudWatch."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from evidence.connectors.answers import Reply, check_status
from evidence.connectors.aws_rows import COST, METRICS, Calls, Costs, Row
from evidence.connectors.aws_signing import Keys, signed_headers
from evidence.connectors.base import (
    DEFAULT_LOOKBACK,
    Batch,
    CheckResult,
    ConfigField,
    Discovered,
    Proof,
    Session,
    check_until_failure,
)
from evidence.connectors.errors import AuthError, RateLimited, Refused, SchemaError
from evidence.connectors.paging import MOST_PAGES
from evidence.connectors.progress import Progress, bounds
from evidence.connectors.shapes import mapping_of, text_of
from evidence.connectors.transport import Sent, Transport
from evidence.readings import Reject

COST_TARGET: Final = "AWSInsightsIndexService.GetCostAndUsage"
METRIC_TARGET: Final = "GraniteServiceVersion20100801.GetMetricData"


def _real_time() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reader:
    """Signed calls; each is a read, and each call to Cost Explorer is charged, so a whole period is asked at once."""

    http: Transport
    keys: Keys
    region: str
    clock: Callable[[], datetime] = _real_time

    def costs(self, url: str, first: date, last: date, tag: str, services: list[str]) -> Costs:
        only = {"Filter": {"Dimensions": {"Key": "SERVICE", "Values": services}}} if services else {}
        asked = {
            "TimePeriod": {"Start": first.isoformat(), "End": (last + timedelta(days=1)).isoformat()},
            "Granularity": "DAILY",
            "Metrics": [COST],
            "GroupBy": [{"Type": "TAG", "Key": tag}, {"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
            **only,
        }
        costs = Costs()
        for reply in self._pages(url, "us-east-1", "ce", COST_TARGET, asked, "NextPageToken"):
            costs.add(reply)
        beyond = sorted(day for day in costs.estimated if not first <= day <= last)
        if beyond:
            raise SchemaError(f"AWS told {beyond[0]}, which was not asked for.", mend="Nothing of it was stored.")
        return costs

    def calls(self, url: str, first: date, last: date) -> Calls:
        queries = [
            {
                "Id": metric,
                "Expression": f"SEARCH('{{AWS/Bedrock,ModelId}} MetricName=\"{name}\"', 'Sum', 86400)",
                "Label": "${PROP('Dim.ModelId')}",
            }
            for metric, name in METRICS.items()
        ]
        asked = {
            "StartTime": int(bounds(first)[0].timestamp()),
            "EndTime": int(bounds(last)[1].timestamp()),
            "MetricDataQueries": queries,
            "ScanBy": "TimestampAscending",
        }
        calls = Calls()
        for reply in self._pages(url, self.region, "monitoring", METRIC_TARGET, asked, "NextToken"):
            calls.add(reply)
        return calls

    def _pages(self, url: str, region: str, service: str, target: str, asked: Row, following: str) -> Iterator[Row]:
        used: set[str] = set()
        token = ""
        for _ in range(MOST_PAGES):
            reply = self._post(url, region, service, target, {**asked, **({following: token} if token else {})})
            yield reply
            token = text_of(reply.get(following))
            if not token:
                return
            if token in used:
                raise SchemaError("AWS's pages lead in a circle.", mend="Nothing of this period was stored.")
            used.add(token)
        raise SchemaError(f"A period has more than {MOST_PAGES} pages.", mend="Read fewer days at once.")

    def _post(self, url: str, region: str, service: str, target: str, asked: Row) -> Row:
        body = json.dumps(asked).encode()
        version = "1.1" if service == "ce" else "1.0"
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
        sent = signed_headers(
            self.keys,
            method="POST",
            url=f"{url}/",
            headers=headers,
            body=body,
            region=region,
            service=service,
            now=self.clock(),
        )
        return self.http.request("POST", f"{url}/", Sent(content=body, headers=sent), judge=_judge).object()


class AwsConnector:
    """One AWS account.

    Cost is told apart by a cost allocation tag, which must be activated in the billing console, and by usage type.
    CloudWatch knows calls and tokens by model alone; an application inference profile is a model of its own, so map its
    id. Each visit makes one charged call to Cost Explorer per page.
    """

    kind: ClassVar[str] = "aws"
    title: ClassVar[str] = "AWS (Bedrock)"
    summary: ClassVar[str] = "Billed cost by day and tag from Cost Explorer; calls and tokens by model from CloudWatch."
    proof: ClassVar[Proof] = Proof(
        "specification",
        "The service models of Cost Explorer and CloudWatch, and AWS's examples of signatures; not yet a live account.",
    )
    reads_scores: ClassVar[bool] = False
    hosts: ClassVar[tuple[str, ...]] = ("*.amazonaws.com", "*.amazonaws.com.cn", "*.api.aws")
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Cost Explorer", "It answers in one region.", True, kind="url",
            default="https://ce.us-east-1.amazonaws.com",
        ),
        ConfigField(
            "monitoring_url",
            "CloudWatch",
            "Such as https://monitoring.eu-central-1.amazonaws.com; empty reads cost alone.",
            kind="url",
        ),
        ConfigField("region", "Region", "Of CloudWatch, when its address does not name it."),
        ConfigField("access_key_id", "Access key", "Of an account that may read cost and metrics only.", True),
        ConfigField("tag", "Cost allocation tag", "The tag that names the use case.", default="use_case"),
        ConfigField(
            "services", "Services", "As the bill names them; empty means all.", kind="list", default=["Amazon Bedrock"]
        ),
        ConfigField("usage_days", "Days of usage", "Read at the first visit.", kind="number", default=30),
        ConfigField("settle_days", "Days to settle", "Until a day is final.", kind="number", default=10),
        ConfigField("secret_access_key", "Secret access key", "Of the access key.", secret=True),
        ConfigField("session_token", "Session token", "Only with keys that end by themselves.", secret=True),
    )  # fmt: skip

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {}  # every call is signed; no credential travels

    def check(self, session: Session) -> CheckResult:
        yesterday = session.now.date() - timedelta(days=1)

        def costs() -> str:
            places = _costs(session, yesterday, yesterday).days.get(yesterday, {})
            keys = sorted({place[0] for place in places if place[0]})
            return f"{len(places)} groups yesterday, {len(keys)} keys: {', '.join(keys[:5])}"

        def calls() -> str:
            found = _calls(session, yesterday, yesterday).readings(yesterday, session.now)
            return f"{len(found)} models yesterday" if session.text("monitoring_url") else "Not set up: cost alone"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Read cost", costs),
            ("Read calls", calls),
        )

    def discover(self, session: Session) -> list[Discovered]:
        today, counts = session.now.date(), dict[str, int]()
        for places in _costs(session, today - timedelta(days=7), today).days.values():
            for key in {place[0] for place in places if place[0]}:
                counts[key] = counts.get(key, 0) + 1
        for _, model, _day in _calls(session, today - timedelta(days=7), today).values:
            counts.setdefault(model, 1)
        return [Discovered(key, key, count) for key, count in sorted(counts.items()) if key]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, settle = Progress.of(cursor), timedelta(days=session.number("settle_days", 10))
        days = list(progress.days(session.now, max(lookback, settle), session.number("usage_days", 30)))
        costs, calls = _costs(session, days[0], days[-1]), _calls(session, days[0], days[-1])
        for day in days:
            billed = costs.readings(day, session.now, settle)
            readings = (*billed, *calls.readings(day, session.now))
            progress = progress.read_day(day)
            untold = (
                Reject(f"{day} untagged", "Some cost carries no use case. Tag the resources, and activate the tag."),
            )
            named = all(each.use_case_key for each in billed)
            yield Batch(readings, () if named else untold, progress.text(), covers=(day, day))


def _reader(session: Session) -> Reader:
    secret, key = str(session.secrets.get("secret_access_key") or "").strip(), session.text("access_key_id")
    if not secret or not key:
        raise Refused("The access key or its secret is missing.", mend="Enter both.", stage="sign_in")
    keys = Keys(key, secret, str(session.secrets.get("session_token") or "").strip())
    labels = (urlsplit(session.text("monitoring_url")).hostname or "").split(".")
    named = labels[1] if len(labels) > 3 and labels[0] == "monitoring" else ""
    return Reader(session.network(), keys, session.text("region") or named or "us-east-1")


def _costs(session: Session, first: date, last: date) -> Costs:
    tag = session.text("tag", "use_case")
    return _reader(session).costs(session.base_url(), first, last, tag, session.entries("services"))


def _calls(session: Session, first: date, last: date) -> Calls:
    if not session.text("monitoring_url"):
        return Calls()
    return _reader(session).calls(session.url("monitoring_url", "CloudWatch's address"), first, last)


def _judge(reply: Reply) -> None:
    """AWS answers 400 to nearly everything and says what it means in `__type`."""
    if reply.status == 400:
        try:
            told = mapping_of(reply.json())
        except SchemaError:
            told = {}
        name = text_of(told.get("__type")).rpartition("#")[2]
        heard = f"AWS answered {name or 400}: “{reply.quote()}”."
        if "Throttl" in name or name in {"LimitExceededException", "RequestLimitExceeded"}:
            mend = "The next sync reads on from here; sync less often if this repeats."
            raise RateLimited(heard, mend=mend, retry_after=None, status=400)
        if name in {"AccessDeniedException", "AccessDenied"}:
            mend = "Let the account call ce:GetCostAndUsage and cloudwatch:GetMetricData."
            raise AuthError(heard, mend=mend, stage="sign_in", status=400)
        if "Signature" in name or "Token" in name or name in {"UnrecognizedClientException", "IncompleteSignature"}:
            mend = "Check the access key, its secret and the server's clock; keys that end need a new session token."
            raise AuthError(heard, mend=mend, stage="sign_in", status=400)
    check_status(reply)
