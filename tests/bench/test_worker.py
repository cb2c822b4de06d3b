"""What one web worker weighs and how soon it answers, beside a bare Django on the same server."""

import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.load import Target
from tests.bench.population import analyse, fill_register, session_cookie
from tests.bench.servers import serve
from tests.bench.table import Row, below, publish
from tests.cast import Cast

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
STARTS = 3
MEGABYTES = 130.0


def test_a_worker_starts_quickly_and_stays_small(committed_cast: Cast, settings: Any) -> None:
    fill_register(committed_cast, 1_000)
    analyse()
    cookie = {"Cookie": session_cookie(committed_cast.aud)}
    pages = {"tests.bench.bare_settings": "/yardstick/", "portal.settings": "/use-cases/"}
    starts: dict[str, list[float]] = {name: [] for name in pages}
    heaviest = 0.0
    for _round in range(STARTS):
        for name, page in pages.items():
            started = time.perf_counter()
            with serve(name, settings.GATEHOUSE_HOME, workers=1) as server:
                target = Target(server.port, page, cookie)
                target.ask()
                starts[name].append(time.perf_counter() - started)
                if name == "portal.settings":
                    for _request in range(60):
                        target.ask()
                    heaviest = max(heaviest, *(resident(pid) for pid in server.workers()))
    bare, ours = (statistics.median(found) * 1000 for found in starts.values())
    publish(
        [
            below("from start to the first page", ours, "ms", "a bare Django's start and first page", bare, 2.0),
            Row(
                "a web worker's memory after 61 pages",
                heaviest,
                "MB",
                "130 MB",
                round(heaviest / MEGABYTES, 3),
                1.0,
                heaviest <= MEGABYTES,
            ),
        ]
    )
    assert ours <= 2 * bare
    assert heaviest <= MEGABYTES


def resident(pid: int) -> float:
    """Megabytes of memory that the process holds, as the system counts them."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} tells no size")
