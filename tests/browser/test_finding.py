"""Finding things by hand and by keyboard: filters, the palette, a saved view, a change to many, keys in a list."""

import pytest
from playwright.sync_api import expect

from tests.browser.desks import Office, words_on
from tests.browser.test_pages import violations
from tests.cast import Cast
from tests.usecases.scenes import registered
from usecases.actions.saved_views import save_view
from usecases.actions.tags import tag_use_case
from usecases.models import SavedView, UseCase


@pytest.fixture
def register(committed_cast: Cast) -> list[UseCase]:
    rows = [
        registered(committed_cast, title=title, pattern=pattern)
        for title, pattern in (("Refund helper", "retrieval"), ("Policy chat", "conversation"), ("Sorter", "agent"))
    ]
    tag_use_case(actor=committed_cast.actor("olivia"), use_case=rows[0], add=["wave-1"])
    return rows


def test_filters_are_chosen_from_menus_and_taken_off_by_their_chips(office: Office, register: list[UseCase]) -> None:
    page = office.desk("olivia")
    page.goto("/use-cases/")
    page.get_by_text("More filters", exact=True).click()
    menu = page.locator("details.menu", has=page.locator("legend", has_text="Pattern"))
    menu.locator("summary").click()
    menu.get_by_label("Agent with tools").check()
    expect(page.locator("tbody tr")).to_have_count(1)
    menu.get_by_label("Answers from documents").check()
    expect(page.locator("tbody tr")).to_have_count(2)
    assert "pattern=agent" in page.url
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Remove the filter Pattern: Agent with tools").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "Refund helper" in words_on(page)
    page.get_by_role("link", name="Use case", exact=True).click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Use case")


def test_the_palette_opens_by_keys_finds_what_was_mistyped_and_goes_there(
    office: Office, register: list[UseCase]
) -> None:
    page = office.desk("olivia")
    page.goto("/")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Search everything")
    expect(dialog.get_by_role("link", name="Data sources")).to_be_visible()
    page.keyboard.type("refnud helper")
    expect(dialog.get_by_role("link", name="Refund helper")).to_be_visible()
    assert violations(page, "light") == []
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("link", name="Refund helper")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/use-cases/{register[0].reference}/")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_search_works_without_a_script(office: Office, register: list[UseCase]) -> None:
    page = office.desk("olivia", script=False)
    page.goto("/use-cases/")
    page.get_by_role("link", name="Search everything").click()
    page.get_by_role("searchbox", name="Search everything").fill("policy")
    page.get_by_role("main").get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Policy chat").click()
    page.wait_for_url(f"**/use-cases/{register[1].reference}/")


def test_a_view_is_saved_and_opens_the_register(office: Office, register: list[UseCase]) -> None:
    page = office.desk("olivia")
    page.goto("/use-cases/?tag=wave-1&columns=tags")
    page.get_by_role("link", name="Save as a view").click()
    page.get_by_label("Name").fill("First wave")
    page.get_by_role("button", name="Save the view").click()
    page.wait_for_url("**/use-cases/?view=*")
    expect(page.locator(".tabs [aria-current=page]")).to_have_text("First wave")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert SavedView.objects.get().wanted == {"tag": ["wave-1"]}
    page.get_by_role("link", name="All views").click()
    page.get_by_role("button", name="Begin with this").click()
    page.goto("/use-cases/")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_rows_are_walked_and_chosen_by_keys_and_changed_after_a_preview(
    office: Office, register: list[UseCase]
) -> None:
    page = office.desk("olivia")
    page.goto("/use-cases/?sort=title")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("tr[aria-selected=true]")).to_have_count(2)
    page.get_by_label("Tag or note").fill("wave-2")
    page.get_by_role("button", name="Preview for the chosen rows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a tag")
    assert "2 will change, 0 may not be changed, 0 are so already." in words_on(page)
    assert violations(page, "light") == []
    page.get_by_role("button", name="Change 2 use cases").click()
    expect(page.locator(".toasts")).to_contain_text("2 use cases were changed.")
    assert sorted(UseCase.objects.filter(tags__contains=["wave-2"]).values_list("title", flat=True)) == [
        "Policy chat",
        "Refund helper",
    ]
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Policy chat")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/use-cases/{register[1].reference}/")


def test_a_key_pressed_in_the_moment_a_dialog_closes_is_not_lost(office: Office, register: list[UseCase]) -> None:
    page = office.desk("olivia")
    page.goto("/use-cases/?sort=title")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    # All in one task of the page: the browser has not yet taken the focus out of the dialog.
    held = page.evaluate(
        """() => {
            document.getElementById("keys-help").close();
            const inside = document.activeElement.closest("dialog") !== null;
            document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
            return inside;
        }"""
    )
    expect(page.get_by_role("link", name="Policy chat")).to_be_focused()
    assert held


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_finding_are_readable_at_any_width(
    office: Office, committed_cast: Cast, register: list[UseCase], narrow: bool, scheme: str
) -> None:
    save_view(actor=committed_cast.actor("olivia"), name="Mine", wanted={"tag": ["wave-1"]}, sharing="everybody")
    page = office.desk("olivia", narrow=narrow, scheme=scheme)
    found = []
    for path in (
        "/use-cases/?tag=wave-1&columns=tags&columns=tier",
        "/search/?q=refund",
        "/saved-views/",
        "/saved-views/new/?stage=pilot",
        f"/use-cases/{register[0].reference}/",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found += violations(page, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= (360 if narrow else 1440), path
    assert found == []
