"""Documents of a use case: adding, revising and retiring. The bytes are kept under their hash, every revision stays."""

from datetime import date
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access import require
from portal.actors import Actor
from portal.audit import record
from portal.files import LARGEST_FILE, keep
from portal.models import User
from usecases import policies
from usecases.actions.authors import person_of
from usecases.choices import DocumentKind, DocumentState
from usecases.file_types import ENDINGS, media_type_of, safe_filename
from usecases.lifecycle import DOCUMENTS
from usecases.models import Document, DocumentRevision, UseCase


def add_document(
    *,
    actor: Actor,
    use_case: UseCase,
    title: str,
    kind: str,
    owner: User,
    content: bytes,
    filename: str,
    effective_on: date,
    expires_on: date | None = None,
    note: str = "",
) -> Document:
    """A new document with its first revision. Raises Refused; ValidationError for a title in use or a file not kept."""
    require(policies.may_add_document(actor, use_case))
    media_type = _require_document(content, filename)
    _require_days(effective_on, expires_on)
    sha256 = keep([content])
    with transaction.atomic():
        use_case = UseCase.objects.lock(use_case)
        require(policies.may_add_document(actor, use_case, owner))
        if Document.objects.filter(use_case=use_case, title=title, state=DocumentState.CURRENT).exists():
            text = _("There is a document of this title. Add a revision to that one, or choose another title.")
            raise ValidationError({"title": text})
        document = Document.objects.create(
            use_case=use_case, title=title, kind=DocumentKind(kind), owner=owner, expires_on=expires_on
        )
        _write(actor, document, 1, sha256, content, media_type, filename, effective_on, expires_on, note)
        _say(actor, document, "document.added", f"added the document {title} to {use_case.reference}.", sha256, note)
    return document


def revise_document(
    *,
    actor: Actor,
    document: Document,
    content: bytes,
    filename: str,
    effective_on: date,
    expires_on: date | None = None,
    note: str = "",
) -> Document:
    """A newer revision takes the place of the one before, which stays readable.

    Raises Refused; ValidationError for a file not kept, or the very file that stands there already.
    """
    require(policies.may_revise_document(actor, document))
    media_type = _require_document(content, filename)
    _require_days(effective_on, expires_on)
    sha256 = keep([content])
    with transaction.atomic():
        document = _locked(document)
        require(policies.may_revise_document(actor, document))
        newest = document.revisions.get(number=document.revision)
        if (newest.sha256, newest.effective_on, newest.expires_on) == (sha256, effective_on, expires_on):
            raise ValidationError({"file": _("This is the file that stands here already, with the same days.")})
        document.revision += 1
        document.expires_on, document.warned = expires_on, None
        document.save()
        number = document.revision
        _write(actor, document, number, sha256, content, media_type, filename, effective_on, expires_on, note)
        reference = document.use_case.reference
        said = f"added revision {number} of the document {document.title} of {reference}."
        _say(actor, document, "document.revised", said, sha256, note)
    return document


@transaction.atomic
def retire_document(*, actor: Actor, document: Document, reason: str) -> Document:
    """It no longer counts; everything of it stays readable. Raises Refused; ValidationError without a reason."""
    document = _locked(document)
    require(policies.may_revise_document(actor, document))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it no longer counts, or what counts instead.")})
    document.state = DOCUMENTS.target("retire_document", document.state)
    document.state_reason = reason.strip()
    document.save()
    said = f"retired the document {document.title} of {document.use_case.reference}."
    _say(actor, document, "document.retired", said, "", reason)
    return document


def _require_document(content: bytes, filename: str) -> str:
    """The media type by the bytes. Raises ValidationError for what is not kept, saying what is."""
    if len(content) > LARGEST_FILE:
        raise ValidationError({"file": _("The file is larger than 20 MB. Split it, or leave out large pictures.")})
    media_type = media_type_of(content)
    if media_type is None:
        text = _("This is none of the kinds that are kept, whatever its name says: %(kinds)s. Macros are refused.")
        raise ValidationError({"file": text % {"kinds": ", ".join(ending[1:] for ending in ENDINGS.values())}})
    claimed = PurePath(filename).suffix.lower()
    if claimed in ENDINGS.values() and claimed != ENDINGS[media_type]:
        text = _("This is called %(claimed)s, and by its bytes it is %(found)s. Save it anew, or call it what it is.")
        raise ValidationError({"file": text % {"claimed": claimed[1:], "found": ENDINGS[media_type][1:]}})
    return media_type


def _require_days(effective_on: date, expires_on: date | None) -> None:
    if expires_on is None:
        return
    if expires_on <= effective_on:
        raise ValidationError({"expires_on": _("It would expire before it counts. Choose a later day.")})
    if expires_on < timezone.localdate():
        raise ValidationError({"expires_on": _("This day is past. Choose a later one, or none.")})


def _write(
    actor: Actor,
    document: Document,
    number: int,
    sha256: str,
    content: bytes,
    media_type: str,
    filename: str,
    effective_on: date,
    expires_on: date | None,
    note: str,
) -> None:
    DocumentRevision.objects.create(
        document=document,
        number=number,
        sha256=sha256,
        size=len(content),
        media_type=media_type,
        filename=safe_filename(filename, media_type),
        effective_on=effective_on,
        expires_on=expires_on,
        note=note.strip(),
        uploaded_by=person_of(actor),
    )


def _say(actor: Actor, document: Document, action: str, sentence: str, sha256: str, reason: str) -> None:
    record(
        actor,
        action,
        document,
        sentence,
        use_case=document.use_case_id,
        data={"title": document.title, "revision": document.revision, "sha256": sha256, "reason": reason.strip()},
        references=[document.use_case.reference],
    )


def _locked(document: Document) -> Document:
    """The use case first, as everywhere."""
    use_case = UseCase.objects.lock(document.use_case)
    found = Document.objects.select_for_update(of=("self",)).select_related("owner").get(pk=document.pk)
    found.use_case = use_case
    return found
