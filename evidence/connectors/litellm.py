"""LiteLLM proxy: usage and estimated cost by day, from its daily activity or its spend logs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final

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
from evidence.connectors.errors import NetworkError, Refused, SchemaError
from evidence.connectors.litellm_rows import Activity, call_of, summed
from evidence.connectors.paging import MOST_PAGES, walk_numbered
from evidence.connectors.progress import Progress, bounds
from evidence.connectors.shapes import first_text, mapping_of, text_of
from evidence.connectors.tagging import USE_CASE_PREFIX
from evidence.connectors.transport import Transport
from evidence.readings import Reject, UsageReading, canonical_digest

ACTIVITY_PER_PAGE: Final = 1000
LOGS_PER_PAGE: Final = 100  # one row carries some 12 kB of a model's price table
MOST_KEYS: Final = 500
# What the key of a use case is at the source: path and filter of the activity by it.
BY: Final[Mapping[str, tuple[str, str]]] = {"tag": ("tag", "tags"), "team": ("team", "team_ids")}
LOGS: Final = "logs"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """The calls this connector makes, all of them reads."""

    http: Transport
    base_url: str

    def alive(self) -> str:
        found = self.http.get(f"{self.base_url}/health/liveliness").text().strip().strip('"')
        if "alive" not in found.lower():
            raise SchemaError("This is not LiteLLM: it does not say that it is alive.", mend="Check the base address.")
        return "alive"

    def activity(self, by: str, day: date, only: str = "") -> Activity:
        """The activity of one day, of one key or of all, merged over all pages."""
        path, name = BY[by]
        window = {"start_date": day.isoformat(), "end_date": day.isoformat(), "page_size": ACTIVITY_PER_PAGE}
        merged, seen = Activity(day), set()
        for page in range(1, MOST_PAGES + 1):
            params = {**window, "page": page, **({name: only} if only else {})}
            reply = self._get(f"{path}/daily/activity", params)
            told = mapping_of(reply.get("metadata"))
            digest = canonical_digest(reply.get("results"))
            if reply.get("results") and digest in seen:
                raise SchemaError(
                    "LiteLLM repeats the same page for ever.", mend="Look at the proxy or a cache before it."
                )
            seen.add(digest)
            merged.add(reply)
            pages = told.get("total_pages")
            if not reply.get("results") or not (
                told.get("has_more") is True or (isinstance(pages, int) and page < pages)
            ):
                return merged
        raise SchemaError(f"One day has more than {MOST_PAGES} pages.", mend="Read the spend logs instead.")

    def logs(self, start: datetime, end: datetime, size: int = LOGS_PER_PAGE) -> Iterator[list[Row]]:
        """The requests between two moments, page by page; SchemaError when LiteLLM leaves some out."""

        def ask(page: int) -> Row:
            window = {"start_date": f"{start:%Y-%m-%d %H:%M:%S}", "end_date": f"{end:%Y-%m-%d %H:%M:%S}"}
            reply = self._get("spend/logs/v2", {**window, "page": page, "page_size": size})
            if reply.get("total_is_capped") is True:
                raise SchemaError(
                    "LiteLLM caps the number of requests it lists, so a day would be incomplete.",
                    mend="Read daily activity by tag or team instead.",
                )
            return reply

        return walk_numbered(ask, rows="data", size=size, identify=_request_id, pages=lambda r: r.get("total_pages"))

    def _get(self, path: str, params: Mapping[str, Any]) -> Row:
        try:
            return self.http.get(f"{self.base_url}/{path}", params=params).object()
        except (NetworkError, SchemaError) as error:
            if "db not connected" in error.what.lower() or "no db connected" in error.what.lower():
                raise SchemaError(
                    "This LiteLLM runs without a database, so it keeps no usage.",
                    mend="Give it a database, or let it push: callback generic_api to /api/v1/usage-records/litellm/.",
                    status=error.status,
                ) from error
            raise


class LitellmConnector:
    """Usage and cost of a LiteLLM proxy with a database.

    By default the daily activity is read, once per day and key, where the key is a request tag with a prefix
    (`use_case:UC-0001`) or a team. Alternatively the spend logs are read request by request: slower, but they also know
    the environment (`env:prod`), the version (`version:<digest>`) and which requests are evaluation. Costs come from
    LiteLLM's own price table: estimates in US dollars. Days are read again within the look-back window.
    """

    kind: ClassVar[str] = "litellm"
    title: ClassVar[str] = "LiteLLM proxy"
    summary: ClassVar[str] = (
        "Tokens, requests and estimated cost by day, use case and model, from the gateway's records."
    )
    proof: ClassVar[Proof] = Proof(
        "run", "Answers of LiteLLM 1.106.2's own endpoint code on PostgreSQL; the callback from a running proxy."
    )
    reads_scores: ClassVar[bool] = False
    hosts: ClassVar[tuple[str, ...]] = ()
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Address", "Where the proxy answers, such as https://litellm.example.org.", True, kind="url"
        ),
        ConfigField(
            "read",
            "Read by",
            "Daily activity by one key is fast. Every request is slower and also tells environment and version.",
            default="tag",
            choices=(
                ("tag", "Daily activity by request tag"),
                ("team", "Daily activity by team"),
                ("logs", "Every request in the spend logs"),
            ),
        ),
        ConfigField(
            "prefix",
            "Tag prefix",
            "What a tag that names a use case begins with; other tags are ignored.",
            default=USE_CASE_PREFIX,
        ),
        ConfigField(
            "left_out",
            "Left out",
            "Tags of requests that are no use, such as evaluation; only the spend logs can leave them out.",
            kind="list",
            default=["evaluation", "eval"],
        ),
        ConfigField("usage_days", "Days of usage", "Read at the first visit.", kind="number", default=30),
        ConfigField("token", "Key", "A key that may view spend, such as one of a proxy admin viewer.", secret=True),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {secrets['token']}"} if secrets.get("token") else {}

    def check(self, session: Session) -> CheckResult:
        yesterday = session.now.date() - timedelta(days=1)

        def usable() -> str:
            reader, read = _reader(session), _read_by(session)
            if read == LOGS:
                found = next(reader.logs(*bounds(yesterday), size=1), [])
                return "Requests found yesterday" if found else "No request yesterday"
            keys = _keys(session, read, reader.activity(read, yesterday))
            return f"{len(keys)} keys yesterday: {', '.join(keys[:5])}" if keys else "No key with this prefix yesterday"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Recognise LiteLLM", lambda: _reader(session).alive()),
            ("Read what is asked for", usable),
        )

    def discover(self, session: Session) -> list[Discovered]:
        reader, read = _reader(session), _read_by(session)
        counts: dict[str, int] = {}
        for back in range(1, 8):
            day = session.now.date() - timedelta(days=back)
            by = "tag" if read == LOGS else read
            for key in _keys(session, by, reader.activity(by, day)):
                counts[key] = counts.get(key, 0) + 1
        return [Discovered(key, key, count) for key, count in sorted(counts.items())]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, reader, read = Progress.of(cursor), _reader(session), _read_by(session)
        for day in progress.days(session.now, lookback, int(session.config.get("usage_days") or 30)):
            found = self._logged(session, reader, day) if read == LOGS else self._active(session, reader, read, day)
            progress = progress.read_day(day)
            yield Batch(tuple(found[0]), tuple(found[1]), progress.text(), covers=(day, day))

    def _active(self, session: Session, reader: Reader, by: str, day: date) -> tuple[list[UsageReading], list[Reject]]:
        keys = _keys(session, by, reader.activity(by, day))
        readings: list[UsageReading] = []
        rejects: list[Reject] = []
        prefix = _prefix(session) if by == "tag" else ""
        for key in keys:
            of_key = reader.activity(by, day, only=f"{prefix}{key}")
            found, odd = of_key.readings(key, key if by == "team" else "", session.now)
            readings += found
            rejects += odd
        return readings, rejects

    def _logged(self, session: Session, reader: Reader, day: date) -> tuple[list[UsageReading], list[Reject]]:
        left_out = {entry.lower() for entry in session.entries("left_out")}
        start, end = bounds(day)
        calls, rejects = [], []
        for page in reader.logs(start, min(end, session.now)):
            for row in page:
                call = call_of(row, _prefix(session))
                if call is None:
                    rejects.append(Reject(_request_id(row)[:80], "The request names neither itself nor its time."))
                elif start <= call.at < end and not call.left_out(left_out):
                    calls.append(call)
        return summed(calls, session.now), rejects


def _reader(session: Session) -> Reader:
    return Reader(session.network(), session.base_url())


def _read_by(session: Session) -> str:
    read = text_of(session.config.get("read")) or "tag"
    if read not in {*BY, LOGS}:
        raise Refused(f"“{read[:40]}” is no way to read LiteLLM.", mend="Write tag, team or logs.", stage="address")
    return read


def _prefix(session: Session) -> str:
    return text_of(session.config.get("prefix")) or USE_CASE_PREFIX


def _keys(session: Session, by: str, activity: Activity) -> list[str]:
    """The keys of a day: teams as they are, tags with the prefix taken off; what else is tagged is no use case."""
    prefix = _prefix(session) if by == "tag" else ""
    keys = sorted(name.removeprefix(prefix) for name in activity.entities if name.startswith(prefix))
    if len(keys) > MOST_KEYS:
        raise SchemaError(
            f"One day knows {len(keys)} keys.", mend=f"At most {MOST_KEYS} are read one by one: narrow the tag prefix."
        )
    return keys


def _request_id(row: Row) -> str:
    return first_text(row.get("request_id"), row.get("litellm_call_id"))
