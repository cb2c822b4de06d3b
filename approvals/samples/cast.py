"""The people of the sample organisation: units, accounts, grants and tokens, given by its administrator."""

from typing import Any

from django.db import transaction

from approvals.samples.content import organisation
from portal import actors
from portal.actions import people as verbs
from portal.actions.tokens import issue_token
from portal.actors import Actor
from portal.choices import Role
from portal.models import BusinessUnit, Grant, ServiceAccount, User

# Known to everybody who reads the README: the demo listens on this machine only.
PASSWORD = "through-the-gate"  # noqa: S105


def actor(username: str) -> Actor:
    """The named person, acting now."""
    return actors.person(User.objects.get(username=username))


@transaction.atomic
def assemble() -> None:
    """Everybody who is not there yet."""
    data = organisation()
    boss = data["administrator"]
    if not User.objects.filter(username=boss["username"]).exists():
        verbs.create_first_administrator(username=boss["username"], name=boss["name"], password=PASSWORD)
    admin = actor(boss["username"])
    top = BusinessUnit.objects.filter(name=data["organisation"], parent=None).first()
    top = top or verbs.add_business_unit(actor=admin, name=data["organisation"], parent=None)
    units = {unit.name: unit for unit in BusinessUnit.objects.filter(parent=top)}
    for name in data["units"]:
        if name not in units:
            units[name] = verbs.add_business_unit(actor=admin, name=name, parent=top)
    for entry in data["people"]:
        _person(admin, entry, units)
    for entry in data["service_accounts"]:
        _account(admin, entry)


def _person(admin: Actor, entry: dict[str, Any], units: dict[str, BusinessUnit]) -> None:
    person = User.objects.filter(username=entry["username"]).first() or verbs.add_person(
        actor=admin,
        username=entry["username"],
        name=entry["name"],
        email=f"{entry['username']}@northwind-bank.example",
        title=entry["title"],
        unit=units[entry["unit"]],
        password=PASSWORD,
    )
    for role, unit in entry["roles"]:
        scope = units[unit] if unit else None
        if not Grant.objects.filter(person=person, role=role, unit=scope).exists():
            verbs.give_grant(actor=admin, holder=person, role=role, unit=scope, reason="Their work")


def _account(admin: Actor, entry: dict[str, Any]) -> None:
    account = ServiceAccount.objects.filter(name=entry["name"]).first() or verbs.add_service_account(
        actor=admin, name=entry["name"], owner=User.objects.get(username=entry["owner"])
    )
    if not Grant.objects.filter(service_account=account).exists():
        verbs.give_grant(actor=admin, holder=account, role=entry["role"], unit=None, reason="Sample data")


def tokens(known: dict[str, str]) -> dict[str, str]:
    """Tokens by the name the demo's file gives them; those still known are kept, the others issued anew."""
    admin = actor(organisation()["administrator"]["username"])
    found = {}
    for entry in organisation()["service_accounts"]:
        account = ServiceAccount.objects.get(name=entry["name"])
        text = known.get(entry["token"], "")
        if text and account.tokens.filter(prefix=text.partition(".")[0], revoked_at=None).exists():
            found[entry["token"]] = text
            continue
        _row, found[entry["token"]] = issue_token(
            actor=admin, account=account, label="Sample data", scopes=entry["scopes"], days=365
        )
    return found


def sign_ins() -> list[dict[str, str]]:
    """Who may sign in to look around, with what they do."""
    data = organisation()
    rows = [
        {
            "username": entry["username"],
            "password": PASSWORD,
            "name": entry["name"],
            "role": ", ".join(str(Role(role).label).lower() for role, _unit in entry["roles"])
            or "nobody in particular",
        }
        for entry in data["people"]
    ]
    boss = data["administrator"]
    rows.append({"username": boss["username"], "password": PASSWORD, "name": boss["name"], "role": "administrator"})
    return rows
