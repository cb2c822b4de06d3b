"""Releases and the gate over the API: exact answers, exact problems, and no effect where refused."""

import json
from typing import Any

import pytest
from django.test import Client

from approvals import signing
from approvals.actions.attestations import issue_attestation
from approvals.models import Decision, Release
from portal.choices import Scope
from tests.approvals.doors import browser, machine, post
from tests.approvals.story import a_release, a_run, a_use_case, a_version, approved
from tests.cast import Cast

RELEASES = "/api/v1/releases/"
GATE = "/api/v1/gate/check/"


def problem(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json", response.content
    return response.status_code, response.json()["code"]


def question(release: Release, **changed: Any) -> dict[str, Any]:
    return {
        "use_case": release.use_case.reference,
        "environment": release.environment,
        "digest": release.system_version.digest,
        "artifacts": [{"name": "assistant", "sha256": "b" * 64}],
        "nonce": "n-1",
        **changed,
    }


def test_a_pipeline_proposes_a_version_by_its_digest(cast: Cast) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    a_run(version)
    body = {"use_case": use_case.reference, "version": version.digest, "environment": "production", "note": "First."}
    response = post(machine(cast, "pipeline"), RELEASES, body)
    assert response.status_code == 201, response.content
    told = response.json()
    assert (told["number"], told["state"], told["digest"], told["proposed_by"]) == (
        1,
        "proposed",
        version.digest,
        "pipeline",
    )
    assert told["release_digest"] == Release.objects.get().digest


def test_the_same_request_again_is_the_same_release(cast: Cast) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    client = machine(cast, "pipeline")
    body = {"use_case": use_case.reference, "version": version.digest, "environment": "test"}
    answers = [post(client, RELEASES, body, **{"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Release.objects.count() == 1
    assert problem(post(client, RELEASES, body)) == (409, "release_open")


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "x"},
        {"version": "0" * 64},
        {"environment": "moon"},
        {"state": "approved"},
        {"proposed_by": "amina"},
        {"note": "x" * 4001},
    ],
)
def test_what_cannot_be_used_is_named(cast: Cast, wrong: dict[str, str]) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    body = {"use_case": use_case.reference, "version": version.digest, "environment": "test", **wrong}
    response = post(machine(cast, "pipeline"), RELEASES, body)
    assert problem(response) == (400, "invalid")
    assert response.json()["errors"][0]["field"] == next(iter(wrong))
    assert Release.objects.count() == 0


def test_an_unseen_use_case_is_not_found(cast: Cast) -> None:
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)
    body = {"use_case": use_case.reference, "version": version.digest, "environment": "test"}
    assert problem(post(browser(cast, "otto"), RELEASES, body)) == (404, "not_found")


def test_a_person_signs_the_one_lane_that_is_theirs(cast: Cast) -> None:
    release = a_release(cast)
    response = post(browser(cast, "sam"), f"{RELEASES}{release.pk}/approve/", {"digest": release.system_version.digest})
    assert response.status_code == 200, response.content
    assert [(d["lane"], d["kind"], d["person"]) for d in response.json()["decisions"]] == [
        ("security", "approve", "Sam")
    ]


def test_a_decision_without_a_digest_is_428(cast: Cast) -> None:
    release = a_release(cast)
    assert problem(post(browser(cast, "sam"), f"{RELEASES}{release.pk}/approve/", {})) == (428, "digest_missing")
    assert Decision.objects.count() == 0


@pytest.mark.parametrize("verb", ["approve", "reject", "return"])
def test_a_token_decides_nothing(cast: Cast, verb: str) -> None:
    release = a_release(cast)
    body = {"digest": release.system_version.digest, "comment": "x"}
    response = post(machine(cast, "pipeline"), f"{RELEASES}{release.pk}/{verb}/", body)
    assert problem(response) == (403, "machine_decides_nothing")
    assert Decision.objects.count() == 0


def test_the_author_is_refused_with_the_reason(cast: Cast) -> None:
    release = a_release(cast, by="petra")
    body = {"digest": release.system_version.digest, "lane": "technical"}
    assert problem(post(browser(cast, "petra"), f"{RELEASES}{release.pk}/approve/", body)) == (403, "contributor")
    assert Decision.objects.count() == 0


def test_a_stale_digest_is_a_conflict(cast: Cast) -> None:
    release = a_release(cast)
    body = {"digest": "0" * 64}
    assert problem(post(browser(cast, "sam"), f"{RELEASES}{release.pk}/approve/", body)) == (409, "digest_changed")


def test_a_release_is_withdrawn(cast: Cast) -> None:
    release = a_release(cast)
    response = post(machine(cast, "pipeline"), f"{RELEASES}{release.pk}/withdraw/", {"reason": "Wrong build."})
    assert (response.status_code, response.json()["state"], response.json()["state_reason"]) == (
        200,
        "withdrawn",
        "Wrong build.",
    )


def test_releases_are_listed_for_those_who_may_see_them(cast: Cast) -> None:
    release = a_release(cast)
    seen = browser(cast, "aud").get(RELEASES, {"use_case": release.use_case.reference, "state": "proposed"}).json()
    assert [row["id"] for row in seen["results"]] == [str(release.pk)]
    assert browser(cast, "otto").get(RELEASES).json()["results"] == []
    assert problem(browser(cast, "otto").get(f"{RELEASES}{release.pk}/")) == (404, "not_found")
    assert problem(Client().get(RELEASES)) == (401, "not_authenticated")


def test_the_list_costs_the_same_for_one_and_for_many(cast: Cast, django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    a_release(cast)
    client = browser(cast, "aud")
    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(RELEASES)
    for _ in range(3):
        a_release(cast, environment="test")
    with CaptureQueriesContext(connection) as many:
        assert len(client.get(RELEASES).json()["results"]) == 4
    assert len(many) == len(one) <= 8


def test_the_verdict_and_the_attestations_are_there_to_read(cast: Cast) -> None:
    release = approved(cast)
    issue_attestation(release_id=release.pk)
    client = browser(cast, "aud")
    verdict = client.get(f"{RELEASES}{release.pk}/verdict/").json()
    assert (verdict["outcome"], verdict["allows"], len(verdict["criteria"])) == ("pass", True, 6)
    attestations = client.get(f"{RELEASES}{release.pk}/attestations/").json()["results"]
    assert [each["envelope"]["payloadType"] for each in attestations] == ["application/vnd.in-toto+json"]


def test_the_gate_answers_in_plain_and_signed(cast: Cast) -> None:
    release = approved(cast)
    issue_attestation(release_id=release.pk)
    client = machine(cast, "pipeline", [Scope.GATE])
    response = post(client, GATE, question(release))
    assert response["Cache-Control"] == "no-store"
    told = response.json()
    assert (told["allow"], told["reasons"], told["codes"], told["nonce"]) == (True, [], [], "n-1")
    keyset = Client().get("/.well-known/gatehouse/keyset.json").json()
    statement = json.loads(signing.verify(told["envelope"], keyset, "gate"))
    assert statement["predicate"]["allow"] is True
    assert statement["predicate"]["evaluatedAt"] == told["evaluated_at"]


def test_the_gate_says_no_in_words(cast: Cast) -> None:
    release = a_release(cast)
    told = post(machine(cast, "pipeline"), GATE, question(release)).json()
    assert (told["allow"], told["codes"], told["attestations"]) == (False, ["no_release"], [])
    assert told["reasons"] == ["No release is approved for this environment. Propose one and have it approved."]


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": ""},
        {"digest": "A" * 64},
        {"digest": "0" * 64 + "\n"},
        {"environment": "prod"},
        {"artifacts": [{"name": "system-version", "sha256": "0" * 64}]},
        {"artifacts": [{"name": "a", "sha256": "0" * 64}] * 2},
        {"artifacts": [{"name": "a", "sha1": "0" * 40}]},
        {"artefacts": []},
    ],
)
def test_a_malformed_question_is_refused(cast: Cast, wrong: dict[str, Any]) -> None:
    release = a_release(cast)
    assert problem(post(machine(cast, "pipeline"), GATE, question(release, **wrong))) == (400, "invalid")


def test_a_token_without_the_gate_scope_may_not_ask(cast: Cast) -> None:
    release = approved(cast)
    response = post(machine(cast, "pipeline", [Scope.RELEASES]), GATE, question(release))
    assert problem(response) == (403, "not_asker")


def test_the_keyset_is_public_and_expires(cast: Cast) -> None:
    keyset = Client().get("/.well-known/gatehouse/keyset.json").json()
    assert {key["use"] for key in keyset["keys"]} == {"decision", "gate"}
    assert keyset["expires"] > keyset["issued"]
    assert "d" not in keyset["keys"][0]["jwk"]
