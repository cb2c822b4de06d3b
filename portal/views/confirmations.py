"""Asking once more before access ends: the same question as a dialog over the page and as a page of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import policies
from portal.access import Ruling
from portal.http import Request
from portal.models import ApiToken, Grant, ServiceAccount, User


@dataclass(frozen=True)
class Question:
    """What would end, said by name; `id` is the dialog's, `url` takes the answer, `back` leaves all as it is."""

    id: str
    title: str
    text: str
    label: str
    url: str
    back: str
    ruling: Ruling
    # What else has to be said for it, and what the one who leaves holds.
    form: Form | None = None
    holds: Sequence[str] = ()


def ask(request: Request, question: Question) -> HttpResponse:
    """The question as a page, for whoever has no script."""
    refused = question.form is not None and bool(question.form.errors)
    return render(request, "portal/confirm.html", {"question": question}, status=422 if refused else 200)


def page_of(holder: User | ServiceAccount | None) -> str:
    """The page about this holder; a group has none of its own."""
    if holder is None:
        return reverse("people")
    return reverse("person" if isinstance(holder, User) else "service-account", kwargs={"pk": holder.pk})


def ending(grant: Grant, ruling: Ruling) -> Question:
    holder = grant.person or grant.service_account
    words = {
        "role": str(grant.get_role_display()),
        "where": grant.unit.name if grant.unit else _("the whole organisation"),
        "name": holder.name if holder else str(grant.group),
    }
    return Question(
        id=f"end-{grant.pk}",
        title=_("End the role of %(name)s?") % words,
        text=_("%(role)s, %(where)s: %(name)s loses this role at once. What was done with it stays as it is.") % words,
        label=_("End this role"),
        url=reverse("end-grant", kwargs={"pk": grant.pk}),
        back=page_of(holder),
        ruling=ruling,
    )


def revoking(token: ApiToken, ruling: Ruling) -> Question:
    words = {"label": token.label, "prefix": token.prefix, "account": token.account.name}
    return Question(
        id=f"revoke-{token.pk}",
        title=_("Revoke the token “%(label)s”?") % words,
        text=_(
            "“%(label)s” (%(prefix)s…) of %(account)s opens nothing from the next request on. "
            "This cannot be taken back; a new token can be issued."
        )
        % words,
        label=_("Revoke this token"),
        url=reverse("revoke-token", kwargs={"pk": token.pk}),
        back=page_of(token.account),
        ruling=ruling,
    )


def deactivating(
    request: Request, holder: User | ServiceAccount, form: Form | None = None, holds: Sequence[str] = ()
) -> Question:
    if isinstance(holder, User):
        text = _(
            "%(name)s is signed out at once and can no longer sign in; the tokens of service accounts that %(name)s "
            "owns are revoked. The account can be switched on again, the tokens cannot."
        )
    else:
        text = _(
            "The tokens of %(name)s are revoked at once and for good. The account can be switched on again and then "
            "needs a new token."
        )
    name = "deactivate-person" if isinstance(holder, User) else "deactivate-service-account"
    return Question(
        id="deactivate",
        title=_("Switch off %(name)s?") % {"name": holder.name},
        text=text % {"name": holder.name},
        label=_("Switch this account off"),
        url=reverse(name, kwargs={"pk": holder.pk}),
        back=page_of(holder),
        ruling=policies.may_deactivate(request.actor, holder),
        form=form,
        holds=holds,
    )
