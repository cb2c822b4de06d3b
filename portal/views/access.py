"""Giving and ending roles, issuing and revoking tokens."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal import handover, policies
from portal.actions.people import end_grant as end
from portal.actions.people import give_grant as give
from portal.actions.tokens import issue_token, revoke_token
from portal.forms import GrantForm, TokenForm
from portal.http import Request, form_only
from portal.models import ApiToken, Grant, ServiceAccount, User
from portal.views.confirmations import ask, ending, page_of, revoking
from portal.views.people import account_page, administrators_only, person_page


@form_only("people")
def give_grant(request: Request, kind: str, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    holder = _holder(kind, pk)
    form = GrantForm(request.POST, for_machine=kind == "account")
    if form.is_valid():
        give(actor=request.actor, holder=holder, **form.cleaned_data)
        messages.success(request, _("The role was given."))
        return redirect(page_of(holder))
    if isinstance(holder, User):
        return person_page(request, holder, form, status=422)
    return account_page(request, holder, form, TokenForm(), status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def end_grant(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    known = Grant.objects.select_related("person", "group", "service_account", "unit")
    grant = get_object_or_404(known, pk=pk)
    if request.method != "POST":
        return ask(request, ending(grant, policies.may_end_grant(request.actor, grant)))
    grant = end(actor=request.actor, grant=grant)
    messages.success(request, _("The role was ended."))
    return redirect(page_of(grant.person or grant.service_account))


@form_only("service-account", "pk")
def issue(request: Request, pk: uuid.UUID) -> HttpResponse:
    """The page that follows shows the token once; reloading it neither issues nor shows another."""
    administrators_only(request)
    account = get_object_or_404(ServiceAccount.objects.select_related("owner"), pk=pk)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return account_page(request, account, GrantForm(for_machine=True), form, status=422)
    _token, text = issue_token(actor=request.actor, account=account, **form.cleaned_data)
    handover.keep(request.session, account.pk, text)
    return redirect(page_of(account))


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    token = get_object_or_404(ApiToken.objects.select_related("account"), pk=pk)
    if request.method != "POST":
        return ask(request, revoking(token, policies.may_revoke_token(request.actor, token)))
    token = revoke_token(actor=request.actor, token=token)
    messages.success(request, _("The token no longer opens anything."))
    return redirect(page_of(token.account))


def _holder(kind: str, pk: uuid.UUID) -> User | ServiceAccount:
    if kind == "person":
        return get_object_or_404(User, pk=pk)
    if kind == "account":
        return get_object_or_404(ServiceAccount.objects.select_related("owner"), pk=pk)
    raise Http404
