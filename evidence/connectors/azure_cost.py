"""Azure Cost Management: billed and amortised cost by day, told apart by tag, resource, group or subscription."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar, Final, Literal, cast

from evidence.connectors.azure_cost_rows import Basis, Bill, Grouping, readings_of
from evidence.connectors.azure_identity import (
    AUTHORITY_FIELD,
    AUTHORITY_HOSTS,
    CLIENT,
    MANAGEMENT,
    MANAGEMENT_HOSTS,
    SECRET,
    TENANT,
    Identity,
    identity_of,
)
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
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.paging import MOST_PAGES
from evidence.connectors.progress import Progress
from evidence.connectors.shapes import mapping_of, text_of
from evidence.connectors.transport import Transport

API_VERSION: Final = "2025-03-01"
TYPES: Final[Mapping[Basis, str]] = {"actual": "ActualCost", "amortized": "AmortizedCost"}
BY: Final[Mapping[str, str]] = {
    "resource_group": "ResourceGroup",
    "resource": "ResourceId",
    "subscription": "SubscriptionId",
}
_SCOPE: Final = re.compile(r"(/[A-Za-z0-9._():-]{1,120}){1,12}")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """The calls this connector makes: one query per day and basis, over all its pages."""

    http: Transport
    identity: Identity
    base_url: str
    scope: str
    grouping: Grouping
    services: tuple[str, ...]

    def bill(self, day: date, basis: Basis) -> Bill:
        """The charges of one day. Azure may answer a grouped question over several days with the last one alone."""
        bill, asked = Bill(day, self.grouping), self._question(day, basis)
        url = f"{self.base_url}{self.scope}/providers/Microsoft.CostManagement/query?api-version={API_VERSION}"
        used = {url}
        for _ in range(MOST_PAGES):
            properties = self._post(url, asked)
            fresh = bill.add(properties) if properties else 0
            url = text_of(properties.get("nextLink"))
            if not url:
                return bill
            if url in used or not fresh:
                mend = "Try again later; nothing of this day was stored."
                raise SchemaError("Azure repeats the same page for ever.", mend=mend)
            if not url.startswith(f"{self.base_url}/"):
                mend = "Nothing was sent there. Look at the proxy before Azure."
                raise Refused("Azure's next page lies at another address.", mend=mend, stage="guard")
            used.add(url)
        raise SchemaError(f"One day has more than {MOST_PAGES} pages.", mend="Narrow the scope, or use a FOCUS export.")

    def _post(self, url: str, asked: Row) -> Row:
        """The properties of a page; empty for 204, which Azure answers when there is nothing."""
        headers = {**self.identity.headers(f"{self.base_url}/.default"), "ClientType": "Gatehouse"}
        reply = self.http.post(url, json=asked, headers=headers)
        if reply.status == 204:
            return {}
        found = reply.object()
        if not isinstance(found.get("properties"), dict):
            mend = "Check the management address and the scope."
            raise SchemaError("The answer is none of Cost Management's.", mend=mend)
        return mapping_of(found["properties"])

    def _question(self, day: date, basis: Basis) -> Row:
        services = {"name": "ServiceName", "operator": "In", "values": list(self.services)}
        only: Row = {"filter": {"dimensions": services}} if self.services else {}
        return {
            "type": TYPES[basis],
            "timeframe": "Custom",
            "timePeriod": {"from": f"{day}T00:00:00Z", "to": f"{day}T23:59:59Z"},
            "dataset": {
                "granularity": "Daily",
                "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
                "grouping": self.grouping.asked(),
                **only,
            },
        }


class AzureCostConnector:
    """Cost of one Azure scope, a day at a time.

    A bill knows no single call: a deployment that several use cases share is billed once. It is told apart by a tag,
    or by resource, resource group or subscription, whose keys are written small because Azure varies their case.
    Amounts are in the billing currency. A day is provisional until it has settled, and is read again until then.
    """

    kind: ClassVar[str] = "azure_cost"
    title: ClassVar[str] = "Azure Cost Management"
    summary: ClassVar[str] = "Billed or amortised cost by day, tag or resource, and meter, from an Azure scope."
    proof: ClassVar[Proof] = Proof(
        "specification",
        "Microsoft's published examples of interface version 2025-03-01; not yet read from a live bill.",
    )
    reads_scores: ClassVar[bool] = False
    hosts: ClassVar[tuple[str, ...]] = (*MANAGEMENT_HOSTS, *AUTHORITY_HOSTS)
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Management address", "Azure's management interface.", True, kind="url", default=MANAGEMENT
        ),
        AUTHORITY_FIELD,
        TENANT,
        CLIENT,
        ConfigField(
            "scope",
            "Scope",
            "What is billed together, such as /subscriptions/…, /subscriptions/…/resourceGroups/… or "
            "/providers/Microsoft.Billing/billingAccounts/….",
            True,
        ),
        ConfigField(
            "by",
            "Told apart by",
            "What names the use case. Its keys are mapped on the connector's page.",
            default="tag",
            choices=(
                ("tag", "A tag"),
                ("resource", "Resource, or deployment where it is billed as one"),
                ("resource_group", "Resource group"),
                ("subscription", "Subscription"),
            ),
        ),
        ConfigField("tag", "Tag", "The tag that names the use case.", default="use_case"),
        ConfigField(
            "basis",
            "Cost",
            "Amortised cost spreads reservations over the days that use them. Both asks twice as often.",
            default="actual",
            choices=(("actual", "As billed"), ("amortized", "Amortised"), ("both", "Both")),
        ),
        ConfigField("detail", "Model from", "The dimension that tells models apart.", default="Meter"),
        ConfigField(
            "services",
            "Services",
            "Names of services as the bill has them; empty means all of the scope.",
            kind="list",
            default=["Cognitive Services"],
        ),
        ConfigField("usage_days", "Days of cost", "Read at the first visit.", kind="number", default=35),
        ConfigField(
            "settle_days", "Days to settle", "Until a day is final; read again until then.", kind="number", default=35
        ),
        SECRET,
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {}  # the token goes with each call, and only to Azure's management

    def check(self, session: Session) -> CheckResult:
        day = session.now.date() - timedelta(days=2)

        def usable() -> str:
            bill = _reader(session).bill(day, _bases(session)[0])
            keys = sorted({each.use_case for each in bill.charges.values() if each.use_case})
            return f"{len(bill.charges)} charges on {day}, {len(keys)} keys: {', '.join(keys[:5])}"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Sign in", lambda: _signed_in(session)),
            ("Read a day", usable),
        )

    def discover(self, session: Session) -> list[Discovered]:
        day = session.now.date() - timedelta(days=2)
        counts: dict[str, int] = {}
        for each in _reader(session).bill(day, _bases(session)[0]).charges.values():
            counts[each.use_case] = counts.get(each.use_case, 0) + 1
        return [Discovered(key, key, count) for key, count in sorted(counts.items()) if key]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, reader, bases = Progress.of(cursor), _reader(session), _bases(session)
        settle = timedelta(days=session.number("settle_days", 35))
        first = session.number("usage_days", 35)
        for day in progress.days_new_first(session.now, max(lookback, settle), first):
            bills = {basis: reader.bill(day, basis) for basis in bases}
            readings, rejects = readings_of(bills, day, session.now, settle)
            progress = progress.read_day(day)
            yield Batch(tuple(readings), tuple(rejects), progress.text(), covers=(day, day))


def _reader(session: Session) -> Reader:
    scope = "/" + session.text("scope").strip("/")
    if not _SCOPE.fullmatch(scope) or ".." in scope:
        mend = "Write it as Azure shows it, such as /subscriptions/00000000-0000-0000-0000-000000000000."
        raise Refused("The scope is none of Azure's.", mend=mend, stage="address")
    by = session.text("by", "tag")
    if by != "tag" and by not in BY:
        mend = "Write tag, resource, resource_group or subscription."
        raise Refused(f"“{by[:40]}” does not tell a bill apart.", mend=mend, stage="address")
    kind: Literal["tag", "dimension"] = "tag" if by == "tag" else "dimension"
    name = session.text("tag", "use_case") if by == "tag" else BY[by]
    grouping = Grouping(kind, name, session.text("detail", "Meter"))
    services = tuple(session.entries("services"))
    return Reader(session.network(), identity_of(session), session.base_url(), scope, grouping, services)


def _bases(session: Session) -> tuple[Basis, ...]:
    basis = session.text("basis", "actual")
    if basis not in {*TYPES, "both"}:
        raise Refused(f"“{basis[:40]}” is no cost.", mend="Write actual, amortized or both.", stage="address")
    return ("actual", "amortized") if basis == "both" else (cast("Basis", basis),)


def _signed_in(session: Session) -> str:
    identity_of(session).headers(f"{session.base_url()}/.default")
    return "Azure gave a token"
