"""A use case's documents: the tab, one document with its revisions, uploads, and the bytes as an attachment."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.files import LARGEST_FILE
from portal.http import form_only
from usecases import policies
from usecases.actions import documents as verbs
from usecases.choices import DocumentState
from usecases.data_forms import DocumentForm, RevisionForm
from usecases.documents import attachment, documents_of, get_visible_document
from usecases.forms import ReasonForm
from usecases.models import Document, UseCase
from usecases.views.frame import actor_of, carried_out, fetch

MOST = 300


@require_safe
def documents(request: HttpRequest, reference: str) -> HttpResponse:
    use_case = fetch(request, reference)
    return _list(request, use_case, DocumentForm(initial=_first_values(request)))


def _first_values(request: HttpRequest) -> dict[str, Any]:
    person = actor_of(request).person
    return {"effective_on": timezone.localdate(), "owner": person.pk if person else None}


def _list(request: HttpRequest, use_case: UseCase, form: forms.Form, status: int = 200) -> HttpResponse:
    rows = list(documents_of(use_case)[:MOST])
    context = {
        "use_case": use_case,
        "current": [row for row in rows if row.state == DocumentState.CURRENT],
        "retired": [row for row in rows if row.state == DocumentState.RETIRED],
        "form": form,
        "may_add": policies.may_add_document(actor_of(request), use_case),
    }
    return render(request, "usecases/documents.html", context, status=status)


@form_only("usecases:documents", "reference")
def add(request: HttpRequest, reference: str) -> HttpResponse:
    use_case = fetch(request, reference)
    form = DocumentForm(request.POST, request.FILES)
    made = _uploaded(form, verbs.add_document, actor=actor_of(request), use_case=use_case)
    if made is None:
        return _list(request, use_case, form, status=422)
    messages.success(request, _("The document was added."))
    return redirect("usecases:document", reference=reference, pk=made.pk)


def _uploaded(form: forms.Form, verb: Any, **given: Any) -> Any:
    """The verb's result with the file's bytes in place of the upload; None with the form's errors filled in."""

    def act(*, file: Any, **values: Any) -> Any:
        # One byte more than is kept says that it is too large, whatever the browser claimed.
        content = file.read(LARGEST_FILE + 1)
        return verb(content=content, filename=file.name, **values)

    return carried_out(form, act, **given)


@require_safe
def document(request: HttpRequest, reference: str, pk: uuid.UUID) -> HttpResponse:
    use_case = fetch(request, reference)
    found = get_object_or_404(Document.objects.select_related("owner"), use_case=use_case, pk=pk)
    found.use_case = use_case
    return _page(request, found)


def _page(
    request: HttpRequest,
    found: Document,
    revision: forms.Form | None = None,
    retiring: forms.Form | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "use_case": found.use_case,
        "document": found,
        "revisions": list(found.revisions.select_related("uploaded_by").order_by("-number")[:MOST]),
        "revision_form": revision or RevisionForm(initial={"effective_on": timezone.localdate()}),
        "retiring": retiring or ReasonForm(auto_id="retire-%s"),
        "may_revise": policies.may_revise_document(actor_of(request), found),
    }
    return render(request, "usecases/document.html", context, status=status)


@form_only("home")
def revise(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = get_visible_document(actor_of(request), pk)
    form = RevisionForm(request.POST, request.FILES)
    if _uploaded(form, verbs.revise_document, actor=actor_of(request), document=found) is None:
        return _page(request, found, revision=form, status=422)
    messages.success(request, _("The revision was added. The one before stays readable."))
    return redirect("usecases:document", reference=found.use_case.reference, pk=pk)


@form_only("home")
def retire(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = get_visible_document(actor_of(request), pk)
    form = ReasonForm(request.POST, auto_id="retire-%s")
    if carried_out(form, verbs.retire_document, actor=actor_of(request), document=found) is None:
        return _page(request, found, retiring=form, status=422)
    messages.success(request, _("The document was retired."))
    return redirect("usecases:documents", reference=found.use_case.reference)


@require_safe
def download(request: HttpRequest, pk: uuid.UUID, number: int) -> HttpResponse:
    found = get_visible_document(actor_of(request), pk)
    return attachment(get_object_or_404(found.revisions, number=number))
