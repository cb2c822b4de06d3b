"""Every source goes wrong in every way in the middle of a visit: a clear failure, or the same readings as ever.

What was handed out before the failure is what an undisturbed visit hands out: nothing half, nothing twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.connectors import transport
from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.errors import ConnectorError, NetworkError, RateLimited, Refused, SchemaError
from evidence.connectors.registry import connector
from evidence.connectors.transport import Limits, Patience, Transport
from tests.evidence.connectors import (
    test_aws,
    test_azure_cost,
    test_azure_monitor,
    test_langfuse,
    test_litellm,
    test_openai_evals,
    test_openai_usage,
)
from tests.evidence.connectors.answers import Mlflow, captured
from tests.evidence.connectors.azure_answers import KEYS, SCOPE, SECRET
from tests.evidence.connectors.chaos import From, bomb, changed, circular, cut, drifted, endless, reset
from tests.evidence.connectors.mlflow_mappings import MAPPINGS, RUN
from tests.evidence.connectors.phoenix_answers import Phoenix
from tests.evidence.connectors.servers import Answer, respond, serving

MOST_QUESTIONS = 400
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Source:
    """How one kind of source is played, set up and asked."""

    play: Callable[[], Answer]
    config: dict[str, Any] = field(default_factory=dict)
    mappings: tuple[DimensionMapping, ...] = ()
    now: datetime = NOW


def _mlflow() -> Mlflow:
    played = Mlflow(
        captured("experiments_search")["experiments"],
        captured("runs_search_by_tag")["runs"][:1],
        {RUN: captured("traces_search_v3_by_run")["traces"]},
    )
    played.largest_page = 2
    return played


def _azure() -> Any:
    played = test_azure_cost.Azure()
    played.rows["2026-11-22", "ActualCost"] = [(f"uc-000{n}", "m", n / 10) for n in range(1, 6)]
    played.rows["2026-11-23", "ActualCost"] = [("uc-0001", "m", 2.5)]
    played.size = 2
    return played


def _monitor() -> Any:
    played = test_azure_monitor.Monitor()
    played.events = [
        (f"2026-11-23T08:00:0{n}Z", test_azure_monitor.event(f"q{n}", "groundedness", n)) for n in range(1, 5)
    ]
    return played


def _evals() -> Any:
    played = test_openai_evals.Evals()
    played.size = 2
    return played


SOURCES = {
    "mlflow": Source(_mlflow, mappings=tuple(MAPPINGS)),
    "phoenix": Source(Phoenix, {"projects": ["hr-policy-assistant"]}),
    "langfuse": Source(
        lambda: test_langfuse.Langfuse("v4"), {"dialect": "v4", "public_key": "pk"}, test_langfuse.MAPPINGS
    ),
    "litellm": Source(test_litellm.Litellm),
    "azure_cost": Source(_azure, {**KEYS, "scope": SCOPE, "settle_days": 1}),
    "azure_monitor": Source(_monitor, {**KEYS, "workspace": test_azure_monitor.WORKSPACE}, test_azure_monitor.MAPPINGS),
    "openai_evals": Source(_evals, {}, test_openai_evals.MAPPINGS, test_openai_evals.NOW_THEN),
    "openai_usage": Source(test_openai_usage.Openai, {"settle_days": 1}),
    "aws": Source(test_aws.Aws, {"access_key_id": "AKID", "region": "eu-central-1", "settle_days": 1}),
}


_CONTEXT = transport._context(None)


@pytest.fixture(autouse=True)
def _one_context_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the certificate authorities for each of some two hundred visits would take most of their time."""
    monkeypatch.setattr(transport, "_context", lambda _bundle: _CONTEXT)


@pytest.fixture(params=sorted(SOURCES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def visit(kind: str, answer: Answer, *, total: float = 60, waits: list[float] | None = None) -> Iterator[Batch]:
    source = SOURCES[kind]
    patience = Patience(sleep=(waits if waits is not None else []).append, jitter=lambda: 0.0)
    limits = Limits(total=total, body=1_000_000, longest_wait=30)
    with (
        serving(answer) as server,
        Transport(allowed_internal=server.allowed, limits=limits, patience=patience) as http,
    ):
        urls = dict.fromkeys(("base_url", "authority", "management_url", "monitoring_url"), server.url)
        config = {**urls, "usage_days": 3, **source.config}
        secrets = {"client_secret": SECRET, "secret_access_key": "s", "token": "", "secret_key": "s"}
        session = Session(config=config, secrets=secrets, mappings=source.mappings, http=http, now=source.now)
        yield from connector(kind).fetch(session, "")
        assert len(server.heard) < MOST_QUESTIONS


# What an undisturbed visit hands out never changes, so each kind is asked once.
_WHOLE: dict[str, list[str]] = {}


def whole(kind: str) -> list[str]:
    if kind not in _WHOLE:
        _WHOLE[kind] = [_told(kind, batch) for batch in visit(kind, SOURCES[kind].play())]
    return _WHOLE[kind]


def _told(kind: str, batch: Batch) -> str:
    """A batch in words, without the port the source happened to have."""
    found = [
        (getattr(each, "cases", None), getattr(each, "raw_sha256", None)) if hasattr(each, "cases") else each
        for each in batch.readings
    ]
    return repr((found, [reject.reason for reject in batch.rejects], batch.covers, batch.cursor))


def disturbed(kind: str, answer: Answer, **options: Any) -> ConnectorError | None:
    """The failure of a disturbed visit, or None; what it handed out is checked either way."""
    found: list[str] = []
    failure = None
    try:
        for batch in visit(kind, answer, **options):
            found.append(_told(kind, batch))
    except ConnectorError as error:
        failure = error
        assert error.what
        assert error.mend
        assert SECRET not in str(error)
    expected = whole(kind)
    assert found == (expected if failure is None else expected[: len(found)])
    return failure


def test_an_undisturbed_visit_brings_something(kind: str) -> None:
    assert any("Reading(" in told for told in whole(kind))
    assert disturbed(kind, SOURCES[kind].play()) is None


@pytest.mark.parametrize("calls", [1, 4])
@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (reset, NetworkError),
        (cut, SchemaError),
        (bomb, Refused),
        (respond(b"\xff\xfe\x00garbage"), SchemaError),
        (respond(b"{}", status="503 Service Unavailable"), NetworkError),
    ],
    ids=["reset", "cut", "bomb", "garbage", "down"],
)
def test_a_source_that_breaks_in_the_middle_is_told_and_nothing_half_is_handed_out(
    kind: str, bad: Answer, expected: type[ConnectorError], calls: int
) -> None:
    broken = From(SOURCES[kind].play(), bad, calls)
    failure = disturbed(kind, broken)
    assert isinstance(failure, expected) if broken.asked > calls else failure is None


def test_one_byte_at_a_time_ends_at_the_limit_of_the_call(kind: str) -> None:
    assert isinstance(disturbed(kind, From(SOURCES[kind].play(), endless, 0), total=0.6), NetworkError)


@pytest.mark.parametrize("header", ["Retry-After", "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"])
def test_a_short_storm_of_refusals_is_waited_out_and_the_readings_are_the_same(kind: str, header: str) -> None:
    busy = respond(b"{}", status="429 Too Many Requests", headers={header: "7"})
    waits: list[float] = []
    assert disturbed(kind, From(SOURCES[kind].play(), busy, 0, times=2), waits=waits) is None
    assert waits == [7.0, 7.0]


def test_a_long_storm_ends_with_how_long_to_wait_after_few_questions(kind: str) -> None:
    busy = From(SOURCES[kind].play(), respond(b"{}", status="429 Too Many Requests", headers={"Retry-After": "7"}), 0)
    failure = disturbed(kind, busy)
    assert isinstance(failure, RateLimited)
    assert failure.retry_after == 7
    assert busy.asked == 3


def test_pages_that_go_on_for_ever_end_the_visit(kind: str) -> None:
    failure = disturbed(kind, changed(SOURCES[kind].play(), circular))
    assert failure is None or isinstance(failure, SchemaError)
    assert (failure is None) is (kind in ENDS_BY_ITSELF)


# Cost Management says that there is more by a link (see its own tests); LiteLLM's next page is empty, which ends it.
ENDS_BY_ITSELF = frozenset({"azure_cost", "litellm"})


def test_lists_that_have_become_something_else_are_never_read_as_figures(kind: str) -> None:
    found: list[Batch] = []
    try:
        found.extend(visit(kind, changed(SOURCES[kind].play(), drifted)))
    except ConnectorError as error:
        assert error.mend
    assert [reading for batch in found for reading in batch.readings if _counts(reading)] == []


def _counts(reading: Any) -> bool:
    return bool(
        getattr(reading, "cases", ()) or getattr(reading, "requests", None) or getattr(reading, "billed_cost", None)
    )
