"""People and machines: the register, one holder's page, and adding them."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Count, Prefetch, Q
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal import handover, policies
from portal.access import organisation_capabilities
from portal.actions import people as verbs
from portal.actions.messages import mark_all_read, mark_read
from portal.forms import DeactivationForm, GrantForm, PersonForm, ServiceAccountForm, TokenForm
from portal.http import Request, form_only
from portal.leaving import holdings_of
from portal.models import ServiceAccount, User
from portal.querysets import standing_grants
from portal.views.confirmations import Question, ask, deactivating, ending, revoking

SHOWN = 200


def administrators_only(request: Request) -> None:
    """These pages do not exist for others. Raises Http404."""
    if not {"manage_people", "issue_tokens"} & organisation_capabilities(request.actor):
        raise Http404


@require_safe
def people(request: Request) -> HttpResponse:
    administrators_only(request)
    sought = request.GET.get("q", "").strip()[:80]
    standing = Prefetch("grants", standing_grants().select_related("unit").order_by("role"), to_attr="standing")
    found = User.objects.select_related("unit").prefetch_related(standing, "groups")
    accounts = ServiceAccount.objects.select_related("owner").prefetch_related(standing)
    live = Q(tokens__revoked_at__isnull=True, tokens__expires_at__gt=timezone.now())
    if sought:
        found = found.filter(Q(name__icontains=sought) | Q(username__icontains=sought) | Q(email__icontains=sought))
        accounts = accounts.filter(name__icontains=sought)
    rows = list(found[: SHOWN + 1])
    context = {
        "people": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "accounts": accounts.annotate(live_tokens=Count("tokens", filter=live))[:SHOWN],
        "q": sought,
        "may_manage": policies.may_manage_people(request.actor),
    }
    return render(request, "portal/people.html", context)


@require_http_methods(["GET", "POST"])
def add_person(request: Request) -> HttpResponse:
    administrators_only(request)
    form = PersonForm(_typed(request))
    if request.method == "POST" and form.is_valid():
        person = verbs.add_person(actor=request.actor, **form.cleaned_data)
        messages.success(request, _("%(name)s was added. Give a role next.") % {"name": person.name})
        return redirect("person", pk=person.pk)
    return _form(request, form, _("Add a person"), _("Add this person"))


@require_http_methods(["GET", "POST"])
def add_service_account(request: Request) -> HttpResponse:
    administrators_only(request)
    form = ServiceAccountForm(_typed(request))
    if request.method == "POST" and form.is_valid():
        account = verbs.add_service_account(actor=request.actor, **form.cleaned_data)
        messages.success(request, _("%(name)s was added. Give a role, then issue a token.") % {"name": account.name})
        return redirect("service-account", pk=account.pk)
    return _form(request, form, _("Add a service account"), _("Add this account"))


@require_safe
def person(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    found = get_object_or_404(User.objects.select_related("unit"), pk=pk)
    return person_page(request, found, GrantForm(for_machine=False))


@require_safe
def service_account(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    found = get_object_or_404(ServiceAccount.objects.select_related("owner"), pk=pk)
    issued = handover.take(request.session, pk) if request.method == "GET" else ""
    return account_page(request, found, GrantForm(for_machine=True), TokenForm(), new_token=issued)


@require_http_methods(["GET", "HEAD", "POST"])
def deactivate_person(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    found = get_object_or_404(User, pk=pk)
    if request.method != "POST":
        return ask(request, _leaving(request, found))
    question = _leaving(request, found, request.POST)
    if question.ruling and question.form is not None and not question.form.is_valid():
        return ask(request, question)
    said = question.form.cleaned_data if question.ruling and question.form is not None else {}
    found = verbs.deactivate_person(actor=request.actor, person=found, **said)
    messages.success(request, _("%(name)s can no longer sign in.") % {"name": found.name})
    return redirect("person", pk=pk)


@form_only("person", "pk")
def reactivate_person(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    found = verbs.reactivate_person(actor=request.actor, person=get_object_or_404(User, pk=pk))
    messages.success(request, _("%(name)s can sign in again.") % {"name": found.name})
    return redirect("person", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def deactivate_account(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    found = get_object_or_404(ServiceAccount, pk=pk)
    if request.method != "POST":
        return ask(request, deactivating(request, found))
    found = verbs.deactivate_service_account(actor=request.actor, account=found)
    messages.success(request, _("The tokens of %(name)s no longer open anything.") % {"name": found.name})
    return redirect("service-account", pk=pk)


@form_only("service-account", "pk")
def reactivate_account(request: Request, pk: uuid.UUID) -> HttpResponse:
    administrators_only(request)
    found = verbs.reactivate_service_account(actor=request.actor, account=get_object_or_404(ServiceAccount, pk=pk))
    messages.success(request, _("%(name)s is on again. Issue a new token.") % {"name": found.name})
    return redirect("service-account", pk=pk)


@form_only("home")
def read_notice(request: Request, pk: uuid.UUID) -> HttpResponse:
    if request.actor.person is None:
        raise Http404
    mark_read(person=request.actor.person, notice_id=pk)
    return redirect("home")


@form_only("home")
def read_notices(request: Request) -> HttpResponse:
    if request.actor.person is None:
        raise Http404
    mark_all_read(person=request.actor.person)
    return redirect("home")


def person_page(request: Request, found: User, grant_form: GrantForm, status: int = 200) -> HttpResponse:
    context = _frame(request, found, grant_form) | {"is_person": True, "identities": found.identities.all()}
    return render(request, "portal/holder.html", context, status=status)


def _leaving(request: Request, person: User, typed: QueryDict | None = None) -> Question:
    """The question with what the person holds and, for that, the field that names a stand-in."""
    holds = holdings_of(person) if person.is_active else []
    return deactivating(request, person, DeactivationForm(typed, person=person, holds=bool(holds)), holds)


def account_page(
    request: Request,
    found: ServiceAccount,
    grant_form: GrantForm,
    token_form: TokenForm,
    status: int = 200,
    new_token: str = "",
) -> HttpResponse:
    tokens = list(found.tokens.select_related("created_by").order_by("-created_at")[:SHOWN])
    for token in tokens:
        token.account = found
    now = timezone.now()
    context = _frame(request, found, grant_form) | {
        "is_person": False,
        "tokens": [
            {
                "row": token,
                "expired": token.expires_at <= now,
                "question": revoking(token, ruling) if ruling else None,
            }
            for token in tokens
            for ruling in [policies.may_revoke_token(request.actor, token)]
        ],
        "token_form": token_form,
        "may_issue": policies.may_issue_token(request.actor, found),
        "new_token": new_token,
    }
    return render(request, "portal/holder.html", context, status=status)


def _frame(request: Request, holder: User | ServiceAccount, grant_form: GrantForm) -> dict[str, Any]:
    standing = standing_grants() & holder.grants.select_related("person", "service_account", "unit", "granted_by")
    held = standing.order_by("-valid_from")[:SHOWN]
    may_manage = policies.may_manage_people(request.actor)
    return {
        "holder": holder,
        "grants": [{"row": grant, "question": ending(grant, may_manage)} for grant in held],
        "grant_form": grant_form,
        "may_manage": may_manage,
        "may_give": policies.may_give_roles(request.actor, holder),
        "deactivation": _leaving(request, holder) if isinstance(holder, User) else deactivating(request, holder),
        "may_reactivate": policies.may_reactivate(request.actor, holder),
    }


def _typed(request: Request) -> QueryDict | None:
    """What was sent, even when that is nothing; None when the form is only asked for."""
    return request.POST if request.method == "POST" else None


def _form(request: Request, form: Any, title: str, label: str) -> HttpResponse:
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "portal/form.html", {"form": form, "title": title, "label": label}, status=status)
