"""Two at once: whoever comes second sees what the first one did."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from approvals.actions.gates import judge_release
from approvals.actions.releases import propose_release
from approvals.choices import ReleaseState
from approvals.models import Attestation, Decision, Release, Verdict
from portal.access import Refused
from tests.approvals.story import a_release, a_run, a_use_case, a_version, sign
from tests.cast import Cast


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Runs each in a thread of its own from one starting line; results, or the exception each one met."""
    line, results = threading.Barrier(len(works)), [None] * len(works)

    def run(index: int, work: Callable[[], Any]) -> None:
        line.wait()
        try:
            results[index] = work()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def codes(results: list[Any]) -> list[str]:
    return [result.code for result in results if isinstance(result, Refused)]


def test_the_same_signature_many_times_at_once_counts_once(committed_cast: Cast) -> None:
    release = a_release(committed_cast)
    results = at_once(*[lambda: sign(committed_cast, release, "technical")] * 6)
    assert Decision.objects.filter(release=release).count() == 1
    assert len(codes(results)) == 5
    assert set(codes(results)) <= {"lane_already_decided", "already_decided_another_lane"}


def test_two_people_signing_the_last_lanes_at_once_approve_it_exactly_once(committed_cast: Cast) -> None:
    release = a_release(committed_cast)
    sign(committed_cast, release, "business")
    results = at_once(
        lambda: sign(committed_cast, release, "technical"), lambda: sign(committed_cast, release, "security")
    )
    assert all(isinstance(result, Decision) for result in results)
    assert Release.objects.get(pk=release.pk).state == ReleaseState.APPROVED
    assert Attestation.objects.filter(release=release).count() == 1


def test_yes_and_no_at_once_end_in_one_state(committed_cast: Cast) -> None:
    release = a_release(committed_cast)
    sign(committed_cast, release, "business")
    sign(committed_cast, release, "technical")
    results = at_once(
        lambda: sign(committed_cast, release, "security"),
        lambda: sign(committed_cast, release, "security", "reject", by="sam"),
    )
    kinds = [result.kind for result in results if isinstance(result, Decision)]
    assert len(kinds) == 1
    expected = {"approve": ReleaseState.APPROVED, "reject": ReleaseState.REJECTED}[kinds[0]]
    assert Release.objects.get(pk=release.pk).state == expected


def test_one_of_two_proposals_at_once_is_refused(committed_cast: Cast) -> None:
    use_case = a_use_case(committed_cast)
    version = a_version(committed_cast, use_case)

    def propose(by: str) -> Callable[[], Release]:
        return lambda: propose_release(
            actor=committed_cast.actor(by), use_case=use_case, version=version, environment="test"
        )

    results = at_once(propose("dev"), propose("petra"))
    assert codes(results) == ["release_open"]
    assert Release.objects.filter(use_case=use_case).count() == 1


def test_judging_at_once_writes_one_verdict(committed_cast: Cast) -> None:
    release = a_release(committed_cast)
    a_run(release.system_version)
    results = at_once(*[lambda: judge_release(release_id=release.pk, judged_by="x")] * 4)
    assert len({result.pk for result in results}) == 1
    assert Verdict.objects.filter(release=release).count() == 2


@pytest.mark.parametrize("_round", range(3))
def test_bad_evidence_against_the_last_signature_never_leaves_an_unnoticed_approval(
    committed_cast: Cast, _round: int
) -> None:
    release = a_release(committed_cast)
    sign(committed_cast, release, "business")
    sign(committed_cast, release, "technical")

    def bad_evidence_arrives() -> None:
        a_run(release.system_version, passed=100)
        judge_release(release_id=release.pk, judged_by="event")

    at_once(lambda: sign(committed_cast, release, "security"), bad_evidence_arrives)
    assert Release.objects.get(pk=release.pk).state in (ReleaseState.PROPOSED, ReleaseState.SUSPENDED)
