"""More time for approved data: asked ahead, given by the source's owner, and warned about once each."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused
from portal.models import Notice, OutboxMessage
from tests.usecases.scenes import codes, events, registered, sentences, source_of
from usecases.actions.data_catalogue import certify_data_source
from usecases.actions.data_renewals import (
    decline_renewal,
    follow_data_approvals,
    renew_data_use,
    request_renewal,
)
from usecases.actions.data_sources import approve_data_use, end_data_use, request_data_use
from usecases.actions.stages import stop_use_case
from usecases.models import DataUse, Fact
from usecases.tasks import follow_data_approvals as chore


def approved(cast, days=40, by="petra"):
    use_case = registered(cast)
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=use_case, data_source=source_of(cast, by), purpose="To answer from."
    )
    until = timezone.localdate() + timedelta(days=days) if days is not None else None
    return approve_data_use(actor=cast.actor(by), data_use=use, valid_until=until)


def after(days):
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


def told(person):
    return list(Notice.objects.filter(person=person).order_by("created_at").values_list("text", flat=True))


def test_asking_for_more_time_keeps_what_is_approved_until_the_answer(cast):
    use = approved(cast)
    asked = request_renewal(actor=cast.actor("olivia"), data_use=use, reason="The pilot runs on.")
    assert (asked.state, asked.holds, asked.waits_for_owner) == ("approved", True, True)
    reference = use.use_case.reference
    assert sentences("data_use.renewal_requested") == [
        f"asked to renew the approval to use Policy library for {reference}."
    ]
    assert told(cast.petra) == [f"{reference} asks to go on using “Policy library”."]
    with pytest.raises(Refused) as refused:
        request_renewal(actor=cast.actor("arno"), data_use=use)
    assert codes(refused) == ["already_requested"]
    later = use.valid_until + timedelta(days=365)
    renewed = renew_data_use(actor=cast.actor("petra"), data_use=use, valid_until=later, note="One more year.")
    assert (renewed.valid_until, renewed.renewal_requested_at, renewed.waits_for_owner) == (later, None, False)
    assert Fact.objects.filter(name="data_sources_approved", until__isnull=True).count() == 1


@pytest.mark.parametrize("who", ["rafael", "dev", "petra", "aud", "pipeline"])
def test_who_is_not_on_the_team_asks_for_no_time(cast, who):
    use = approved(cast)
    with pytest.raises(Refused) as refused:
        request_renewal(actor=cast.actor(who), data_use=use)
    assert "not_declaring" in codes(refused)
    assert DataUse.objects.get().renewal_requested_at is None
    assert events("data_use.renewal_requested") == []


@pytest.mark.parametrize("who", ["olivia", "arno", "rafael", "amina", "admin", "pipeline"])
@pytest.mark.parametrize("verb", [renew_data_use, decline_renewal])
def test_only_the_sources_owner_gives_or_refuses_time(cast, who, verb):
    use = approved(cast)
    request_renewal(actor=cast.actor("arno"), data_use=use)
    with pytest.raises(Refused) as refused:
        verb(actor=cast.actor(who), data_use=use, note="So.")
    assert "not_source_owner" in codes(refused)
    assert DataUse.objects.get().valid_until == use.valid_until
    assert events("data_use.renewed") + events("data_use.renewal_declined") == []


def test_nobody_renews_what_they_asked_for_and_the_database_sees_it(cast):
    use = approved(cast)
    DataUse.objects.update(renewal_requested_by=cast.petra, renewal_requested_at=timezone.now())
    use.refresh_from_db()
    with pytest.raises(Refused) as refused:
        renew_data_use(actor=cast.actor("petra"), data_use=use)
    assert codes(refused) == ["own_request"]
    with pytest.raises(IntegrityError, match="data_use_four_eyes"), transaction.atomic():
        DataUse.objects.update(requested_by=cast.petra)


def test_who_asked_for_the_renewal_counts_as_who_asked_for_the_use(cast):
    use = approved(cast)
    request_renewal(actor=cast.actor("arno"), data_use=use)
    renewed = renew_data_use(actor=cast.actor("petra"), data_use=use)
    renewed.refresh_from_db()
    assert (renewed.requested_by, renewed.decided_by, renewed.valid_until) == (cast.arno, cast.petra, None)


def test_a_renewal_ends_on_a_later_day_and_an_approval_without_end_needs_none(cast):
    use = approved(cast)
    with pytest.raises(ValidationError) as invalid:
        renew_data_use(actor=cast.actor("petra"), data_use=use, valid_until=timezone.localdate())
    assert list(invalid.value.message_dict) == ["valid_until"]
    renew_data_use(actor=cast.actor("petra"), data_use=use)
    for verb, who in ((request_renewal, "olivia"), (renew_data_use, "petra")):
        with pytest.raises(Refused) as refused:
            verb(actor=cast.actor(who), data_use=use)
        assert codes(refused) == ["nothing_to_renew"]


def test_declining_while_it_runs_leaves_it_to_its_end(cast):
    use = approved(cast)
    with pytest.raises(Refused) as refused:
        decline_renewal(actor=cast.actor("petra"), data_use=use, note="No.")
    assert codes(refused) == ["nothing_asked"]
    request_renewal(actor=cast.actor("olivia"), data_use=use)
    with pytest.raises(ValidationError):
        decline_renewal(actor=cast.actor("petra"), data_use=use, note=" ")
    declined = decline_renewal(actor=cast.actor("petra"), data_use=use, note="It moves to the archive.")
    assert (declined.state, declined.holds, declined.waits_for_owner) == ("approved", True, False)
    assert told(cast.olivia)[-1].endswith("is not renewed: It moves to the archive.")


def test_declining_after_the_end_refuses_it(cast):
    use = approved(cast)
    with after(41):
        declined = decline_renewal(actor=cast.actor("petra"), data_use=use, note="It was deleted.")
    assert (declined.state, declined.decided_by) == ("refused", cast.petra)
    assert Fact.objects.filter(name="data_sources_approved", until__isnull=True).count() == 0


def test_both_owners_are_warned_thirty_and_seven_days_ahead_and_on_lapsing_once_each(cast):
    use = approved(cast)
    reference = use.use_case.reference
    day = f"{use.valid_until.day} {use.valid_until:%B %Y}"
    for days in (0, 9, 10, 11, 33, 34, 40, 41, 60):
        with after(days):
            chore()
            chore()
    ends = f"{reference}: the approval of “Policy library” ends on {day}."
    lapsed = f"{reference}: the approval of “Policy library” lapsed on {day}. Its gates say no until it is renewed."
    assert [text for text in told(cast.olivia) if "approval" in text] == [ends, ends, lapsed]
    assert told(cast.petra) == [ends, ends, lapsed]
    assert OutboxMessage.objects.filter(recipient="petra@example.org").count() == 3
    assert [event.payload["actor"]["name"] for event in events("data_use.lapsed")] == ["calendar"]


def test_who_owns_both_is_told_once(cast):
    use_case = registered(cast)
    use = request_data_use(
        actor=cast.actor("arno"), use_case=use_case, data_source=source_of(cast, "olivia"), purpose="To answer."
    )
    approve_data_use(actor=cast.actor("olivia"), data_use=use, valid_until=timezone.localdate() + timedelta(days=5))
    before = Notice.objects.count()
    assert follow_data_approvals() == 1
    assert Notice.objects.count() == before + 1


def test_a_renewal_starts_the_warnings_anew(cast):
    use = approved(cast, days=20)
    assert follow_data_approvals() == 1
    renew_data_use(actor=cast.actor("petra"), data_use=use, valid_until=timezone.localdate() + timedelta(days=25))
    assert follow_data_approvals() == 1


def test_a_stopped_use_case_and_an_ended_use_warn_nobody(cast):
    use = approved(cast, days=20)
    stop_use_case(actor=cast.actor("olivia"), use_case=use.use_case, reason="No budget.")
    assert follow_data_approvals() == 0
    end_data_use(actor=cast.actor("olivia"), data_use=use)
    assert DataUse.objects.get().state == "ended"
    with pytest.raises(Refused) as refused:
        end_data_use(actor=cast.actor("olivia"), data_use=use)
    assert codes(refused) == ["ended"]


@pytest.mark.parametrize("who", ["rafael", "dev", "petra", "admin", "pipeline"])
def test_who_is_not_on_the_team_ends_no_use(cast, who):
    use = approved(cast)
    with pytest.raises(Refused) as refused:
        end_data_use(actor=cast.actor(who), data_use=use)
    assert "not_declaring" in codes(refused)
    assert DataUse.objects.get().state == "approved"


def test_the_end_of_a_certificate_is_told_to_the_sources_owner(cast):
    source = source_of(cast)
    certify_data_source(
        actor=cast.actor("petra"), data_source=source, valid_until=timezone.localdate() + timedelta(days=3)
    )
    assert (follow_data_approvals(), follow_data_approvals()) == (1, 0)
    with after(4):
        assert (follow_data_approvals(), follow_data_approvals()) == (1, 0)
    assert [text.split(" ")[0:3] for text in told(cast.petra)] == [["The", "certificate", "of"]] * 2
    assert sentences("data_source.certificate_lapsed") == [
        "noted that the certificate of the data source Policy library has lapsed."
    ]


def test_the_database_keeps_the_rules_of_a_renewal(cast):
    approved(cast)
    now = timezone.now()
    for change, rule in (
        ({"renewal_requested_at": now}, "data_use_renewal_is_of_an_approval"),
        ({"renewal_requested_by": cast.arno}, "data_use_renewal_is_of_an_approval"),
        ({"state": "reopened"}, "data_use_reopening_says_why"),
        (
            {"state": "refused", "renewal_requested_at": now, "renewal_requested_by": cast.arno},
            "data_use_renewal_is_of_an_approval",
        ),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            DataUse.objects.update(**change)
