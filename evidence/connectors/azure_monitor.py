"""Azure Monitor: use of an API Management gateway or of Azure OpenAI by day, and evaluation results as runs."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final

from evidence.connectors.azure_identity import (
    AUTHORITY_FIELD,
    AUTHORITY_HOSTS,
    CLIENT,
    MANAGEMENT,
    MANAGEMENT_HOSTS,
    SECRET,
    TENANT,
    identity_of,
)
from evidence.connectors.azure_monitor_api import LATE, Api
from evidence.connectors.azure_monitor_rows import EventReader, Usage, add_gateway, add_metrics
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
from evidence.connectors.errors import Refused
from evidence.connectors.labels import FIELD as LABELS
from evidence.connectors.labels import labels_of
from evidence.connectors.progress import Progress, bounds
from evidence.connectors.shapes import text_of, time_of_text
from evidence.connectors.tagging import count_of
from evidence.readings import Reject

BY: Final[Mapping[str, str]] = {"product": "Product", "subscription": "Subscription", "deployment": "Deployment"}
READ: Final = ("gateway", "metrics", "nothing")
A_DAY: Final = timedelta(days=1)  # late rows of a day reach over midnight, so a day is always read once more
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,80}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.:@/-]{1,200}")
_WORKSPACE: Final = re.compile(r"[0-9a-fA-F-]{36}")
_RESOURCE: Final = re.compile(r"(/[A-Za-z0-9._()-]{1,120}){8}")


class AzureMonitorConnector:
    """One Log Analytics workspace, and the metrics of the Azure OpenAI resources beside it.

    The gateway's log knows who called: a header of the request, else its product, subscription or deployment, names the
    use case. Platform metrics know only the deployment. Both count the same calls, so one of them is read. Evaluation
    results (`gen_ai.evaluation.result`) are gathered by the run they name, once half an hour passed without new ones.
    """

    kind: ClassVar[str] = "azure_monitor"
    title: ClassVar[str] = "Azure Monitor"
    summary: ClassVar[str] = "Tokens and requests by day from an API gateway or Azure OpenAI, and evaluation results."
    proof: ClassVar[Proof] = Proof(
        "documentation",
        "Microsoft's reference of tables, metrics and answers; the queries have not met a workspace yet.",
    )
    reads_scores: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = (
        "api.loganalytics.azure.com", "api.loganalytics.io", "api.loganalytics.us", "api.loganalytics.azure.cn",
        *MANAGEMENT_HOSTS, *AUTHORITY_HOSTS,
    )  # fmt: skip
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Query address", "Where Log Analytics answers.", True, kind="url",
            default="https://api.loganalytics.azure.com",
        ),
        ConfigField("management_url", "Management address", "Where metrics are.", kind="url", default=MANAGEMENT),
        AUTHORITY_FIELD,
        TENANT,
        CLIENT,
        ConfigField("workspace", "Workspace", "The workspace's id, 36 characters.", True),
        ConfigField(
            "read",
            "Use from",
            "The gateway's log and Azure OpenAI's metrics count the same calls, so choose one.",
            default="gateway",
            choices=(
                ("gateway", "API Management's log of model calls"),
                ("metrics", "Metrics of Azure OpenAI"),
                ("nothing", "Nothing"),
            ),
        ),
        ConfigField(
            "by",
            "Use case from",
            "What names the use case where the header does not.",
            default="product",
            choices=(("product", "Product"), ("subscription", "Subscription"), ("deployment", "Deployment")),
        ),
        ConfigField(
            "use_case_header", "Use-case header", "A logged header that names it.", default="x-gatehouse-use-case"
        ),
        ConfigField(
            "version_header", "Version header", "With the digest of the system version.", default="x-gatehouse-version"
        ),
        ConfigField("resources", "Azure OpenAI resources", "Their full ids, for metrics.", kind="list"),
        ConfigField("evaluations", "Evaluations", "Read evaluation results.", kind="boolean", default=True),
        ConfigField("use_case", "Use case of evaluations", "The key for runs that name none; may stay empty."),
        ConfigField("usage_days", "Days of usage", "Read at the first visit.", kind="number", default=30),
        LABELS,
        SECRET,
    )  # fmt: skip

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {}  # each service gets a token of its own with each call

    def check(self, session: Session) -> CheckResult:
        yesterday = session.now.date() - timedelta(days=1)

        def usable() -> str:
            read, usage = _read(session), self._usage(session, _api(session), yesterday)
            if read == "nothing":
                return "Use is not read here"
            keys = sorted({place[0] for place in usage.places if place[0]})
            return f"{len(keys)} keys yesterday: {', '.join(keys[:5])}" if keys else "No use yesterday"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Ask the workspace", lambda: _api(session).ready()),
            ("Read what is asked for", usable),
        )

    def discover(self, session: Session) -> list[Discovered]:
        api, counts = _api(session), dict[str, int]()
        for back in range(1, 4):
            for place in self._usage(session, api, session.now.date() - timedelta(days=back)).places:
                counts[place[0]] = counts.get(place[0], 0) + 1
        return [Discovered(key, key, count) for key, count in sorted(counts.items()) if key]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, api = Progress.of(cursor), _api(session)
        if session.config.get("evaluations", True) is True:
            for batch in self._evaluations(session, api, progress, lookback):
                progress = Progress.of(batch.cursor)
                yield batch
        if _read(session) == "nothing":
            return
        for day in progress.days(session.now, max(lookback, A_DAY), session.number("usage_days", 30)):
            usage = self._usage(session, api, day)
            progress = progress.read_day(day)
            untold = (Reject(f"{day}", "Some calls name no use case: set the header or map the rest."),)
            named = all(place[0] for place in usage.places)
            yield Batch(usage.readings(session.now), () if named else untold, progress.text(), covers=(day, day))

    def _usage(self, session: Session, api: Api, day: date) -> Usage:
        usage, read = Usage(day), _read(session)
        start, end = bounds(day)
        if read == "gateway":
            by = BY[_chosen(session, "by", "product", tuple(BY))]
            for rows in api.gateway(start, min(end, max(start, session.now)), _headers(session)):
                add_gateway(usage, rows, by)
        if read == "metrics":
            for resource in _resources(session):
                add_metrics(
                    usage, api.metrics(resource, day, "AzureOpenAIRequests", ("ModelDeploymentName", "StatusCode"))
                )
                tokens = "ProcessedPromptTokens,GeneratedTokens"
                add_metrics(usage, api.metrics(resource, day, tokens, ("ModelDeploymentName",)))
        return usage

    def _evaluations(self, session: Session, api: Api, progress: Progress, lookback: timedelta) -> Iterator[Batch]:
        reader = EventReader(session.mapping_by_metric(), labels_of(session), session.text("use_case"))
        back = max(lookback, LATE)
        earliest = session.now - timedelta(days=session.number("usage_days", 30))
        since = max(datetime.fromtimestamp(progress.runs_since(back) / 1000, UTC), earliest)
        for run, (first, last, rows) in _runs(api.runs(since, session.now)):
            if last > session.now - LATE:
                yield Batch(
                    (), (Reject(run, "Results still arrive. The run is read at the next visit."),), progress.text()
                )
                continue
            progress = progress.read_runs(round(last.timestamp() * 1000), session.now)
            if not run or not _NAME.fullmatch(run):
                reason = f"{rows} evaluation results name no run that can be asked for. Set gen_ai.evaluation.run.id."
                yield Batch((), (Reject(run[:80] or "AppEvents", reason),), progress.text())
                continue
            # A run's first results may lie before what is looked back upon.
            events = api.events(run, min(first, since) - timedelta(days=7), session.now)
            reading, rejects = reader.read(run, events)
            if len(events) < rows:
                rejects, readings = [Reject(run, f"{len(events)} of {rows} results could be read.")], ()
                yield Batch(readings, tuple(rejects), progress.text())
                continue
            yield Batch((reading,), tuple(rejects), progress.text())


def _runs(rows: list[dict[str, Any]]) -> list[tuple[str, tuple[datetime, datetime, int]]]:
    """Each run once, over all slices, the longest quiet first."""
    found: dict[str, tuple[datetime, datetime, int]] = {}
    for row in rows:
        first, last = time_of_text(row["First"]), time_of_text(row["Last"])
        if first is None or last is None:
            continue
        run, count = text_of(row["Run"]), count_of(row["Rows"])
        known = found.get(run, (first, last, 0))
        found[run] = (min(first, known[0]), max(last, known[1]), count + known[2])
    return sorted(found.items(), key=lambda each: (each[1][1], each[0]))


def _api(session: Session) -> Api:
    workspace = session.text("workspace")
    if not _WORKSPACE.fullmatch(workspace):
        mend = "Copy the workspace id from the workspace's overview; it is no resource id."
        raise Refused("The workspace is none.", mend=mend, stage="address")
    management = session.url("management_url", "The management address", MANAGEMENT)
    return Api(session.network(), identity_of(session), session.base_url(), workspace, management)


def _chosen(session: Session, name: str, default: str, known: tuple[str, ...]) -> str:
    value = session.text(name, default)
    if value not in known:
        raise Refused(f"“{value[:40]}” is no choice here.", mend=f"Write one of {', '.join(known)}.", stage="address")
    return value


def _read(session: Session) -> str:
    return _chosen(session, "read", "gateway", READ)


def _headers(session: Session) -> tuple[str, str]:
    names = (
        session.text("use_case_header", "x-gatehouse-use-case"),
        session.text("version_header", "x-gatehouse-version"),
    )
    for name in names:
        if not _HEADER.fullmatch(name):
            mend = "A header's name has letters, digits and hyphens."
            raise Refused(f"“{name[:40]}” is no header.", mend=mend, stage="address")
    return names


def _resources(session: Session) -> list[str]:
    found = session.entries("resources")
    for resource in found:
        if not _RESOURCE.fullmatch(resource):
            mend = "Copy the resource id: /subscriptions/…/providers/Microsoft.CognitiveServices/accounts/…."
            raise Refused(f"“{resource[:80]}” is no resource id.", mend=mend, stage="address")
    if not found:
        raise Refused("No resource is set.", mend="Enter the ids of the Azure OpenAI resources.", stage="address")
    return found
