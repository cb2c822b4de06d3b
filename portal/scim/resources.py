"""People and groups as SCIM shows them: who is in a directory's keeping, and nobody else."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from portal.audit import plain
from portal.models import ProvisionedGroup, ProvisionedPerson, User
from portal.scim.words import ENTERPRISE, GROUP, USER

_CONDITIONS = {"username": "person__username__iexact", "externalid": "external_id", "id": "person_id"}
_GROUP_CONDITIONS = {"displayname": "group__name__iexact", "externalid": "external_id", "id": "pk"}
PERSON_FILTERS, GROUP_FILTERS = ("userName", "externalId", "id"), ("displayName", "externalId", "id")


def base() -> str:
    return f"{settings.PUBLIC_URL}/scim/v2"


def people() -> QuerySet[ProvisionedPerson]:
    groups = Prefetch("person__groups__provisioned", ProvisionedGroup.objects.all())
    return ProvisionedPerson.objects.select_related("person", "manager").prefetch_related("person__groups", groups)


def groups(*, members: bool = True) -> QuerySet[ProvisionedGroup]:
    found = ProvisionedGroup.objects.select_related("group")
    inside = User.objects.filter(provisioned__isnull=False).order_by("pk")
    return found.prefetch_related(Prefetch("group__user_set", inside, to_attr="people")) if members else found


def narrowed(rows: Any, condition: tuple[str, str] | None, *, of_groups: bool) -> Any:
    """Those for which the filter holds; an id that is none finds nobody."""
    if condition is None:
        return rows
    name, value = condition
    if name == "id" and len(value.replace("-", "")) != 32:
        return rows.none()
    return rows.filter(**{(_GROUP_CONDITIONS if of_groups else _CONDITIONS)[name]: value})


def user(row: ProvisionedPerson) -> dict[str, Any]:
    person = row.person
    body: dict[str, Any] = {
        "schemas": [USER, ENTERPRISE],
        "id": str(person.pk),
        "userName": person.username,
        "displayName": person.name,
        "name": {"formatted": person.name, "givenName": row.given_name, "familyName": row.family_name},
        "active": person.is_active,
        "title": person.title,
        "emails": [{"value": person.email, "type": "work", "primary": True}] if person.email else [],
        "groups": [
            {"value": str(group.provisioned.pk), "display": group.name}
            for group in person.groups.all()
            if hasattr(group, "provisioned")
        ],
        "meta": _meta("User", str(person.pk), row.created_at, row.changed_at),
    }
    if row.external_id:
        body["externalId"] = row.external_id
    if row.manager is not None:
        body[ENTERPRISE] = {"manager": {"value": str(row.manager.pk), "displayName": row.manager.name}}
    return body


def group(row: ProvisionedGroup, *, members: bool = True) -> dict[str, Any]:
    body: dict[str, Any] = {
        "schemas": [GROUP],
        "id": str(row.pk),
        "displayName": row.group.name,
        "meta": _meta("Group", str(row.pk), row.created_at, row.changed_at),
    }
    if members:
        inside = row.group.people  # type: ignore[attr-defined]
        body["members"] = [{"value": str(each.pk), "display": each.name, "type": "User"} for each in inside]
    if row.external_id:
        body["externalId"] = row.external_id
    return body


def _meta(kind: str, key: str, made: datetime, changed: datetime) -> dict[str, str]:
    return {
        "resourceType": kind,
        "created": plain(made),
        "lastModified": plain(changed),
        "location": f"{base()}/{kind}s/{key}",
    }
