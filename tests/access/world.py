"""One small world for the access matrix and the query budgets, built by the product's own verbs and only looked at.

UC-0001 is Olivia's in customer service, with one of everything. UC-0002 is Fiona's in finance, restricted, with what a
stranger might guess at. Rows name objects as `@release`; `World.pk` knows them.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.middleware.csrf import CSRF_SESSION_KEY
from django.test import Client, override_settings
from django.test.client import ClientHandler
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string

from approvals.actions.attestations import issue_attestation
from approvals.actions.releases import propose_release
from evidence.actions.connectors import allow_host, create_connector
from evidence.actions.syncs import request_sync
from evidence.actions.usage import Target, record_usage
from portal.actions.absences import set_absence
from portal.actions.people import deactivate_person
from portal.actions.tokens import issue_token
from portal.choices import Role, Scope
from portal.models import Grant, Notice, User
from portal.models.absences import today
from tests import databases
from tests.approvals.story import approved
from tests.cast import Cast, assemble
from tests.evidence.scenes import case, recorded, usage, version_of
from tests.usecases.importing.scenes import checked
from tests.usecases.scenes import MODERATE, cleared, registered, source_of
from usecases.actions.components import catalogue_component, set_retirement
from usecases.actions.data_sources import approve_data_use, request_data_use
from usecases.actions.discovery import answer_question
from usecases.actions.discussion import comment_on
from usecases.actions.documents import add_document
from usecases.actions.registration import edit_use_case
from usecases.actions.retirements import review_retirements
from usecases.actions.risk_reviews import conclude_risk_review, submit_risk_review
from usecases.actions.saved_views import save_view
from usecases.actions.stewardship import request_handover, request_to_join
from usecases.catalogue import components_of, todays_date
from usecases.models import SystemVersion, UseCase, WorkItem

PEOPLE = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "otto", "admin")
MACHINES = ("pipeline", "ingest")
NOBODY, GONE, POWERLESS = "anonymous", "somebody switched off", "a token without scopes"
JSON = "application/json"
MLFLOW = {"base_url": "https://mlflow.example.org"}
GROUNDED = {"metric": "grounded", "dimension": "groundedness", "scale_min": 0, "scale_max": 1}
GROUNDED |= {"direction": "higher", "threshold": "0.7"}


@dataclass
class World:
    cast: Cast
    # Where its files are: a test has a home of its own.
    home: Path
    pks: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    # One for all clients: each would load the middleware anew.
    handler: ClientHandler = field(default_factory=lambda: ClientHandler(enforce_csrf_checks=False))

    def filled(self, value: Any) -> Any:
        """The value with `@release` and the like replaced by the id of that object, however deep."""
        match value:
            case dict():
                return {key: self.filled(item) for key, item in value.items()}
            case list():
                return [self.filled(item) for item in value]
            case str() if value.startswith("@"):
                return self.pks[value[1:]]
            case _:
                return value

    def url(self, name: str, wanted: dict[str, Any]) -> str:
        return reverse(name, kwargs=self.filled(wanted))

    def client(self, name: str) -> Client:
        """A browser of that person, a machine with its token, or a stranger."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name in self.tokens else None
        client = Client(raise_request_exception=False, headers=headers)
        client.handler = self.handler
        if name in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[name]
        return client

    def send(self, caller: str, method: str, url: str, data: Any = None, content_type: str = "") -> Any:
        """The response, with whatever the request changed taken back."""
        client, data = self.client(caller), self.filled(data)
        api = url.startswith("/api/v1/")
        with override_settings(GATEHOUSE_HOME=self.home), transaction.atomic():
            if method == "GET":
                response = client.get(url, data or {})
            else:
                kind = content_type or (JSON if api else "application/x-www-form-urlencoded")
                response = client.generic(method, url, _encoded(data, kind), content_type=kind)
            transaction.set_rollback(True)
        return response


def _encoded(data: Any, kind: str) -> bytes | str:
    if isinstance(data, bytes | str):
        return data
    if kind.startswith(JSON):
        return json.dumps({} if data is None else data)
    return urlencode(data or {}, doseq=True)


@contextmanager
def fresh_world(blocker: Any, home: Path) -> Iterator[World]:
    """A world in a database of its own, so that references count from one; a clean one is left behind."""
    template = databases.template_name()
    with blocker.unblock():
        databases.clone(template, settings.DATABASES["default"]["NAME"])
        hasher = ["django.contrib.auth.hashers.MD5PasswordHasher"]
        with override_settings(PASSWORD_HASHERS=hasher, GATEHOUSE_HOME=home):
            yield build(home)
        databases.clone(template, settings.DATABASES["default"]["NAME"])


def build(home: Path) -> World:
    world = World(assemble(), home)
    _somebody_who_left(world)
    _first(world)
    _data(world)
    _second(world)
    _third(world)
    _sources(world)
    _imported(world)
    _planned_absence(world)
    _callers(world)
    return world


def _keep(world: World, **things: Any) -> None:
    world.pks.update({name: str(thing.pk) for name, thing in things.items()})


def _first(world: World) -> None:
    """UC-0001: cleared for pilot, with a data use, a version, an evaluation run, usage and a proposed release."""
    cast = world.cast
    use_case = cleared(cast)
    assert use_case.reference == "UC-0001"
    source = source_of(cast)
    use = request_data_use(actor=cast.actor("olivia"), use_case=use_case, data_source=source, purpose="To answer from.")
    version = version_of(cast, use_case)
    run = recorded(cast.actor("ingest"), version, *(case(f"q-{n}", grounded="0.9") for n in range(5))).run
    about = Target(use_case, version)
    record_usage(actor=cast.actor("ingest"), readings=[usage()], source="push:test", resolve=lambda _reading: about)
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="test")
    _keep(world, data_use=use, data_source=source, run=run, release=release, notice=Notice.objects.first())
    comment = comment_on(actor=cast.actor("olivia"), use_case=use_case, text="Who tries it first?").comment
    spare = source_of(cast, name="Tariffs of last year")
    _components(world, version)
    join = request_to_join(actor=cast.actor("dev"), use_case=use_case, role="engineering", message="I build it.")
    _keep(world, version=version, unit=use_case.unit, spare_source=spare, join=join, comment=comment)
    world.pks["digest"] = version.digest
    wanted = {"stage": ["pilot"], "sort": ["title"]}
    shared = save_view(actor=cast.actor("olivia"), name="Pilots", wanted=wanted, sharing="everybody")
    _keep(world, saved_view=shared)


def _components(world: World, version: SystemVersion) -> None:
    """Its model is retired soon, so there is work; an agent was added by hand; its prompt reads twice."""
    dev = world.cast.actor("dev")
    found = {component.kind: component for component in components_of(version)}
    day = todays_date() + timedelta(days=100)
    set_retirement(actor=dev, component=found["model"], retires_on=day, source="The provider's page.")
    review_retirements(released=[version.pk])
    agent = catalogue_component(actor=dev, kind="agent", name="Desk agent", version="1")
    golden = catalogue_component(actor=dev, kind="evaluation_set", name="golden", version="3")
    _keep(world, evaluation_set=golden)
    item = WorkItem.objects.get()
    _keep(world, component=found["model"], prompt=found["prompt"], agent=agent, work_item=item)


def _data(world: World) -> None:
    """A use of UC-0001 that ends soon, and a document of it."""
    cast, first = world.cast, UseCase.objects.get(number=1)
    source = source_of(cast, name="Manuals")
    asked = request_data_use(actor=cast.actor("olivia"), use_case=first, data_source=source, purpose="To look up.")
    soon = timezone.localdate() + timedelta(days=20)
    use = approve_data_use(actor=cast.actor("petra"), data_use=asked, valid_until=soon)
    document = add_document(
        actor=cast.actor("olivia"),
        use_case=first,
        title="Impact assessment",
        kind="assessment",
        owner=cast.olivia,
        content=b"%PDF-1.7\n",
        filename="assessment.pdf",
        effective_on=timezone.localdate(),
    )
    _keep(world, ending_use=use, manuals=source, document=document)


def _second(world: World) -> None:
    """UC-0002: the same in finance, then hidden from everybody but its team, risk and audit."""
    cast = world.cast
    arno, fiona, dev = cast.actor("arno"), cast.actor("fiona"), cast.actor("dev")
    use_case = registered(cast, by="arno", title="Ledger reader", owner=cast.fiona, unit=cast.units["Finance"])
    assert use_case.reference == "UC-0002"
    for question, value in MODERATE.items():
        answer_question(actor=arno, use_case=use_case, question=question, value=value)
    review = submit_risk_review(actor=arno, use_case=use_case)
    conclude_risk_review(actor=cast.actor("rafael"), review=review, tier=review.proposed_tier, rationale="As proposed.")
    source = source_of(cast, name="Ledger")
    use = request_data_use(actor=fiona, use_case=use_case, data_source=source, purpose="To read.")
    secret = {"name": "system", "version": "1", "text": "Read the ledger."}
    version = version_of(cast, use_case, prompts=[secret])
    prompt = next(component for component in components_of(version) if component.kind == "prompt")
    _keep(world, hidden_component=prompt)
    run = recorded(cast.actor("ingest"), version).run
    release = propose_release(actor=dev, use_case=version.use_case, version=version, environment="test")
    edit_use_case(actor=fiona, use_case=use_case, restricted=True)
    asked = request_handover(actor=fiona, subject=use_case, person=cast.sam)
    _keep(world, hidden_data_use=use, hidden_run=run, hidden_release=release, hidden_request=asked)


def _third(world: World) -> None:
    """UC-0003: Olivia's too, with an approved release and its attestation."""
    release = approved(world.cast)
    assert release.use_case.reference == "UC-0003"
    issue_attestation(release_id=release.pk)
    _keep(world, approved=release)


def _sources(world: World) -> None:
    """A connector with a run that gave up, one with a waiting run, an allowed host."""
    petra = world.cast.actor("petra")
    connector = create_connector(
        actor=petra, kind="mlflow", name="MLflow", config=MLFLOW, dimension_mapping=[GROUNDED], schedule_minutes=60
    )
    run = request_sync(actor=petra, connector=connector)
    file = create_connector(actor=petra, kind="focus_file", name="Costs", config={})
    host = allow_host(actor=world.cast.actor("sam"), host="mlflow.internal", port=443, reason="Runs in our network.")
    _keep(world, connector=connector, sync_run=run, file_connector=file, allowed_host=host)


def _imported(world: World) -> None:
    """A register of Olivia's that was looked at and waits to be applied."""
    _keep(world, **{"import": checked(world.cast, by="olivia")})


def _planned_absence(world: World) -> None:
    """Fiona will be away one day, and Sam acts for her then; today nobody acts for anybody."""
    cast, day = world.cast, today() + timedelta(days=200)
    absence = set_absence(
        actor=cast.actor("fiona"), person=cast.fiona, delegate=cast.sam, first_day=day, last_day=day + timedelta(days=5)
    )
    _keep(world, absence=absence)


def _callers(world: World) -> None:
    """Sessions for people, tokens for machines; one token and one grant for others to try their hands on."""
    cast, admin = world.cast, world.cast.actor("admin")
    for name in MACHINES:
        token, world.tokens[name] = issue_token(
            actor=admin, account=cast.accounts[name], label="all", scopes=list(Scope.values), days=1
        )
    _token, world.tokens[POWERLESS] = issue_token(
        actor=admin, account=cast.accounts["pipeline"], label="none", scopes=[], days=1
    )
    _keep(world, token=token, grant=Grant.objects.get(person=cast.dev))
    _keep(world, account=cast.accounts["pipeline"], **cast.people, **cast.accounts)
    for name in (*PEOPLE, GONE):
        world.sessions[name] = _session(cast.people[name])
    deactivate_person(actor=admin, person=cast.people[GONE])


def _session(user: User) -> str:
    """A session as signing in makes it."""
    session, now = SessionStore(), int(time.time())
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: "portal.sso.LocalBackend"})
    # Seen an hour ahead: on a busy machine the next request is more than a minute away and would write the session.
    session.update({HASH_SESSION_KEY: user.get_session_auth_hash(), "signed_in_at": now, "seen_at": now + 3600})
    # Signing in draws the form token, too; without it every first page would write the session.
    session.update({"signed_in_by": "test", CSRF_SESSION_KEY: get_random_string(32)})
    session.create()
    return str(session.session_key)


def _somebody_who_left(world: World) -> None:
    """An approver once; the session is older than the switch."""
    cast = world.cast
    user = User.objects.create(username="gone", name="Gone", unit=cast.units["Risk"])
    Grant.objects.create(person=user, role=Role.APPROVER, valid_from=timezone.now() - timedelta(days=1), reason="cast")
    cast.people[GONE] = user
