"""Data sources and their uses: asked for by the team, decided by the source's owner, never by one person alone."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from portal.access import Refused
from portal.audit import mention
from tests.usecases.scenes import codes, events, registered, sentences, source_of
from usecases.actions.data_sources import (
    approve_data_use,
    declare_data_source,
    refuse_data_use,
    request_data_use,
)
from usecases.actions.stages import stop_use_case
from usecases.models import DataSource, DataUse, Fact


def ask(cast, use_case, source, who="olivia", purpose="Answer refund questions."):
    return request_data_use(
        actor=cast.actor(who), use_case=use_case, data_source=source, purpose=purpose, access_boundary="Read only."
    )


def approved_fact(use_case):
    found = Fact.objects.filter(use_case=use_case, name="data_sources_approved", until__isnull=True).first()
    return found and found.value


def test_an_architect_adds_a_source_to_the_catalogue(cast):
    source = source_of(cast)
    assert (source.owner, source.declared_by, source.classification) == (cast.petra, cast.arno, "internal")
    assert sentences() == [f"added the data source Policy library, owned by {mention(cast.petra)}."]


def test_an_owner_on_some_team_adds_a_source_too(cast):
    with pytest.raises(Refused) as refused:
        declare(cast, "olivia")
    assert codes(refused) == ["not_declaring"]
    registered(cast)
    assert declare(cast, "olivia").declared_by == cast.olivia


def declare(cast, who):
    return declare_data_source(
        actor=cast.actor(who),
        name="Refund orders",
        system="SAP",
        owner=cast.fiona,
        unit=cast.units["Finance"],
        classification="confidential",
        personal_data=True,
    )


@pytest.mark.parametrize("who", ["rafael", "dev", "otto", "pipeline"])
def test_who_may_not_declare_adds_no_source(cast, who):
    registered(cast)
    with pytest.raises(Refused) as refused:
        declare(cast, who)
    assert "not_declaring" in codes(refused)
    assert DataSource.objects.count() == 0
    assert events("data_source.declared") == []


def test_a_name_is_used_once_in_a_unit(cast):
    source_of(cast)
    with pytest.raises(ValidationError) as invalid:
        source_of(cast)
    assert list(invalid.value.message_dict) == ["name"]
    assert DataSource.objects.count() == 1


def test_a_request_waits_for_the_sources_owner(cast):
    use_case, source = registered(cast), source_of(cast)
    use = ask(cast, use_case, source)
    assert (use.state, use.requested_by, use.decided_by) == ("requested", cast.olivia, None)
    assert approved_fact(use_case) is None
    assert sentences("data_use.requested") == [f"asked to use Policy library for {use_case.reference}."]
    with pytest.raises(Refused) as refused:
        ask(cast, use_case, source)
    assert codes(refused) == ["already_requested"]
    assert refused.value.is_conflict


def test_the_fact_holds_only_while_every_use_is_approved(cast):
    use_case, first, second = registered(cast), source_of(cast), source_of(cast, "fiona", "Refund orders")
    approve_data_use(actor=cast.actor("petra"), data_use=ask(cast, use_case, first))
    assert approved_fact(use_case) == {"approved": 1, "declared": 1}
    use = ask(cast, use_case, second)
    assert approved_fact(use_case) is None
    approve_data_use(actor=cast.actor("fiona"), data_use=use, note="Masked numbers only.")
    assert approved_fact(use_case) == {"approved": 2, "declared": 2}
    assert sentences("data_use.approved")[1] == f"approved the use of Refund orders for {use_case.reference}."


def test_a_refusal_says_why_and_may_be_asked_again(cast):
    use_case, source = registered(cast), source_of(cast)
    use = ask(cast, use_case, source)
    with pytest.raises(ValidationError) as invalid:
        refuse_data_use(actor=cast.actor("petra"), data_use=use, note=" ")
    assert list(invalid.value.message_dict) == ["note"]
    refused = refuse_data_use(actor=cast.actor("petra"), data_use=use, note="Say which pages.")
    assert (refused.state, refused.decided_by, refused.note) == ("refused", cast.petra, "Say which pages.")
    again = ask(cast, use_case, source, who="arno", purpose="Answer from the refund pages.")
    assert again.pk == use.pk
    again.refresh_from_db()
    assert (again.state, again.requested_by, again.decided_by, again.note) == ("requested", cast.arno, None, "")
    assert sentences("data_use.requested")[1] == f"asked again to use Policy library for {use_case.reference}."


def test_asking_again_after_approval_opens_the_fact(cast):
    use_case, source = registered(cast), source_of(cast)
    approve_data_use(actor=cast.actor("petra"), data_use=ask(cast, use_case, source))
    ask(cast, use_case, source, purpose="Something wider.")
    assert approved_fact(use_case) is None


@pytest.mark.parametrize("verb", ["approve", "refuse"])
@pytest.mark.parametrize("who", ["olivia", "arno", "rafael", "amina", "admin", "otto", "pipeline"])
def test_only_the_sources_owner_decides(cast, who, verb):
    use_case, source = registered(cast), source_of(cast)
    use = ask(cast, use_case, source)
    decide = approve_data_use if verb == "approve" else refuse_data_use
    with pytest.raises(Refused) as refused:
        decide(actor=cast.actor(who), data_use=use, note="A reason.")
    assert "not_source_owner" in codes(refused)
    assert ("own_request" in codes(refused)) is (who == "olivia")
    assert not refused.value.is_conflict
    assert DataUse.objects.get().state == "requested"
    assert events("data_use.approved") + events("data_use.refused") == []


def test_an_owner_does_not_approve_their_own_request(cast):
    use_case, source = registered(cast), source_of(cast, "olivia")
    use = ask(cast, use_case, source)
    with pytest.raises(Refused) as refused:
        approve_data_use(actor=cast.actor("olivia"), data_use=use)
    assert codes(refused) == ["own_request"]
    assert DataUse.objects.get().state == "requested"
    with pytest.raises(IntegrityError, match="data_use_four_eyes"), transaction.atomic():
        DataUse.objects.update(state="approved", decided_by=cast.olivia, decided_at=timezone.now())


def test_a_decided_request_is_not_decided_again(cast):
    use_case, source = registered(cast), source_of(cast)
    use = approve_data_use(actor=cast.actor("petra"), data_use=ask(cast, use_case, source))
    with pytest.raises(Refused) as refused:
        refuse_data_use(actor=cast.actor("petra"), data_use=use, note="Changed my mind.")
    assert codes(refused) == ["already_decided"]
    assert refused.value.is_conflict
    assert DataUse.objects.get().state == "approved"


def test_an_approval_ends_on_a_later_day(cast):
    use_case, source = registered(cast), source_of(cast)
    use = ask(cast, use_case, source)
    with pytest.raises(ValidationError) as invalid:
        approve_data_use(actor=cast.actor("petra"), data_use=use, valid_until=timezone.localdate())
    assert list(invalid.value.message_dict) == ["valid_until"]
    later = timezone.localdate() + timedelta(days=90)
    assert approve_data_use(actor=cast.actor("petra"), data_use=use, valid_until=later).valid_until == later


@pytest.mark.parametrize("who", ["rafael", "dev", "petra", "pipeline"])
def test_who_is_not_on_the_team_asks_for_no_data(cast, who):
    use_case, source = registered(cast), source_of(cast)
    with pytest.raises(Refused) as refused:
        ask(cast, use_case, source, who=who)
    assert "not_declaring" in codes(refused)
    assert DataUse.objects.count() == 0


def test_a_request_needs_a_purpose_and_a_running_use_case(cast):
    use_case, source = registered(cast), source_of(cast)
    with pytest.raises(ValidationError):
        ask(cast, use_case, source, purpose=" ")
    stop_use_case(actor=cast.actor("olivia"), use_case=use_case, reason="No budget.")
    with pytest.raises(Refused) as refused:
        ask(cast, use_case, source)
    assert codes(refused) == ["stopped"]
    assert DataUse.objects.count() == 0


def test_the_database_keeps_the_rules_of_a_data_use(cast):
    use_case, source = registered(cast), source_of(cast)
    other = source_of(cast, name="Archive")
    ask(cast, use_case, source)
    for change, rule in (
        ({"purpose": ""}, "data_use_purpose_is_not_blank"),
        ({"decided_by": cast.petra}, "data_use_decision_is_complete"),
        ({"data_source": other}, "frozen"),
    ):
        with pytest.raises(DatabaseError, match=rule), transaction.atomic():
            DataUse.objects.update(**change)
    with pytest.raises(IntegrityError, match="data_use_is_declared_once"), transaction.atomic():
        DataUse.objects.create(use_case=use_case, data_source=source, purpose="x", requested_by=cast.arno)
    for change, rule in (
        ({"name": ""}, "data_source_name_is_not_blank"),
        ({"classification": "secret"}, "data_source_classification_is_known"),
        ({"name": "Archive"}, "data_source_name_is_unique_in_unit"),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            DataSource.objects.filter(pk=source.pk).update(**change)
