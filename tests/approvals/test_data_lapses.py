"""Approvals of data end by the calendar: checklist, pages and gates say so on the day, and renewal brings them back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from approvals.actions.attestations import issue_attestation
from approvals.actions.gate_checks import Reply, check
from approvals.actions.releases import propose_release
from approvals.docket import waiting_for
from approvals.grounds import grounds_of
from approvals.models import Release
from approvals.presentation import answer, lets_through
from portal.access import Refused
from tests.approvals.doors import browser
from tests.approvals.story import MANIFEST, a_run, a_use_case, a_version, sign
from tests.cast import Cast
from tests.usecases.scenes import source_of
from usecases.actions.data_catalogue import certify_data_source, change_data_source
from usecases.actions.data_renewals import follow_data_approvals, renew_data_use, request_renewal
from usecases.actions.data_sources import approve_data_use, end_data_use, request_data_use
from usecases.checklists import item_status
from usecases.manifests import normalise
from usecases.models import DataUse, Fact, SystemVersion

DAYS = 10


def use_of(cast: Cast, use_case: Any, **more: Any) -> DataUse:
    """Approved by Petra, who owns the policy library."""
    use = request_data_use(
        actor=cast.actor("olivia"), use_case=use_case, data_source=source_of(cast), purpose="To answer from."
    )
    return approve_data_use(actor=cast.actor("petra"), data_use=use, **more)


def released(cast: Cast, days: int | None = DAYS) -> tuple[Release, DataUse]:
    """Approved for production and signed, on one source approved for so many days."""
    use_case = a_use_case(cast)
    until = timezone.localdate() + timedelta(days=days) if days else None
    use = use_of(cast, use_case, valid_until=until)
    version = a_version(cast, use_case)
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    for lane in release.lanes:
        sign(cast, release, lane)
    assert issue_attestation(release_id=release.pk) is not None
    return Release.objects.get(pk=release.pk), use


@contextmanager
def on(day: date) -> Iterator[None]:
    """That day at noon, as the application's clock says."""
    with time_machine.travel(timezone.make_aware(datetime.combine(day, time(12))), tick=False):
        yield


def ask(cast: Cast, release: Release) -> Reply:
    return check(
        actor=cast.actor("pipeline"),
        use_case_reference=release.use_case.reference,
        environment=release.environment,
        digest=release.system_version.digest,
        artifacts=[],
        nonce="n",
    )


def spoken(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def test_a_lapsed_approval_stops_the_gate_and_renewal_brings_it_back(cast: Cast) -> None:
    release, use = released(cast)
    assert use.valid_until is not None
    assert ask(cast, release).allow
    said = f"The approval of “Policy library” lapsed on {spoken(use.valid_until)}. Ask its owner to renew it."
    with on(use.valid_until):
        assert ask(cast, release).allow
    with on(use.valid_until + timedelta(days=1)):
        reply = ask(cast, release)
        assert (reply.allow, [reason.text for reason in reply.reasons]) == (False, [said])
        item = item_status(release.use_case, "PC04")
        assert item is not None and (item.state, item.statement) == ("open", said)
        grounds = grounds_of(release)
        assert not lets_through(grounds)
        assert answer(grounds)["note"] == said
        renew_data_use(
            actor=cast.actor("petra"),
            data_use=DataUse.objects.get(pk=use.pk),
            valid_until=use.valid_until + timedelta(days=90),
        )
        assert ask(cast, release).allow
        assert lets_through(grounds_of(release))
        item = item_status(release.use_case, "PC04")
        assert item is not None and item.state != "open"


def test_every_page_says_that_the_approval_lapsed(cast: Cast) -> None:
    release, use = released(cast)
    reference = release.use_case.reference
    assert use.valid_until is not None
    said = f"The approval of “Policy library” lapsed on {spoken(use.valid_until)}."
    with on(use.valid_until + timedelta(days=1)):
        pages = {
            where: browser(cast, "olivia").get(where).content.decode()
            for where in (
                f"/use-cases/{reference}/",
                f"/use-cases/{reference}/data/",
                f"/use-cases/{reference}/checklist/",
                f"/use-cases/{reference}/releases/{release.number}/",
            )
        }
        assert [where for where, text in pages.items() if said not in text] == []
        source = browser(cast, "petra").get(f"/data-sources/{use.data_source_id}/").content.decode()
        assert f"The approval for {reference} lapsed" in " ".join(source.split())
        assert "Renew the approval" in source


def test_no_lane_is_signed_on_a_lapsed_approval(cast: Cast) -> None:
    use_case = a_use_case(cast)
    use = use_of(cast, use_case, valid_until=timezone.localdate() + timedelta(days=DAYS))
    version = a_version(cast, use_case)
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    assert use.valid_until is not None
    with on(use.valid_until + timedelta(days=1)):
        with pytest.raises(Refused) as refused:
            sign(cast, release, "business")
        assert [reason.code for reason in refused.value.reasons] == ["data_approval_lapsed"]
        assert refused.value.is_conflict
        assert release.decisions.count() == 0
        sign(cast, release, "business", "return")
    assert Release.objects.get(pk=release.pk).state == "returned"


def test_nothing_is_proposed_for_production_on_a_lapsed_approval(cast: Cast) -> None:
    use_case = a_use_case(cast)
    use = use_of(cast, use_case, valid_until=timezone.localdate() + timedelta(days=DAYS))
    version = a_version(cast, use_case)
    a_run(version)
    assert use.valid_until is not None
    with on(use.valid_until + timedelta(days=1)), pytest.raises(Refused) as refused:
        propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    assert [reason.code for reason in refused.value.reasons] == ["checklist_open"]
    assert Release.objects.count() == 0


def test_the_gates_yes_ends_with_the_day_the_approval_ends(cast: Cast) -> None:
    release, use = released(cast, days=1)
    assert use.valid_until is not None
    midnight = timezone.make_aware(datetime.combine(use.valid_until + timedelta(days=1), time.min))
    assert grounds_of(release).holds_until == use.valid_until
    assert ask(cast, release).expires_at <= midnight


def test_a_use_that_was_ended_speaks_against_nothing_and_leaves_the_declaration(cast: Cast) -> None:
    release, use = released(cast)
    assert use.valid_until is not None
    with on(use.valid_until + timedelta(days=1)):
        end_data_use(actor=cast.actor("olivia"), data_use=DataUse.objects.get(pk=use.pk), reason="Replaced.")
        reply = ask(cast, release)
    assert [reason.code for reason in reply.reasons] == ["declaration_changed"]
    assert "The data source “Policy library” was removed." in reply.reasons[0].text


def test_more_delicate_data_reopen_the_approval_at_the_gate(cast: Cast) -> None:
    release, use = released(cast, days=None)
    change_data_source(actor=cast.actor("petra"), data_source=use.data_source, personal_data=True)
    reply = ask(cast, release)
    assert [reason.code for reason in reply.reasons] == ["declaration_changed", "data_approval_reopened"]
    assert reply.reasons[1].text == (
        "The approval of “Policy library” has to be confirmed again by its owner: it holds personal data now."
    )
    assert Fact.objects.filter(name="data_sources_approved", until__isnull=True).count() == 0


def test_a_lapsed_certificate_stops_the_gate_until_the_owner_certifies_again(cast: Cast) -> None:
    release, use = released(cast, days=None)
    until = timezone.localdate() + timedelta(days=20)
    certify_data_source(actor=cast.actor("petra"), data_source=use.data_source, valid_until=until)
    assert ask(cast, release).allow
    with on(until + timedelta(days=1)):
        assert [reason.code for reason in ask(cast, release).reasons] == ["data_certificate_lapsed"]
        certify_data_source(
            actor=cast.actor("petra"), data_source=use.data_source, valid_until=until + timedelta(days=90)
        )
        assert ask(cast, release).allow


def with_sources(cast: Cast, use_case: Any, *sources: dict[str, str]) -> SystemVersion:
    manifest = normalise({**MANIFEST, "knowledge_sources": list(sources)})
    return SystemVersion.objects.create(
        use_case=use_case,
        number=7,
        label="7",
        canon=manifest.canonical,
        digest=manifest.digest,
        manifest=manifest.data,
        declared_by=cast.dev,
    )


@pytest.mark.parametrize("named_by", ["name", "id"])
def test_a_version_that_names_a_source_not_trusted_is_not_approved(cast: Cast, named_by: str) -> None:
    use_case = a_use_case(cast)
    use = use_of(cast, use_case)
    source = use.data_source
    entry = {"name": "policy LIBRARY", "version": "1"}
    if named_by == "id":
        entry = {"name": "Index", "version": "1", "reference": str(source.pk)}
    version = with_sources(cast, use_case, entry, {"name": "Elsewhere", "version": "2"})
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    assert grounds_of(release).objections == ()
    change_data_source(actor=cast.actor("petra"), data_source=source, grounding="untrusted")
    with pytest.raises(Refused) as refused:
        sign(cast, release, "business")
    assert [reason.code for reason in refused.value.reasons] == ["data_source_not_trusted"]
    assert release.decisions.count() == 0


def test_a_version_that_reads_a_source_nobody_asked_for_is_not_approved(cast: Cast) -> None:
    use_case, source = a_use_case(cast), source_of(cast)
    entry = {"name": "Index", "version": "1", "reference": str(source.pk)}
    version = with_sources(cast, use_case, entry)
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    assert [reason.code for reason in grounds_of(release).objections] == ["data_use_not_declared"]


def test_home_asks_the_use_cases_owner_ahead_and_the_sources_owner_once_asked(cast: Cast) -> None:
    release, use = released(cast, days=60)
    assert waiting_for(cast.actor("olivia")) == []
    assert use.valid_until is not None
    with on(use.valid_until - timedelta(days=30)):
        (entry,) = waiting_for(cast.actor("olivia"))
        reference = release.use_case.reference
        assert entry.title == f"Have the approval of “Policy library” for {reference} renewed"
        assert waiting_for(cast.actor("petra")) == []
        request_renewal(actor=cast.actor("olivia"), data_use=use)
        assert waiting_for(cast.actor("olivia")) == []
        (asked,) = waiting_for(cast.actor("petra"))
        assert asked.title == f"May {reference} go on using “Policy library”?"
        assert ask(cast, release).allow


def test_the_fact_follows_when_the_calendar_is_read(cast: Cast) -> None:
    _release, use = released(cast)
    assert use.valid_until is not None
    with on(use.valid_until + timedelta(days=1)):
        assert follow_data_approvals() == 1
        assert Fact.objects.filter(name="data_sources_approved", until__isnull=True).count() == 0
        assert follow_data_approvals() == 0
