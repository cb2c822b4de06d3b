"""How many queries every page and endpoint asks: written down, and the same for ten use cases and for a thousand.

`GATEHOUSE_UPDATE_BUDGETS=1` writes the file anew; the difference is then read like any other change.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.access.rows import Row
from tests.access.test_matrix import ROWS, label
from tests.access.world import MACHINES, PEOPLE, World, fresh_world
from tests.budgets.crowd import grow_to

FILE = Path(__file__).parent / "query_counts.json"
FEW, MANY = 10, 1_000
MOST_ON_A_LIST, MOST_ON_A_USE_CASE = 8, 12
# Pages that may ask more, and why.
MORE_FOR_A_REASON = {
    "approvals:release": (
        15,
        "claim, evidence with its runs, contributors, signatures, retirements, other signers, who acts for the owner",
    ),
    "home": (10, "seven kinds of things wait for a person; what they own and were told stands beside them"),
}
Counts = dict[str, int]


def asked() -> Iterator[tuple[Row, str]]:
    """(row, who asks): every address that can be looked at, by the first caller who may."""
    seen = set()
    for row in ROWS:
        callers = [name for name in (*PEOPLE, *MACHINES) if row.allowed.get(name, row.others) == 200]
        if row.method == "GET" and callers and label(row) not in seen:
            seen.add(label(row))
            yield row, callers[0]


ASKED = list(asked())


def measure(world: World) -> Counts:
    return {label(row): count(world, caller, world.url(row.name, row.kwargs), row.data) for row, caller in ASKED}


def count(world: World, caller: str, url: str, data: Any) -> int:
    """The queries of the second request: the first fills what the process remembers."""
    world.send(caller, "GET", url, data)
    client = world.client(caller)
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            response = client.get(url, data or {})
            if response.streaming:
                b"".join(response.streaming_content)
        transaction.set_rollback(True)
    assert response.status_code == 200, f"{url}: {response.status_code}"
    return len(captured)


@pytest.fixture(scope="module")
def counts(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[int, Counts]]:
    with fresh_world(django_db_blocker, tmp_path_factory.mktemp("home")) as world:
        found = {}
        for size in (FEW, MANY):
            grow_to(world, size)
            found[size] = measure(world)
        yield found


@pytest.fixture(scope="module")
def budgets(counts: dict[int, Counts]) -> Counts:
    if os.environ.get("GATEHOUSE_UPDATE_BUDGETS") == "1":
        FILE.write_text(json.dumps(dict(sorted(counts[FEW].items())), indent=1) + "\n", encoding="utf-8")
    written: Counts = json.loads(FILE.read_text(encoding="utf-8"))
    return written


def test_every_page_and_endpoint_asks_exactly_as_often_as_is_written_down(
    counts: dict[int, Counts], budgets: Counts
) -> None:
    assert counts[FEW] == budgets


def test_a_hundred_times_as_many_use_cases_ask_no_query_more(counts: dict[int, Counts]) -> None:
    assert counts[MANY] == counts[FEW]


def test_every_address_that_can_be_looked_at_is_measured() -> None:
    names = {row.name for row, _caller in ASKED}
    never = {row.name for row in ROWS if row.method == "GET"} - names
    assert never == NEVER_A_PAGE.keys()


NEVER_A_PAGE = {
    "readyz": "503 here: no worker reports in the tests",
    "oidc_authentication_init": "leads elsewhere",
    "oidc_authentication_callback": "leads elsewhere",
    **dict.fromkeys(
        (
            "scim-configuration",
            "scim-group",
            "scim-groups",
            "scim-resource-type",
            "scim-resource-types",
            "scim-schema",
            "scim-schemas",
            "scim-user",
            "scim-users",
        ),
        "a directory's token alone opens it: tests/portal/test_scim.py counts",
    ),
}


def test_a_list_asks_no_more_than_eight_queries(counts: dict[int, Counts]) -> None:
    lists = {label(row) for row, _caller in ASKED if not row.kwargs}
    most = {name: MORE_FOR_A_REASON.get(name.partition(" ")[2], (MOST_ON_A_LIST, ""))[0] for name in lists}
    assert {name: n for name, n in counts[FEW].items() if name in lists and n > most[name]} == {}


def test_a_page_of_one_use_case_asks_no_more_than_twelve(counts: dict[int, Counts]) -> None:
    most = {
        label(row): MORE_FOR_A_REASON.get(row.name, (MOST_ON_A_USE_CASE, ""))[0] for row, _caller in ASKED if row.kwargs
    }
    assert {name: counts[FEW][name] for name, limit in most.items() if counts[FEW][name] > limit} == {}


def test_the_measure_sees_a_query_too_many(counts: dict[int, Counts], django_db_blocker: Any) -> None:
    """What is counted is what was asked."""
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT 1")
    assert len(captured) == 2
