"""Every constraint of the ground floor, broken on purpose."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from portal.choices import Role
from portal.models import ApiToken, BusinessUnit, Grant, IdempotencyKey, Identity, ServiceAccount, User
from tests.cast import Cast


def _refused(constraint: str, act: Any) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        act()


def _grant(cast: Cast, **changes: Any) -> Grant:
    values: dict[str, Any] = {"person": cast.otto, "role": Role.OWNER, "valid_from": timezone.now()}
    return Grant.objects.create(**values | changes)


def test_a_person_is_never_superuser(cast: Cast) -> None:
    _refused("person_is_never_superuser", lambda: User.objects.filter(pk=cast.otto.pk).update(is_superuser=True))


def test_a_person_has_a_name(cast: Cast) -> None:
    _refused("person_name_is_not_blank", lambda: User.objects.filter(pk=cast.otto.pk).update(name=""))


def test_a_sign_in_name_is_one_persons_in_any_case(cast: Cast) -> None:
    _refused("person_username_is_unique_in_any_case", lambda: User.objects.create(username="OTTO", name="Other"))


def test_an_identity_is_one_person_and_complete(cast: Cast) -> None:
    Identity.objects.create(user=cast.otto, issuer="https://i", subject="s")
    _refused("identity_is_one_person", lambda: Identity.objects.create(user=cast.dev, issuer="https://i", subject="s"))
    _refused("identity_is_complete", lambda: Identity.objects.create(user=cast.dev, issuer="https://i", subject=""))
    _refused("identity_is_complete", lambda: Identity.objects.create(user=cast.dev, issuer="", subject="s"))


def test_a_unit_has_a_name_of_its_own_among_its_siblings(cast: Cast) -> None:
    top = cast.units["Northwind Bank"]
    _refused("business_unit_name_is_not_blank", lambda: BusinessUnit.objects.create(name="", parent=top))
    _refused("business_unit_name_is_unique_in_parent", lambda: BusinessUnit.objects.create(name="Risk", parent=top))
    _refused("business_unit_name_is_unique_in_parent", lambda: BusinessUnit.objects.create(name="Northwind Bank"))
    BusinessUnit.objects.create(name="Risk", parent=cast.units["Finance"])


def test_a_service_account_has_a_name_of_its_own(cast: Cast) -> None:
    _refused("service_account_name_is_not_blank", lambda: ServiceAccount.objects.create(name="", owner=cast.petra))
    _refused("service_account_name", lambda: ServiceAccount.objects.create(name="ingest", owner=cast.petra))


def test_a_grant_has_exactly_one_holder(cast: Cast) -> None:
    _refused("grant_has_one_holder", lambda: _grant(cast, person=None))
    _refused("grant_has_one_holder", lambda: _grant(cast, service_account=cast.accounts["ingest"]))


def test_a_grant_ends_after_it_starts(cast: Cast) -> None:
    now = timezone.now()
    _refused("grant_ends_after_it_starts", lambda: _grant(cast, valid_from=now, valid_until=now))
    _refused("grant_ends_after_it_starts", lambda: _grant(cast, valid_from=now, valid_until=now - timedelta(days=1)))


def test_a_grant_is_not_to_oneself(cast: Cast) -> None:
    _refused("grant_is_not_to_oneself", lambda: _grant(cast, person=cast.admin, granted_by=cast.admin))
    given = _grant(cast, person=cast.otto, granted_by=cast.admin)
    _refused("grant_is_not_to_oneself", lambda: Grant.objects.filter(pk=given.pk).update(granted_by=cast.otto))


def test_a_grants_role_is_known(cast: Cast) -> None:
    _refused("grant_role_is_known", lambda: _grant(cast, role="emperor"))


def test_a_token_lives_a_year_at_most(cast: Cast) -> None:
    def issue(days: int, prefix: str) -> None:
        ApiToken.objects.create(
            account=cast.accounts["ingest"],
            label="t",
            prefix=prefix,
            secret_sha256=bytes(32),
            scopes=[],
            created_by=cast.admin,
            expires_at=timezone.now() + timedelta(days=days),
        )

    _refused("api_token_lives_a_year_at_most", lambda: issue(367, "a"))
    issue(365, "b")
    _refused("prefix", lambda: issue(1, "b"))


def test_an_idempotency_key_is_used_once_an_actor(db: None) -> None:
    def use(actor: str) -> None:
        IdempotencyKey.objects.create(actor=actor, key="k", method="POST", path="/", request_sha256=bytes(32))

    use("one")
    use("two")
    _refused("idempotency_key_is_used_once", lambda: use("one"))


@pytest.mark.parametrize("victim", ["person", "unit", "service account"])
def test_what_grants_and_history_rest_on_is_not_deleted(cast: Cast, victim: str) -> None:
    row = {"person": cast.olivia, "unit": cast.units["Customer service"], "service account": cast.accounts["ingest"]}
    with pytest.raises(ProtectedError):
        row[victim].delete()
    assert type(row[victim]).objects.filter(pk=row[victim].pk).exists()
