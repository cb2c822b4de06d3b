"""What people say about a use case."""

import re
import uuid

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import policies
from portal.actions.comments import Said
from portal.actors import Actor
from portal.http import form_only
from portal.models import Comment
from usecases.actions.discussion import comment_on, edit_comment, withdraw_comment
from usecases.forms import CommentForm
from usecases.models import UseCase
from usecases.querysets import people_who_see
from usecases.views.frame import actor_of, carried_out, fetch, posted

PAGE, SUGGESTED = 50, 8
_BEGUN = re.compile(r"(?<![\w@.])@([\w.+-]{1,40})$")


@require_http_methods(["GET", "POST"])
def discussion(request: HttpRequest, reference: str) -> HttpResponse:
    """The thread, newest first, and saying something more."""
    use_case, form = fetch(request, reference), CommentForm(posted(request))
    if request.method == "POST":
        said = carried_out(form, comment_on, actor=actor_of(request), use_case=use_case)
        if said is not None:
            _say_who_was_told(request, said)
            return redirect("usecases:discussion", reference=reference)
    return _thread(request, use_case, form)


def _say_who_was_told(request: HttpRequest, said: Said) -> None:
    if said.told:
        messages.success(request, _("Told: %(names)s.") % {"names": ", ".join(said.told)})
    if said.untold:
        text = _("Not told: %(names)s. Nobody of this name may see this use case; they would have to join its team.")
        messages.warning(request, text % {"names": ", ".join(f"@{name}" for name in said.untold)})


def _thread(request: HttpRequest, use_case: UseCase, form: forms.Form) -> HttpResponse:
    actor, before = actor_of(request), request.GET.get("before", "")[:40]
    found = Comment.objects.filter(about=use_case.reference).select_related("author", "withdrawn_by").order_by("-id")
    if before:
        try:
            found = found.filter(pk__lt=uuid.UUID(before))
        except ValueError:
            found = found.none()
    rows = list(found[: PAGE + 1])
    entries = [_entry(actor, use_case, comment) for comment in rows[:PAGE]]
    context = {
        "use_case": use_case,
        "entries": entries,
        "form": form,
        "older": str(rows[PAGE - 1].pk) if len(rows) > PAGE else "",
    }
    return render(request, "usecases/discussion.html", context, status=422 if form.is_bound else 200)


def _entry(actor: Actor, use_case: UseCase, comment: Comment) -> dict[str, object]:
    given = {"reference": use_case.reference, "pk": comment.pk}
    edit_url = reverse("usecases:edit-comment", kwargs=given)
    withdraw_url = reverse("usecases:withdraw-comment", kwargs=given)
    return {
        "comment": comment,
        "edit_url": edit_url if policies.may_edit_comment(actor, comment) else "",
        "withdraw_url": withdraw_url if policies.may_withdraw_comment(actor, comment) else "",
    }


@require_safe
def mentionable(request: HttpRequest, reference: str) -> HttpResponse:
    """People who may see this use case and whose name begins like the mention being typed, as a fragment."""
    use_case = fetch(request, reference)
    begun = _BEGUN.search(request.GET.get("text", "")[-200:])
    people = people_who_see(use_case)
    if begun:
        people = people.filter(Q(username__istartswith=begun[1]) | Q(name__istartswith=begun[1])).order_by("name")
    context = {"people": people[:SUGGESTED] if begun else []}
    return render(request, "usecases/_mentionable.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, reference: str, pk: uuid.UUID) -> HttpResponse:
    use_case = fetch(request, reference)
    comment = _comment(use_case, pk)
    form = CommentForm(posted(request), initial={"text": comment.text})
    given = {"actor": actor_of(request), "use_case": use_case, "comment": comment}
    if request.method == "POST" and carried_out(form, edit_comment, **given):
        messages.success(request, _("The comment was changed; its earlier words are kept."))
        return redirect("usecases:discussion", reference=reference)
    context = {"use_case": use_case, "form": form, "ruling": policies.may_edit_comment(actor_of(request), comment)}
    return render(request, "usecases/edit_comment.html", context, status=422 if form.is_bound else 200)


@form_only("usecases:discussion", "reference")
def withdraw(request: HttpRequest, reference: str, pk: uuid.UUID) -> HttpResponse:
    use_case = fetch(request, reference)
    withdraw_comment(actor=actor_of(request), use_case=use_case, comment=_comment(use_case, pk))
    messages.success(request, _("The comment was withdrawn."))
    return redirect("usecases:discussion", reference=reference)


def _comment(use_case: UseCase, pk: uuid.UUID) -> Comment:
    """A comment of this use case's thread that stands, or 404."""
    standing = Comment.objects.filter(about=use_case.reference, withdrawn_at__isnull=True)
    return get_object_or_404(standing.select_related("author"), pk=pk)
