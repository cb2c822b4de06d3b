"""The trail: one sentence per fact, in the verb's transaction, unchangeable by the application."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.exceptions import BadRequest
from django.db import DatabaseError, connection, transaction

from portal import actors
from portal.audit import mention, plain, record
from portal.models import AuditEvent, AuditPending, AuditPersonalData
from portal.trail import as_lines, newest_first, whole_trail
from tests.cast import Cast
from tests.databases import as_owner


def _tell(cast: Cast, sentence: str = "did something.") -> AuditEvent:
    with transaction.atomic():
        event = record(cast.actor("olivia"), "thing.done", cast.olivia, sentence, data={"amount": Decimal("1.50")})
    return AuditEvent.objects.get(pk=event)


def test_an_event_is_canonical_text_with_its_leaf_hash(cast: Cast) -> None:
    event = _tell(cast)
    assert bytes(event.leaf_hash) == hashlib.sha256(b"\x00" + event.canon.encode()).digest()
    assert json.dumps(json.loads(event.canon), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == event.canon
    assert event.payload["data"] == {"amount": "1.50"}
    assert event.payload["object"] == {"type": "person", "id": str(cast.olivia.pk), "rev": 1}


def test_revisions_of_one_object_have_no_gap(cast: Cast) -> None:
    assert [_tell(cast).object_rev for _ in range(3)] == [1, 2, 3]


def test_every_event_waits_to_be_sealed(cast: Cast) -> None:
    assert AuditPending.objects.filter(event=_tell(cast)).count() == 1


def test_an_event_outside_a_transaction_is_a_programming_error(transactional_db: None, committed_cast: Cast) -> None:
    with pytest.raises(RuntimeError, match="belongs into the transaction"):
        record(committed_cast.actor("olivia"), "thing.done", committed_cast.olivia, "did something.")
    assert not AuditEvent.objects.filter(payload__action="thing.done").exists()


def test_names_and_addresses_stay_out_of_the_hashed_text(cast: Cast) -> None:
    actor = actors.person(cast.olivia, actors.Origin(address="192.0.2.7", agent="Browser/1"))
    with transaction.atomic():
        pk = record(actor, "thing.done", cast.olivia, f"spoke to {mention(cast.otto)}.")
    event = AuditEvent.objects.get(pk=pk)
    for secret in ("Olivia", "olivia@example.org", "192.0.2.7", "Browser/1", "Otto"):
        assert secret not in event.canon
    personal = AuditPersonalData.objects.get(event=event)
    assert personal.values == {
        "name": "Olivia",
        "address": "192.0.2.7",
        "agent": "Browser/1",
        "email": "olivia@example.org",
    }
    canonical = json.dumps(personal.values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert event.payload["pii_commit"] == hashlib.sha256(bytes(personal.salt) + canonical).hexdigest()


def test_a_mention_reads_as_the_persons_name(cast: Cast) -> None:
    [line] = as_lines([_tell(cast, f"added {mention(cast.dev)} to the team.")])
    assert (line.actor, line.sentence, line.machine) == ("Olivia", "added Dev to the team.", False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET canon = canon",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DROP TABLE audit_event",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DELETE FROM audit_pending",
    ],
)
def test_the_applications_role_cannot_change_the_trail(cast: Cast, statement: str) -> None:
    event = _tell(cast)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.filter(pk=event.pk, canon=event.canon).exists()


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET object_rev = 9", "DELETE FROM audit_event", "TRUNCATE audit_event CASCADE"]
)
def test_the_trigger_holds_even_against_the_owner(committed_cast: Cast, statement: str) -> None:
    """Privileges are the wall; behind it the trigger stops a role that privileges would let through."""
    _tell(committed_cast)
    with as_owner() as owner, pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
        owner.execute(statement)


def test_without_the_trigger_the_owner_could_change_the_trail(committed_cast: Cast) -> None:
    """The negative control: what stops the owner above is the trigger and nothing else."""
    _tell(committed_cast)
    with as_owner() as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        assert owner.execute("UPDATE audit_event SET object_rev = 9").rowcount >= 1


def test_the_database_refuses_a_hash_that_is_not_the_texts(cast: Cast) -> None:
    event = _tell(cast)
    with pytest.raises(DatabaseError, match="audit_event_hash_is_the_texts"), transaction.atomic():
        AuditEvent.objects.create(
            object_type="person", object_id=cast.olivia.pk, object_rev=99, canon=event.canon, leaf_hash=bytes(32)
        )


def test_a_refused_event_takes_the_business_change_with_it(cast: Cast) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        cast.olivia.title = "Changed"
        cast.olivia.save()
        record(cast.actor("olivia"), "thing.done", cast.olivia, "x" * 70_000)
    cast.olivia.refresh_from_db()
    assert cast.olivia.title == "Head of customer service"


@pytest.mark.parametrize("value", [1.5, {"Upper": 1}, {"a b": 1}, 2**60])
def test_values_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"canonical|key for the trail"):
        plain(value)


def test_the_whole_trail_is_for_auditors(cast: Cast) -> None:
    _tell(cast)
    seen = {name: whole_trail(cast.actor(name)).count() for name in (*cast.people, *cast.accounts)}
    assert {name for name, count in seen.items() if count} == {"aud"}


def test_pages_of_the_trail_meet_without_gap_or_overlap(cast: Cast) -> None:
    told = [_tell(cast, f"did thing {number}.").pk for number in range(7)]
    seen, key = [], ""
    while True:
        rows, key = newest_first(AuditEvent.objects.filter(payload__action="thing.done"), key, 3)
        seen += [row.pk for row in rows]
        if not key:
            break
    assert seen == told[::-1]
    for odd in ("nonsense", "2026-11-23T10:00:00_" + str(told[0]), told[0]):
        with pytest.raises(BadRequest):
            newest_first(AuditEvent.objects.all(), str(odd), 3)


def test_a_machine_begins_its_sentence_with_a_capital(cast: Cast) -> None:
    with transaction.atomic():
        record(actors.worker("gatekeeper"), "thing.done", cast.olivia, "judged.")
        record(cast.actor("pipeline"), "thing.done", cast.olivia, "proposed.")
        record(cast.actor("otto"), "thing.done", cast.olivia, "looked on.")
    rows, _key = newest_first(AuditEvent.objects.filter(payload__action="thing.done"), "", 3)
    assert [line.actor for line in as_lines(rows)] == ["Otto", "Pipeline", "Gatekeeper"]
