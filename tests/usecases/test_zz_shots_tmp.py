import os
import pytest
from playwright.sync_api import sync_playwright
from tests.usecases.scenes import *
from tests.usecases.scenes import MANIFEST, MODERATE
from tests.cast import PASSWORD
from usecases.actions.versions import declare_version
from usecases.actions.data_sources import request_data_use, approve_data_use
from usecases.actions.checklists import confirm_item
from usecases.actions.team import add_to_team

ARGS = ["--no-sandbox","--disable-gpu","--disable-quic","--no-first-run","--disable-background-networking","--disable-component-update","--disable-sync"]

def test_shots(committed_cast, live_server):
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    cast = committed_cast
    uc = answered(cast, {**MODERATE, "eu_tier": "high_risk_annex_iii", "novelty": "unsure", "business_outcome": "Refund questions are answered within one hour, measured weekly.", "support_process": "The service desk."})
    add_to_team(actor=cast.actor("olivia"), use_case=uc, person=cast.dev, role="engineering")
    src = source_of(cast); src2 = source_of(cast, "fiona", "Refund orders")
    use = request_data_use(actor=cast.actor("olivia"), use_case=uc, data_source=src, purpose="Answer refund questions from the policy pages.", access_boundary="Agents of customer service only, checked by the search service.")
    approve_data_use(actor=cast.actor("petra"), data_use=use, note="Read only.")
    request_data_use(actor=cast.actor("olivia"), use_case=uc, data_source=src2, purpose="Look up one order.")
    confirm_item(actor=cast.actor("olivia"), use_case=uc, item="PC08", evidence="The dashboard is read every Monday by Petra.", link="https://example.org/d")
    declare_version(actor=cast.actor("dev"), use_case=uc, label="2026.11-rc1", manifest=MANIFEST)
    declare_version(actor=cast.actor("dev"), use_case=uc, label="2026.11-rc2", manifest={**MANIFEST, "parameters": {"temperature": "0.2"}, "tools":[{"name":"order-lookup","version":"3","access":"read"}]})
    for i in range(12):
        registered(cast, title=f"Another idea number {i}", pattern="drafting")
    sub = submitted(cast)
    ref = uc.reference
    pages = {"list": "/use-cases/", "new": "/use-cases/new/", "detail": f"/use-cases/{ref}/", "discovery": f"/use-cases/{ref}/discovery/", "data": f"/use-cases/{ref}/data/", "checklist": f"/use-cases/{ref}/checklist/", "risk": f"/use-cases/{ref}/risk/", "versions": f"/use-cases/{ref}/versions/", "version": f"/use-cases/{ref}/versions/2/", "history": f"/use-cases/{ref}/history/", "sources": "/data-sources/", "source": f"/data-sources/{src2.pk}/"}
    out = "/tmp/u_shots"; os.makedirs(out, exist_ok=True)
    problems = []
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        for who, only in (("olivia", None), ("rafael", ["risk2"]), ("fiona", ["source"])):
            for width, scheme in ((1440, "light"), (360, "dark")):
                ctx = b.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = ctx.new_page()
                page.on("console", lambda m: problems.append((page.url, m.text)) if m.type in ("error", "warning") else None)
                page.on("pageerror", lambda e: problems.append((page.url, str(e))))
                page.goto(live_server.url + "/sign-in/")
                page.fill("input[name=username]", who); page.fill("input[name=password]", PASSWORD)
                page.click("button:has-text('Sign in')"); page.wait_for_load_state()
                todo = {**pages, "risk2": f"/use-cases/{sub.use_case.reference}/risk/"}
                for name, path in todo.items():
                    if only and name not in only: continue
                    if not only and name == "risk2": continue
                    page.goto(live_server.url + path); page.wait_for_timeout(200)
                    page.screenshot(path=f"{out}/{name}-{who}-{width}.png", full_page=True)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    if wide > width: problems.append((path, f"overflow {wide} at {width}"))
                if who == "olivia" and width == 1440:
                    page.goto(live_server.url + pages["discovery"])
                    page.fill("#a-reuse", "Typed by autosave.")
                    page.wait_for_timeout(1800)
                    print("STATE", page.inner_text("#state-reuse"), "|", page.inner_text("#progress"))
                    answer = __import__("usecases.models", fromlist=["Answer"]).Answer
                    row = answer.objects.filter(question="reuse").latest("revision"); print("ROW", row.revision, row.value)
                    page.check("#q-scale input[value='4']"); page.wait_for_timeout(900)
                    print("SCALE", page.inner_text("#state-scale"))
                    from usecases.actions.discovery import answer_question
                    answer_question(actor=cast.actor("arno"), use_case=uc, question="reuse", value="Arno's text.", seen_revision=1)
                    page.fill("#a-reuse", "Olivia again."); page.wait_for_timeout(1800)
                    print("PROBLEM", page.inner_text("#problem") if page.locator("#problem").count() else ""); print("CONFLICT", page.inner_text("#state-reuse"), "|", page.input_value("#a-reuse"))
                    page.screenshot(path=f"{out}/conflict.png"); page.click("text=Replace it with my text"); page.wait_for_timeout(800); print("REPLACED", page.inner_text("#state-reuse"))
                    page.goto(live_server.url + "/use-cases/new/"); page.locator("input[name=title]").press_sequentially("Refund helpers"); page.wait_for_timeout(1200)
                    print("SIMILAR", page.inner_text("#similar"))
                    page.on("request", lambda r: print("REQ", r.url) if "use-cases/?" in r.url else None); page.goto(live_server.url + "/use-cases/"); print(page.locator("form.filters").evaluate("e => e.outerHTML")[:300]); page.locator("input[type=search]").press_sequentially("number 7"); page.wait_for_timeout(1200)
                    print("LIST", page.locator("#list tbody tr").count(), page.url)
                ctx.close()
        b.close()
    print("PROBLEMS", *problems, sep="\n")
