"""Templates and static files as a whole: the CSP holds, error pages need nothing, the contract is written down."""

import re
from pathlib import Path

import pytest
from django.template import loader
from django.test import RequestFactory

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INLINE = re.compile(
    r"<style\b|\sstyle=|\son[a-z]+\s*=|<script(?![^>]*\ssrc=)|javascript:|hx-on|hx-vals=[\"']js:", re.IGNORECASE
)
ABROAD = re.compile(r"(?:src|href|action)=[\"']\s*(?:https?:)?//", re.IGNORECASE)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_carries_inline_script_or_style_or_fetches_from_elsewhere(template: Path) -> None:
    source = template.read_text()
    assert INLINE.findall(source) == []
    if "email" not in template.parts:
        assert ABROAD.findall(source) == []


@pytest.mark.parametrize(
    "bad",
    [
        '<p style="x">',
        "<style>",
        '<b onclick="x()">',
        "<script>x()</script>",
        '<a href="javascript:x">',
        '<b hx-on:click="x">',
    ],
)
def test_the_guard_sees_every_way_in(bad: str) -> None:
    assert INLINE.search(bad)


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 429, 500])
def test_an_error_page_says_what_happened_with_no_context_at_all(code: int) -> None:
    page = loader.get_template(f"errors/{code}.html").render()
    assert f">{code}<" in re.sub(r"\s+", "", page)
    assert "<h1>" in page
    assert 'href="/"' in page


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 429])
def test_an_error_page_gives_all_reasons_and_the_code(code: int) -> None:
    problem = {
        "title": "Not by you",
        "detail": "Four eyes.",
        "reasons": ["You built it.", "It fails."],
        "code": "four_eyes",
    }
    request = RequestFactory().get("/")
    page = loader.get_template(f"errors/{code}.html").render({"problem": problem}, request)
    assert "Not by you" in page
    assert "<li>You built it.</li>" in page
    assert "<li>It fails.</li>" in page
    assert "<code>four_eyes</code>" in page


def test_every_component_stands_in_the_contract() -> None:
    contract = (ROOT / "templates/components/README.md").read_text()
    parts = {
        "digest.html",
        "verb.html",
        "sort_head.html",
        "page_head.html",
        "section.html",
        "ledger.html",
        "dialog.html",
    }
    files = {path.name for path in (ROOT / "templates/components").glob("[!_]*.html")}
    assert {name for name in files - parts if f"`{name}`" not in contract} == set()
    assert {name for name in parts if name.removesuffix(".html") not in contract} == set()


def test_the_styles_stay_small_and_every_token_they_use_exists() -> None:
    sheets = {path.name: path.read_text() for path in (ROOT / "static/css").glob("*.css")}
    assert sum(len(text.encode()) for text in sheets.values()) < 54_000
    defined = set(re.findall(r"(--[\w-]+)\s*:", "".join(sheets.values())))
    used = set(re.findall(r"var\((--[\w-]+)", "".join(sheets.values())))
    assert used <= defined


def test_every_component_script_of_a_page_exists() -> None:
    for source in (path.read_text() for path in (ROOT / "static/js").glob("*.js")):
        for imported in re.findall(r'from "\./([^"]+)"', source):
            assert (ROOT / "static/js" / imported).is_file()
