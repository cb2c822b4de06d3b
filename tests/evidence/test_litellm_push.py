"""LiteLLM's callback: each call counts once into its day, for whom it may, and leaves no prompt behind."""

import copy
import json
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from evidence.models import UsageReceipt, UsageRecord
from portal.models import AuditEvent
from tests.cast import Cast
from tests.evidence.connectors.answers import PAYLOADS
from tests.evidence.scenes import version_of
from tests.evidence.test_push_api import USAGE, Caller
from tests.usecases.scenes import registered
from usecases.models import UseCase

PUSH = "/api/v1/usage-records/litellm/"


@pytest.fixture
def proxy(cast: Cast) -> Caller:
    return Caller(cast, "pipeline", ["evidence"])


@pytest.fixture
def use_case(cast: Cast) -> UseCase:
    return registered(cast)


def batch(reference: str = "UC-0001", *more: str, hours: float = 1) -> list[Any]:
    """The captured body, as if it had been pushed an hour ago about this use case."""
    rows: list[Any] = json.loads((PAYLOADS / "litellm" / "generic_api_callback_batch.json").read_text())["body"]
    for row in rows:
        row["startTime"] = (timezone.now() - timedelta(hours=hours)).timestamp()
        row["request_tags"] = [f"use_case:{reference}", "env:production", "User-Agent: python-httpx", *more]
    return rows


def test_pushed_calls_are_added_to_their_day(proxy: Caller, use_case: UseCase) -> None:
    response = proxy.post(PUSH, batch(use_case.reference))
    assert response.status_code == 200, response.json()
    assert response.json() == {"counted": 2, "repeated": 0, "left_out": 0, "rejected": []}
    row = UsageRecord.objects.get()
    assert (row.use_case, row.environment, row.provider, row.model) == (use_case, "production", "azure", "gpt-4o-mini")
    assert (row.requests, row.failed_requests, row.input_tokens, row.output_tokens) == (2, 0, 20, 40)
    assert (row.effective_cost, row.currency, row.cost_basis) == (Decimal("0.000027"), "USD", "estimated")
    assert row.source.endswith(":litellm")
    assert proxy.get(USAGE).json()["results"][0]["requests"] == 2


def test_a_repeated_delivery_changes_nothing_and_a_new_call_adds(proxy: Caller, use_case: UseCase) -> None:
    rows = batch(use_case.reference)
    proxy.post(PUSH, rows)
    said = AuditEvent.objects.count()
    assert proxy.post(PUSH, rows).json()["repeated"] == 2
    assert AuditEvent.objects.count() == said
    third = copy.deepcopy(rows[0]) | {
        "id": "c-3",
        "litellm_call_id": "c-3",
        "status": "failure",
        "response_cost": float("nan"),
    }
    answer = proxy.post(PUSH, [*rows, third, third]).json()
    assert (answer["counted"], answer["repeated"]) == (1, 2)
    row = UsageRecord.objects.get()
    assert (row.requests, row.failed_requests, row.effective_cost) == (3, 1, Decimal("0.000027"))
    assert UsageReceipt.objects.count() == 3


def test_no_word_of_a_prompt_is_kept(proxy: Caller, use_case: UseCase) -> None:
    rows = batch(use_case.reference)
    assert "annual leave" in json.dumps(rows)
    proxy.post(PUSH, rows)
    kept = [*UsageRecord.objects.values(), *UsageReceipt.objects.values(), *AuditEvent.objects.values()]
    assert "annual leave" not in json.dumps(kept, default=str)


def test_a_version_is_named_by_a_tag(cast: Cast, proxy: Caller) -> None:
    version = version_of(cast)
    proxy.post(PUSH, batch(version.use_case.reference, f"version:sha256:{version.digest}"))
    assert UsageRecord.objects.get().system_version == version


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"request_tags": []}, "names no use case"),
        ({"request_tags": ["use_case:UC-9999"]}, "There is no use case UC-9999"),
        ({"request_tags": ["use_case:OWN", "version:" + "5e" * 32]}, "no version of this digest"),
        ({"startTime": 1_700_000_000.0}, "older than 30 days"),
        ({"startTime": 4_000_000_000.0}, "in the future"),
        ({"startTime": None}, "names neither itself nor its time"),
        ({"litellm_call_id": "x" * 201}, "more than 200 characters"),
    ],
)
def test_a_call_that_cannot_be_counted_is_rejected_and_the_rest_counts(
    proxy: Caller, use_case: UseCase, change: dict[str, Any], words: str
) -> None:
    rows = batch(use_case.reference)
    rows[0] |= {"metadata": {}, **change}
    rows[0]["request_tags"] = [tag.replace("OWN", use_case.reference) for tag in rows[0]["request_tags"]]
    answer = proxy.post(PUSH, rows).json()
    assert (answer["counted"], [each["row"] for each in answer["rejected"]]) == (1, [1])
    assert words in answer["rejected"][0]["reason"]
    assert UsageRecord.objects.get().requests == 1


def test_evaluation_is_no_usage(proxy: Caller, use_case: UseCase) -> None:
    answer = proxy.post(PUSH, batch(use_case.reference, "Evaluation")).json()
    assert answer == {"counted": 0, "repeated": 0, "left_out": 2, "rejected": []}
    assert not UsageRecord.objects.exists()


@pytest.mark.parametrize("body", [[], 7, "words", [{}] * 5001, b"{", b"[" * 5000])
def test_what_is_no_list_of_calls_is_refused(proxy: Caller, body: Any) -> None:
    response = proxy.post(PUSH, body)
    assert response.status_code == 400
    assert not UsageReceipt.objects.exists()


def test_odd_rows_are_rejected_one_by_one(proxy: Caller, use_case: UseCase) -> None:
    good = batch(use_case.reference)[0]
    answer = proxy.post(PUSH, [None, 7, [], {"id": {}, "startTime": []}, good]).json()
    assert (answer["counted"], [each["row"] for each in answer["rejected"]]) == (1, [1, 2, 3, 4])
    assert proxy.post(PUSH, good).json()["repeated"] == 1  # a single call needs no list


def test_somebody_without_the_role_counts_nothing(cast: Cast, use_case: UseCase) -> None:
    narrow = Caller(cast, "pipeline", ["read"])
    response = narrow.post(PUSH, batch(use_case.reference))
    assert response.status_code == 403
    assert not UsageRecord.objects.exists()
    assert not UsageReceipt.objects.exists()


def test_receipts_go_once_their_calls_would_be_refused_anyway(proxy: Caller, use_case: UseCase) -> None:
    proxy.post(PUSH, batch(use_case.reference))
    source = UsageReceipt.objects.first().source  # type: ignore[union-attr]
    UsageReceipt.objects.create(source=source, external_id="old", day=(timezone.now() - timedelta(days=36)).date())
    UsageReceipt.objects.create(source="other", external_id="old", day=(timezone.now() - timedelta(days=36)).date())
    proxy.post(PUSH, batch(use_case.reference))
    assert sorted(UsageReceipt.objects.filter(external_id="old").values_list("source", flat=True)) == ["other"]


def test_a_day_is_found_again_though_its_names_are_too_long(proxy: Caller, use_case: UseCase) -> None:
    rows = batch(use_case.reference)
    rows[0]["model"] = rows[1]["model"] = "m" * 500
    proxy.post(PUSH, rows[:1])
    proxy.post(PUSH, rows[1:])
    assert [(row.model, row.requests) for row in UsageRecord.objects.all()] == [("m" * 160, 2)]


def test_the_database_counts_a_call_once() -> None:
    UsageReceipt.objects.create(source="s", external_id="c", day="2026-11-20")
    with pytest.raises(IntegrityError, match="usage_receipt_counts_a_call_once"), transaction.atomic():
        UsageReceipt.objects.create(source="s", external_id="c", day="2026-11-21")
    with pytest.raises(IntegrityError, match="usage_receipt_names_its_call"), transaction.atomic():
        UsageReceipt.objects.create(source="s", external_id="", day="2026-11-21")


@pytest.mark.django_db(transaction=True)
def test_deliveries_at_the_same_moment_lose_and_double_nothing(proxy: Caller, use_case: UseCase) -> None:
    common = batch(use_case.reference)
    lots = [
        [*common, *({**common[0], "litellm_call_id": f"{lot}-{number}"} for number in range(10))] for lot in range(4)
    ]
    codes: list[int] = []

    def deliver(rows: list[Any]) -> None:
        try:
            codes.append(Caller.post(proxy, PUSH, rows).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver, args=(rows,)) for rows in lots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 4
    assert UsageRecord.objects.get().requests == 42
