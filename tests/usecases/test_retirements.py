"""A model is retired: work is opened in time, repeated, closed when it is done, or set aside by a person."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused
from portal.audit import mention
from portal.models import Notice
from tests.usecases.scenes import MANIFEST, codes, registered, sentences
from usecases.actions.components import set_retirement
from usecases.actions.retirements import dismiss_work_item, review_retirements, step_of
from usecases.actions.stages import stop_use_case
from usecases.actions.versions import declare_version
from usecases.catalogue import open_work, retirements_of
from usecases.models import Component, WorkItem

RETIRED = date(2027, 6, 1)
NEXT = {**MANIFEST, "model": {**MANIFEST["model"], "version": "2026-01-01"}}


def days_before(days):
    return RETIRED - timedelta(days=days)


def declared(cast, manifest=MANIFEST, use_case=None):
    use_case = use_case or registered(cast)
    return declare_version(actor=cast.actor("dev"), use_case=use_case, label="2026.11", manifest=manifest)


def retire(cast, version, day=RETIRED, who="petra"):
    model = Component.objects.get(kind="model", version_components__system_version=version)
    return set_retirement(actor=cast.actor(who), component=model, retires_on=day, source="The provider's page.")


def review(days, released=()):
    return review_retirements(released=released, today=days_before(days))


def test_a_retirement_is_set_with_its_source_and_told_once(cast, django_capture_on_commit_callbacks):
    version = declared(cast)
    model = retire(cast, version)
    retire(cast, version)
    assert (model.retires_on, model.retirement_set_by) == (RETIRED, cast.petra)
    assert sentences("component.retirement_set") == ["set the retirement of azure gpt-4o 2024-11-20 to 01 June 2027."]
    with pytest.raises(ValidationError, match="who announced it"):
        set_retirement(actor=cast.actor("petra"), component=model, retires_on=None, source=" ")
    model.refresh_from_db()
    assert model.retires_on == RETIRED


def test_work_is_opened_half_a_year_ahead_and_its_owner_is_told(cast):
    version = declared(cast)
    retire(cast, version)
    assert review(181) == {"opened": 0, "told": 0, "done": 0}
    assert review(180) == {"opened": 1, "told": 0, "done": 0}
    item = WorkItem.objects.get()
    assert (item.use_case, item.due_on, item.state, item.days_told) == (version.use_case, RETIRED, "open", 180)
    reference, owner = version.use_case.reference, mention(cast.olivia)
    assert sentences("work_item.opened") == [
        f"asked {owner} to move {reference} off azure gpt-4o 2024-11-20 by 2027-06-01."
    ]
    assert Notice.objects.get(person=cast.olivia).text == (
        f"{reference} runs on azure gpt-4o 2024-11-20, which is retired on 01 June 2027."
        " Declare a version that does not."
    )


def test_it_is_repeated_at_ninety_and_thirty_days_and_on_the_day_and_never_twice(cast):
    retire(cast, declared(cast))
    told = [(days, review(days)) for days in (170, 170, 91, 90, 90, 31, 30, 29, 1, 0, -1, -40)]
    assert [days for days, counts in told if counts["opened"]] == [170]
    assert [days for days, counts in told if counts["told"]] == [90, 30, 0]
    assert WorkItem.objects.count() == 1
    assert Notice.objects.filter(person=cast.olivia).count() == 4


@pytest.mark.parametrize(
    ("left", "step"), [(400, 180), (180, 180), (91, 180), (90, 90), (30, 30), (1, 30), (0, 0), (-9, 0)]
)
def test_the_step_is_the_last_one_reached(left, step):
    assert step_of(RETIRED, days_before(left)) == step


def test_a_late_announcement_opens_work_once_at_the_step_of_that_day(cast):
    retire(cast, declared(cast))
    assert review(20)["opened"] == 1
    assert WorkItem.objects.get().days_told == 30


def test_work_is_done_when_a_version_without_it_is_the_newest(cast):
    version = declared(cast)
    retire(cast, version)
    review(100)
    declared(cast, NEXT, version.use_case)
    assert review(99, released=[version.pk])["done"] == 0, "a release still runs on it"
    assert review(99)["done"] == 1
    item = WorkItem.objects.get()
    assert (item.state, item.dismissed_by) == ("done", None)
    assert sentences("work_item.done") == [
        f"closed the work on azure gpt-4o 2024-11-20 for {version.use_case.reference}: nothing is left to do by then."
    ]


def test_work_comes_back_when_it_runs_on_it_again(cast):
    version = declared(cast)
    retire(cast, version)
    review(100)
    declared(cast, NEXT, version.use_case)
    review(99)
    assert review(98, released=[version.pk])["opened"] == 1
    assert [item.state for item in WorkItem.objects.order_by("id")] == ["done", "open"]


def test_a_moved_day_replaces_the_work_and_a_day_taken_back_ends_it(cast):
    version = declared(cast)
    retire(cast, version)
    review(100)
    later = RETIRED + timedelta(days=30)
    retire(cast, version, later)
    assert review(100) == {"opened": 1, "told": 0, "done": 0}
    assert [(item.state, item.due_on) for item in WorkItem.objects.order_by("id")] == [
        ("done", RETIRED),
        ("open", later),
    ]
    retire(cast, version, None)
    assert review(100) == {"opened": 0, "told": 0, "done": 1}
    assert WorkItem.objects.open().count() == 0


def test_a_stopped_use_case_has_no_work(cast):
    version = declared(cast)
    retire(cast, version)
    review(100)
    stop_use_case(actor=cast.actor("olivia"), use_case=version.use_case, reason="No budget.")
    assert review(99)["done"] == 1
    assert review(98) == {"opened": 0, "told": 0, "done": 0}


def test_its_owner_sets_work_aside_with_a_reason_and_it_stays_so(cast):
    version = declared(cast)
    retire(cast, version)
    review(100)
    item = dismiss_work_item(actor=cast.actor("olivia"), item=WorkItem.objects.get(), reason="It ends in May anyway.")
    assert (item.state, item.dismissed_by, item.reason) == ("dismissed", cast.olivia, "It ends in May anyway.")
    assert review(80) == {"opened": 0, "told": 0, "done": 0}
    assert open_work(version.use_case) == []
    with pytest.raises(Refused) as refused:
        dismiss_work_item(actor=cast.actor("olivia"), item=item, reason="Again.")
    assert codes(refused) == ["work_ended"]


@pytest.mark.parametrize("who", ["dev", "petra", "rafael", "amina", "otto", "pipeline"])
def test_who_does_not_answer_for_the_use_case_sets_nothing_aside(cast, who):
    retire(cast, declared(cast))
    review(100)
    with pytest.raises(Refused) as refused:
        dismiss_work_item(actor=cast.actor(who), item=WorkItem.objects.get(), reason="No.")
    assert "not_owner" in codes(refused)
    assert WorkItem.objects.get().state == "open"


def test_setting_aside_needs_a_reason(cast):
    retire(cast, declared(cast))
    review(100)
    with pytest.raises(ValidationError, match="Say why"):
        dismiss_work_item(actor=cast.actor("olivia"), item=WorkItem.objects.get(), reason="  ")
    assert WorkItem.objects.get().state == "open"


def test_a_version_knows_what_of_it_is_retired_soon(cast):
    version = declared(cast)
    model = retire(cast, version)
    with time_machine.travel(datetime(2026, 11, 24, tzinfo=UTC), tick=False):
        assert retirements_of(version.pk) == []
    with time_machine.travel(datetime(2027, 1, 1, tzinfo=UTC), tick=False):
        assert retirements_of(version.pk) == [model]


def work(cast, **values):
    version = declared(cast)
    model = Component.objects.get(kind="model")
    known = {"use_case": version.use_case, "component": model, "kind": "retirement", "due_on": RETIRED, "days_told": 90}
    return WorkItem.objects.create(**{**known, **values})


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("work_item_kind_is_known", {"kind": "chore"}),
        ("work_item_state_is_known", {"state": "lost", "ended_at": timezone.now()}),
        ("work_item_end_has_its_time", {"ended_at": timezone.now()}),
        ("work_item_dismissal_has_its_reason", {"state": "dismissed", "ended_at": timezone.now()}),
    ],
)
def test_the_database_refuses_work_that_cannot_be(cast, constraint, values):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        work(cast, **values)
    assert WorkItem.objects.count() == 0


def test_work_is_open_once_and_ends_for_good(cast):
    item = work(cast)
    with pytest.raises(IntegrityError, match="work_item_is_open_once"), transaction.atomic():
        WorkItem.objects.create(
            use_case=item.use_case, component=item.component, kind="retirement", due_on=RETIRED, days_told=90
        )
    WorkItem.objects.filter(pk=item.pk).update(state="done", ended_at=timezone.now())
    with pytest.raises(DatabaseError), transaction.atomic():
        WorkItem.objects.filter(pk=item.pk).update(state="open", ended_at=None)
    assert WorkItem.objects.get().state == "done"
