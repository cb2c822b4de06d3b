"""A real Chromium before a real portal; each person has a context of their own and everything odd is written down."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import databases
from tests.browser.desks import PATIENCE, Office
from tests.cast import Cast
from tests.journeys.processes import Works, works

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives the browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser per file, not per session: its event loop lives in this thread, where other tests start their own.

    Django keeps the connections of an event loop apart from the thread's own. Whatever is open on the other side would
    be cut off when the database is cloned anew, and be found dead by the first test after.
    """
    databases.close()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Django takes a thread with an event loop for an asynchronous view.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
        databases.close()


@pytest.fixture
def office(chromium: Browser, committed_cast: Cast, live_server: Any) -> Iterator[Office]:
    """Desks of the cast; at the end no page may have complained, and nobody may have asked elsewhere."""
    opened = Office(chromium, live_server.url)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def work(committed_cast: Cast, live_server: Any, tmp_path: Path) -> Iterator[Works]:
    with works(tmp_path) as started:
        yield started
