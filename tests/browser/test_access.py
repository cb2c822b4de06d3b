"""Ending access asks once more: a dialog over the page, and without script a page of its own."""

import re

from playwright.sync_api import expect

from tests.browser.desks import Office
from tests.cast import Cast


def test_switching_an_account_off_asks_once_more_over_the_page(office: Office, committed_cast: Cast) -> None:
    otto = committed_cast.otto
    page = office.desk("admin")
    page.goto(f"/people/{otto.pk}/")
    page.get_by_role("link", name="Switch this account off").click()
    question = page.get_by_role("dialog", name="Switch off Otto?")
    expect(question).to_be_visible()
    question.get_by_role("button", name="Leave it as it is").click()
    expect(question).to_be_hidden()
    otto.refresh_from_db()
    assert otto.is_active
    page.get_by_role("link", name="Switch this account off").click()
    question.get_by_role("button", name="Switch this account off").click()
    expect(page.get_by_role("button", name="Switch this account on")).to_be_visible()
    otto.refresh_from_db()
    assert not otto.is_active


def test_without_script_the_question_is_a_page(office: Office, committed_cast: Cast) -> None:
    grant = committed_cast.olivia.grants.get()
    page = office.desk("admin", script=False)
    page.goto(f"/people/{committed_cast.olivia.pk}/")
    page.get_by_role("link", name="End this role").click()
    expect(page).to_have_url(re.compile(f"/grants/{grant.pk}/end/$"))
    page.get_by_role("button", name="End this role").click()
    expect(page.locator("main")).to_contain_text("No role")
    grant.refresh_from_db()
    assert grant.valid_until is not None
