"""The Phoenix connector against a real server filled through its own interface."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from evidence.connectors.base import Batch, DimensionMapping, Session
from evidence.connectors.phoenix import PhoenixConnector
from evidence.connectors.transport import Transport
from evidence.readings import EvaluationRunReading, UsageReading
from tests.systems.phoenix_seed import BROKEN_ITEM, FAILED_ITEM, ITEMS
from tests.systems.phoenix_server import PhoenixServer, running

pytestmark = [pytest.mark.systems, pytest.mark.timeout(900)]

DIGEST = "5e" * 32
METADATA = {
    "gatehouse.use_case": "UC-0001",
    "gatehouse.version_digest": f"sha256:{DIGEST}",
    "environment": "staging",
    "git_sha": "4be1c2a",
}
NONE, ONE = Decimal(0), Decimal(1)
MAPPINGS = (
    DimensionMapping("groundedness", "groundedness", NONE, ONE, "higher", Decimal("0.5")),
    DimensionMapping("safety", "safety", NONE, ONE, "higher", kind="boolean"),
)


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoenixServer]:
    with running(tmp_path_factory.mktemp("phoenix")) as server:
        yield server


@pytest.fixture(scope="module")
def _used(phoenix: PhoenixServer) -> None:
    """Spans are sent once: Phoenix takes none twice."""
    phoenix.seed("spans", project="assistant")


def session(phoenix: PhoenixServer, http: Transport) -> Session:
    config = {
        "base_url": phoenix.url,
        "projects": ["assistant"],
        "left_out": ["evaluation"],
        "usage_days": 2,
        "labels": ["safety:safe=1", "safety:unsafe=0"],
    }
    return Session(config=config, mappings=MAPPINGS, http=http)


def fetched(phoenix: PhoenixServer, cursor: str = "") -> list[Batch]:
    with Transport(allowed_internal=frozenset({phoenix.endpoint})) as http:
        return list(PhoenixConnector().fetch(session(phoenix, http), cursor))


def run_of(phoenix: PhoenixServer, experiment: str) -> EvaluationRunReading:
    runs = [each for batch in fetched(phoenix) for each in batch.readings if isinstance(each, EvaluationRunReading)]
    found = [run for run in runs if run.external_id == experiment]
    assert len(found) == 1
    return found[0]


def test_what_was_put_in_comes_out_exactly(phoenix: PhoenixServer) -> None:
    made = phoenix.seed("experiment", dataset="exact", metadata=METADATA)
    run = run_of(phoenix, made["experiment"])
    assert (run.use_case_key, run.version_digest, run.environment) == ("UC-0001", DIGEST, "staging")
    assert (run.application_commit, run.dataset_name) == ("4be1c2a", "exact")
    assert {case.item_id: case.item_kind for case in run.cases} == {item: kind for item, kind, *_ in ITEMS}
    found = {(case.item_id, score.metric): (score.state, score.value) for case in run.cases for score in case.scores}
    for item, _kind, grounded, verdict in ITEMS:
        failed = item == FAILED_ITEM
        expected = ("errored", None) if failed else ("scored", Decimal(repr(grounded)))
        assert found[item, "groundedness"] == expected
        broken = failed or item == BROKEN_ITEM
        assert found[item, "safety"] == (("errored", None) if broken else ("scored", Decimal(int(verdict == "safe"))))


def test_fetching_again_reads_the_same_and_a_late_judgement_shows_as_a_change(phoenix: PhoenixServer) -> None:
    made = phoenix.seed("experiment", dataset="late", metadata=METADATA)
    before = run_of(phoenix, made["experiment"])
    assert run_of(phoenix, made["experiment"]) == before
    phoenix.seed("judge", run=made["run"], name="tone", score=0.5)
    after = run_of(phoenix, made["experiment"])
    assert after.raw_sha256 != before.raw_sha256
    assert (after.finished_at, after.cases) == (before.finished_at, before.cases)


@pytest.mark.usefixtures("_used")
def test_usage_counts_calls_and_leaves_evaluation_out(phoenix: PhoenixServer) -> None:
    found = [each for batch in fetched(phoenix) for each in batch.readings if isinstance(each, UsageReading)]
    total: Counter[str] = Counter()
    for each in found:
        assert (each.use_case_key, each.environment, each.model) == ("UC-0001", "production", "made-up-model")
        names = ("requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens")
        total.update({name: getattr(each, name) for name in names})
    assert total == Counter(
        requests=3, failed_requests=1, input_tokens=1200, cached_input_tokens=300, output_tokens=150
    )


@pytest.mark.usefixtures("_used")
def test_a_check_and_a_discovery_see_the_server_as_it_is(phoenix: PhoenixServer) -> None:
    phoenix.seed("experiment", dataset="seen", metadata=METADATA)
    with Transport(allowed_internal=frozenset({phoenix.endpoint})) as http:
        check = PhoenixConnector().check(session(phoenix, http))
        found = PhoenixConnector().discover(session(phoenix, http))
    assert [(step.what, step.ok) for step in check.steps if not step.ok] == []
    assert check.steps[1].detail == "20.26.1"
    assert ("use_case", "UC-0001") in {(each.kind, each.key) for each in found}
    assert {each.key for each in found if each.kind == "metric"} >= {"groundedness", "safety"}
