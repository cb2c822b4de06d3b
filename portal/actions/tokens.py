"""Tokens of service accounts: shown once, stored as a digest, bounded in scope and time."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal import policies
from portal.access import require
from portal.actors import Actor
from portal.api.authentication import new_token
from portal.audit import record
from portal.choices import Scope
from portal.models import ApiToken, ServiceAccount


@transaction.atomic
def issue_token(
    *, actor: Actor, account: ServiceAccount, label: str, scopes: list[str], days: int = 90
) -> tuple[ApiToken, str]:
    """(the row, the token to hand over once). `days` is 1 to 365."""
    account = ServiceAccount.objects.select_for_update(of=("self",)).select_related("owner").get(pk=account.pk)
    require(policies.may_issue_token(actor, account))
    assert actor.person is not None
    text, prefix, digest = new_token()
    token = ApiToken.objects.create(
        account=account,
        label=label,
        prefix=prefix,
        secret_sha256=digest,
        scopes=sorted({Scope(scope).value for scope in scopes}),
        created_by=actor.person,
        expires_at=timezone.now() + timedelta(days=min(max(days, 1), 365)),
    )
    record(
        actor,
        "token.issued",
        token,
        f"issued the token “{label}” to the service account {account.name}.",
        data={"account": account.pk, "prefix": prefix, "scopes": token.scopes, "expires_at": token.expires_at},
    )
    return token, text


@transaction.atomic
def revoke_token(*, actor: Actor, token: ApiToken) -> ApiToken:
    token = ApiToken.objects.select_for_update(of=("self",)).select_related("account").get(pk=token.pk)
    require(policies.may_revoke_token(actor, token))
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    record(
        actor,
        "token.revoked",
        token,
        f"revoked the token “{token.label}” of the service account {token.account.name}.",
        data={"account": token.account_id, "prefix": token.prefix},
    )
    return token
