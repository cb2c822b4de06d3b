"""Documents: known by their bytes, kept under their hash, revised without losing anything, only ever downloaded."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused
from portal.files import LARGEST_FILE, path_of
from portal.models import Notice
from tests.usecases.scenes import codes, events, registered, sentences
from usecases.actions.data_renewals import follow_data_approvals
from usecases.actions.documents import add_document, retire_document, revise_document
from usecases.actions.registration import edit_use_case
from usecases.actions.stages import stop_use_case
from usecases.models import Document, DocumentRevision

PDF = b"%PDF-1.7\nAn assessment.\n"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.GATEHOUSE_HOME = tmp_path


def added(cast, use_case=None, **changes):
    values = {
        "title": "Impact assessment",
        "kind": "assessment",
        "owner": cast.priya,
        "content": PDF,
        "filename": "assessment.pdf",
        "effective_on": timezone.localdate() - timedelta(days=30),
        **changes,
    }
    return add_document(actor=cast.actor("olivia"), use_case=use_case or registered(cast), **values)


def test_a_document_is_kept_under_its_hash_with_both_its_dates(cast):
    document = added(cast, note="Signed by privacy.")
    revision = document.revisions.get()
    assert (revision.number, revision.media_type, revision.size) == (1, "application/pdf", len(PDF))
    assert revision.sha256 == hashlib.sha256(PDF).hexdigest()
    assert path_of(revision.sha256).read_bytes() == PDF
    assert revision.effective_on == timezone.localdate() - timedelta(days=30)
    assert revision.uploaded_at.date() == timezone.now().date()
    reference = document.use_case.reference
    assert sentences("document.added") == [f"added the document Impact assessment to {reference}."]


def test_a_new_revision_takes_the_place_of_the_old_one_which_stays(cast):
    document = added(cast)
    newer = PDF + b"More."
    revise_document(
        actor=cast.actor("priya"),
        document=document,
        content=newer,
        filename="assessment 2.pdf",
        effective_on=timezone.localdate(),
        expires_on=timezone.localdate() + timedelta(days=365),
    )
    document.refresh_from_db()
    assert (document.revision, document.expires_on) == (2, timezone.localdate() + timedelta(days=365))
    assert [path_of(row.sha256).read_bytes() for row in document.revisions.order_by("number")] == [PDF, newer]
    with pytest.raises(ValidationError) as invalid:
        revise_document(
            actor=cast.actor("priya"),
            document=document,
            content=newer,
            filename="x.pdf",
            effective_on=timezone.localdate(),
            expires_on=timezone.localdate() + timedelta(days=365),
        )
    assert list(invalid.value.message_dict) == ["file"]
    assert DocumentRevision.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": b"MZ\x90\x00", "filename": "assessment.pdf"}, "file"),
        ({"content": b"<html></html>", "filename": "assessment.txt"}, "file"),
        ({"content": b""}, "file"),
        ({"content": PDF + b"0" * LARGEST_FILE}, "file"),
        ({"expires_on": timezone.localdate() - timedelta(days=31)}, "expires_on"),
        ({"expires_on": timezone.localdate() - timedelta(days=1)}, "expires_on"),
    ],
)
def test_what_is_not_kept_leaves_nothing_behind(cast, tmp_path, changes, field):
    with pytest.raises(ValidationError) as invalid:
        added(cast, **changes)
    assert list(invalid.value.message_dict) == [field]
    assert Document.objects.count() == 0
    assert [path for path in Path(tmp_path).rglob("*") if path.is_file()] == []
    assert events("document.added") == []


@pytest.mark.parametrize("who", ["rafael", "dev", "petra", "aud", "otto", "pipeline"])
def test_who_may_not_edit_the_use_case_adds_no_document(cast, tmp_path, who):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        add_document(
            actor=cast.actor(who),
            use_case=use_case,
            title="X",
            kind="other",
            owner=cast.priya,
            content=PDF,
            filename="x.pdf",
            effective_on=timezone.localdate(),
        )
    assert "not_editor" in codes(refused)
    assert Document.objects.count() == 0
    assert [path for path in Path(tmp_path).rglob("*") if path.is_file()] == []


def test_a_title_is_in_force_once_and_free_again_after_retiring(cast):
    document = added(cast)
    with pytest.raises(ValidationError) as invalid:
        added(cast, document.use_case)
    assert list(invalid.value.message_dict) == ["title"]
    with pytest.raises(ValidationError):
        retire_document(actor=cast.actor("olivia"), document=document, reason=" ")
    retired = retire_document(actor=cast.actor("olivia"), document=document, reason="Replaced.")
    assert (retired.state, retired.state_reason) == ("retired", "Replaced.")
    assert added(cast, document.use_case).pk != document.pk
    with pytest.raises(Refused) as refused:
        retire_document(actor=cast.actor("olivia"), document=document, reason="Again.")
    assert codes(refused) == ["retired"]


def test_a_stopped_use_case_takes_no_documents(cast):
    document = added(cast)
    stop_use_case(actor=cast.actor("olivia"), use_case=document.use_case, reason="No budget.")
    with pytest.raises(Refused) as refused:
        added(cast, document.use_case, title="Other")
    assert codes(refused) == ["stopped"]
    assert Document.objects.count() == 1


def test_expiry_is_computed_when_read_and_announced_once_each(cast):
    document = added(cast, expires_on=timezone.localdate() + timedelta(days=20))
    assert (document.term, document.lapsed) == ("ending", False)
    assert (follow_data_approvals(), follow_data_approvals()) == (1, 0)
    with time_machine.travel(timezone.now() + timedelta(days=21), tick=False):
        assert Document.objects.get().lapsed
        assert (follow_data_approvals(), follow_data_approvals()) == (1, 0)
    assert Notice.objects.filter(person=cast.priya, text__contains="Impact assessment").count() == 2


def test_a_document_is_only_ever_downloaded(cast, client_of):
    document = added(cast)
    page = client_of("aud").get(f"/use-cases/{document.use_case.reference}/documents/{document.pk}/")
    assert page.status_code == 200
    assert "assessment.pdf" in page.content.decode()
    answer = client_of("aud").get(f"/documents/{document.pk}/revisions/1/file/")
    assert answer.content == PDF
    assert {name: answer[name] for name in ("Content-Type", "Content-Disposition", "X-Content-Type-Options")} == {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'attachment; filename="assessment.pdf"',
        "X-Content-Type-Options": "nosniff",
    }
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "private, no-store"


def test_a_document_is_as_hidden_as_its_use_case(cast, client_of):
    document = added(cast)
    edit_use_case(actor=cast.actor("olivia"), use_case=document.use_case, restricted=True)
    for who, status in (("dev", 404), ("priya", 404), ("aud", 200), ("olivia", 200)):
        assert client_of(who).get(f"/documents/{document.pk}/revisions/1/file/").status_code == status
        page = f"/use-cases/{document.use_case.reference}/documents/{document.pk}/"
        assert client_of(who).get(page).status_code == status


def test_a_file_gone_from_the_store_or_changed_there_is_not_handed_out(cast, client_of):
    document = added(cast)
    place, url = path_of(document.revisions.get().sha256), f"/documents/{document.pk}/revisions/1/file/"
    place.write_bytes(PDF + b"changed")
    assert client_of("olivia").get(url).status_code == 404
    place.unlink()
    assert client_of("olivia").get(url).status_code == 404


def test_the_forms_upload_revise_and_keep_what_was_typed(cast, client_of):
    use_case, client = registered(cast), client_of("olivia")
    today = timezone.localdate().isoformat()
    typed = {"title": "Minutes", "kind": "minutes", "owner": str(cast.olivia.pk), "effective_on": today}
    bad = client.post(
        f"/documents/{use_case.reference}/add/", {**typed, "file": SimpleUploadedFile("m.pdf", b"MZ\x90\x00")}
    )
    assert bad.status_code == 422
    assert "whatever its name says" in bad.content.decode()
    assert 'value="Minutes"' in bad.content.decode()
    good = client.post(f"/documents/{use_case.reference}/add/", {**typed, "file": SimpleUploadedFile("m.pdf", PDF)})
    document = Document.objects.get()
    assert good["Location"] == f"/use-cases/{use_case.reference}/documents/{document.pk}/"
    newer = SimpleUploadedFile("m", b"Plain text after all.")
    client.post(f"/documents/{document.pk}/revise/", {"effective_on": today, "file": newer})
    assert document.revisions.get(number=2).filename == "m.txt"
    client.post(f"/documents/{document.pk}/retire/", {"reason": "Filed."})
    document.refresh_from_db()
    assert document.state == "retired"
    assert "Filed." in client.get(f"/use-cases/{use_case.reference}/documents/").content.decode()


def test_the_database_keeps_the_rules_of_a_document(cast):
    document = added(cast)
    other = registered(cast, title="Another")
    for change, rule in (
        ({"title": ""}, "document_title_is_not_blank"),
        ({"kind": "novel"}, "document_kind_is_known"),
        ({"state": "lost"}, "document_state_is_known|Invalid transition"),
        ({"use_case": other}, "frozen"),
    ):
        with pytest.raises(DatabaseError, match=rule), transaction.atomic():
            Document.objects.update(**change)
    values = {"document": document, "uploaded_by": cast.olivia, "media_type": "text/plain", "filename": "x.txt"}
    good = {"number": 2, "sha256": "a" * 64, "size": 1, "effective_on": timezone.localdate()}
    for change, rule in (
        ({"number": 1}, "document_revision_number_is_unique"),
        ({"sha256": "A" * 64}, "document_revision_has_a_hash"),
        ({"size": 0}, "document_revision_is_not_empty"),
        ({"expires_on": timezone.localdate()}, "document_revision_expires_after_it_counts"),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            DocumentRevision.objects.create(**{**values, **good, **change})
    with pytest.raises(IntegrityError, match="document_title_is_unique_while_in_force"), transaction.atomic():
        Document.objects.create(use_case=document.use_case, title=document.title, kind="other", owner=cast.olivia)
    with pytest.raises(DatabaseError), transaction.atomic():
        DocumentRevision.objects.update(note="Changed.")


def test_a_file_that_is_not_what_its_name_says_is_refused_and_the_one_in_force_stays(cast):
    document = added(cast)
    with pytest.raises(ValidationError) as refused:
        revise_document(
            actor=cast.actor("olivia"),
            document=document,
            content=b"plain words",
            filename="assessment.pdf",
            effective_on=timezone.localdate(),
        )
    assert refused.value.message_dict == {
        "file": ["This is called pdf, and by its bytes it is txt. Save it anew, or call it what it is."]
    }
    assert document.revisions.count() == 1
