"""What people are told: once in the transaction, delivered at least once, given up after twelve tries."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection, transaction
from django.utils import timezone

from portal.actions.messages import MAX_ATTEMPTS, deliver_due, mark_read, tell
from portal.models import Heartbeat, Notice, OutboxMessage
from portal.tasks import deliver_outbox, heartbeat
from tests.api.callers import signed_in
from tests.cast import Cast


class Broken(locmem.EmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError("no mail server")


@pytest.fixture
def broken(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Broken"


def _tell(cast: Cast, *names: str, subject: str = "A release waits") -> None:
    tell([cast.people[name] for name in names], subject=subject, text="Look at it.", url="/use-cases/UC-0001/")


def test_each_person_is_told_once_on_the_page_and_by_mail(cast: Cast, settings: Any) -> None:
    settings.PUBLIC_URL = "https://gatehouse.example"
    _tell(cast, "olivia", "rafael", "olivia")
    assert sorted(Notice.objects.values_list("person__username", "text", "url")) == [
        ("olivia", "Look at it.", "/use-cases/UC-0001/"),
        ("rafael", "Look at it.", "/use-cases/UC-0001/"),
    ]
    assert deliver_due() == 2
    assert sorted(message.to[0] for message in mail.outbox) == ["olivia@example.org", "rafael@example.org"]
    message = mail.outbox[0]
    assert message.subject == "A release waits"
    assert message.body == "Look at it.\n\nhttps://gatehouse.example/use-cases/UC-0001/\n"
    sent = OutboxMessage.objects.get(recipient=message.to[0])
    assert message.extra_headers["Message-ID"] == f"<{sent.pk}@gatehouse>"
    assert (sent.attempts, sent.delivered_at is not None) == (1, True)
    assert deliver_due() == 0


def test_who_has_no_mail_or_is_switched_off_gets_no_mail(cast: Cast) -> None:
    cast.olivia.email = ""
    cast.rafael.is_active = False
    _tell(cast, "olivia", "rafael")
    assert (Notice.objects.count(), OutboxMessage.objects.count()) == (2, 0)


def test_a_transaction_that_fails_tells_nobody(cast: Cast) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        _tell(cast, "olivia")
        raise RuntimeError
    assert (Notice.objects.count(), OutboxMessage.objects.count()) == (0, 0)


def test_a_subject_of_two_lines_forges_no_header(cast: Cast) -> None:
    _tell(cast, "olivia", subject="A release\r\nBcc: all@example.org\n waits " + "x" * 300)
    assert deliver_due() == 1
    assert mail.outbox[0].subject.startswith("A release Bcc: all@example.org waits x")
    assert len(mail.outbox[0].subject) == 200


def test_a_failing_server_is_asked_again_later_and_later(cast: Cast, broken: None) -> None:
    _tell(cast, "olivia")
    waits = []
    for attempt in range(1, MAX_ATTEMPTS):
        message = OutboxMessage.objects.get()
        with time_machine.travel(message.due_at, tick=False):
            assert deliver_due() == 0
            assert deliver_due() == 0, "not due again yet"
        message.refresh_from_db()
        assert (message.attempts, message.dead_at) == (attempt, None)
        waits.append(message.due_at - timezone.now())
        expected = min(2**attempt, 3600)
        with time_machine.travel(message.due_at - timedelta(seconds=expected / 2), tick=False):
            assert deliver_due() == 0
            assert OutboxMessage.objects.get().attempts == attempt
    with time_machine.travel(message.due_at, tick=False):
        deliver_due()
    message.refresh_from_db()
    assert message.attempts == MAX_ATTEMPTS
    assert message.dead_at is not None
    assert message.last_error == "ConnectionRefusedError: no mail server"
    with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
        assert deliver_due() == 0
    assert OutboxMessage.objects.get().attempts == MAX_ATTEMPTS


def test_one_failing_message_does_not_stop_the_others(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    _tell(cast, "olivia", "rafael")
    real = locmem.EmailBackend.send_messages

    def picky(self: Any, messages: Any) -> int:
        if messages[0].to == ["olivia@example.org"]:
            raise ConnectionResetError("olivia's server")
        return int(real(self, messages))

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", picky)
    assert deliver_due() == 1
    assert [message.to for message in mail.outbox] == [["rafael@example.org"]]
    assert OutboxMessage.objects.get(delivered_at=None).last_error == "ConnectionResetError: olivia's server"


def test_what_is_no_mail_is_not_sent_as_mail(cast: Cast) -> None:
    OutboxMessage.objects.create(
        channel=OutboxMessage.Channel.WEBHOOK, recipient="https://hook.example", body="{}", due_at=timezone.now()
    )
    assert deliver_due() == 0
    assert mail.outbox == []


def test_two_deliverers_at_once_send_each_message_once(committed_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("olivia", "rafael", "amina", "sam", "dev", "petra")
    _tell(committed_cast, *names)
    start = threading.Barrier(2)
    counts: list[int] = []
    real = locmem.EmailBackend.send_messages

    def slow(self: Any, messages: Any) -> int:
        threading.Event().wait(0.05)
        return int(real(self, messages))

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", slow)

    def deliver() -> None:
        try:
            start.wait(10)
            counts.append(deliver_due())
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == len(names)
    assert min(counts) > 0, "both must have worked, or nothing was raced"
    assert sorted(message.to[0] for message in mail.outbox) == sorted(f"{name}@example.org" for name in names)


def test_a_notice_is_read_by_its_person_only(cast: Cast) -> None:
    _tell(cast, "olivia")
    notice = Notice.objects.get()
    assert signed_in("otto").post(f"/notices/{notice.pk}/read/").status_code == 302
    notice.refresh_from_db()
    assert notice.read_at is None
    mark_read(person=cast.olivia, notice_id=notice.pk)
    notice.refresh_from_db()
    first = notice.read_at
    assert first is not None
    mark_read(person=cast.olivia, notice_id=notice.pk)
    notice.refresh_from_db()
    assert notice.read_at == first


def test_the_worker_beats_and_delivers(cast: Cast) -> None:
    heartbeat()
    heartbeat()
    assert timezone.now() - Heartbeat.objects.get().beat_at < timedelta(seconds=5)
    _tell(cast, "olivia")
    deliver_outbox()
    assert len(mail.outbox) == 1
