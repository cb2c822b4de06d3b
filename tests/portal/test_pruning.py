"""What has served its purpose goes; what somebody may still need stays."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal.actions import pruning
from portal.models import IdempotencyKey, Notice, OutboxMessage
from portal.tasks import prune
from tests.cast import Cast


def _sessions(*ages: timedelta) -> None:
    now = timezone.now()
    for number, age in enumerate(ages):
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=now - age)


def test_expired_sessions_go_and_living_ones_stay(db: None) -> None:
    _sessions(timedelta(seconds=1), timedelta(days=3), -timedelta(minutes=1))
    assert pruning.prune()["sessions"] == 2
    assert list(Session.objects.values_list("session_key", flat=True)) == ["s2"]


@pytest.mark.parametrize(("days", "left"), [(6, 1), (8, 0)])
def test_an_idempotency_key_is_kept_a_week(db: None, days: int, left: int) -> None:
    key = IdempotencyKey.objects.create(actor="a", key="k", method="POST", path="/", request_sha256=b"\0" * 32)
    IdempotencyKey.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=days))
    assert pruning.prune()["idempotency keys"] == 1 - left
    assert IdempotencyKey.objects.count() == left


def test_delivered_mail_goes_after_a_month_and_undelivered_or_dead_mail_never(db: None) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    kinds = {"waiting": {}, "dead": {"dead_at": long_ago}, "old": {"delivered_at": long_ago}}
    kinds["new"] = {"delivered_at": timezone.now() - timedelta(days=29)}
    for name, state in kinds.items():
        OutboxMessage.objects.create(channel="email", recipient=name, body="", due_at=long_ago, **state)
    prune()
    assert sorted(OutboxMessage.objects.values_list("recipient", flat=True)) == ["dead", "new", "waiting"]


def test_an_unread_notice_stays_however_old(cast: Cast) -> None:
    old = timezone.now() - timedelta(days=181)
    for text, read_at in (("unread", None), ("read", old), ("read lately", old + timedelta(days=2))):
        notice = Notice.objects.create(person=cast.olivia, text=text, read_at=read_at)
        Notice.objects.filter(pk=notice.pk).update(created_at=old)
    assert pruning.prune()["read notices"] == 1
    assert sorted(Notice.objects.values_list("text", flat=True)) == ["read lately", "unread"]


def test_a_large_rest_goes_bite_by_bite_and_waits_when_it_is_too_large(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BITE", 2)
    monkeypatch.setattr(pruning, "BITES", 3)
    _sessions(*[timedelta(days=1)] * 8)
    assert [pruning.prune()["sessions"] for _ in range(3)] == [6, 2, 0]
