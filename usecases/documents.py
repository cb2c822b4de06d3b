"""Reading documents: through the use cases an actor may see, and the bytes only ever as a download."""

import hashlib
import uuid

from django.db.models import F, FilteredRelation, Q, QuerySet
from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from portal.actors import Actor
from portal.files import path_of
from usecases.models import Document, DocumentRevision, UseCase


def documents_of(use_case: UseCase) -> QuerySet[Document]:
    """Of a use case the caller has fetched as the actor, each with what its newest revision says."""
    found = Document.objects.filter(use_case=use_case).select_related("owner")
    newest = FilteredRelation("revisions", condition=Q(revisions__number=F("revision")))
    return (
        found.annotate(newest=newest)
        .annotate(
            sha256=F("newest__sha256"),
            size=F("newest__size"),
            media_type=F("newest__media_type"),
            filename=F("newest__filename"),
            effective_on=F("newest__effective_on"),
            uploaded_at=F("newest__uploaded_at"),
            note=F("newest__note"),
        )
        .order_by("title", "id")
    )


def get_visible_document(actor: Actor, pk: uuid.UUID) -> Document:
    """The document with this id, or 404: it is as visible as its use case."""
    found = Document.objects.select_related("owner", "use_case__owner", "use_case__unit").filter(pk=pk).first()
    if found is None or not UseCase.objects.visible_to(actor).filter(pk=found.use_case_id).exists():
        raise Http404
    return found


def attachment(revision: DocumentRevision) -> HttpResponse:
    """The bytes to be saved, never shown: no browser is to run what somebody uploaded on this origin.

    They are checked against their hash first. Raises Http404 when the store does not hold them, or holds others.
    """
    try:
        content = path_of(revision.sha256).read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != revision.sha256:
        text = _("The store does not hold this file as it was uploaded. Restore the folder of files from a backup.")
        raise Http404(text)
    return HttpResponse(
        content,
        content_type=revision.media_type,
        headers={
            "Content-Disposition": content_disposition_header(True, revision.filename),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
            "ETag": f'"{revision.sha256}"',
        },
    )
