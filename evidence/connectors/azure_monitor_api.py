"""The calls to Azure Monitor: queries over slices of time that are halved until they fit, and platform metrics."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from evidence.connectors.answers import Reply, check_status
from evidence.connectors.azure_identity import Identity
from evidence.connectors.azure_monitor_rows import GATEWAY_COLUMNS, Row, table_of
from evidence.connectors.errors import SchemaError
from evidence.connectors.progress import bounds
from evidence.connectors.shapes import mapping_of, rows_of, text_of
from evidence.connectors.transport import Transport

MOST_ROWS: Final = 50_000
SHORTEST: Final = timedelta(minutes=15)
LATE: Final = timedelta(minutes=30)  # what was logged arrives within it
METRICS_VERSION: Final = "2024-02-01"
EVENT: Final = "gen_ai.evaluation.result"
TOO_MUCH: Final = re.compile(r"E_QUERY_RESULT_SET_TOO_LARGE|ResponsePayloadTooLarge|E_RUNAWAY_QUERY|too large", re.I)

# Long messages are split over several rows, and request and answer are rows of their own, so the tokens of one call are
# the largest of its rows. A call belongs to the slice its gateway row lies in, wherever its model rows lie.
GATEWAY: Final = """let calls = ApiManagementGatewayLogs
| where TimeGenerated >= datetime({start}) and TimeGenerated < datetime({end})
| summarize arg_max(TimeGenerated, ApimSubscriptionId, ProductId, IsRequestSuccess, RequestHeaders) by CorrelationId;
let models = ApiManagementGatewayLlmLog
| where TimeGenerated >= datetime({start}) - 1h and TimeGenerated < datetime({end}) + 1h
| summarize Model = take_anyif(ModelName, isnotempty(ModelName)),
    Deployment = take_anyif(DeploymentName, isnotempty(DeploymentName)),
    Prompt = max(PromptTokens), Completion = max(CompletionTokens) by CorrelationId;
calls | join kind=inner models on CorrelationId
| summarize Requests = count(), Failed = countif(IsRequestSuccess == false), Prompt = sum(Prompt),
    Completion = sum(Completion)
    by UseCase = tostring(RequestHeaders["{use_case}"]), Version = tostring(RequestHeaders["{version}"]),
    Product = ProductId, Subscription = ApimSubscriptionId, Deployment, Model
| take {most}"""
_EVENTS: Final = """AppEvents
| where TimeGenerated >= datetime({start}) and TimeGenerated < datetime({end}) and Name == "gen_ai.evaluation.result"
| extend Inner = parse_json(tostring(Properties["internal_properties"]))
| extend Run = iff(isnotempty(tostring(Inner["gen_ai.evaluation.run.id"])),
    tostring(Inner["gen_ai.evaluation.run.id"]), tostring(Properties["gen_ai.evaluation.run.id"]))
"""
RUNS: Final = (
    _EVENTS + "| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Rows = count() by Run | take {most}"
)
EVENTS: Final = _EVENTS + '| where Run == "{run}" | project TimeGenerated, OperationId, Properties | take {most}'


class _Partial(SchemaError):
    """The answer is only a part of what was asked; a shorter slice may be whole."""


@dataclass(frozen=True, slots=True)
class Api:
    """One workspace and the resources beside it."""

    http: Transport
    identity: Identity
    logs_url: str
    workspace: str
    management_url: str

    def gateway(self, start: datetime, end: datetime, headers: tuple[str, str]) -> Iterator[list[Row]]:
        names = {"use_case": headers[0], "version": headers[1]}
        for reply in self._slices(GATEWAY, start, end, names):
            yield table_of(reply, *GATEWAY_COLUMNS)

    def runs(self, start: datetime, end: datetime) -> list[Row]:
        """The evaluation runs with events in a period, of each slice: run, first, last, rows."""
        needed = ("Run", "First", "Last", "Rows")
        return [row for reply in self._slices(RUNS, start, end, {}) for row in table_of(reply, *needed)]

    def events(self, run: str, start: datetime, end: datetime) -> list[Row]:
        needed = ("TimeGenerated", "OperationId", "Properties")
        found = self._slices(EVENTS, start, end, {"run": run})
        return [row for reply in found for row in table_of(reply, *needed)]

    def ready(self) -> str:
        reply = self._query('print Ready = "yes"', "PT1H")
        return "The workspace answers" if table_of(reply, "Ready") else "The workspace answers with nothing"

    def metrics(self, resource: str, day: date, names: str, dimensions: tuple[str, ...]) -> Row:
        """Platform metrics of one day by the hour. Without `top`, Azure answers with ten series and says nothing."""
        start, end = bounds(day)
        params = {
            "api-version": METRICS_VERSION,
            "metricnames": names,
            "timespan": f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
            "interval": "PT1H",
            "aggregation": "Total",
            "top": 1000,
            "$filter": " and ".join(f"{name} eq '*'" for name in dimensions),
        }
        url = f"{self.management_url}{resource}/providers/microsoft.insights/metrics"
        headers = self.identity.headers(f"{self.management_url}/.default")
        reply = self.http.get(url, params=params, headers=headers).object()
        if not isinstance(reply.get("value"), list):
            raise SchemaError("The answer is none of Azure's metrics.", mend="Check the management address.")
        return reply

    def _slices(self, query: str, start: datetime, end: datetime, names: dict[str, str]) -> Iterator[Row]:
        """The answers to a query over a period, whole: a slice that does not fit is asked in halves."""
        asked = query
        told = {"start": _text(start), "end": _text(end), "most": str(MOST_ROWS + 1), **names}
        for name, value in told.items():
            asked = asked.replace("{" + name + "}", value)
        try:
            reply = self._query(asked, f"{_text(start - timedelta(hours=2))}/{_text(end + timedelta(hours=2))}")
            if len(rows_of_table(reply)) > MOST_ROWS:
                raise _Partial(f"More than {MOST_ROWS} rows in one slice.", mend="Read fewer kinds of keys at once.")
            yield reply
            return
        except _Partial:
            if end - start <= SHORTEST:
                raise
        middle = start + (end - start) / 2
        yield from self._slices(query, start, middle, names)
        yield from self._slices(query, middle, end, names)

    def _query(self, query: str, timespan: str) -> Row:
        url = f"{self.logs_url}/v1/workspaces/{self.workspace}/query"
        headers = {**self.identity.headers(audience_of(self.logs_url)), "Prefer": "wait=60"}
        reply = self.http.post(url, json={"query": query, "timespan": timespan}, headers=headers, judge=_judge).object()
        if reply.get("error"):
            raise _Partial(f"Azure answered only in part: {_said(reply['error'])}", mend="Try again later.")
        if not rows_of(reply.get("tables")):
            raise SchemaError("The answer is none of Log Analytics'.", mend="Check the address of the workspace.")
        return reply


def rows_of_table(reply: Row) -> list[Any]:
    rows = rows_of(reply.get("tables"))[0].get("rows")
    return rows if isinstance(rows, list) else []


def audience_of(logs_url: str) -> str:
    """For which service a token is asked: national clouds have their own; a stand-in passes on the global one's."""
    for ending, audience in (
        ("loganalytics.us", "https://api.loganalytics.us"),
        ("azure.cn", "https://api.loganalytics.azure.cn"),
    ):
        if logs_url.endswith(ending):
            return f"{audience}/.default"
    return "https://api.loganalytics.io/.default"


def _judge(reply: Reply) -> None:
    if reply.status in {400, 413} and TOO_MUCH.search(reply.text()[:20_000]):
        raise _Partial("The answer would be too large for Azure.", mend="Read fewer kinds of keys at once.")
    if reply.status == 400:
        mend = "Check that the diagnostic settings send this to the workspace, and the names of the headers."
        raise SchemaError(f"Azure cannot run the query: “{reply.quote()}”.", mend=mend, status=400)
    check_status(reply)


def _said(error: object) -> str:
    """The innermost words of an error, which say what went wrong."""
    told = mapping_of(error)
    words = text_of(told.get("message")) or text_of(told.get("code"))
    while inner := mapping_of(told.get("innererror")) or next(iter(rows_of(told.get("details"))), {}):
        told = inner
        words = text_of(told.get("message")) or words
    return words[:300] or "without saying why"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
