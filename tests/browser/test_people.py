"""Registering finds what exists: ask to join it instead. And an owner hands over to somebody who accepts."""

import re
from datetime import timedelta

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from approvals.models import Decision
from portal.models.absences import today
from tests.approvals.story import a_release
from tests.browser.desks import Office, words_on
from tests.cast import Cast
from tests.portal.test_absences import kept
from tests.usecases.scenes import registered
from usecases.models import StewardshipRequest, UseCase
from usecases.policies import team_roles


def test_a_duplicate_shows_while_typing_and_is_joined_instead(office: Office, committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    arno = office.desk("arno")
    arno.goto("/use-cases/new/")
    near = arno.locator("#similar")
    arno.get_by_label("Name").press_sequentially("Refund helpers")
    expect(near).to_contain_text("It has a similar name. Owned by Olivia")
    arno.get_by_label("Name").fill("Something else")
    expect(near).not_to_contain_text("Refund helper")
    arno.get_by_label("Which business result should improve?").press_sequentially(
        "Refund questions answered by agents within the hour"
    )
    expect(near).to_contain_text("the same words: ")
    near.get_by_role("link", name=f"Ask to join {use_case.reference}").click()
    arno.get_by_label("What do you bring, and what do you need?").fill("I was about to register the same.")
    arno.get_by_role("button", name="Ask to join").click()
    expect(arno).to_have_url(re.compile(f"/use-cases/{use_case.reference}/team/$"))
    assert UseCase.objects.count() == 1

    olivia = office.desk("olivia")
    olivia.goto("/")
    olivia.get_by_role("link", name=f"Arno asks to join {use_case.reference}").click()
    expect(olivia.locator("main")).to_contain_text("I was about to register the same.")
    olivia.get_by_role("button", name="Let them join").click()
    expect(olivia).to_have_url(re.compile("/team/$"))
    assert team_roles(committed_cast.arno, use_case) == ["contributor"]


def test_a_use_case_changes_hands_when_the_new_owner_accepts(office: Office, committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    olivia = office.desk("olivia")
    olivia.goto(f"/use-cases/{use_case.reference}/team/")
    assert "Nobody is named who notices when it fails in use." in words_on(olivia)
    olivia.get_by_text("Hand it over").click()
    olivia.get_by_label("Who takes over?").select_option(label="Dev")
    olivia.get_by_label("What should they know?").fill("The tariffs change in March.")
    olivia.get_by_role("button", name="Ask to take it over").click()
    expect(olivia.locator("main")).to_contain_text("Dev is asked to take over")

    dev = office.desk("dev", narrow=True)
    dev.goto("/")
    dev.get_by_role("link", name=f"Do you take over {use_case.reference}?").click()
    dev.get_by_text("Decline", exact=True).click()
    dev.get_by_role("button", name="Take it over").click()
    expect(dev).to_have_url(re.compile("/team/$"))
    use_case.refresh_from_db()
    assert use_case.owner == committed_cast.dev
    assert StewardshipRequest.objects.get().state == "accepted"


def test_who_owns_something_is_switched_off_only_with_a_stand_in(office: Office, committed_cast: Cast) -> None:
    registered(committed_cast)
    admin = office.desk("admin", script=False)
    admin.goto(f"/people/{committed_cast.olivia.pk}/deactivate/")
    assert "1 use case they own" in words_on(admin)
    admin.get_by_label("Stand-in").select_option(label="Arno")
    admin.get_by_role("button", name="Switch this account off").click()
    expect(admin.get_by_text("This account is switched off", exact=True)).to_be_visible()
    admin.goto("/ownership/")
    assert "Nothing is orphaned" in words_on(admin)
    assert "Without anybody present who answers: 0, of 1 running use cases" in words_on(admin)
    assert "Olivia has left." in words_on(admin)


def test_who_is_away_names_somebody_who_signs_for_them(office: Office, committed_cast: Cast) -> None:
    cast = committed_cast
    release = a_release(cast)
    olivia = office.desk("olivia")
    olivia.goto("/")
    olivia.get_by_role("button", name="Menu of Olivia").click()
    olivia.get_by_role("link", name="Being away").click()
    expect(olivia).to_have_url(re.compile("/absences/$"))
    olivia.get_by_label("First day away").fill(today().isoformat())
    olivia.get_by_label("Last day away").fill((today() + timedelta(days=1)).isoformat())
    olivia.get_by_label("Who acts meanwhile").select_option(label="Otto")
    olivia.get_by_role("button", name="Name this person").click()
    expect(olivia.locator("main")).to_contain_text("Otto acts from ")

    otto = office.desk("otto", narrow=True)
    otto.goto("/")
    expect(otto.locator("main")).to_contain_text("For Olivia, who is away.")
    otto.get_by_role("link", name=f"Release 1 of {release.use_case.reference} waits for your signature").click()
    otto.get_by_role("button", name="Approve this release").click()
    expect(otto.locator(".lane").first).to_contain_text("Otto for Olivia")
    decision = Decision.objects.get()
    assert (decision.person, decision.signed_for) == (cast.otto, cast.olivia)


def test_axe_finds_nothing_on_the_pages_of_absence_in_light_or_dark_wide_or_narrow(
    office: Office, committed_cast: Cast
) -> None:
    cast = committed_cast
    kept(cast, 0, 2, reason="Travelling.")
    kept(cast, 4, 6, person="otto", delegate="olivia")
    kept(cast, -9, -8)
    faults = {}
    for scheme, narrow in (("light", False), ("dark", True)):
        for who, address in (
            ("olivia", "/absences/"),
            ("otto", "/absences/"),
            ("otto", "/"),
            ("admin", f"/people/{cast.olivia.pk}/absences/"),
        ):
            desk = office.desk(who, scheme=scheme, narrow=narrow)
            desk.goto(address)
            expect(desk.get_by_role("heading", level=1)).to_be_visible()
            found = Axe().run(desk).response["violations"]
            wide = desk.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            if found or wide:
                faults[f"{who} {address} {scheme}"] = [each["id"] for each in found] + ["overflow"] * wide
    assert faults == {}
