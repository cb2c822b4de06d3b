"""The probe's addresses beside the real ones."""

import pytest

from tests.api.callers import Machine
from tests.cast import Cast


@pytest.fixture(autouse=True)
def _with_probe(settings: pytest.FixtureRequest) -> None:
    settings.ROOT_URLCONF = "tests.api.probe"  # type: ignore[attr-defined]


@pytest.fixture
def machine(cast: Cast) -> Machine:
    """The pipeline's account with a token of every scope."""
    return Machine(cast)
