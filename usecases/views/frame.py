"""What the register's pages share: the actor, the use case as they may see it, forms that keep what was typed."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict

from portal.actors import Actor
from usecases.forms import blame
from usecases.models import UseCase


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def posted(request: HttpRequest) -> QueryDict | None:
    """The form's data, also when nothing was filled in; None when the page is only asked for."""
    return request.POST if request.method == "POST" else None


def fetch(request: HttpRequest, reference: str) -> UseCase:
    """The use case, or 404 for what this actor may not know of."""
    return UseCase.objects.get_visible(actor_of(request), reference)


def carried_out(form: forms.Form, verb: Callable[..., Any], **given: Any) -> Any:
    """The verb's result with the form's values, or None with the form's errors filled in."""
    if not form.is_valid():
        return None
    values: Mapping[str, Any] = form.cleaned_data
    try:
        return verb(**given, **values)
    except ValidationError as error:
        blame(form, error)
        return None
