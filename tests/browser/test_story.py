"""The story as people live it: several browsers, one portal, one worker, and evidence pushed from outside."""

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from portal.actions.tokens import issue_token
from portal.choices import Scope
from tests.browser.desks import Office, words_on
from tests.cast import Cast
from tests.journeys.payloads import FACTORS, MANIFEST, WORDS, a_run, usage
from tests.journeys.processes import Works
from usecases.models import SystemVersion

CASE = "/use-cases/UC-0001/"
CONFIRMED = {
    "PC07": "The search service asks for the agent's own rights.",
    "PC08": "The dashboard is read every Monday.",
    "PC10": "The service desk knows the runbook.",
    "PC11": "Decided on 15 January by the owner.",
}


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, title: str, verb: str) -> None:
    """From the docket on the home page to what waits there."""
    page.goto("/")
    entry = page.locator(".docket li", has_text=title)
    entry.get_by_role("link", name=verb, exact=True).click()


def register(page: Page) -> None:
    page.goto("/use-cases/new/")
    page.locator("main form").get_by_label("Name").fill("Refund helper")
    page.locator("main form").get_by_label("Which business result should improve?").fill(
        "One hour instead of two days."
    )
    page.locator("main form").get_by_label("Who will use it, and who is affected?").fill(
        "Twelve agents of customer service."
    )
    page.locator("main form").get_by_label("What does it do?").select_option("retrieval")
    assert (
        page.locator("main form").get_by_label("Accountable owner").locator("option:checked").inner_text() == "Olivia"
    )
    press(page, "Register this use case")
    page.wait_for_url(f"**{CASE}discovery/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Refund helper")


def answer(page: Page) -> None:
    """Typed and left alone: each answer saves itself and is there again after a reload."""
    page.goto(f"{CASE}discovery/")
    for question, text in WORDS.items():
        page.locator(f"#a-{question}").fill(text)
    for question, value in FACTORS.items():
        page.locator(f"#q-{question} input[type=radio][value='{value}']").check()
    for question in (*WORDS, *FACTORS):
        expect(page.locator(f"#state-{question}")).to_contain_text("Saved")
    page.reload()
    for question, text in WORDS.items():
        expect(page.locator(f"#a-{question}")).to_have_value(text)
    for question, value in FACTORS.items():
        expect(page.locator(f"#q-{question} input[type=radio][value='{value}']")).to_be_checked()
    expect(page.locator("#progress")).to_contain_text("21 of 21 answered")


def agree_on_data(office: Office) -> None:
    arno, olivia, petra = office.desk("arno"), office.desk("olivia"), office.desk("petra")
    arno.goto("/data-sources/new/")
    arno.locator("main form").get_by_label("Name").fill("Refund policy")
    arno.locator("main form").get_by_label("System it lives in").fill("SharePoint")
    arno.locator("main form").get_by_label("Owner").select_option("Petra")
    arno.locator("main form").get_by_label("Business unit").select_option("Technology")
    arno.locator("main form").get_by_label("Classification").select_option("internal")
    arno.locator("main form button[data-weight=main]").click()
    olivia.goto(f"{CASE}data/")
    olivia.locator("main form").get_by_label("Data source").select_option("Refund policy")
    olivia.locator("main form").get_by_label("What is it needed for?").fill("Answer refund questions.")
    press(olivia, "Ask its owner")
    expect(olivia.locator("main")).to_contain_text("Petra decides.")
    follow(petra, "May UC-0001 use “Refund policy”?", "Decide about the data")
    press(petra, "Approve this use")
    expect(petra.locator("main")).to_contain_text("Decided by Petra")


def review_risk(office: Office) -> None:
    olivia, rafael = office.desk("olivia"), office.desk("rafael")
    olivia.goto(f"{CASE}risk/")
    expect(olivia.locator("main")).to_contain_text("Impact 3 × exposure 3 = 9 of 25.")
    press(olivia, "Submit for risk review")
    expect(olivia.locator("main")).to_contain_text("Review 1 waits for a reviewer")
    expect(olivia.locator("main .refused")).to_contain_text("Concluding a review needs the role of risk reviewer.")
    follow(rafael, "Conclude the risk review of UC-0001", "Review the risk")
    rafael.locator("main form").get_by_label("Inherent risk tier").select_option("moderate")
    rafael.locator("main form").get_by_label("Reason").fill("As the rules propose.")
    press(rafael, "Conclude this review")
    expect(rafael.locator("main")).to_contain_text("As the rules propose.")


def confirm(page: Page) -> None:
    for item, evidence in CONFIRMED.items():
        page.goto(f"{CASE}checklist/")
        row = page.locator(f"#{item}")
        row.locator("summary").click()
        row.get_by_label("What proves it?").fill(evidence)
        row.get_by_role("button", name="Confirm this item").click()
        expect(page.locator(f"#{item}")).to_contain_text("Confirmed")


def declare(page: Page) -> str:
    """By manifest, in the form; a fault is told with its path and what was typed stays."""
    page.goto(f"{CASE}versions/")
    page.locator("main form").get_by_label("Label", exact=True).fill("2026.11")
    page.locator("main form").get_by_label("Manifest").fill(json.dumps({**MANIFEST, "model": {"provider": "azure"}}))
    press(page, "Declare this version")
    expect(page.locator("main")).to_contain_text("model.name")
    expect(page.locator("main form").get_by_label("Label", exact=True)).to_have_value("2026.11")
    page.locator("main form").get_by_label("Manifest").fill(json.dumps(MANIFEST))
    press(page, "Declare this version")
    expect(page.locator("main")).to_contain_text("2026.11")
    return SystemVersion.objects.get().digest


def push(url: str, token: str, path: str, body: Any) -> None:
    answer = httpx.post(
        f"{url}/api/v1/{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
    )
    assert answer.status_code in (200, 201), answer.text


def sign(page: Page, first: bool) -> None:
    follow(page, "Release 1 of UC-0001 waits for your signature", "Read and decide")
    expect(page.locator("main")).to_contain_text("You decide about exactly this:")
    press(page, "Approve this release")
    expect(page.locator(".lane[data-state=signed]")).not_to_have_count(0)
    assert not first or page.locator(".lane[data-state=signed]").count() == 1


@pytest.mark.timeout(180)
def test_people_bring_a_use_case_to_production_and_see_it_suspended(
    office: Office, committed_cast: Cast, work: Works
) -> None:
    olivia, dev = office.desk("olivia"), office.desk("dev")
    register(olivia)
    answer(office.desk("arno"))
    agree_on_data(office)
    review_risk(office)
    digest = declare(dev)

    ingest = committed_cast.accounts["ingest"]
    _row, token = issue_token(actor=committed_cast.actor("admin"), account=ingest, label="x", scopes=[Scope.EVIDENCE])
    push(office.url, token, "evaluation-runs/", a_run("UC-0001", digest))
    push(office.url, token, "usage-records/", usage("UC-0001", digest))
    confirm(office.desk("arno"))
    olivia.goto(f"{CASE}evidence/")
    expect(olivia.locator("main")).to_contain_text("Groundedness 200/200")
    expect(olivia.locator(".js-plotly-plot")).not_to_have_count(0)

    dev.goto(f"{CASE}releases/")
    dev.locator("main form").get_by_label("Environment").select_option("production")
    dev.locator("main form").get_by_label("Note for those who decide").fill(
        "First release, two hundred questions passed."
    )
    press(dev, "Propose this version")
    dev.wait_for_url(re.compile(r".*/releases/1/$"))
    expect(dev.locator("main")).to_contain_text("Not yet")
    for number, name in enumerate(("olivia", "amina", "sam")):
        sign(office.desk(name), number == 0)
    olivia.goto(f"{CASE}releases/1/")
    expect(olivia.get_by_role("link", name="Download the attestation")).to_be_visible()
    assert olivia.locator(".lane[data-state=signed]").count() == 3
    olivia.goto(CASE)
    expect(olivia.locator("main")).to_contain_text("Production")

    work.worker()
    push(office.url, token, "evaluation-runs/", a_run("UC-0001", digest, "nightly-2", good=120))
    failed = "Groundedness passed in 120 of 200 cases (60 %), below the required 85 %."
    for _attempt in range(240):
        olivia.goto(f"{CASE}releases/1/")
        if "uspended" in words_on(olivia):
            break
        olivia.wait_for_timeout(250)
    assert failed in words_on(olivia)
    olivia.goto("/")
    expect(olivia.locator("main")).to_contain_text("Release 1 of UC-0001 is suspended")
    olivia.goto(f"{CASE}history/")
    expect(olivia.locator("main")).to_contain_text("suspended release 1 of UC-0001")
