"""Looking back and talking, at a real browser, with scripts and without."""

from playwright.sync_api import expect

from portal.models import Comment, Notice
from tests.browser.desks import Office, words_on
from tests.cast import Cast
from tests.usecases.scenes import registered
from usecases.actions.registration import edit_use_case


def test_somebody_goes_back_to_a_day_and_to_todays_page_again(office: Office, committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    edit_use_case(actor=committed_cast.actor("olivia"), use_case=use_case, title="Refund desk")
    page = office.desk("olivia", narrow=True)
    page.goto(f"{use_case.get_absolute_url()}history/")
    moved = page.locator(".moves").first
    expect(moved).to_contain_text("Refund helper")
    expect(moved).to_contain_text("Refund desk")
    day = page.locator("#as-of")
    day.fill(day.get_attribute("max") or "")
    page.get_by_role("button", name="Go back to that day").click()
    assert "As of" in words_on(page)
    assert "Nothing changed." in words_on(page)
    page.get_by_role("link", name="See today's page").click()
    page.wait_for_url(f"**{use_case.get_absolute_url()}")
    page.goto(f"{use_case.get_absolute_url()}?as_of={use_case.registered_at:%Y-%m-%dT%H:%M:%S.%fZ}")
    office.complaints[:] = [each for each in office.complaints if "with a status of 404" not in each]


def test_a_mention_is_completed_and_told(office: Office, committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    page = office.desk("olivia")
    page.goto(f"{use_case.get_absolute_url()}discussion/")
    area = page.locator("#id_text")
    area.press_sequentially("Ready, @raf")
    page.get_by_role("button", name="Rafael").click()
    expect(area).to_have_value("Ready, @rafael ")
    area.press_sequentially("and @otto?")
    page.get_by_role("button", name="Add the comment").click()
    expect(page.locator(".entry").first).to_contain_text("Ready, @rafael and @otto?")
    assert "Not told: @otto." in words_on(page)
    assert [notice.person for notice in Notice.objects.all()] == [committed_cast.rafael]


def test_without_scripts_one_comments_edits_and_withdraws(office: Office, committed_cast: Cast) -> None:
    use_case = registered(committed_cast)
    page = office.desk("olivia", script=False, narrow=True)
    page.goto(f"{use_case.get_absolute_url()}discussion/")
    page.fill("#id_text", "Redy?")
    page.get_by_role("button", name="Add the comment").click()
    page.get_by_role("link", name="Edit").click()
    page.fill("#id_text", "Ready?")
    page.get_by_role("button", name="Change the comment").click()
    assert "Ready?" in words_on(page)
    page.get_by_role("button", name="Withdraw").click()
    assert "This comment was withdrawn." in words_on(page)
    kept = Comment.objects.get()
    assert (kept.text, kept.withdrawn_by) == ("Ready?", committed_cast.olivia)
