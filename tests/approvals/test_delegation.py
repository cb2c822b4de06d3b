"""Acting for who is away: what a delegate does in an owner's place, and that four eyes stay four."""

from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.gates import judge_release
from approvals.docket import waiting_for
from approvals.models import Decision, Release, ReleaseContributor, Verdict
from approvals.policies import may_decide, still_stands
from portal.access import Refused
from portal.actions.absences import end_absence
from portal.models import Absence, AuditEvent
from portal.trail import as_lines
from tests.approvals.story import a_release, fresh, sign
from tests.cast import Cast
from tests.portal.test_absences import kept
from tests.usecases.scenes import registered, source_of
from usecases.actions.data_sources import approve_data_use, request_data_use
from usecases.actions.stewardship import accept_request, request_handover, request_to_join
from usecases.choices import Tier
from usecases.models import DataUse, UseCase
from usecases.querysets import people_who_see

pytestmark = pytest.mark.django_db


def codes(cast: Cast, release: Release, by: str) -> list[str]:
    """The codes of a refused signature in the business lane; nothing was signed."""
    with pytest.raises(Refused) as caught:
        sign(cast, release, "business", by=by)
    assert not Decision.objects.filter(release=release).exists()
    return [reason.code for reason in caught.value.reasons]


def insert(cast: Cast, release: Release, by: str, signed_for: str | None, lane: str = "business") -> Decision:
    """A row as code without any policy would write it."""
    judge_release(release_id=release.pk, judged_by="test")
    return Decision.objects.create(
        release=release,
        lane=lane,
        person=cast.people[by],
        signed_for=cast.people[signed_for] if signed_for else None,
        kind="approve",
        version_digest=release.system_version.digest,
        release_digest=release.digest,
        verdict=Verdict.objects.filter(release=release).latest("judged_at"),
    )


def test_the_delegate_signs_for_the_absent_owner_and_the_trail_bears_both_names(cast: Cast) -> None:
    release = a_release(cast)
    kept(cast, -1, 1)
    decision = sign(cast, release, "business", by="otto")
    assert (decision.person, decision.signed_for) == (cast.otto, cast.olivia)
    event = AuditEvent.objects.get(payload__action="decision.taken")
    assert event.payload["actor"]["person"] == str(cast.otto.pk)
    assert event.payload["actor"]["acting_for"] == str(cast.olivia.pk)
    assert as_lines([event])[0].actor == "Otto for Olivia"


@pytest.mark.parametrize(("first", "last"), [(1, 3), (-3, -1)])
def test_before_and_after_the_window_the_delegate_signs_nothing_and_sees_nothing(
    cast: Cast, first: int, last: int
) -> None:
    release = a_release(cast)
    kept(cast, first, last)
    assert codes(cast, release, "otto") == ["not_the_owner"]
    assert not UseCase.objects.visible_to(cast.actor("otto")).exists()
    with pytest.raises(IntegrityError, match="decision_delegate_has_a_window"), transaction.atomic():
        insert(cast, release, "otto", "olivia")


def test_what_was_signed_in_the_window_stands_after_it_while_the_owner_stays(cast: Cast) -> None:
    release, absence = a_release(cast), kept(cast, -1, 1)
    decision = sign(cast, release, "business", by="otto")
    end_absence(actor=cast.actor("olivia"), absence=absence)
    assert still_stands(decision, UseCase.objects.get(pk=release.use_case_id))
    UseCase.objects.filter(pk=release.use_case_id).update(owner=cast.arno)
    Absence.objects.create(person=cast.arno, delegate=cast.olivia, set_by=cast.arno, first_day=absence.first_day,
                           last_day=absence.last_day)  # fmt: skip
    assert not still_stands(decision, UseCase.objects.get(pk=release.use_case_id)), "Olivia acts, but owns no more"


COMBINATIONS = list(product(["dev", "petra", "olivia"], [None, "petra", "olivia"], [Tier.LOW, Tier.MODERATE]))


@pytest.mark.parametrize(("proposer", "contributor", "tier"), COMBINATIONS)
def test_four_eyes_are_not_got_round_by_delegation(
    cast: Cast, proposer: str, contributor: str | None, tier: Tier
) -> None:
    """Petra acts for Olivia, over who proposed, who had a part, and how many sign: policy and table agree."""
    release = a_release(cast, tier, by=proposer)
    if contributor is not None:
        ReleaseContributor.objects.get_or_create(release=release, person=cast.people[contributor], part="evidence")
    kept(cast, -1, 1, delegate="petra")
    alone = len(release.lanes) == 1
    assert alone is (tier == Tier.LOW)
    ruling = may_decide(fresh(cast, "petra"), release, "business")
    found = {reason.code for reason in ruling.reasons}
    if "petra" in (proposer, contributor) or (alone and proposer == "olivia"):
        assert found & {"delegate_took_part", "absent_took_part"}
        with pytest.raises(IntegrityError, match="decision_four_eyes"), transaction.atomic():
            insert(cast, release, "petra", "olivia")
    else:
        assert found == set()
        assert insert(cast, release, "petra", "olivia").pk


def test_one_person_signs_one_lane_also_when_one_of_them_is_somebody_elses(cast: Cast) -> None:
    release = a_release(cast)
    kept(cast, -1, 1, delegate="amina")
    sign(cast, release, "business", by="amina")
    with pytest.raises(Refused) as caught:
        sign(cast, release, "technical", by="amina")
    assert "already_decided_another_lane" in [reason.code for reason in caught.value.reasons]


@pytest.mark.parametrize("lane", ["technical", "security"])
def test_a_role_is_not_passed_on(cast: Cast, lane: str) -> None:
    release = a_release(cast)
    absent = {"technical": "amina", "security": "sam"}[lane]
    kept(cast, -1, 1, person=absent)
    ruling = may_decide(fresh(cast, "otto"), release, lane)
    assert [reason.code for reason in ruling.reasons] == ["not_this_lane"]
    with pytest.raises(IntegrityError, match="decision_only_the_owners_lane_is_delegated"), transaction.atomic():
        insert(cast, release, "otto", absent, lane)


def asked(cast: Cast, by: str = "olivia", use_case: UseCase | None = None) -> DataUse:
    use_case = use_case or registered(cast)
    source = source_of(cast)
    return request_data_use(actor=cast.actor(by), use_case=use_case, data_source=source, purpose="To answer.")


def test_the_delegate_answers_for_the_data_owner(cast: Cast) -> None:
    use = asked(cast)
    kept(cast, -1, 1, person="petra")
    decided = approve_data_use(actor=cast.actor("otto"), data_use=use)
    assert (decided.decided_by, decided.decided_for) == (cast.otto, cast.petra)
    event = AuditEvent.objects.get(payload__action="data_use.approved")
    assert as_lines([event])[0].actor == "Otto for Petra"


@pytest.mark.parametrize(
    ("delegate", "code"), [("olivia", "own_request"), ("arno", "not_source_owner"), ("otto", "not_source_owner")]
)
def test_the_delegate_answers_no_request_of_their_own_and_nothing_without_a_window(
    cast: Cast, delegate: str, code: str
) -> None:
    use = asked(cast)
    if code == "own_request":
        kept(cast, -1, 1, person="petra", delegate=delegate)
    with pytest.raises(Refused) as caught:
        approve_data_use(actor=cast.actor(delegate), data_use=use)
    assert caught.value.reasons[0].code == code
    assert DataUse.objects.get(pk=use.pk).state == "requested"


def test_the_owner_of_the_use_case_does_not_approve_its_data_in_anothers_place(cast: Cast) -> None:
    use = asked(cast, by="arno")
    kept(cast, -1, 1, person="petra", delegate="olivia")
    with pytest.raises(Refused) as caught:
        approve_data_use(actor=cast.actor("olivia"), data_use=use)
    assert [reason.code for reason in caught.value.reasons] == ["delegate_owns_use_case"]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"decided_by": "otto", "decided_for": "petra"}, "data_use_delegate_has_a_window"),
        ({"decided_by": "olivia", "decided_for": "petra"}, "data_use_four_eyes_by_delegate"),
        ({"decided_by": "otto", "decided_for": "dev"}, "data_use_four_eyes_by_delegate"),
        ({"decided_by": "petra", "decided_for": "petra"}, "data_use_"),
    ],
)
def test_the_database_lets_no_delegate_round_four_eyes(cast: Cast, values: dict[str, str], name: str) -> None:
    use = asked(cast, by="arno")
    people: dict[str, Any] = {key: cast.people[who] for key, who in values.items()}
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        DataUse.objects.filter(pk=use.pk).update(state="approved", decided_at=use.requested_at, **people)
    assert DataUse.objects.get(pk=use.pk).state == "requested"


def test_what_a_delegate_decided_can_be_asked_again_after_the_window(cast: Cast) -> None:
    use, absence = asked(cast), kept(cast, -1, 1, person="petra")
    approve_data_use(actor=cast.actor("otto"), data_use=use)
    end_absence(actor=cast.actor("petra"), absence=absence)
    again = request_data_use(
        actor=cast.actor("olivia"), use_case=use.use_case, data_source=use.data_source, purpose="More."
    )
    assert (again.state, again.decided_by, again.decided_for) == ("requested", None, None)


def test_the_delegate_lets_somebody_join_but_takes_nothing_over(cast: Cast) -> None:
    use_case = registered(cast)
    joins = request_to_join(actor=cast.actor("dev"), use_case=use_case)
    owns = request_handover(actor=cast.actor("olivia"), subject=use_case, person=cast.arno)
    kept(cast, -1, 1)
    kept(cast, -1, 1, person="arno")
    accept_request(actor=cast.actor("otto"), request=joins)
    event = AuditEvent.objects.get(payload__action="stewardship.accepted")
    assert as_lines([event])[0].actor == "Otto for Olivia"
    with pytest.raises(Refused) as caught:
        accept_request(actor=cast.actor("otto"), request=owns)
    assert [reason.code for reason in caught.value.reasons] == ["not_asked"]


def test_who_asks_to_join_does_not_let_themselves_in_for_the_owner(cast: Cast) -> None:
    joins = request_to_join(actor=cast.actor("dev"), use_case=registered(cast))
    kept(cast, -1, 1, delegate="dev")
    with pytest.raises(Refused) as caught:
        accept_request(actor=cast.actor("dev"), request=joins)
    assert [reason.code for reason in caught.value.reasons] == ["own_request"]


def test_work_of_the_absent_stands_on_the_delegates_home_with_the_name(cast: Cast) -> None:
    release = a_release(cast)
    use = request_data_use(
        actor=cast.actor("arno"), use_case=release.use_case, data_source=source_of(cast), purpose="To answer."
    )
    assert waiting_for(cast.actor("otto")) == []
    kept(cast, -1, 1)
    kept(cast, -1, 1, person="petra")
    found = {(entry.verb, entry.acting_for) for entry in waiting_for(cast.actor("otto"))}
    assert found == {("Read and decide", "Olivia"), ("Decide about the data", "Petra")}
    assert use.state == "requested"


def test_a_delegate_sees_a_restricted_use_case_of_who_is_away_from_both_sides(cast: Cast) -> None:
    use_case = registered(cast)
    UseCase.objects.filter(pk=use_case.pk).update(restricted=True)
    use_case.refresh_from_db()
    assert cast.otto not in people_who_see(use_case)
    kept(cast, -1, 1)
    assert list(UseCase.objects.visible_to(cast.actor("otto"))) == [use_case]
    assert cast.otto in people_who_see(use_case)
