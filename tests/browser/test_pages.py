"""Every main page: readable by everybody, at any width, in light and dark, by keyboard, and saying why not."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, expect

from tests.browser.desks import Office, words_on
from tests.browser.scenes import Scene, set_up
from tests.cast import Cast
from tests.usecases.scenes import registered
from usecases.models import Answer


@pytest.fixture
def scene(committed_cast: Cast) -> Scene:
    return set_up(committed_cast)


def visited(office: Office, scene: Scene, **how: Any) -> Iterator[Page]:
    """Each main page in turn, with what it loads afterwards."""
    for username, paths in scene.pages().items():
        page = office.desk(username, **how)
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            if page.locator("[hx-trigger=load], [data-chart]").count():
                page.wait_for_load_state("networkidle")
            yield page


def violations(page: Page, scheme: str, **options: Any) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [
        f"{page.url} in {scheme}: {each['id']}: {each['help']} "
        f"{[(node['target'], node['failureSummary'][:200]) for node in each['nodes'][:3]]}"
        for each in found
    ]


# Axe looks at every main page twice; beside other work that takes minutes.
@pytest.mark.timeout(600)
def test_axe_finds_nothing_on_any_main_page_in_light_or_dark(office: Office, scene: Scene) -> None:
    """Everything in light; in dark what a scheme can change, the contrast of colours."""
    contrast = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
    found: list[str] = []
    for page in visited(office, scene):
        found += violations(page, "light")
        page.emulate_media(color_scheme="dark")
        found += violations(page, "dark", **contrast)
        page.emulate_media(color_scheme="light")
    assert found == [], "\n".join(found)


def test_what_does_not_exist_is_said_on_a_readable_page(office: Office, committed_cast: Cast) -> None:
    page = office.desk("otto", narrow=True)
    answer = page.goto("/use-cases/UC-9999/")
    assert answer is not None
    assert (answer.status, violations(page, "light")) == (404, [])
    assert "There is nothing here." in words_on(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    office.complaints[:] = [each for each in office.complaints if "with a status of 404" not in each]


def test_nothing_scrolls_sideways_on_a_telephone(office: Office, scene: Scene) -> None:
    wide = []
    for page in visited(office, scene, narrow=True):
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide.append((page.url, width))
    assert wide == []


def test_tabs_that_do_not_fit_show_that_there_are_more_and_which_one_is_open(office: Office, scene: Scene) -> None:
    under_way = f"/use-cases/{scene.reference}/"
    page = office.desk("olivia", narrow=True)
    page.goto(under_way)
    bar = page.locator(".tabs")
    expect(bar).to_have_attribute("data-more", "after")
    page.goto(f"{under_way}history/")
    expect(bar.locator("[aria-current]")).to_be_in_viewport(ratio=0.9)
    expect(bar).to_have_attribute("data-more", re.compile("before"))
    wide = office.desk("olivia")
    wide.goto(under_way)
    expect(wide.locator(".tabs")).to_have_attribute("data-more", "")


def test_the_path_to_green_is_read_before_the_criteria_on_a_telephone(office: Office, scene: Scene) -> None:
    address = f"/use-cases/{scene.reference}/releases/1/"
    for narrow in (True, False):
        page = office.desk("olivia", narrow=narrow)
        page.goto(address)
        path = page.get_by_role("heading", name="Path to green")
        expect(path).to_have_count(1)
        place, criteria = path.bounding_box(), page.get_by_role("heading", name="What the gate says").bounding_box()
        assert place is not None
        assert criteria is not None
        assert place["y"] < criteria["y"]
        assert (place["x"] > criteria["x"]) is not narrow


def test_printing_unfolds_the_numbers_of_a_chart_and_folds_them_again(office: Office, scene: Scene) -> None:
    page = office.desk("olivia")
    page.goto(f"/use-cases/{scene.reference}/evidence/")
    expect(page.locator(".plot svg.main-svg").first).to_be_visible()
    numbers = page.locator("figure.chart details").first
    for event, unfolded in (("beforeprint", True), ("afterprint", False)):
        page.evaluate("name => dispatchEvent(new Event(name))", event)
        assert numbers.evaluate("each => each.open") is unfolded
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".plot svg.main-svg").first).to_be_visible()
    colour = "each => getComputedStyle(each.querySelector('text')).fill"
    assert max(map(int, re.findall(r"\d+", page.locator(".plot").first.evaluate(colour))[:3])) < 128  # dark on paper
    page.emulate_media(media="screen", color_scheme="light")


def test_what_goes_wrong_on_a_page_is_heard(office: Office, committed_cast: Cast) -> None:
    """The watch that all these tests rely on, shown to bite."""
    page = office.desk()
    page.goto("/sign-in/")
    assert office.complaints == []
    page.evaluate("console.error('planted'); setTimeout(() => { throw new Error('thrown'); })")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { text: 'window.inline = 1' }))"
    )
    page.goto("/use-cases/UC-9999/")
    with pytest.raises(Error, match="ERR_"):
        page.goto("http://127.0.0.1:9/elsewhere")
    told = "\n".join(office.complaints)
    for words in ("planted", "thrown", "script-src", "asked http://127.0.0.1:9/elsewhere"):
        assert words in told
    office.complaints.clear()


def test_a_disabled_verb_says_why_in_words(office: Office, scene: Scene) -> None:
    """The button is there, can be reached and read, does nothing, and is described by the policy's own sentences."""
    case = f"/use-cases/{scene.reference}/"
    expected = {
        ("olivia", f"{case}releases/1/"): "The gate has not been evaluated on every criterion",
        ("sam", f"{case}releases/1/"): "The gate has not been evaluated on every criterion",
        (
            "aud",
            f"{case}releases/",
        ): "A release is proposed by its owner, by engineering, by platform or by a pipeline.",
        ("olivia", f"/use-cases/{scene.reviewed}/risk/"): "Concluding a review needs the role of risk reviewer.",
    }
    for (username, path), words in expected.items():
        page = office.desk(username)
        page.goto(path)
        button = page.locator("main .refused button").first
        expect(button).to_have_attribute("aria-disabled", "true")
        reasons = page.locator(f"#{button.get_attribute('aria-describedby')}")
        expect(reasons).to_contain_text(words)
        button.focus()
        expect(button).to_be_focused()
        before = page.url
        page.keyboard.press("Enter")
        assert page.url == before


def test_what_the_buttons_refuse_the_pages_refuse_too(office: Office, scene: Scene) -> None:
    """Somebody posts the form that was not drawn: a page with the reasons, and nothing changed."""
    page = office.desk("amina")
    page.goto(f"/use-cases/{scene.reference}/releases/1/")
    page.locator("main form button", has_text="Return for changes").click()
    assert "It was not decided" in words_on(page)
    assert "Say why, so that others know what to change." in words_on(page)
    page.goto(f"/use-cases/{scene.reference}/releases/1/")
    assert page.locator(".lane[data-state=signed]").count() == 0


def test_the_main_verb_is_reached_and_pressed_by_keyboard(office: Office, committed_cast: Cast) -> None:
    page = office.desk("olivia")
    page.goto("/use-cases/new/")
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "[name=title]")
    for words in ("Refund helper", "One hour instead of two days.", "Twelve agents."):
        page.keyboard.type(words)
        page.keyboard.press("Tab")
    tab_to(page, "button[data-weight=main]")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/use-cases/UC-0001/discovery/"))


def test_a_release_is_signed_by_keyboard(office: Office, scene: Scene) -> None:
    page = office.desk("amina")
    page.goto(f"/use-cases/{scene.reference}/releases/1/")
    tab_to(page, "[name=comment]")
    page.keyboard.type("Which questions are missing? Ask for two hundred.")
    page.keyboard.press("Tab")
    tab_to(page, "button[formaction$='/return/']")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Which questions are missing? Ask for two hundred.")
    expect(page.locator(".lane[data-state=signed]")).to_have_count(1)


def test_an_answer_typed_and_left_at_once_is_kept(office: Office, committed_cast: Cast) -> None:
    """By a link, which takes the focus away first, and by an address, which leaves the page in mid-word."""
    address = f"/use-cases/{registered(committed_cast).reference}/"
    page = office.desk("olivia")
    page.goto(f"{address}discovery/")
    page.locator("#a-reuse").press_sequentially("The connection to the library.")
    page.get_by_role("link", name="Checklist", exact=True).click()
    page.wait_for_url("**/checklist/")
    page.goto(f"{address}discovery/")
    expect(page.locator("#a-reuse")).to_have_value("The connection to the library.")
    page.evaluate(
        """() => {
            window.said = [];
            const state = document.querySelector("#state-support_process");
            const options = { childList: true, subtree: true, characterData: true };
            new MutationObserver(() => window.said.push(state.textContent.trim())).observe(state, options);
        }"""
    )
    page.locator("#a-support_process").press_sequentially("The service desk.")
    # Said only until it is stored, which may be before anybody looks.
    page.wait_for_function("window.said.some((text) => text.includes('Not saved yet…'))")
    page.goto(f"{address}checklist/")
    for _attempt in range(200):
        page.goto(f"{address}discovery/")
        if page.locator("#a-support_process").input_value():
            break
        page.wait_for_timeout(100)
    expect(page.locator("#a-support_process")).to_have_value("The service desk.")
    expect(page.locator("#state-support_process")).to_contain_text("Saved")


def test_leaving_asks_only_while_an_answer_could_not_be_stored(office: Office, committed_cast: Cast) -> None:
    address = f"/use-cases/{registered(committed_cast).reference}/"
    page, asked = office.desk("olivia"), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.goto(f"{address}discovery/")
    page.route("**/discovery/reuse/", lambda route: route.fulfill(status=503, body="no"))
    page.locator("#a-reuse").press_sequentially("The connection.")
    expect(page.locator("#state-reuse")).to_contain_text("Not saved. Your text is still here")
    page.get_by_role("link", name="Checklist", exact=True).click()
    expect(page.locator("#a-reuse")).to_have_value("The connection.")
    assert asked[0] == "beforeunload"
    page.unroute("**/discovery/reuse/")
    page.locator("#a-reuse").press_sequentially(" To the library.")
    expect(page.locator("#state-reuse")).to_contain_text("Saved")
    asked.clear()
    page.get_by_role("link", name="Checklist", exact=True).click()
    page.wait_for_url("**/checklist/")
    assert asked == []
    assert Answer.objects.latest("revision").value == "The connection. To the library."
    office.complaints[:] = [each for each in office.complaints if "503" not in each]


def test_the_stage_moves_and_the_overview_tells_what_a_release_needs(office: Office, scene: Scene) -> None:
    page = office.desk("olivia")
    page.goto(f"/use-cases/{registered(scene.cast).reference}/discovery/")
    expect(page.locator(".spine [aria-current=step]")).to_contain_text("Registered")
    page.locator("#a-reuse").press_sequentially("Nothing.")
    expect(page.locator(".spine [aria-current=step]")).to_contain_text("Discovery")
    assert page.locator(".spine").count() == 1
    page.goto(f"/use-cases/{scene.reference}/")
    expect(page.locator(".margin #release-next")).to_have_text("Sign release 1")


def test_without_javascript_the_story_still_begins(office: Office, committed_cast: Cast) -> None:
    page = office.desk("olivia", script=False)
    page.goto("/use-cases/new/")
    page.fill("[name=title]", "Refund helper")
    page.fill("[name=business_outcome]", "One hour instead of two days.")
    page.fill("[name=user_group]", "Twelve agents.")
    page.select_option("[name=pattern]", "retrieval")
    page.click("main button[data-weight=main]")
    page.fill("#a-reuse", "Nothing yet.")
    page.locator("#q-reuse button", has_text="Save this answer").click()
    expect(page.locator("#state-reuse")).to_contain_text("Saved")
    expect(page.locator("#a-reuse")).to_have_value("Nothing yet.")


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    for _press in range(most):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} was not reached with {most} presses of Tab on {page.url}")
