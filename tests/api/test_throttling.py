"""Too many requests of one actor are refused with the time to wait, and only theirs."""

from typing import Any

import pytest
import time_machine
from django.core.cache import cache

from tests.api.callers import Machine
from tests.cast import Cast

ME = "/api/v1/me/"


@pytest.fixture
def three_a_minute(settings: Any) -> None:
    rates = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"actor": "3/min"}}
    settings.REST_FRAMEWORK = rates


def test_each_actor_has_its_own_allowance_and_a_new_one_each_minute(cast: Cast, three_a_minute: None) -> None:
    first, second = Machine(cast), Machine(cast, "ingest")
    with time_machine.travel("2026-11-20T08:00:15Z", tick=False):
        assert [first.get(ME).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = first.get(ME)
        assert refused.json()["code"] == "throttled"
        assert refused["Content-Type"] == "application/problem+json"
        assert int(refused["Retry-After"]) == 46
        assert second.get(ME).status_code == 200
    with time_machine.travel("2026-11-20T08:01:00Z", tick=False):
        assert first.get(ME).status_code == 200


def test_a_dead_counter_refuses_nobody(cast: Cast, three_a_minute: None, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(cast)

    def dead(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no cache")

    monkeypatch.setattr(cache, "add", dead)
    assert [machine.get(ME).status_code for _ in range(5)] == [200] * 5
