"""Fixtures: a directory with a short path, and a home with its supervisor running."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.kept import Kept, short_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as root:
        yield root


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    """Shared by the tests that leave it running and its roles as they are."""
    with short_directory() as root:
        keeper = Kept(root / "home")
        keeper.start()
        try:
            yield keeper
        finally:
            keeper.end()


@pytest.fixture(scope="session")
def _own_home() -> Iterator[Path]:
    with short_directory() as root:
        yield root / "home"


@pytest.fixture
def own(_own_home: Path) -> Iterator[Kept]:
    """A running home that the test may kill and stop as it likes; the next one finds its data."""
    keeper = Kept(_own_home)
    keeper.start()
    try:
        yield keeper
    finally:
        if keeper.process is not None and keeper.process.poll() is None:
            keeper.end()
