"""OpenAI's administration interface: tokens and requests by day, project and model, and billed cost by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
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
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.openai_usage_rows import Days, Row
from evidence.connectors.paging import MOST_PAGES
from evidence.connectors.progress import Progress, bounds
from evidence.connectors.shapes import rows_of, text_of
from evidence.connectors.transport import Transport
from evidence.readings import Reject

DAYS_A_PAGE: Final = 31  # more is refused
ENDPOINTS: Final = ("completions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions")


@dataclass(frozen=True, slots=True)
class Reader:
    """The calls this connector makes: buckets of whole days (UTC), page after page."""

    http: Transport
    base_url: str

    def into(self, days: Days, endpoints: list[str], first: date, last: date, *, costs: bool) -> None:
        """Reads usage and, where asked, cost of the days from `first` to `last` into `days`."""
        for name in endpoints:
            for bucket in self._buckets(f"organization/usage/{name}", ["project_id", "model"], first, last):
                days.add_usage(name, bucket)
        if costs:
            for bucket in self._buckets("organization/costs", ["project_id", "line_item"], first, last):
                days.add_costs(bucket)

    def _buckets(self, path: str, by: list[str], first: date, last: date) -> Iterator[Row]:
        start, end = bounds(first)[0], bounds(last)[1]
        asked: dict[str, Any] = {
            "start_time": int(start.timestamp()),
            "end_time": int(end.timestamp()),
            "bucket_width": "1d",
            "limit": DAYS_A_PAGE,
            "group_by": by,
        }
        used, page = set(), ""
        for _ in range(MOST_PAGES):
            reply = self.http.get(
                f"{self.base_url}/{path}", params={**asked, **({"page": page} if page else {})}
            ).object()
            if not isinstance(reply.get("data"), list):
                mend = "Check the address: it ends in /v1."
                raise SchemaError("The answer is no page of OpenAI's usage.", mend=mend)
            yield from rows_of(reply["data"])
            page = text_of(reply.get("next_page"))
            if reply.get("has_more") is not True and not page:
                return
            if not page or page in used:
                mend = "Nothing of this period was stored. Look at the proxy before OpenAI."
                raise SchemaError("OpenAI's pages lead in a circle or nowhere.", mend=mend)
            used.add(page)
        raise SchemaError(f"A period has more than {MOST_PAGES} pages.", mend="Read fewer days at once.")


class OpenaiUsageConnector:
    """Usage and cost of one organisation of OpenAI.

    What names the use case is the project: give each its own. Tokens are told apart by model; cost is billed by line
    of the invoice and stands in rows of its own. Days are whole days in UTC.
    """

    kind: ClassVar[str] = "openai_usage"
    title: ClassVar[str] = "OpenAI usage and costs"
    summary: ClassVar[str] = (
        "Tokens and requests by day, project and model, and billed cost, of an OpenAI organisation."
    )
    proof: ClassVar[Proof] = Proof(
        "documentation", "OpenAI's reference and the types of its library 2.54.0; not yet read from an organisation."
    )
    reads_scores: ClassVar[bool] = False
    hosts: ClassVar[tuple[str, ...]] = ("api.openai.com", "eu.api.openai.com")
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Address", "OpenAI's interface.", True, kind="url", default="https://api.openai.com/v1"
        ),
        ConfigField(
            "endpoints",
            "Kinds of use",
            f"Some of {', '.join(ENDPOINTS)}.",
            kind="list",
            default=["completions", "embeddings"],
        ),
        ConfigField("costs", "Costs", "Also read what is billed.", kind="boolean", default=True),
        ConfigField("usage_days", "Days of usage", "Read at the first visit.", kind="number", default=30),
        ConfigField("settle_days", "Days to settle", "Until a day is final.", kind="number", default=3),
        ConfigField(
            "token", "Admin key", "A key of the organisation's administration; others are refused.", secret=True
        ),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {secrets['token']}"} if secrets.get("token") else {}

    def check(self, session: Session) -> CheckResult:
        yesterday = session.now.date() - timedelta(days=1)

        def usable() -> str:
            days = Days()
            Reader(session.network(), session.base_url()).into(
                days, _endpoints(session)[:1], yesterday, yesterday, costs=_costs(session)
            )
            places = days.sums.get(yesterday, {})
            keys = sorted({place[0] for place in places if place[0]})
            return f"{len(keys)} projects yesterday: {', '.join(keys[:5])}" if keys else "No use yesterday"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Read yesterday", usable),
        )

    def discover(self, session: Session) -> list[Discovered]:
        today, days = session.now.date(), Days()
        Reader(session.network(), session.base_url()).into(
            days, _endpoints(session), today - timedelta(7), today, costs=_costs(session)
        )
        counts: dict[str, int] = {}
        for places in days.sums.values():
            for key in {place[0] for place in places if place[0]}:
                counts[key] = counts.get(key, 0) + 1
        return [Discovered(key, key, count) for key, count in sorted(counts.items())]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, endpoints = Progress.of(cursor), _endpoints(session)
        settle = timedelta(days=session.number("settle_days", 3))
        wanted = list(progress.days(session.now, max(lookback, settle), session.number("usage_days", 30)))
        reader = Reader(session.network(), session.base_url())
        for begin in range(0, len(wanted), DAYS_A_PAGE):
            part, days = wanted[begin : begin + DAYS_A_PAGE], Days()
            reader.into(days, endpoints, part[0], part[-1], costs=_costs(session))
            beyond = sorted(day for day in days.sums if not part[0] <= day <= part[-1])
            if beyond:
                raise SchemaError(
                    f"OpenAI told {beyond[0]}, which was not asked for.", mend="Nothing of it was stored."
                )
            for day in part:
                progress = progress.read_day(day)
                yield Batch(
                    days.readings(day, session.now, settle), _unallocated(days, day), progress.text(), covers=(day, day)
                )


def _unallocated(days: Days, day: date) -> tuple[Reject, ...]:
    if not any(not place[0] for place in days.sums.get(day, {})):
        return ()
    return (Reject(f"{day}", "Some use belongs to no project. Give each use case a project of its own."),)


def _costs(session: Session) -> bool:
    return session.config.get("costs", True) is True


def _endpoints(session: Session) -> list[str]:
    wanted = session.entries("endpoints") or ["completions", "embeddings"]
    for name in wanted:
        if name not in ENDPOINTS:
            mend = f"Write some of {', '.join(ENDPOINTS)}."
            raise Refused(f"“{name[:40]}” is no kind of use.", mend=mend, stage="address")
    return wanted
