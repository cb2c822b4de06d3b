"""What every test stands on: the database, the cast, closed sockets."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests import databases
from tests.cast import Cast, assemble

# How long an example takes tells of the machine, not of the code.
hypothesis_settings.register_profile("gatehouse", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("gatehouse")

LOOPBACK = ["127.0.0.1", "127.0.0.2", "::1", "localhost"]


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """The suite's own database per worker, cloned from a template that was migrated as owner."""
    from django.test.testcases import TestCase, TransactionTestCase

    databases.without_pools()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    template = databases.template_name()
    name = f"gatehouse_test_{worker}_{os.getpid()}"
    with django_db_blocker.unblock():
        databases.build_template(template, Path(tempfile.gettempdir()) / f"{template}.lock")
        databases.clone(template, name)

        fresh = True

        def clone_anew(_case: object) -> None:
            nonlocal fresh
            databases.clone(template, name)
            fresh = True

        def start_fresh(case: object) -> None:
            """References count from one: what a rolled back test took from a sequence stays taken."""
            if not fresh:
                clone_anew(case)

        def start_in_a_transaction(case: type[TestCase]) -> None:
            nonlocal fresh
            fresh = False
            in_a_transaction(case)

        in_a_transaction = TestCase.__dict__["_fixture_setup"].__func__
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TransactionTestCase, "_fixture_setup", classmethod(start_fresh))
            patch.setattr(TransactionTestCase, "_fixture_teardown", clone_anew)
            patch.setattr(TestCase, "_fixture_setup", classmethod(start_in_a_transaction))
            yield
        databases.drop(name)


@pytest.fixture(scope="session", autouse=True)
def _own_cache() -> None:
    """Workers share one Valkey: what one remembers must not be found by another."""
    from django.conf import settings

    settings.CACHES["default"]["KEY_PREFIX"] = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture(autouse=True)
def _quiet_and_quick(settings: Any, tmp_path: Path) -> None:
    """A fast hasher, mail in memory, and a home of its own for every test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.GATEHOUSE_HOME = tmp_path


@pytest.fixture(autouse=True)
def _closed_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test reaches beyond this machine."""
    if "systems" in request.keywords:
        yield
        return
    from pytest_socket import _remove_restrictions, socket_allow_hosts

    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)
    yield
    _remove_restrictions()


@pytest.fixture
def cast(db: None) -> Cast:
    """Olivia and the others, with their units and grants."""
    return assemble()


@pytest.fixture
def committed_cast(transactional_db: None) -> Cast:
    """The same for tests whose threads, workers or live server need committed rows."""
    return assemble()
