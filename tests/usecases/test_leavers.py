"""Somebody leaves: what they answer for waits for a named stand-in, and nothing is ever without anybody."""

import threading

import pytest
from django.db import connection

from approvals.policies import may_propose_release
from portal.access import Refused
from portal.actions import people as people_verbs
from portal.actions.people import deactivate_person
from portal.models import User
from tests.usecases.scenes import cleared, codes, registered, sentences, source_of
from usecases.actions.stages import stop_use_case
from usecases.actions.stewardship import accept_request, decline_request, request_handover, request_to_join
from usecases.models import DataSource, StewardshipRequest, UseCase
from usecases.owners import coverage, holdings_of
from usecases.policies import team_roles


def leaves(cast, name, stand_in=None):
    return deactivate_person(
        actor=cast.actor("admin"), person=cast.people[name], stand_in=cast.people[stand_in] if stand_in else None
    )


def open_requests():
    found = StewardshipRequest.objects.filter(state="open").order_by("id")
    return [(request.kind, str(request.subject), request.person.name) for request in found]


def orphans():
    return [
        *UseCase.objects.without_present_owner().values_list("title", flat=True),
        *DataSource.objects.without_present_owner().values_list("name", flat=True),
    ]


def test_who_owns_something_leaves_only_with_a_stand_in(cast):
    registered(cast)
    source_of(cast, owner="olivia")
    with pytest.raises(Refused) as refused:
        leaves(cast, "olivia")
    assert codes(refused) == ["stand_in_missing"]
    assert "1 use case they own; 1 data source they own" in str(refused.value)
    assert User.objects.get(pk=cast.olivia.pk).is_active
    assert open_requests() == []


@pytest.mark.parametrize(
    ("stand_in", "code"),
    [("olivia", "stand_in_leaves"), ("admin", "stand_in_is_oneself"), ("otto", "stand_in_inactive")],
)
def test_the_stand_in_is_somebody_else_who_is_present(cast, stand_in, code):
    registered(cast)
    leaves(cast, "otto")
    with pytest.raises(Refused) as refused:
        leaves(cast, "olivia", stand_in)
    assert codes(refused) == [code]
    assert User.objects.get(pk=cast.olivia.pk).is_active


def test_everything_they_own_waits_for_the_stand_in_who_takes_it_over(cast):
    use_case, source = registered(cast), source_of(cast, owner="olivia")
    stopped = registered(cast, title="Given up")
    stop_use_case(actor=cast.actor("olivia"), use_case=stopped, reason="No budget.")
    leaves(cast, "olivia", "arno")
    assert open_requests() == [
        ("stand_in", f"{use_case.reference} Refund helper", "Arno"),
        ("stand_in", "Policy library", "Arno"),
    ]
    assert orphans() == []
    assert UseCase.objects.get(pk=use_case.pk).owner == cast.olivia, "nothing moves before somebody accepts"
    for request in StewardshipRequest.objects.filter(state="open"):
        accept_request(actor=cast.actor("arno"), request=request)
    assert UseCase.objects.get(pk=use_case.pk).owner == cast.arno
    assert DataSource.objects.get(pk=source.pk).owner == cast.arno
    assert team_roles(cast.arno, use_case) == ["owner"]
    assert team_roles(cast.olivia, use_case) == []
    assert len(sentences("stewardship.requested")) == 2


def test_new_releases_wait_until_the_stand_in_accepts(cast):
    use_case = cleared(cast)
    leaves(cast, "olivia", "arno")
    use_case.refresh_from_db()
    found = {reason.code: str(reason) for reason in may_propose_release(cast.actor("dev"), use_case).reasons}
    assert found["owner_absent"] == (
        "Olivia, who was accountable, has left. Arno is asked to stand in and has to accept first."
    )
    accept_request(actor=cast.actor("arno"), request=StewardshipRequest.objects.get(state="open"))
    use_case = UseCase.objects.get(pk=use_case.pk)
    assert "owner_absent" not in {reason.code for reason in may_propose_release(cast.actor("dev"), use_case).reasons}


def test_a_stand_in_who_declines_leaves_it_visible_and_another_is_named(cast):
    use_case = cleared(cast)
    leaves(cast, "olivia", "arno")
    request = StewardshipRequest.objects.get(state="open")
    decline_request(actor=cast.actor("arno"), request=request, answer="Not my field.")
    assert orphans() == ["Refund helper"]
    assert coverage().orphaned == 1
    use_case = UseCase.objects.get(pk=use_case.pk)
    found = {reason.code: str(reason) for reason in may_propose_release(cast.actor("dev"), use_case).reasons}
    assert "nobody is asked to follow" in found["owner_absent"]
    for who in ("dev", "petra"):
        with pytest.raises(Refused) as refused:
            request_handover(actor=cast.actor(who), subject=use_case, person=cast.sam)
        assert codes(refused) == ["not_owner"]
    with pytest.raises(Refused) as refused:
        request_handover(actor=cast.actor("arno"), subject=use_case, person=cast.arno)
    assert codes(refused) == ["names_oneself"]
    again = request_handover(actor=cast.actor("arno"), subject=use_case, person=cast.sam)
    assert (again.kind, orphans()) == ("stand_in", [])


def test_a_stand_in_who_leaves_too_hands_on_what_they_were_asked(cast):
    use_case = registered(cast)
    leaves(cast, "olivia", "dev")
    assert holdings_of(cast.dev) == ["1 request to take something over"]
    with pytest.raises(Refused) as refused:
        leaves(cast, "dev")
    assert codes(refused) == ["stand_in_missing"]
    leaves(cast, "dev", "sam")
    assert open_requests() == [("stand_in", f"{use_case.reference} Refund helper", "Sam")]
    assert orphans() == []


def test_a_handover_to_somebody_who_leaves_goes_back_to_the_owner_who_is_present(cast):
    use_case = registered(cast)
    request_handover(actor=cast.actor("olivia"), subject=use_case, person=cast.dev)
    request_to_join(actor=cast.actor("dev"), use_case=use_case)
    leaves(cast, "dev", "sam")
    assert open_requests() == []
    assert orphans() == []


def test_a_handover_somebody_present_was_asked_for_stands_when_the_owner_leaves(cast):
    use_case = registered(cast)
    request_handover(actor=cast.actor("olivia"), subject=use_case, person=cast.dev)
    leaves(cast, "olivia", "sam")
    assert open_requests() == [("handover", f"{use_case.reference} Refund helper", "Dev")]
    assert orphans() == []


def test_who_holds_nothing_leaves_without_a_stand_in(cast):
    leaves(cast, "otto")
    assert holdings_of(cast.otto) == []
    assert not User.objects.get(pk=cast.otto.pk).is_active


def at_once(*works):
    """Each in a thread of its own from one starting line; the code of each refusal, or None."""
    line, results = threading.Barrier(len(works)), [None] * len(works)

    def run(index, work):
        line.wait()
        try:
            work()
        except Refused as refused:
            results[index] = refused.code
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def both_leave(cast):
    """Olivia with Dev as her stand-in and Dev, who holds nothing yet, at the same moment."""
    return at_once(lambda: leaves(cast, "olivia", "dev"), lambda: leaves(cast, "dev"))


def test_owner_and_stand_in_leaving_at_once_orphan_nothing(committed_cast):
    registered(committed_cast)
    results = both_leave(committed_cast)
    assert sorted(code or "" for code in results) in ([["", "stand_in_inactive"], ["", "stand_in_missing"]])
    assert orphans() == []


def test_without_holding_both_people_the_same_race_does_orphan(committed_cast, monkeypatch):
    """The negative control: with plain reads in place of the locks, both leave and the use case has nobody."""
    registered(committed_cast)
    line = threading.Barrier(2)

    def unlocked(person, stand_in):
        return User.objects.get(pk=person.pk), User.objects.get(pk=stand_in.pk) if stand_in else None

    def held_and_read(person):
        found = holdings_of(person)
        line.wait(timeout=60)
        return found

    monkeypatch.setattr(people_verbs, "_locked_pair", unlocked)
    monkeypatch.setattr(people_verbs, "holdings_of", held_and_read)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert both_leave(committed_cast) == [None, None]
    assert orphans() == ["Refund helper"]


def test_a_registration_and_its_owners_leaving_at_once_orphan_nothing(committed_cast):
    from django.core.exceptions import ValidationError

    def register():
        try:
            registered(committed_cast, by="arno")
        except ValidationError as error:
            assert "switched off" in str(error)

    at_once(register, lambda: leaves(committed_cast, "olivia"))
    assert orphans() == []
