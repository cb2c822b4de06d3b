"""Ownership is handed over in person: asked for, accepted or declined, and nothing changes before."""

import pytest
from django.core.exceptions import ValidationError
from django.db import Error, IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused
from portal.audit import mention
from portal.models import Notice
from tests.usecases.scenes import codes, events, registered, sentences, source_of
from usecases.actions.stages import stop_use_case
from usecases.actions.stewardship import (
    accept_request,
    decline_request,
    request_handover,
    request_to_join,
    withdraw_request,
)
from usecases.models import Fact, StewardshipRequest, UseCase
from usecases.policies import team_roles


def asked(cast, use_case=None, to="arno", by="olivia", message="I move to another unit."):
    subject = use_case or registered(cast)
    return request_handover(actor=cast.actor(by), subject=subject, person=cast.people[to], message=message)


def joining(cast, who="dev", role="engineering", use_case=None):
    return request_to_join(
        actor=cast.actor(who), use_case=use_case or registered(cast), role=role, message="I build it."
    )


def owner_known(use_case):
    return Fact.objects.get(use_case=use_case, name="owner_named", until__isnull=True).statement


def told(person):
    return list(
        Notice.objects.filter(person=person, read_at__isnull=True).order_by("id").values_list("text", flat=True)
    )


def test_a_handover_changes_nothing_until_the_new_owner_accepts(cast):
    request = asked(cast)
    use_case = UseCase.objects.get(pk=request.use_case_id)
    assert use_case.owner == cast.olivia
    assert owner_known(use_case) == "Olivia is its accountable owner."
    assert told(cast.arno) == [
        f"Olivia asks you to take over {use_case.reference} “Refund helper”. Nothing changes until you accept."
    ]
    accept_request(actor=cast.actor("arno"), request=request)
    use_case.refresh_from_db()
    assert use_case.owner == cast.arno
    assert owner_known(use_case) == "Arno is its accountable owner."
    assert team_roles(cast.arno, use_case) == ["owner"]
    assert team_roles(cast.olivia, use_case) == ["contributor"]
    assert told(cast.arno) == []
    assert told(cast.olivia) == [f"Arno accepted and took over {use_case.reference} “Refund helper”."]
    reference, arno, olivia = use_case.reference, mention(cast.arno), mention(cast.olivia)
    assert sentences()[2:] == [
        f"asked {arno} to take over {reference}.",
        f"took over {reference} from {olivia}.",
        f"added {arno} to the team of {reference} as use case owner.",
        f"removed {olivia} from the team of {reference} as use case owner.",
        f"added {olivia} to the team of {reference} as contributor.",
    ]
    assert [event.use_case_id for event in events("stewardship.accepted")] == [use_case.pk]


@pytest.mark.parametrize("who", ["olivia", "admin", "rafael", "dev"])
def test_nobody_accepts_for_somebody_else(cast, who):
    request = asked(cast)
    for answer in (
        lambda: accept_request(actor=cast.actor(who), request=request),
        lambda: decline_request(actor=cast.actor(who), request=request, answer="No."),
    ):
        with pytest.raises(Refused) as refused:
            answer()
        assert codes(refused) == ["not_asked"]
    request.refresh_from_db()
    assert (request.state, request.use_case.owner) == ("open", cast.olivia)


def test_a_handover_is_declined_with_a_reason_and_the_owner_is_told(cast):
    request = asked(cast)
    with pytest.raises(ValidationError):
        decline_request(actor=cast.actor("arno"), request=request, answer="  ")
    decline_request(actor=cast.actor("arno"), request=request, answer="No time this year.")
    request.refresh_from_db()
    assert (request.state, request.answer, request.closed_by) == ("declined", "No time this year.", cast.arno)
    assert UseCase.objects.get(pk=request.use_case_id).owner == cast.olivia
    assert told(cast.olivia) == [
        f"Arno declined your request about {request.use_case.reference} “Refund helper”: No time this year."
    ]
    with pytest.raises(Refused) as refused:
        accept_request(actor=cast.actor("arno"), request=request)
    assert codes(refused) == ["request_closed"]


def test_one_request_for_ownership_is_open_and_it_is_withdrawn_first(cast):
    request = asked(cast)
    with pytest.raises(Refused) as refused:
        asked(cast, request.use_case, to="dev")
    assert codes(refused) == ["somebody_is_asked"]
    with pytest.raises(Refused) as refused:
        withdraw_request(actor=cast.actor("dev"), request=request)
    assert codes(refused) == ["not_requester"]
    withdraw_request(actor=cast.actor("olivia"), request=request)
    assert told(cast.arno) == []
    assert asked(cast, request.use_case, to="dev").state == "open"


@pytest.mark.parametrize(
    ("by", "to", "expected"),
    [
        ("arno", "dev", ["not_owner"]),
        ("admin", "dev", ["not_owner"]),
        ("olivia", "olivia", ["owns_already"]),
        ("pipeline", "dev", ["not_a_person", "not_owner"]),
    ],
)
def test_only_the_owner_hands_over_and_to_somebody_else(cast, by, to, expected):
    use_case = registered(cast)
    with pytest.raises(Refused) as refused:
        asked(cast, use_case, to=to, by=by)
    assert codes(refused) == expected
    assert StewardshipRequest.objects.count() == 0


def test_who_is_switched_off_is_asked_for_nothing(cast):
    use_case = registered(cast)
    type(cast.otto).objects.filter(pk=cast.otto.pk).update(is_active=False)
    with pytest.raises(Refused) as refused:
        asked(cast, use_case, to="otto")
    assert codes(refused) == ["inactive"]


def test_a_stopped_use_case_is_not_handed_over(cast):
    use_case = registered(cast)
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    with pytest.raises(Refused) as refused:
        asked(cast, use_case)
    assert codes(refused) == ["stopped"]


def test_a_data_source_is_handed_over_as_well(cast):
    source = source_of(cast)
    request = request_handover(actor=cast.actor("petra"), subject=source, person=cast.dev)
    accept_request(actor=cast.actor("dev"), request=request)
    source.refresh_from_db()
    assert source.owner == cast.dev
    assert sentences("stewardship.accepted") == [
        f"took over the data source Policy library from {mention(cast.petra)}."
    ]


def test_whoever_sees_a_use_case_asks_to_join_and_the_owner_lets_them_in(cast):
    request = joining(cast)
    use_case = request.use_case
    assert told(cast.olivia) == [f"Dev asks to join the team of {use_case.reference} “Refund helper”."]
    accept_request(actor=cast.actor("olivia"), request=request)
    assert team_roles(cast.dev, use_case) == ["engineering"]
    assert told(cast.dev) == [f"Olivia accepted: you are on the team of {use_case.reference} “Refund helper”."]


def test_a_join_is_answered_by_an_owner_on_the_team_and_never_by_who_asked(cast):
    request = joining(cast)
    for who, expected in (("dev", "own_request"), ("arno", "not_owner"), ("admin", "not_owner")):
        with pytest.raises(Refused) as refused:
            accept_request(actor=cast.actor(who), request=request)
        assert codes(refused)[0] == expected
    assert team_roles(cast.dev, request.use_case) == []
    decline_request(actor=cast.actor("olivia"), request=request, answer="The team is full.")
    assert team_roles(cast.dev, request.use_case) == []
    assert joining(cast, use_case=request.use_case).state == "open"


def test_one_join_is_open_for_a_person_and_use_case_and_nobody_joins_as_owner(cast):
    request = joining(cast)
    with pytest.raises(Refused) as refused:
        joining(cast, role="contributor", use_case=request.use_case)
    assert codes(refused) == ["already_asked"]
    with pytest.raises(Refused) as refused:
        joining(cast, who="arno", role="owner", use_case=request.use_case)
    assert codes(refused) == ["owner_is_handed_over"]
    accept_request(actor=cast.actor("olivia"), request=request)
    with pytest.raises(Refused) as refused:
        joining(cast, use_case=request.use_case)
    assert codes(refused) == ["on_the_team"]


def row(cast, use_case=None, **changes):
    values = {
        "kind": "handover",
        "use_case": use_case,
        "person": cast.arno,
        "requested_by": cast.olivia,
        **changes,
    }
    return StewardshipRequest.objects.create(**values)


def ended(by, state="accepted", **more):
    return {"state": state, "closed_by": by, "closed_at": timezone.now(), **more}


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("has_one_subject", lambda cast: {"use_case": None}),
        ("asks_for_itself_only_to_join", lambda cast: {"requested_by": cast.arno}),
        ("asks_for_itself_only_to_join", lambda cast: {"kind": "join", "role": "contributor"}),
        ("is_accepted_in_person", lambda cast: ended(cast.olivia)),
        (
            "join_four_eyes",
            lambda cast: {"kind": "join", "role": "platform", "requested_by": cast.arno, **ended(cast.arno)},
        ),
        ("role_is_known", lambda cast: {"role": "contributor"}),
        ("role_is_known", lambda cast: {"kind": "join", "role": "owner", "requested_by": cast.arno}),
        ("end_is_complete", lambda cast: {"state": "withdrawn"}),
        ("says_why_not", lambda cast: ended(cast.arno, "declined")),
        ("", lambda cast: {"kind": "gift"}),
        ("state_is_known", lambda cast: ended(cast.arno, "forgotten")),
    ],
)
def test_the_database_refuses_what_no_verb_would_write(cast, constraint, changes):
    use_case = registered(cast)
    with pytest.raises(IntegrityError, match=f"stewardship_request_{constraint}"), transaction.atomic():
        row(cast, **{"use_case": use_case, **changes(cast)})
    assert StewardshipRequest.objects.count() == 0


def test_the_database_holds_one_open_request_of_each_kind(cast):
    use_case, source = registered(cast), source_of(cast)
    row(cast, use_case)
    with pytest.raises(IntegrityError, match="one_owner_is_asked"), transaction.atomic():
        row(cast, use_case, person=cast.dev)
    row(cast, None, data_source=source)
    with pytest.raises(IntegrityError, match="one_source_owner_is_asked"), transaction.atomic():
        row(cast, None, data_source=source, person=cast.dev)
    join = {"kind": "join", "role": "contributor", "person": cast.dev, "requested_by": cast.dev}
    row(cast, use_case, **join)
    with pytest.raises(IntegrityError, match="one_join_is_open"), transaction.atomic():
        row(cast, use_case, **join)


def test_the_database_lets_nobody_absent_be_named(cast):
    use_case, source = registered(cast), source_of(cast)
    type(cast.otto).objects.filter(pk=cast.otto.pk).update(is_active=False)
    for attempt in (
        lambda: UseCase.objects.filter(pk=use_case.pk).update(owner=cast.otto),
        lambda: type(source).objects.filter(pk=source.pk).update(owner=cast.otto),
        lambda: row(cast, use_case, person=cast.otto),
    ):
        with pytest.raises(IntegrityError, match="absent"), transaction.atomic():
            attempt()


def test_what_was_asked_for_and_how_it_ended_stays_as_it_is(cast):
    request = asked(cast)
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        StewardshipRequest.objects.filter(pk=request.pk).update(person=cast.dev)
    withdraw_request(actor=cast.actor("olivia"), request=request)
    with pytest.raises(Error, match="Invalid transition"), transaction.atomic():
        StewardshipRequest.objects.filter(pk=request.pk).update(state="accepted", closed_by=cast.arno)


def test_an_owner_who_left_registers_nothing_and_owns_no_new_source(cast):
    type(cast.olivia).objects.filter(pk=cast.olivia.pk).update(is_active=False)
    with pytest.raises(ValidationError, match="switched off"):
        registered(cast, by="arno")
    with pytest.raises(ValidationError, match="switched off"):
        source_of(cast, owner="olivia")
    assert UseCase.objects.count() == 0
