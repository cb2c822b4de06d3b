"""What a release runs on is retired: its page says so in time, afterwards nobody approves it and the gate denies it."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from approvals.actions.attestations import issue_attestation
from approvals.actions.gate_checks import check
from approvals.actions.releases import propose_release
from approvals.actions.retirements import watch
from approvals.docket import waiting_for
from approvals.grounds import grounds_of
from approvals.models import Release
from approvals.policies import may_decide, may_propose_release
from approvals.presentation import answer, lets_through, retirements
from portal.access import Refused
from tests.approvals.story import a_release, a_version, approved, sign
from usecases.actions.components import catalogue_declared_versions, set_retirement
from usecases.catalogue import todays_date
from usecases.models import Component, WorkItem


def retire(cast, release, days):
    """Its model is retired so many days from now."""
    catalogue_declared_versions()
    model = Component.objects.get(kind="model", version_components__system_version=release.system_version)
    day = todays_date() + timedelta(days=days)
    return set_retirement(actor=cast.actor("petra"), component=model, retires_on=day, source="The provider's page.")


def ask(cast, release):
    return check(
        actor=cast.actor("pipeline"),
        use_case_reference=release.use_case.reference,
        environment=release.environment,
        digest=release.system_version.digest,
        artifacts=[],
        nonce="n-1",
    )


def signed(cast):
    release = approved(cast)
    issue_attestation(release_id=release.pk)
    return release


def test_the_gate_allows_until_the_day_and_denies_from_it_on(cast):
    release = signed(cast)
    retire(cast, release, 10)
    assert ask(cast, release).allow is True
    retire(cast, release, 0)
    reply = ask(cast, release)
    assert (reply.allow, [reason.code for reason in reply.reasons]) == (False, ["component_retired"])
    assert reply.reasons[0].text == (
        f"What this version runs on was retired: azure gpt-4.1 2026-04-14 on {todays_date():%d %B %Y}."
        " Declare a version that runs on something else."
    )


def test_no_answer_of_the_gate_is_good_beyond_the_retirement(cast):
    with time_machine.travel(datetime.now(UTC), tick=True):
        release = signed(cast)
        retire(cast, release, 1)
        reply = ask(cast, release)
    midnight = datetime.combine(date.fromordinal(todays_date().toordinal() + 1), datetime.min.time(), UTC)
    assert reply.allow is True
    assert reply.expires_at <= midnight


def test_a_retired_model_is_proposed_and_approved_by_nobody(cast):
    release = a_release(cast)
    retire(cast, release, 0)
    ruling = may_decide(cast.actor("amina"), release, "technical")
    assert "component_retired" in [reason.code for reason in ruling.reasons]
    with pytest.raises(Refused) as refused:
        sign(cast, release, "technical")
    assert "component_retired" in [reason.code for reason in refused.value.reasons]
    assert release.decisions.count() == 0
    use_case, version = release.use_case, release.system_version
    with pytest.raises(Refused) as refused:
        propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="test")
    assert [reason.code for reason in refused.value.reasons] == ["component_retired"]
    assert Release.objects.count() == 1


def test_a_release_can_still_be_sent_back_when_its_model_is_retired(cast):
    release = a_release(cast)
    retire(cast, release, 0)
    sign(cast, release, "technical", kind="return", comment="Its model is gone.")
    assert Release.objects.get().state == "returned"


def test_another_version_may_be_proposed(cast):
    release = a_release(cast)
    retire(cast, release, 0)
    other = a_version(cast, release.use_case, "1.1", version="2026-09-01")
    assert may_propose_release(cast.actor("dev"), release.use_case, other, "test")


@pytest.mark.parametrize(
    ("days", "verdict", "told"),
    [
        (300, "pass", []),
        (100, "pass", [("azure gpt-4.1 2026-04-14 will be retired", "inconclusive")]),
        (0, "fail", [("azure gpt-4.1 2026-04-14 was retired", "fail")]),
    ],
)
def test_the_release_says_when_it_dies(cast, days, verdict, told):
    release = signed(cast)
    retire(cast, release, days)
    grounds = grounds_of(release)
    assert answer(grounds)["verdict"] == verdict
    assert lets_through(grounds) is (days > 0)
    assert [(row["text"], row["verdict"]) for row in retirements(grounds)] == told


def test_the_watch_keeps_work_open_while_a_release_stands_on_it(cast):
    release = signed(cast)
    retire(cast, release, 100)
    a_version(cast, release.use_case, "1.1", version="2026-09-01")
    catalogue_declared_versions()
    assert watch() == {"opened": 1, "told": 0, "done": 0}
    assert watch() == {"opened": 0, "told": 0, "done": 0}
    Release.objects.filter(pk=release.pk).update(state="withdrawn")
    assert watch() == {"opened": 0, "told": 0, "done": 1}
    assert WorkItem.objects.get().state == "done"


def test_the_work_waits_for_the_owner_and_for_nobody_else(cast):
    release = signed(cast)
    retire(cast, release, 20)
    watch()
    entries = [entry for entry in waiting_for(cast.actor("olivia")) if entry.due_on]
    assert [(entry.title, entry.late) for entry in entries] == [
        (f"Move {release.use_case.reference} off azure gpt-4.1 2026-04-14", True)
    ]
    assert [entry for entry in waiting_for(cast.actor("dev")) if entry.due_on] == []


def test_setting_a_day_rings_the_watch(cast, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr("approvals.tasks.watch_retirements.apply_async", lambda **options: rung.append(options))
    release = a_release(cast)
    with django_capture_on_commit_callbacks(execute=True):
        retire(cast, release, 100)
    assert rung == [{"retry": False}]
