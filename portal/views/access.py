"""Giving and ending roles, issuing and revoking tokens."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.actions.people import end_grant as end
from portal.actions.people import give_grant as give
from portal.actions.tokens import issue_token, revoke_token
from portal.forms import GrantForm, TokenForm
from portal.http import Request
from portal.models import ApiToken, Grant, ServiceAccount, User
from portal.views.people import account_page, administrators_only, person_page


@require_POST
def give_grant(request: Request, kind: str, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    holder = _holder(kind, pk)
    form = GrantForm(request.POST, for_machine=kind == "account")
    if form.is_valid():
        give(actor=request.actor, holder=holder, **form.cleaned_data)
        messages.success(request, _("The role was given."))
        return _back_to(holder)
    if isinstance(holder, User):
        return person_page(request, holder, form, status=422)
    return account_page(request, holder, form, TokenForm(), status=422)


@require_POST
def end_grant(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    grant = end(actor=request.actor, grant=get_object_or_404(Grant, pk=pk))
    messages.success(request, _("The role was ended."))
    holder = grant.person or grant.service_account
    return _back_to(holder) if holder else redirect("people")


@require_POST
def issue(request: Request, pk: uuid.UUID) -> HttpResponse:
    """The token is on the answer's page once and nowhere else, so this answers directly instead of redirecting."""
    administrators_only(request)
    account = get_object_or_404(ServiceAccount.objects.select_related("owner"), pk=pk)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return account_page(request, account, GrantForm(for_machine=True), form, status=422)
    _token, text = issue_token(actor=request.actor, account=account, **form.cleaned_data)
    return account_page(request, account, GrantForm(for_machine=True), TokenForm(), new_token=text)


@require_POST
def revoke(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    token = revoke_token(actor=request.actor, token=get_object_or_404(ApiToken, pk=pk))
    messages.success(request, _("The token no longer opens anything."))
    return redirect("service-account", pk=token.account_id)


def _holder(kind: str, pk: uuid.UUID) -> User | ServiceAccount:
    if kind == "person":
        return get_object_or_404(User, pk=pk)
    if kind == "account":
        return get_object_or_404(ServiceAccount.objects.select_related("owner"), pk=pk)
    raise Http404


def _back_to(holder: User | ServiceAccount) -> HttpResponse:
    return redirect("person" if isinstance(holder, User) else "service-account", pk=holder.pk)
