"""A cast, not users A and B. Everyone's grants are what the demo gives them."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from portal import actors
from portal.actors import Actor
from portal.choices import Role, Scope
from portal.models import BusinessUnit, Grant, ServiceAccount, User

# name: (title, unit, [(role, scope unit or None for the organisation)])
PEOPLE: dict[str, tuple[str, str, list[tuple[str, str | None]]]] = {
    "olivia": ("Head of customer service", "Customer service", [(Role.OWNER, "Customer service")]),
    "arno": ("Solution architect", "Technology", [(Role.ARCHITECT, None)]),
    "rafael": ("Risk reviewer", "Risk", [(Role.RISK, None)]),
    "amina": ("Approver", "Executive office", [(Role.APPROVER, None)]),
    "sam": ("Security officer", "Technology", [(Role.SECURITY, None)]),
    "priya": ("Privacy officer", "Risk", [(Role.PRIVACY, None)]),
    "leo": ("Legal counsel", "Risk", [(Role.LEGAL, None)]),
    "dev": ("Engineer", "Technology", [(Role.ENGINEER, None)]),
    "petra": ("Platform lead", "Technology", [(Role.PLATFORM, None)]),
    "fiona": ("Finance partner", "Finance", [(Role.FINANCE, None)]),
    "aud": ("Auditor", "Internal audit", [(Role.AUDITOR, None)]),
    "otto": ("Nobody in particular", "Facilities", []),
    "admin": ("Administrator", "Technology", [(Role.ADMINISTRATOR, None)]),
}
PASSWORD = "correct horse battery staple"


@dataclass
class Cast:
    people: dict[str, User] = field(default_factory=dict)
    units: dict[str, BusinessUnit] = field(default_factory=dict)
    accounts: dict[str, ServiceAccount] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def actor(self, name: str) -> Actor:
        """The named person, or service account with every scope, as an actor with fresh grants."""
        if name in self.accounts:
            return actors.service(self.accounts[name], frozenset(Scope.values))
        return actors.person(self.people[name])


def assemble() -> Cast:
    cast = Cast()
    now = timezone.now() - timedelta(minutes=1)
    top = BusinessUnit.objects.create(name="Northwind Bank")
    cast.units["Northwind Bank"] = top
    for unit in sorted({unit for _title, unit, _grants in PEOPLE.values()}):
        cast.units[unit] = BusinessUnit.objects.create(name=unit, parent=top)
    for username, (title, unit, _grants) in PEOPLE.items():
        person = User(
            username=username,
            name=username.capitalize(),
            title=title,
            email=f"{username}@example.org",
            unit=cast.units[unit],
        )
        person.set_password(PASSWORD)
        person.save()
        cast.people[username] = person
    for username, (_title, _unit, grants) in PEOPLE.items():
        for role, scope in grants:
            _grant(cast, role, scope, now, person=cast.people[username])
    for name, role in (("pipeline", Role.PIPELINE), ("ingest", Role.INGEST)):
        cast.accounts[name] = ServiceAccount.objects.create(name=name, owner=cast.people["petra"])
        _grant(cast, role, None, now, service_account=cast.accounts[name])
    return cast


def _grant(cast: Cast, role: str, scope: str | None, since: object, **holder: object) -> None:
    Grant.objects.create(
        role=role, unit=cast.units[scope] if scope else None, valid_from=since, granted_by=None, reason="cast", **holder
    )
