"""The same request under the same key has one effect and one answer; everything else under it is refused."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from portal.api.idempotency import ABANDONED
from portal.models import IdempotencyKey, OutboxMessage
from tests.api import probe
from tests.api.callers import Machine, signed_in
from tests.cast import Cast

ONCE, BARE, FAILING = (f"/api/v1/probe/{name}/" for name in ("once", "bare", "failing"))


def _effects() -> int:
    return OutboxMessage.objects.filter(body="probe").count()


def _send(machine: Machine, body: Any = None, key: str = "k-1", path: str = ONCE) -> Any:
    return machine.post(path, {"a": 1} if body is None else body, **{"Idempotency-Key": key})


def test_the_same_request_again_gets_the_same_answer_and_has_no_second_effect(machine: Machine) -> None:
    first, again = _send(machine), _send(machine)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first["Location"] == again["Location"] == f"/{first.json()['id']}"
    assert first["Content-Type"] == again["Content-Type"]
    assert "Idempotent-Replay" not in first
    assert again["Idempotent-Replay"] == "true"
    assert _effects() == 1


def test_without_a_key_every_request_counts(machine: Machine) -> None:
    machine.post(ONCE, {"a": 1})
    machine.post(ONCE, {"a": 1})
    assert _effects() == 2
    assert not IdempotencyKey.objects.exists()


def test_order_and_spaces_do_not_make_another_request(machine: Machine) -> None:
    first = _send(machine, b'{"a": 1, "b": [1, 2]}')
    again = _send(machine, b'{"b":[1,2],\n "a":1}')
    assert again["Idempotent-Replay"] == "true"
    assert (first.json(), _effects()) == (again.json(), 1)


@pytest.mark.parametrize("other", [{"a": 2}, {"a": "1"}, {"a": True}, [], [{"a": 1}], {"a": 1, "b": None}])
def test_another_body_under_the_key_is_refused(machine: Machine, other: Any) -> None:
    _send(machine)
    refused = _send(machine, other)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
    assert _effects() == 1


def test_another_address_or_query_under_the_key_is_refused(machine: Machine) -> None:
    _send(machine)
    for path in (f"{ONCE}?dry=1", FAILING):
        assert _send(machine, path=path).json()["code"] == "idempotency_key_reused"
    assert _effects() == 1


def test_a_request_without_a_body_repeats_too(machine: Machine) -> None:
    first, again = _send(machine, b""), _send(machine, b"")
    assert (first.status_code, again["Idempotent-Replay"], _effects()) == (201, "true", 1)


def test_a_body_that_is_no_json_takes_no_key(machine: Machine) -> None:
    assert _send(machine, b"{").status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert _send(machine).status_code == 201


@pytest.mark.parametrize("key", ["k" * 201, "with space", "é", "tab\t"])
def test_a_key_that_cannot_be_stored_is_refused(machine: Machine, key: str) -> None:
    response = _send(machine, key=key)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"
    assert _effects() == 0


def test_another_actors_key_is_another_key(cast: Cast) -> None:
    first, second = Machine(cast), Machine(cast, "ingest")
    assert _send(first).json() != _send(second).json()
    person = signed_in("dev")
    answer = person.post(
        ONCE, json.dumps({"a": 1}), content_type="application/json", headers={"Idempotency-Key": "k-1"}
    )
    assert answer.status_code == 201
    assert "Idempotent-Replay" not in answer
    assert _effects() == 3


def test_a_refusal_is_repeated_as_the_problem_it_was(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _send(machine, {"how": "conflict"}, path=FAILING)
    monkeypatch.setattr(probe.Failing, "broken", False)
    again = _send(machine, {"how": "conflict"}, path=FAILING)
    assert (first.status_code, again.status_code) == (409, 409)
    assert first.content == again.content
    assert again["Content-Type"] == "application/problem+json"
    assert again["Idempotent-Replay"] == "true"
    assert _effects() == 1


def test_a_failure_on_our_side_frees_the_key(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _send(machine, {"how": "unexpected"}, path=FAILING).status_code == 500
    assert not IdempotencyKey.objects.exists()
    monkeypatch.setattr(probe.Failing, "broken", False)
    assert _send(machine, {"how": "unexpected"}, path=FAILING).status_code == 201


def test_an_answer_that_says_later_frees_the_key(machine: Machine) -> None:
    for _attempt in range(2):
        answer = _send(machine, path="/api/v1/probe/unavailable/")
        assert (answer.status_code, "Idempotent-Replay" in answer) == (503, False)
    assert not IdempotencyKey.objects.exists()


def test_a_key_whose_work_is_under_way_is_busy_and_is_taken_over_once_abandoned(machine: Machine) -> None:
    _send(machine)
    entry = IdempotencyKey.objects.get()
    IdempotencyKey.objects.filter(pk=entry.pk).update(status=None, body=None)
    busy = _send(machine)
    assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_key_busy")
    assert _effects() == 1
    IdempotencyKey.objects.filter(pk=entry.pk).update(created_at=timezone.now() - ABANDONED - timedelta(seconds=1))
    assert _send(machine).status_code == 201
    assert _send(machine)["Idempotent-Replay"] == "true"
    assert _effects() == 2


def _at_once(machine: Machine, path: str) -> list[int]:
    start = threading.Barrier(4)
    answers: list[int] = []

    def call() -> None:
        try:
            start.wait(10)
            answers.append(_send(machine, {"pause": 0.2}, path=path).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def test_equal_requests_at_once_have_one_effect(committed_cast: Cast) -> None:
    assert _at_once(Machine(committed_cast), ONCE) == [201, 409, 409, 409]
    assert _effects() == 1


def test_without_the_decorator_equal_requests_at_once_have_four_effects(committed_cast: Cast) -> None:
    """The negative control: the race above is real."""
    assert _at_once(Machine(committed_cast), BARE) == [201] * 4
    assert _effects() == 4
