"""Who acts for whom while somebody is away: setting a window, ending it, declining it, and what the database keeps."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal import absence_policies, actors, querysets
from portal.access import Refused
from portal.actions import absences as absence_verbs
from portal.actions.absences import decline_absence, end_absence, set_absence
from portal.actions.people import deactivate_person
from portal.delegation import acts_for, answers_for, principals_of
from portal.models import Absence, AuditEvent, Notice
from portal.models import absences as absence_models
from portal.models.absences import LONGEST_DAYS, today
from portal.trail import as_lines
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day does not turn while a test runs."""
    day = today()
    for room in (absence_policies, querysets, absence_verbs, absence_models):
        monkeypatch.setattr(room, "today", lambda: day)


def days(first: int, last: int) -> dict[str, Any]:
    day = today()
    return {"first_day": day + timedelta(first), "last_day": day + timedelta(last)}


def away(cast: Cast, person: str = "olivia", delegate: str = "otto", by: str = "", window: Any = None) -> Absence:
    """Said by the person, from yesterday's point of view unless told otherwise: today is inside."""
    return set_absence(
        actor=cast.actor(by or person),
        person=cast.people[person],
        delegate=cast.people[delegate],
        **(window or days(0, 5)),
    )


def kept(cast: Cast, first: int, last: int, person: str = "olivia", delegate: str = "otto", **more: Any) -> Absence:
    """A window as it stands in the table, also one that began or ended before today."""
    holder = cast.people[person]
    return Absence.objects.create(
        person=holder, delegate=cast.people[delegate], set_by=holder, **days(first, last), **more
    )


def refused(cast: Cast, **more: Any) -> list[str]:
    before = Absence.objects.count()
    with pytest.raises(Refused) as caught:
        away(cast, **more)
    assert Absence.objects.count() == before
    return [reason.code for reason in caught.value.reasons]


def test_the_delegate_is_told_and_acts_from_the_first_day_on(cast: Cast) -> None:
    away(cast)
    assert principals_of(cast.actor("otto")) == {cast.olivia.pk: "Olivia"}
    notice = Notice.objects.get(person=cast.otto)
    assert notice.text.startswith("You act for Olivia from ")
    assert notice.url == "/absences/"
    event = AuditEvent.objects.get(payload__action="absence.set")
    line = as_lines([event])[0]
    first, last = today(), today() + timedelta(5)
    assert (line.actor, line.sentence) == ("Olivia", f"named Otto to act from {first} to {last}.")


def test_an_administrator_says_so_for_somebody_who_is_told_too(cast: Cast) -> None:
    away(cast, by="admin")
    assert acts_for(cast.actor("otto"), cast.olivia.pk)
    assert Notice.objects.get(person=cast.olivia).text.startswith("Otto acts for you from ")


@pytest.mark.parametrize(("first", "last", "acts"), [(1, 3, False), (0, 0, True), (-3, 0, True), (-3, -1, False)])
def test_the_delegate_acts_in_the_window_and_neither_before_nor_after(
    cast: Cast, first: int, last: int, acts: bool
) -> None:
    kept(cast, first, last)
    assert acts_for(cast.actor("otto"), cast.olivia.pk) is acts
    assert answers_for(cast.actor("olivia"), cast.olivia.pk)


def test_a_delegates_delegate_does_not_act(cast: Cast) -> None:
    kept(cast, 0, 3)
    kept(cast, 0, 3, person="otto", delegate="dev")
    assert principals_of(cast.actor("dev")) == {cast.otto.pk: "Otto"}
    assert not acts_for(cast.actor("dev"), cast.olivia.pk)


def test_a_delegate_gains_no_role_of_the_absent_person(cast: Cast) -> None:
    kept(cast, 0, 3, person="admin")
    otto = cast.actor("otto")
    assert acts_for(otto, cast.admin.pk)
    assert actors.roles_of(otto) == []
    with pytest.raises(Refused) as caught:
        away(cast, person="olivia", delegate="dev", by="otto")
    assert [reason.code for reason in caught.value.reasons] == ["not_yours"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"by": "dev"}, "not_yours"),
        ({"delegate": "olivia"}, "delegate_is_oneself"),
        ({"by": "admin", "delegate": "admin"}, "names_oneself"),
        ({"window": (3, 2)}, "ends_before_start"),
        ({"window": (-1, 2)}, "begins_in_the_past"),
        ({"window": (367, 368)}, "too_far_ahead"),
        ({"window": (0, LONGEST_DAYS)}, "too_long"),
    ],
)
def test_a_window_that_cannot_be_is_refused_with_its_reason(cast: Cast, more: dict[str, Any], code: str) -> None:
    if "window" in more:
        more = {**more, "window": days(*more["window"])}
    assert refused(cast, **more) == [code]


def test_two_windows_of_one_person_do_not_overlap(cast: Cast) -> None:
    away(cast, window=days(0, 5))
    assert refused(cast, delegate="dev", window=days(5, 8)) == ["windows_overlap"]
    assert away(cast, delegate="dev", window=days(6, 8)).pk
    with pytest.raises(IntegrityError, match="absence_windows_do_not_overlap"), transaction.atomic():
        kept(cast, 5, 5, delegate="dev")


def test_who_is_away_in_these_days_or_has_left_is_not_named(cast: Cast) -> None:
    kept(cast, 4, 9, person="otto", delegate="dev")
    assert refused(cast, window=days(0, 4)) == ["delegate_away"]
    deactivate_person(actor=cast.actor("admin"), person=cast.sam)
    assert refused(cast, delegate="sam") == ["delegate_inactive"]


def test_who_counted_on_somebody_now_away_is_told(cast: Cast) -> None:
    away(cast)
    Notice.objects.all().delete()
    away(cast, person="otto", delegate="dev")
    assert Notice.objects.get(person=cast.olivia).text.startswith("Otto, who acts for you, is away from ")


def test_a_window_ends_early_and_then_counts_no_more(cast: Cast) -> None:
    absence = away(cast)
    end_absence(actor=cast.actor("olivia"), absence=absence)
    assert not acts_for(cast.actor("otto"), cast.olivia.pk)
    with pytest.raises(Refused) as caught:
        end_absence(actor=cast.actor("olivia"), absence=absence)
    assert [reason.code for reason in caught.value.reasons] == ["closed"]
    assert away(cast, delegate="dev").pk, "the days are free again"


def test_the_delegate_declines_and_says_why(cast: Cast) -> None:
    absence = away(cast)
    for stranger in ("olivia", "dev", "admin"):
        with pytest.raises(Refused) as caught:
            decline_absence(actor=cast.actor(stranger), absence=absence)
        assert [reason.code for reason in caught.value.reasons] == ["not_delegate"]
    Notice.objects.all().delete()
    decline_absence(actor=cast.actor("otto"), absence=absence, answer="I am away as well.")
    assert not acts_for(cast.actor("otto"), cast.olivia.pk)
    assert Absence.objects.get().declined
    assert Notice.objects.get(person=cast.olivia).text.endswith("Name somebody else. I am away as well.")


def test_a_delegate_who_leaves_acts_no_more_and_the_absent_person_is_told(cast: Cast) -> None:
    absence = away(cast)
    Notice.objects.all().delete()
    deactivate_person(actor=cast.actor("admin"), person=cast.otto)
    absence.refresh_from_db()
    assert absence.closed_by == cast.admin
    assert Notice.objects.get(person=cast.olivia).text == (
        "Otto has left and does not act for Olivia. Name somebody else."
    )


def test_nobody_acts_for_who_has_left(cast: Cast) -> None:
    away(cast)
    deactivate_person(actor=cast.actor("admin"), person=cast.olivia)
    assert not acts_for(cast.actor("otto"), cast.olivia.pk)


@pytest.mark.parametrize(
    ("first", "last", "more", "constraint"),
    [
        (2, 1, {}, "absence_ends_after_it_begins"),
        (0, LONGEST_DAYS, {}, "absence_length_is_bounded"),
        (0, 1, {"delegate": "olivia"}, "absence_delegate_is_somebody_else"),
        (0, 1, {"closed_at": True}, "absence_end_is_complete"),
    ],
)
def test_the_database_knows_what_a_window_is(
    cast: Cast, first: int, last: int, more: dict[str, Any], constraint: str
) -> None:
    if "closed_at" in more:
        more = {"closed_at": timezone.now()}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        kept(cast, first, last, **more)
    assert not Absence.objects.exists()


def test_the_database_lets_no_delegate_name_themselves(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="absence_delegate_does_not_set_it"), transaction.atomic():
        Absence.objects.create(person=cast.olivia, delegate=cast.otto, set_by=cast.otto, **days(0, 1))


@pytest.mark.parametrize("column", ["last_day", "delegate"])
def test_a_window_that_was_set_is_not_changed(cast: Cast, column: str) -> None:
    absence = away(cast)
    changed = {"last_day": absence.last_day + timedelta(1), "delegate": cast.dev}[column]
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Absence.objects.filter(pk=absence.pk).update(**{column: changed})


def test_a_closed_window_stays_closed(cast: Cast) -> None:
    absence = end_absence(actor=cast.actor("olivia"), absence=away(cast))
    with pytest.raises(IntegrityError, match="absence_stays_closed"), transaction.atomic():
        Absence.objects.filter(pk=absence.pk).update(closed_at=None, closed_by=None)
