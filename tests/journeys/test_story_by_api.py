"""The whole story over HTTP: from an idea to a released system, and to its suspension when the evidence turns."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portal.choices import Scope
from tests.journeys.payloads import ARTIFACT, FACTORS, MANIFEST, WORDS, a_run, usage
from tests.journeys.processes import ROOT, Works, wait_until
from tests.journeys.visitors import Lobby, said

CONFIRMED = {
    "PC07": "The search service asks for the agent's own rights, tested in October.",
    "PC08": "The dashboard is read every Monday by the platform team.",
    "PC10": "The service desk knows the runbook.",
    "PC11": "Scale, stop or redesign is decided on 15 January by the owner.",
}
FAILED = "Groundedness passed in 120 of 200 cases (60 %), below the required 85 %."
SIGNERS = {"business": "olivia", "technical": "amina", "security": "sam"}
# The tool in a process that ends at the first attempt to reach anybody.
OFFLINE = """
import runpy, socket, sys
socket.socket.connect = socket.getaddrinfo = lambda *_arguments: sys.exit("It asked the network.")
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Story:
    """One use case's way through the portal; every step is a request somebody makes."""

    def __init__(self, lobby: Lobby, folder: Path) -> None:
        self.people, self.folder = lobby, folder
        scopes = [Scope.REGISTER, Scope.EVIDENCE, Scope.RELEASES, Scope.GATE, Scope.READ]
        self.pipeline, token = lobby.machine("pipeline", scopes)
        self.ingest, _token = lobby.machine("ingest", [Scope.EVIDENCE])
        self.token = folder / "token"
        self.token.write_text(token)
        self.reference = self.digest = ""

    @property
    def path(self) -> str:
        return f"use-cases/{self.reference}/"

    def state(self, release: str) -> str:
        return str(said(self.people["olivia"].get(f"releases/{release}/"))["state"])

    def tool(self, *arguments: str, offline: bool = False) -> tuple[int, dict[str, Any]]:
        """(exit code, what it printed) of the command-line tool in a process of its own."""
        start = ["-c", OFFLINE] if offline else []
        done = subprocess.run(
            [sys.executable, *start, str(ROOT / "gatehouse.py"), *arguments, "--json"],
            env={"PATH": os.environ["PATH"]}, cwd=self.folder, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout or "{}")

    def ask(self, environment: str) -> tuple[int, list[str]]:
        """What a pipeline is told before it deploys the manifest's version."""
        code, answer = self.tool(
            "check", "--url", self.people.url, "--use-case", self.reference, "--environment", environment,
            "--manifest", str(self.folder / "manifest.json"), "--artifact", f"{ARTIFACT}={'b7' * 32}",
            "--token-file", str(self.token),
        )  # fmt: skip
        return code, answer["reasons"]


def register(story: Story) -> None:
    new = {
        "title": "Refund helper",
        "business_outcome": "Refund questions are answered within one hour.",
        "user_group": "Twelve agents of customer service.",
        "pattern": "retrieval",
    }
    made = said(story.people["olivia"].post("use-cases/", new), 201)
    story.reference = made["reference"]
    assert (made["owner"]["name"], made["stage"], made["tier"]) == ("Olivia", "registered", "")


def answer(story: Story) -> None:
    for question, value in {**WORDS, **FACTORS}.items():
        kept = said(story.people["arno"].put(f"{story.path}answers/{question}/", {"value": value}))
        assert (kept["question"], kept["value"], kept["revision"]) == (question, value, 1)
    answers = said(story.people["olivia"].get(f"{story.path}answers/"))["results"]
    assert len(answers) == 21


def agree_on_data(story: Story) -> None:
    source = said(
        story.people["arno"].post(
            "data-sources/",
            {
                "name": "Refund policy", "system": "SharePoint", "owner": "petra", "unit": "Technology",
                "classification": "internal", "personal_data": False,
            },
        ),
        201,
    )  # fmt: skip
    wanted = {"data_source": source["id"], "purpose": "Answer refund questions.", "access_boundary": "Agents only."}
    use = said(story.people["olivia"].post(f"{story.path}data-uses/", wanted), 201)
    refused = said(story.people["olivia"].post(f"data-uses/{use['id']}/approve/"), 403)
    assert [reason["code"] for reason in refused["reasons"]] == ["not_source_owner", "own_request"]
    approved = said(story.people["petra"].post(f"data-uses/{use['id']}/approve/", {"note": "Read only."}))
    assert (approved["state"], approved["decided_by"]["name"]) == ("approved", "Petra")


def review_risk(story: Story) -> None:
    review = said(story.people["olivia"].post(f"{story.path}risk-reviews/"), 201)
    assert (review["proposed_tier"], review["provisional"]) == ("moderate", False)
    conclusion = {"tier": "moderate", "rationale": "As the rules propose."}
    done = said(story.people["rafael"].post(f"{story.path}risk-reviews/1/conclude/", conclusion))
    assert (done["state"], done["concluded_tier"], done["concluded_by"]["name"]) == ("concluded", "moderate", "Rafael")
    assert said(story.people["olivia"].get(story.path))["stage"] == "pilot"


def declare(story: Story) -> None:
    """The pipeline declares what it built; the tool computes the same digest from the same file."""
    (story.folder / "manifest.json").write_text(json.dumps(MANIFEST))
    made = said(story.pipeline.post(f"{story.path}versions/", {"label": "2026.11", "manifest": MANIFEST}), 201)
    again = said(story.pipeline.post(f"{story.path}versions/", {"label": "2026.11", "manifest": MANIFEST}))
    code, printed = story.tool("digest", str(story.folder / "manifest.json"))
    assert (code, printed["digest"], again["number"]) == (0, made["digest"], made["number"])
    story.digest = made["digest"]


def measure(story: Story) -> None:
    run = a_run(story.reference, story.digest)
    first = said(story.ingest.post("evaluation-runs/", run), 201)
    same = said(story.ingest.post("evaluation-runs/", run))
    run["cases"][0]["scores"]["relevance"] = 3
    changed = said(story.ingest.post("evaluation-runs/", run), 201)
    assert [(each["change"], each["revision"]) for each in (first, same, changed)] == [
        ("created", 1), ("unchanged", 1), ("revised", 2),
    ]  # fmt: skip
    assert same["id"] == first["id"] != changed["id"]
    counted = {each["dimension"]: (each["scored"], each["passed"]) for each in changed["dimensions"]}
    assert (counted["groundedness"], counted["relevance"]) == ((200, 200), (200, 199))
    rows = usage(story.reference, story.digest)
    for counts in ((3, 0, 0), (0, 0, 3)):
        told = said(story.ingest.post("usage-records/", rows))
        assert (told["created"], told["changed"], told["unchanged"], told["rejected"]) == (*counts, [])


def confirm(story: Story) -> None:
    for item, evidence in CONFIRMED.items():
        kept = said(story.people["arno"].post(f"{story.path}checklist/{item}/confirm/", {"evidence": evidence}), 201)
        assert (kept["item"], kept["state"]) == (item, "confirmed")
    items = said(story.people["olivia"].get(f"{story.path}checklist/"))["results"]
    assert [row["item"] for row in items if row["state"] == "open"] in ([], ["PC06"])


def release(story: Story, environment: str) -> str:
    """Proposed by the pipeline, passed by the gate, signed in every lane; returns the release's id."""
    assert story.ask(environment) == (
        10, ["No release is approved for this environment. Propose one and have it approved."],
    )  # fmt: skip
    wanted = {"use_case": story.reference, "version": story.digest, "environment": environment}
    made = said(story.pipeline.post("releases/", wanted), 201)
    verdict = said(story.people["olivia"].get(f"releases/{made['id']}/verdict/"))
    assert (verdict["outcome"], verdict["allows"], made["lanes"]) == ("pass", True, list(SIGNERS))
    assert made["digest"] == story.digest
    for lane, name in SIGNERS.items():
        assert story.state(made["id"]) == "proposed"
        signed = said(story.people[name].post(f"releases/{made['id']}/approve/", {"digest": story.digest}))
        assert [(row["lane"], row["person"]) for row in signed["decisions"]][-1] == (lane, name.capitalize())
    assert story.state(made["id"]) == "approved"
    assert story.ask(environment) == (0, [])
    return str(made["id"])


def verify_offline(story: Story, release_id: str, environment: str) -> None:
    """The downloaded statement and the pinned keys are enough; the tool gets no address to ask."""
    keyset = story.people["aud"].http.get("/.well-known/gatehouse/keyset.json")
    (story.folder / "keyset.json").write_text(keyset.text)
    held = said(story.people["aud"].get(f"releases/{release_id}/attestations/"))["results"]
    assert len(held) == 1
    (story.folder / "attestation.json").write_text(json.dumps(held[0]["envelope"]))
    about = ("--keyset", "keyset.json", "--use-case", story.reference, "--environment", environment)
    code, answer = story.tool("verify", "attestation.json", *about, "--manifest", "manifest.json", offline=True)
    assert (code, answer["digest"], answer["decision"]) == (0, story.digest, "approved")
    code, answer = story.tool("verify", "attestation.json", *about, "--digest", "0" * 64, offline=True)
    assert (code, answer["reasons"]) == (10, [f"The system version is {story.digest}, not {'0' * 64}."])


def turn(story: Story, work: Works, releases: dict[str, str]) -> None:
    """Tonight's run fails; a real worker hears of it and suspends what stands."""
    worker = work.worker()
    said(story.ingest.post("evaluation-runs/", a_run(story.reference, story.digest, "nightly-2", good=120)), 201)
    for environment, release_id in releases.items():
        wait_until(
            lambda pk=release_id: story.state(pk) == "suspended", seconds=30, what="the suspension", watched=worker
        )
        told = said(story.people["olivia"].get(f"releases/{release_id}/"))
        code, reasons = story.ask(environment)
        assert code == 10
        assert reasons[0] == f"Release {told['number']} is suspended: {told['state_reason']}"
        assert told["state_reason"] == FAILED
        notice = f"Release {told['number']} of “Refund helper” for {environment} is suspended"
        assert notice in story.people["olivia"].http.get("/").text


STORY = [
    "use_case.registered", "team.joined", "use_case.discovery_started", *["answer.saved"] * 21, "data_use.requested",
    "data_use.approved", "risk_review.submitted", "use_case.submitted_for_review", "risk_review.concluded",
    "use_case.cleared_for_pilot", "system_version.declared", "evaluation_run.recorded", "evaluation_run.revised",
    "usage.recorded", *["checklist_item.confirmed"] * 4,
]  # fmt: skip


def released(environment: str) -> list[str]:
    live = ["use_case.went_live"] if environment == "production" else []
    decided = ["decision.taken"] * 3
    return [
        "release.proposed", "release.judged", *decided, "release.approved", *live, "attestation.issued",
        "gate.allowed",
    ]  # fmt: skip


def read_trail(story: Story) -> list[dict[str, Any]]:
    """Everything told about the use case, oldest first, read by the auditor page by page."""
    found: list[dict[str, Any]] = []
    page = said(story.people["aud"].get("audit-events/", about=story.reference, page_size="20"))
    while True:
        found += page["results"]
        if page["next"] is None:
            return found[::-1]
        page = said(story.people["aud"].http.get(page["next"]))


@pytest.mark.timeout(180)
def test_the_story_from_an_idea_to_a_suspended_release(lobby: Lobby, work: Works, tmp_path: Path) -> None:
    story = Story(lobby, tmp_path)
    for step in (register, answer, agree_on_data, review_risk, declare, measure, confirm):
        step(story)
    releases = {environment: release(story, environment) for environment in ("test", "production")}
    assert said(story.people["olivia"].get(story.path))["stage"] == "production"
    verify_offline(story, releases["production"], "production")
    turn(story, work, releases)

    events = read_trail(story)
    actions = [event["event"]["action"] for event in events]
    assert actions[: len(STORY)] == STORY
    rest = actions[len(STORY) :]
    expected = [*released("test"), *released("production")]
    assert rest[: len(expected)] == expected
    # The worker judges while the pipeline asks, so the order of the last ones is not told in advance.
    assert sorted(rest[len(expected) :]) == sorted(
        ["evaluation_run.recorded", *["release.judged", "release.suspended", "gate.denied"] * 2]
    )
    for event in events:
        leaf = hashlib.sha256(b"\x00" + event["canon"].encode()).hexdigest()
        assert (leaf, json.loads(event["canon"])) == (event["leaf_hash"], event["event"])
        assert event["event"]["sentence"].endswith(".")
    revisions: dict[str, list[int]] = {}
    for event in events:
        revisions.setdefault(event["object_id"], []).append(event["object_rev"])
    assert all(sorted(told) == list(range(1, len(told) + 1)) for told in revisions.values())
