"""People and machines, their roles and their tokens."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal import policies
from portal.access import organisation_capabilities
from portal.actions import people as verbs
from portal.actions.messages import mark_read
from portal.actions.tokens import issue_token, revoke_token
from portal.forms import GrantForm, PersonForm, ServiceAccountForm, TokenForm
from portal.models import ApiToken, Grant, ServiceAccount, User


def _administrators_only(request: HttpRequest) -> None:
    """These pages do not exist for others."""
    if not {"manage_people", "issue_tokens"} & organisation_capabilities(request.actor):  # type: ignore[attr-defined]
        raise Http404


def _standing() -> Q:
    return Q(valid_until__isnull=True) | Q(valid_until__gt=timezone.now())


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    _administrators_only(request)
    sought = request.GET.get("q", "").strip()[:80]
    found = User.objects.select_related("unit").prefetch_related("grants__unit", "groups")
    if sought:
        found = found.filter(Q(name__icontains=sought) | Q(username__icontains=sought) | Q(email__icontains=sought))
    context = {
        "people": found[:200],
        "accounts": ServiceAccount.objects.select_related("owner").prefetch_related("grants__unit", "tokens")[:200],
        "q": sought,
        "may_manage": policies.may_manage_people(request.actor),  # type: ignore[attr-defined]
    }
    return render(request, "portal/people.html", context)


@require_http_methods(["GET", "POST"])
def add_person(request: HttpRequest) -> HttpResponse:
    _administrators_only(request)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = verbs.add_person(actor=request.actor, **form.cleaned_data)  # type: ignore[attr-defined]
        messages.success(request, _("%(name)s was added. Give a role next.") % {"name": person.name})
        return redirect("person", pk=person.pk)
    return _form(request, form, _("Add a person"), _("Add this person"))


@require_http_methods(["GET", "POST"])
def add_service_account(request: HttpRequest) -> HttpResponse:
    _administrators_only(request)
    form = ServiceAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        account = verbs.add_service_account(actor=request.actor, **form.cleaned_data)  # type: ignore[attr-defined]
        return redirect("service-account", pk=account.pk)
    return _form(request, form, _("Add a service account"), _("Add this account"))


@require_safe
def person(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    _administrators_only(request)
    found = get_object_or_404(User.objects.select_related("unit").prefetch_related("identities", "groups"), pk=pk)
    return _holder(request, found, GrantForm(), TokenForm())


@require_safe
def service_account(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    _administrators_only(request)
    found = get_object_or_404(ServiceAccount.objects.select_related("owner"), pk=pk)
    return _holder(request, found, GrantForm(), TokenForm())


@require_POST
def give_grant(request: HttpRequest, kind: str, pk: uuid.UUID) -> HttpResponse:
    _administrators_only(request)
    holder: User | ServiceAccount = get_object_or_404(User if kind == "person" else ServiceAccount, pk=pk)
    form = GrantForm(request.POST)
    if not form.is_valid():
        return _holder(request, holder, form, TokenForm(), status=422)
    verbs.give_grant(actor=request.actor, holder=holder, **form.cleaned_data)  # type: ignore[attr-defined]
    messages.success(request, _("The role was given."))
    return _back_to(holder)


@require_POST
def end_grant(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    _administrators_only(request)
    grant = get_object_or_404(Grant.objects.select_related("person", "service_account"), pk=pk)
    verbs.end_grant(actor=request.actor, grant=grant)  # type: ignore[attr-defined]
    messages.success(request, _("The role was ended."))
    holder = grant.person or grant.service_account
    return _back_to(holder) if holder else redirect("people")


@require_POST
def deactivate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    _administrators_only(request)
    found = verbs.deactivate_person(actor=request.actor, person=get_object_or_404(User, pk=pk))  # type: ignore[attr-defined]
    messages.success(request, _("%(name)s can no longer sign in.") % {"name": found.name})
    return redirect("person", pk=pk)


@require_POST
def issue(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The token is on the answer's page once and nowhere else, so this answers directly instead of redirecting."""
    _administrators_only(request)
    account = get_object_or_404(ServiceAccount, pk=pk)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _holder(request, account, GrantForm(), form, status=422)
    _token, text = issue_token(actor=request.actor, account=account, **form.cleaned_data)  # type: ignore[attr-defined]
    return _holder(request, account, GrantForm(), TokenForm(), new_token=text)


@require_POST
def revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    _administrators_only(request)
    token = get_object_or_404(ApiToken.objects.select_related("account"), pk=pk)
    revoke_token(actor=request.actor, token=token)  # type: ignore[attr-defined]
    messages.success(request, _("The token no longer opens anything."))
    return redirect("service-account", pk=token.account_id)


@require_POST
def read_notice(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    mark_read(person=actor.person, notice_id=pk)
    return redirect("home")


def _holder(
    request: HttpRequest,
    holder: User | ServiceAccount,
    grant_form: GrantForm,
    token_form: TokenForm,
    status: int = 200,
    new_token: str = "",
) -> HttpResponse:
    is_person = isinstance(holder, User)
    actor = request.actor  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "holder": holder,
        "is_person": is_person,
        "grants": holder.grants.filter(_standing()).select_related("unit", "granted_by").order_by("-valid_from"),
        "grant_form": grant_form,
        "may_grant": policies.may_manage_people(actor),
        "new_token": new_token,
    }
    if is_person:
        context["may_deactivate"] = policies.may_deactivate(actor, holder)
    else:
        context |= {
            "tokens": holder.tokens.select_related("created_by").order_by("-created_at"),
            "token_form": token_form,
            "may_issue": policies.may_issue_token(actor, holder),
        }
    return render(request, "portal/holder.html", context, status=status)


def _back_to(holder: User | ServiceAccount) -> HttpResponse:
    return redirect("person" if isinstance(holder, User) else "service-account", pk=holder.pk)


def _form(request: HttpRequest, form: Any, title: str, label: str) -> HttpResponse:
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "portal/form.html", {"form": form, "title": title, "label": label}, status=status)
