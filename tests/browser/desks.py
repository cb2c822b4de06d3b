"""People at their browsers: signed in through the form, watched for errors and for requests that leave the portal."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.cast import PASSWORD

# A wait ends as soon as what it waits for is there; only a failure takes so long, on a machine that is busy.
PATIENCE = 45_000
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}
# Plotly writes an empty style element for its own rules; the policy lets only the empty one through.
KNOWN = ("plotly.min.js", "style-src")
# What Chromium itself writes when a form is answered by "not so" or "not now", with a page that says why.
REFUSALS = ("with a status of 409", "with a status of 422")


class Office:
    """Opens pages for people; keeps what went wrong on any of them."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self.url = browser, url
        self._contexts: list[BrowserContext] = []
        self._desks: dict[tuple[str, bool, str, bool], Page] = {}
        self.complaints: list[str] = []

    def desk(self, username: str = "", *, narrow: bool = False, scheme: Any = "light", script: bool = True) -> Page:
        """The person's page, signed in once; without a name, nobody's."""
        key = (username, narrow, scheme, script)
        if key not in self._desks:
            size: Any = NARROW if narrow else WIDE
            context = self._browser.new_context(
                base_url=self.url,
                viewport=size,
                color_scheme=scheme,
                java_script_enabled=script,
                reduced_motion="reduce",
            )
            context.set_default_timeout(PATIENCE)
            self._contexts.append(context)
            page = context.new_page()
            self._watch(page)
            if username:
                sign_in(page, username)
            self._desks[key] = page
        return self._desks[key]

    def close(self) -> None:
        """Ends all visits; where each ended is printed, so that pytest shows it when the test fails."""
        for (username, *_how), page in self._desks.items():
            print(f"--- {username or 'nobody'} at {page.url} ---\n{page.locator('body').inner_text()[:1500]}")  # noqa: T201
        for context in self._contexts:
            context.close()

    def _watch(self, page: Page) -> None:
        page.on("console", lambda message: self._heard(page, message))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", lambda request: self._asked(page, request))

    def _heard(self, page: Page, message: ConsoleMessage) -> None:
        told = f"{message.location} {message.text}"
        known = all(word in told for word in KNOWN) or any(answer in told for answer in REFUSALS)
        if message.type in ("error", "warning") and not known:
            self.complaints.append(f"{page.url}: {message.type}: {message.text} {message.location}")

    def _asked(self, page: Page, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.complaints.append(f"{page.url} asked {request.url}")


def sign_in(page: Page, username: str) -> None:
    page.goto("/sign-in/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)


def words_on(page: Page) -> str:
    """What the page says, in one line."""
    return " ".join(page.locator("main").inner_text().split())
