"""The catalogue: changes with history, handing over, certifying, freshness, and finding what needs somebody."""

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.access import Refused
from portal.models import Notice
from tests.usecases.scenes import codes, events, registered, sentences, source_of
from usecases import data_catalogue as catalogue
from usecases.actions.data_catalogue import (
    certify_data_source,
    change_data_source,
    report_refresh,
)
from usecases.actions.data_sources import approve_data_use, refuse_data_use, request_data_use
from usecases.actions.registration import edit_use_case
from usecases.models import DataSource, DataUse, Fact


def approved(cast, source, use_case=None):
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=use_case or registered(cast), data_source=source, purpose="To answer."
    )
    return approve_data_use(actor=cast.actor(source.owner.username), data_use=use)


def test_a_change_is_told_with_before_and_after(cast):
    source = source_of(cast)
    change_data_source(
        actor=cast.actor("petra"), data_source=source, region="EU", retention="Two years", reason="As agreed."
    )
    (event,) = events("data_source.changed")
    assert event.payload["sentence"] == "changed region, retention of the data source Policy library."
    assert event.payload["data"] == {
        "before": {"region": "", "retention": ""},
        "after": {"region": "EU", "retention": "Two years"},
        "reason": "As agreed.",
    }


def test_changing_nothing_tells_nothing(cast):
    source = source_of(cast)
    change_data_source(actor=cast.actor("petra"), data_source=source, name=source.name, region="")
    assert events("data_source.changed") == []


@pytest.mark.parametrize("who", ["olivia", "rafael", "dev", "fiona", "admin", "otto", "pipeline"])
def test_who_neither_owns_it_nor_is_its_architect_changes_nothing(cast, who):
    source = source_of(cast)
    with pytest.raises(Refused) as refused:
        change_data_source(actor=cast.actor(who), data_source=source, region="EU")
    assert "not_source_editor" in codes(refused)
    assert DataSource.objects.get().region == ""
    assert events("data_source.changed") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"classification": "public"}, "only_owner_lowers"),
        ({"grounding": "trusted"}, "only_owner_vouches"),
    ],
)
def test_an_architect_raises_but_neither_lowers_nor_vouches(cast, changes, code):
    source = source_of(cast)
    with pytest.raises(Refused) as refused:
        change_data_source(actor=cast.actor("arno"), data_source=source, **changes)
    assert codes(refused) == [code]
    assert DataSource.objects.get().classification == "internal"
    change_data_source(actor=cast.actor("arno"), data_source=source, classification="restricted")
    assert change_data_source(actor=cast.actor("petra"), data_source=source, **changes)


def test_a_name_that_the_unit_has_is_refused_and_nothing_changes(cast):
    source = source_of(cast)
    source_of(cast, name="Archive")
    with pytest.raises(ValidationError) as invalid:
        change_data_source(actor=cast.actor("petra"), data_source=source, name="Archive", region="EU")
    assert list(invalid.value.message_dict) == ["name"]
    assert DataSource.objects.get(pk=source.pk).region == ""


def test_a_higher_class_has_every_approval_confirmed_again(cast):
    source = source_of(cast)
    first, second = approved(cast, source), approved(cast, source)
    third = request_data_use(
        actor=cast.actor("olivia"), use_case=registered(cast), data_source=source, purpose="To compare."
    )
    refuse_data_use(actor=cast.actor("petra"), data_use=third, note="No.")
    change_data_source(actor=cast.actor("petra"), data_source=source, classification="confidential", personal_data=True)
    for use in (first, second):
        use.refresh_from_db()
        assert (use.state, use.holds) == ("reopened", False)
        assert use.reopened_reason == (
            "its classification rose from internal to confidential and it holds personal data now."
        )
    third.refresh_from_db()
    assert third.state == "refused"
    assert Fact.objects.filter(name="data_sources_approved", until__isnull=True).count() == 0
    assert sentences("data_use.reopened") == [
        f"reopened the approval to use Policy library for {use.use_case.reference}." for use in (first, second)
    ]
    assert Notice.objects.filter(person=cast.olivia, text__contains="confirmed again").count() == 2
    again = approve_data_use(actor=cast.actor("petra"), data_use=first)
    assert (again.state, again.reopened_reason, again.holds) == ("approved", "", True)


def test_less_delicate_data_reopen_nothing(cast):
    source = source_of(cast)
    use = approved(cast, source)
    change_data_source(actor=cast.actor("petra"), data_source=source, classification="public")
    use.refresh_from_db()
    assert use.state == "approved"


def test_more_delicate_data_take_the_certificate_away(cast):
    source = source_of(cast)
    until = timezone.localdate() + timedelta(days=90)
    certify_data_source(actor=cast.actor("petra"), data_source=source, valid_until=until)
    change_data_source(actor=cast.actor("arno"), data_source=source, classification="restricted")
    source.refresh_from_db()
    assert (source.certified_until, source.certified_by, source.certificate) == (None, None, "open")


def test_only_the_owner_certifies_and_until_a_later_day(cast):
    source = source_of(cast)
    until = timezone.localdate() + timedelta(days=90)
    for who in ("arno", "olivia", "admin", "pipeline"):
        with pytest.raises(Refused) as refused:
            certify_data_source(actor=cast.actor(who), data_source=source, valid_until=until)
        assert "not_source_owner" in codes(refused)
    with pytest.raises(ValidationError):
        certify_data_source(actor=cast.actor("petra"), data_source=source, valid_until=timezone.localdate())
    assert DataSource.objects.get().certified_at is None
    done = certify_data_source(actor=cast.actor("petra"), data_source=source, valid_until=until, note="Checked.")
    assert (done.certified_by, done.certified_until, done.certificate) == (cast.petra, until, "running")


def test_a_machine_that_pushes_evidence_reports_a_refresh_and_an_older_one_changes_nothing(cast):
    source = source_of(cast)
    now = timezone.now()
    report_refresh(actor=cast.actor("ingest"), data_source=source, refreshed_at=now)
    report_refresh(actor=cast.actor("petra"), data_source=source, refreshed_at=now - timedelta(days=1))
    assert DataSource.objects.get().refreshed_at == now
    assert len(events("data_source.refreshed")) == 1
    with pytest.raises(ValidationError):
        report_refresh(actor=cast.actor("petra"), data_source=source, refreshed_at=now + timedelta(hours=1))
    for who in ("olivia", "dev", "otto"):
        with pytest.raises(Refused) as refused:
            report_refresh(actor=cast.actor(who), data_source=source, refreshed_at=now)
        assert codes(refused) == ["not_reporter"]


def test_the_catalogue_finds_what_needs_somebody_and_says_how_much(cast):
    aud = cast.actor("aud")
    lapsed, ending, stale, fine = (source_of(cast, name=name) for name in ("Lapsed", "Ending", "Stale", "Fine"))
    today, now = timezone.localdate(), timezone.now()
    for source, days in ((lapsed, -1), (ending, 7), (stale, 90), (fine, 90)):
        DataSource.objects.filter(pk=source.pk).update(
            certified_by=cast.petra, certified_at=now, certified_until=today + timedelta(days=days)
        )
    DataSource.objects.filter(pk=stale.pk).update(refresh_every_hours=24, refreshed_at=now - timedelta(hours=25))
    DataSource.objects.filter(pk=fine.pk).update(refresh_every_hours=24, refreshed_at=now - timedelta(hours=23))
    source_of(cast, name="Never")
    everything = DataSource.objects.all()

    def found(need):
        return list(catalogue.narrowed(everything, aud, attention=need).values_list("name", flat=True))

    assert found("lapsed") == ["Lapsed"]
    assert found("ending") == ["Ending"]
    assert found("stale") == ["Stale"]
    assert found("uncertified") == ["Never"]
    assert catalogue.attention(everything, aud) == {
        "total": 5,
        "lapsed": 1,
        "ending": 1,
        "stale": 1,
        "uncertified": 1,
    }
    assert [source.name for source in everything if source.stale] == ["Stale"]


def test_a_use_of_a_hidden_use_case_leaves_no_trace_in_the_catalogue(cast):
    source = source_of(cast)
    use = approved(cast, source)
    DataUse.objects.update(valid_until=timezone.localdate() - timedelta(days=1))
    edit_use_case(actor=cast.actor("olivia"), use_case=use.use_case, restricted=True)
    everything = DataSource.objects.all()
    for who, seen in (("dev", 0), ("aud", 1), ("olivia", 1)):
        actor = cast.actor(who)
        assert catalogue.with_uses(everything, actor).get().used_by == seen
        assert catalogue.attention(everything, actor)["lapsed"] == seen
        assert catalogue.narrowed(everything, actor, attention="lapsed").count() == seen


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"q": "sap"}, ["Orders"]),
        ({"classification": "confidential"}, ["Orders"]),
        ({"personal_data": "yes"}, ["Orders"]),
        ({"personal_data": "no"}, ["Policies"]),
        ({"owner": "fio"}, ["Orders"]),
        ({"region": "germ"}, ["Orders"]),
        ({"grounding": "trusted"}, ["Policies"]),
    ],
)
def test_the_catalogue_is_narrowed(cast, filters, expected):
    source_of(cast, name="Policies")
    orders = source_of(cast, "fiona", "Orders")
    DataSource.objects.filter(name="Policies").update(grounding="trusted")
    DataSource.objects.filter(pk=orders.pk).update(
        system="SAP", classification="confidential", personal_data=True, region="Germany"
    )
    assert [row.name for row in catalogue.narrowed(DataSource.objects.all(), cast.actor("aud"), **filters)] == expected


@pytest.mark.django_db
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(order=st.sampled_from([f"{way}{key}" for key in catalogue.ORDERS for way in ("", "-")]), size=st.integers(1, 6))
def test_pages_hold_every_source_once_in_order_whatever_the_order_and_size(cast, order, size):
    if not DataSource.objects.exists():
        classes = ["public", "internal", "confidential", "restricted"]
        for number in range(11):
            source = source_of(cast, "petra" if number % 2 else "fiona", f"Source {number}")
            until = timezone.localdate() + timedelta(days=number % 3) if number % 4 else None
            DataSource.objects.filter(pk=source.pk).update(
                classification=classes[number % 4],
                certified_by=cast.petra if until else None,
                certified_at=timezone.now() if until else None,
                certified_until=until,
            )
    seen, after = [], ""
    for _page in range(12):
        rows, after = catalogue.page_of(DataSource.objects.all(), order, after, size)
        seen += rows
        if not after:
            break
    keys = [row.sort_key for row in seen]
    assert len({row.pk for row in seen}) == len(seen) == 11
    # Text is ordered by the database's collation, which is not Python's.
    if not isinstance(keys[0], str):
        assert keys == sorted(keys, reverse=order.startswith("-"))


@pytest.mark.parametrize("place", ["x", "~", f"2~{'0' * 8}", f"nothing~{uuid.UUID(int=7)}"])
def test_a_place_nobody_handed_out_is_an_empty_page(cast, place):
    source_of(cast)
    assert catalogue.page_of(DataSource.objects.all(), "classification", place, 5) == ([], "")


def test_the_database_keeps_the_rules_of_a_source(cast):
    source_of(cast)
    for change, rule in (
        ({"grounding": "perhaps"}, "data_source_grounding_is_known"),
        ({"refresh_every_hours": 0}, "data_source_freshness_is_a_promise"),
        ({"certified_at": timezone.now()}, "data_source_certificate_is_complete"),
        ({"certified_until": timezone.localdate()}, "data_source_certificate_is_complete"),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            DataSource.objects.update(**change)
