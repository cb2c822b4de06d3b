"""Bringing in a register on the screen: upload, columns and words, the dry run row by row, applying, undoing."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import htmx
from portal.access import require
from portal.http import form_only
from usecases import import_policies as policies
from usecases.actions import imports as verbs
from usecases.actions.import_against import foreseen
from usecases.actions.imports import progress_key
from usecases.choices import ImportState, RowOutcome
from usecases.forms import blame
from usecases.import_forms import ColumnsForm, UndoForm, UploadForm, WayForm, WordsForm, suggestions
from usecases.importing.readings import Way
from usecases.models import RegisterImport
from usecases.views.frame import actor_of
from usecases.views.import_rows import listing

LISTED = 50
_VERBS = {
    "may_map": "map_import",
    "may_check": "check_import",
    "may_apply": "apply_import",
    "may_undo": "undo_import",
}


def found(request: HttpRequest, pk: uuid.UUID) -> RegisterImport:
    """The import, or 404 for what this actor may not know of."""
    visible = policies.imports_visible_to(actor_of(request))
    return get_object_or_404(
        visible.select_related("default_owner", "default_unit", "uploader", "uploader_account"), pk=pk
    )


@require_http_methods(["GET", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """What was brought in so far, and bringing in one more."""
    actor = actor_of(request)
    ruling = policies.may_import(actor)
    form = UploadForm(actor, request.POST or None, request.FILES or None) if ruling else None
    if request.method == "POST":
        require(ruling)
        assert form is not None
        made = _uploaded(request, form)
        if made is not None:
            return redirect(made.get_absolute_url())
    visible = policies.imports_visible_to(actor).select_related("uploader", "uploader_account")
    context = {"form": form, "ruling": ruling, "rows": visible[:LISTED]}
    return render(request, "usecases/imports.html", context, status=422 if request.method == "POST" else 200)


def _uploaded(request: HttpRequest, form: UploadForm) -> RegisterImport | None:
    if not form.is_valid():
        return None
    values = dict(form.cleaned_data)
    file = values.pop("file")
    try:
        return verbs.upload_import(actor=actor_of(request), file=file, file_name=file.name, **values)
    except ValidationError as error:
        blame(form, error)
        return None


@require_safe
def register_import(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One import as it stands; while a worker is at it, htmx asks again."""
    held = found(request, pk)
    context = _context(request, held)
    return htmx.render(request, "usecases/import.html", context, partial="standing")


def _context(request: HttpRequest, held: RegisterImport, **forms: Any) -> dict[str, Any]:
    actor = actor_of(request)
    busy = held.state in policies.BUSY
    return {
        "held": held,
        "busy": busy,
        "progress": cache.get(progress_key(held.pk)) if busy else None,
        **listing(held, request.GET),
        "twin": _twin(request, held),
        "way_form": forms.get("way_form") or WayForm(held),
        "columns_form": forms.get("columns_form") or ColumnsForm(held),
        **(suggestions(actor, held) if held.state == ImportState.CHECKED else {}),
        "words_form": forms.get("words_form") or WordsForm(held),
        **{name: policies.may_work_on_import(actor, held, verb) for name, verb in _VERBS.items()},
    }


def _twin(request: HttpRequest, held: RegisterImport) -> RegisterImport | None:
    """An earlier import of the same bytes, which makes this one needless."""
    visible = policies.imports_visible_to(actor_of(request)).filter(file_sha256=held.file_sha256)
    return visible.filter(state=ImportState.APPLIED).exclude(pk=held.pk).first()


@form_only("usecases:import", "pk")
def read_anew(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    held = found(request, pk)
    form = WayForm(held, request.POST)
    if form.is_valid():
        try:
            way = Way(format=held.way.get("format", ""), **form.cleaned_data)
            verbs.read_import_anew(actor=actor_of(request), register_import=held, way=way)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, _("The file was read anew."))
            return redirect(held.get_absolute_url())
    return render(request, "usecases/import.html", _context(request, held, way_form=form), status=422)


@form_only("usecases:import", "pk")
def map_columns(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Save what the columns mean, and have the dry run made at once."""
    held = found(request, pk)
    form = ColumnsForm(held, request.POST)
    return _mapped(request, held, form, "columns_form")


@form_only("usecases:import", "pk")
def map_words(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Save what their words mean, and have the dry run made again."""
    held = found(request, pk)
    form = WordsForm(held, request.POST)
    return _mapped(request, held, form, "words_form")


def _mapped(request: HttpRequest, held: RegisterImport, form: Any, name: str) -> HttpResponse:
    actor = actor_of(request)
    if form.is_valid():
        try:
            verbs.map_import(actor=actor, register_import=held, columns=form.columns(), words=form.words())
            verbs.request_check(actor=actor, register_import=held)
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            return redirect(held.get_absolute_url())
    return render(request, "usecases/import.html", _context(request, held, **{name: form}), status=422)


@form_only("usecases:import", "pk")
def check(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _asked(request, pk, verbs.request_check)


@form_only("usecases:import", "pk")
def apply(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return _asked(request, pk, verbs.request_apply)


@require_http_methods(["GET", "POST"])
def undo(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """First what would go and what stays, and why; then the undoing itself, also a second time."""
    held = found(request, pk)
    if request.method == "POST":
        form = UndoForm(request.POST)
        edited_too = form.is_valid() and form.cleaned_data["edited_too"]
        verbs.request_undo(actor=actor_of(request), register_import=held, edited_too=edited_too)
        return redirect(held.get_absolute_url())
    ruling = policies.may_work_on_import(actor_of(request), held, "undo_import")
    context: dict[str, Any] = {"held": held, "ruling": ruling, "form": UndoForm()}
    return render(request, "usecases/undo_import.html", context | (_foreseen(held) if ruling else {}))


def _foreseen(held: RegisterImport) -> dict[str, Any]:
    rows, reasons = foreseen(held)
    free = [row for row in rows if row.pk not in reasons]
    staying = [(row, reasons[row.pk]) for row in rows if row.pk in reasons]
    return {
        "created": sum(row.outcome == RowOutcome.CREATE for row in free),
        "changed": sum(row.outcome == RowOutcome.CHANGE for row in free),
        "staying": staying[:LISTED],
        "stay_count": len(staying),
        "edited": sum(reason.kind == "edited" for _row, reason in staying),
    }


def _asked(request: HttpRequest, pk: uuid.UUID, verb: Any) -> HttpResponse:
    held = found(request, pk)
    verb(actor=actor_of(request), register_import=held)
    return redirect(held.get_absolute_url())
