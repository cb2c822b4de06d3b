"""Reading documents: through the use cases an actor may see, and the bytes only ever as a download."""

import uuid

from django.db.models import F, FilteredRelation, Q, QuerySet
from django.http import FileResponse, Http404
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


def attachment(revision: DocumentRevision) -> FileResponse:
    """The bytes to be saved, never shown: no browser is to run what somebody uploaded on this origin.

    Raises Http404 when the store does not hold them, which a restored database without its files would show.
    """
    try:
        file = path_of(revision.sha256).open("rb")
    except FileNotFoundError:
        text = _("The file is not in this installation's store. Restore the folder of files beside the database.")
        raise Http404(text) from None
    response = FileResponse(file, as_attachment=True, filename=revision.filename, content_type=revision.media_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    response["ETag"] = f'"{revision.sha256}"'
    return response
