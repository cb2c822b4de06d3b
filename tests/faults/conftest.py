"""Real workers for tests that are unkind to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cast import Cast
from tests.journeys.processes import Works, works


@pytest.fixture
def work(committed_cast: Cast, tmp_path: Path) -> Iterator[Works]:
    """A queue of this test's own; workers end before its database does."""
    with works(tmp_path) as started:
        yield started
