"""A portal over HTTP with the cast in it, and real workers on its database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Cast
from tests.journeys.processes import Works, works
from tests.journeys.visitors import Lobby


@pytest.fixture
def work(committed_cast: Cast, live_server: Any, tmp_path: Path) -> Iterator[Works]:
    """A queue of this test's own; workers end before its database does."""
    with works(tmp_path) as started:
        yield started


@pytest.fixture
def lobby(committed_cast: Cast, live_server: Any) -> Iterator[Lobby]:
    opened = Lobby(live_server.url, committed_cast)
    yield opened
    opened.close()
