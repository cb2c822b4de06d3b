"""Any use case as of any moment: what is shown is what was seen then, and nothing is shown that was not known."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from portal.access import Refused
from tests.cast import Cast, assemble
from tests.usecases.scenes import MANIFEST, MODERATE, answered, registered, source_of
from tests.usecases.test_pages import text_of
from usecases.actions.checklists import confirm_item
from usecases.actions.data_sources import approve_data_use, refuse_data_use, request_data_use
from usecases.actions.discovery import answer_question
from usecases.actions.registration import edit_use_case
from usecases.actions.risk_reviews import conclude_risk_review, return_risk_review, submit_risk_review
from usecases.actions.stages import stop_use_case
from usecases.actions.team import add_to_team, remove_from_team
from usecases.actions.versions import declare_version
from usecases.models import DataUse, Fact, RiskReview, SystemVersion, UseCase, UseCaseUserPermission
from usecases.moments import NotKnownThen, Snapshot, as_of, changed_since, moment_of

Seen = dict[str, Any]


def seen_now(use_case: UseCase) -> Seen:
    """What the tables say at this moment, read without any history."""
    row = UseCase.objects.get(pk=use_case.pk)
    version = SystemVersion.objects.filter(use_case=row).order_by("-number").first()
    return {
        "row": _description(row),
        "team": sorted(
            (part.user_id, part.permission.codename)
            for part in UseCaseUserPermission.objects.filter(content_object=row).select_related("permission")
        ),
        "uses": sorted(DataUse.objects.filter(use_case=row).values_list("id", "state", "purpose", "decided_by_id")),
        "facts": sorted(Fact.objects.filter(use_case=row, until__isnull=True).values_list("name", "statement")),
        "version": version.pk if version else None,
    }


def shown(then: Snapshot) -> Seen:
    return {
        "row": _description(then.use_case),
        "team": sorted((part.person.pk, f"team_{part.role}") for part in then.team),
        "uses": sorted((use.pgh_obj_id, use.state, use.purpose, use.decided_by_id) for use in then.uses),
        "facts": sorted((fact.name, fact.statement) for fact in then.facts),
        "version": then.version.pk if then.version else None,
    }


def _description(row: UseCase) -> tuple[Any, ...]:
    names = ("title", "business_outcome", "user_group", "pattern", "stage", "tier", "restricted", "owner_id", "unit_id")
    return tuple(getattr(row, name) for name in names)


def raw(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


class Story:
    """A use case and the verbs that may happen to it, each by whoever may; what is refused changes nothing."""

    def __init__(self) -> None:
        self.cast = assemble()
        self.use_case = registered(self.cast)
        self.sources = [source_of(self.cast), source_of(self.cast, name="Tariffs")]

    def act(self, verb: str, number: int) -> None:
        with suppress(Refused, ValidationError):
            getattr(self, verb)(number)

    def edit(self, number: int) -> None:
        change = [{"title": f"Name {number}"}, {"pattern": "agent"}, {"restricted": bool(number % 2)}][number % 3]
        edit_use_case(actor=self.cast.actor("olivia"), use_case=self.use_case, **change)

    def join(self, number: int) -> None:
        person, role = [(self.cast.dev, "engineering"), (self.cast.petra, "platform")][number % 2]
        add_to_team(actor=self.cast.actor("olivia"), use_case=self.use_case, person=person, role=role)

    def leave(self, number: int) -> None:
        person, role = [(self.cast.dev, "engineering"), (self.cast.petra, "platform")][number % 2]
        remove_from_team(actor=self.cast.actor("olivia"), use_case=self.use_case, person=person, role=role)

    def ask(self, number: int) -> None:
        request_data_use(
            actor=self.cast.actor("olivia"),
            use_case=self.use_case,
            data_source=self.sources[number % 2],
            purpose=f"Purpose {number}",
        )

    def decide(self, number: int) -> None:
        use = DataUse.objects.filter(use_case=self.use_case, state="requested").order_by("id").first()
        if use is not None:
            verb = [approve_data_use, refuse_data_use][number % 2]
            verb(actor=self.cast.actor("petra"), data_use=use, note="So.")

    def answer(self, number: int) -> None:
        question = list(MODERATE)[number % len(MODERATE)]
        actor = self.cast.actor("olivia")
        answer_question(actor=actor, use_case=self.use_case, question=question, value=MODERATE[question])

    def review(self, _number: int) -> None:
        answered(self.cast, use_case=self.use_case)
        submit_risk_review(actor=self.cast.actor("olivia"), use_case=self.use_case)

    def conclude(self, number: int) -> None:
        review = RiskReview.objects.filter(use_case=self.use_case, state="submitted").first()
        if review is None:
            return
        rafael = self.cast.actor("rafael")
        if number % 2:
            return_risk_review(actor=rafael, review=review, rationale="Again.")
        else:
            conclude_risk_review(actor=rafael, review=review, tier=review.proposed_tier, rationale="So.")

    def declare(self, number: int) -> None:
        manifest = {**MANIFEST, "parameters": {"top_k": number}}
        declare_version(actor=self.cast.actor("dev"), use_case=self.use_case, label=f"{number}", manifest=manifest)

    def confirm(self, _number: int) -> None:
        confirm_item(actor=self.cast.actor("olivia"), use_case=self.use_case, item="PC08", evidence="Seen.")

    def by_hand(self, number: int) -> None:
        raw("UPDATE use_case SET user_group = %s WHERE id = %s", f"Group {number}", self.use_case.pk)

    def stop(self, number: int) -> None:
        if number > 35:
            stop_use_case(actor=self.cast.actor("olivia"), use_case=self.use_case, reason="Enough.")


VERBS = [
    "edit",
    "join",
    "leave",
    "ask",
    "decide",
    "answer",
    "review",
    "conclude",
    "declare",
    "confirm",
    "by_hand",
    "stop",
]


class AsOfTests(TestCase):
    """A database of its own for every example."""

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 40)), max_size=14))
    def test_at_every_moment_the_past_is_what_was_seen_then(self, steps: list[tuple[str, int]]) -> None:
        story = Story()
        moments: list[tuple[datetime, Seen]] = [(timezone.now(), seen_now(story.use_case))]
        for verb, number in steps:
            story.act(verb, number)
            moments.append((timezone.now(), seen_now(story.use_case)))
        assert [shown(as_of(story.use_case, at)) for at, _seen in moments] == [seen for _at, seen in moments]


@pytest.mark.django_db
def test_what_changed_since_names_every_difference_in_words(cast: Cast) -> None:
    use_case, source = registered(cast), source_of(cast)
    before = timezone.now()
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund desk")
    add_to_team(actor=cast.actor("olivia"), use_case=use_case, person=cast.dev, role="engineering")
    request_data_use(actor=cast.actor("olivia"), use_case=use_case, data_source=source, purpose="To answer.")
    declare_version(actor=cast.actor("dev"), use_case=use_case, label="2026.11", manifest=MANIFEST)
    then, now = as_of(use_case, before), as_of(use_case, timezone.now())
    told = [(row["label"], row["before"], row["after"]) for row in changed_since(then, now)]
    assert [row for row in told if not row[0].startswith("Known:")] == [
        ("Title", "Refund helper", "Refund desk"),
        ("Team", "", "Dev (Engineering)"),
        ("Data: Policy library", "", "Waiting for its owner"),
        ("Version", "", "1 · 2026.11"),
    ]
    assert changed_since(now, now) == []


@pytest.mark.django_db
def test_before_its_registration_nothing_is_known(cast: Cast) -> None:
    use_case = registered(cast)
    with pytest.raises(NotKnownThen, match="registered later") as refused:
        as_of(use_case, use_case.registered_at - timedelta(seconds=1))
    assert (refused.value.code, refused.value.since) == ("before_registration", use_case.registered_at)


@pytest.mark.django_db
def test_before_histories_were_kept_nothing_is_guessed(cast: Cast) -> None:
    use_case = registered(cast)
    raw("UPDATE use_case SET registered_at = registered_at - interval '1 year' WHERE id = %s", use_case.pk)
    use_case.refresh_from_db()
    with pytest.raises(NotKnownThen) as refused:
        as_of(use_case, timezone.now() - timedelta(days=30))
    assert refused.value.code == "before_history"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, 23, 59, 59, 999999, UTC)),
        ("2026-03-01T12:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:05.25+02:00", datetime(2026, 3, 1, 10, 0, 5, 250000, UTC)),
        ("2026-03-01T12:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_day_means_its_end_and_a_moment_itself(text: str, moment: datetime) -> None:
    assert moment_of(text) == moment


def test_today_means_now() -> None:
    before = timezone.now()
    assert before <= moment_of(before.date().isoformat()) <= timezone.now()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Write a day as"),
        ("tomorrow", "Write a day as"),
        ("2026-02-30", "Write a day as"),
        ("0001-01-01T00:00+23:59", "Write a day as"),
        ("9999-12-31", "lies ahead"),
        ("9999-12-31T23:59-23:59", "Write a day as"),
    ],
)
def test_what_is_no_past_moment_is_refused_with_how_to_write_one(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        moment_of(text)


def test_the_page_shows_what_was_with_a_banner_and_what_changed(cast: Cast, client_of: Callable[..., Any]) -> None:
    use_case = registered(cast)
    before = timezone.now().isoformat()
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund desk")
    url = use_case.get_absolute_url()
    page = text_of(client_of("olivia").get(url, {"as_of": before}))
    assert "As of" in page
    assert "See today" in page
    assert "<del>Refund helper</del>" in page
    assert "<ins>Refund desk</ins>" in page
    assert "Edit the description" not in page


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [("2001-01-01", 404, "registered later"), ("soon", 400, "Write a day as"), ("2999-01-01", 400, "lies ahead")],
)
def test_a_moment_that_cannot_be_shown_says_why(
    cast: Cast, client_of: Callable[..., Any], api: Callable[..., Any], asked: str, status: int, said: str
) -> None:
    use_case = registered(cast)
    response = client_of("olivia").get(use_case.get_absolute_url(), {"as_of": asked})
    assert response.status_code == status
    assert said in text_of(response)
    answer = api("olivia").get(f"use-cases/{use_case.reference}/", as_of=asked)
    assert answer.status_code == status
    assert said in answer.content.decode()


def test_the_past_is_hidden_from_whom_the_present_is(
    cast: Cast, client_of: Callable[..., Any], api: Callable[..., Any]
) -> None:
    """Dev's grant shows it while it is open; once restricted, its open past is hidden too."""
    use_case = registered(cast)
    before = timezone.now().isoformat()
    asked = {"as_of": before}
    assert client_of("dev").get(use_case.get_absolute_url(), asked).status_code == 200
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, restricted=True)
    assert client_of("dev").get(use_case.get_absolute_url(), asked).status_code == 404
    assert api("dev").get(f"use-cases/{use_case.reference}/", **asked).status_code == 404


def test_the_api_tells_the_same(cast: Cast, api: Callable[..., Any]) -> None:
    use_case = registered(cast)
    before = timezone.now()
    edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title="Refund desk")
    body = api("pipeline").get(f"use-cases/{use_case.reference}/", as_of=before.isoformat()).json()
    assert (body["title"], body["stage"], body["owner"]["name"]) == ("Refund helper", "registered", "Olivia")
    assert body["team"] == [{"person": {"id": str(cast.olivia.pk), "name": "Olivia"}, "role": "owner"}]
    assert (body["data_uses"], body["version"]) == ([], None)
    assert datetime.fromisoformat(body["as_of"]) == before


def test_the_api_pages_through_the_history(cast: Cast, api: Callable[..., Any]) -> None:
    use_case = registered(cast)
    for number in range(3):
        edit_use_case(actor=cast.actor("olivia"), use_case=use_case, title=f"Name {number}")
    path = f"use-cases/{use_case.reference}/history/"
    first = api("aud").get(path, page_size=2).json()
    assert [row["changes"][0]["after"] for row in first["results"]] == ["Name 2", "Name 1"]
    assert first["results"][0]["changes"][0] == {
        "thing": "use_case",
        "subject": "",
        "field": "title",
        "label": "Title",
        "before": "Name 1",
        "after": "Name 2",
        "said_before": "Name 1",
        "said_after": "Name 2",
    }
    assert first["previous"] is None
    rest = api("aud").client.get(first["next"]).json()
    assert len(rest["results"]) == 2
    assert rest["results"][0]["changes"][0]["after"] == "Name 0"
    narrowed = api("aud").get(path, field="team.user_id").json()
    assert [row["action"] for row in narrowed["results"]] == ["team.joined"]
    assert api("aud").get(path, field="nothing").status_code == 400
    assert api("otto").get(path).status_code == 404
