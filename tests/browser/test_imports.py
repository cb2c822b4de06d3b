"""Importing a register by hand: file, columns, dry run, apply, undo, with a worker at work; and its export."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desks import Office
from tests.journeys.processes import Works
from tests.usecases.importing.files import FEDERAL_2024, FEDERAL_2025, SMALL
from usecases.models import Fact, UseCase

# A worker reads, plans and writes thousands of rows, beside whatever else the machine does.
PATIENCE = 180_000
INVENTORIES = [*((path, 3611, 445) for path in FEDERAL_2025), *((path, 2133, 351) for path in FEDERAL_2024)]


def upload(page: Page, path: Path) -> None:
    page.goto("/use-cases/")
    page.get_by_role("link", name="Import a register").click()
    page.get_by_label("File").set_input_files(path)
    page.get_by_label("Name of the source").fill("Inventory")
    page.get_by_label("Business unit").select_option(label="Customer service")
    page.get_by_role("button", name="Upload and look").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(path.name)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.timeout(600)
def test_a_small_register_is_mapped_looked_at_applied_and_undone(office: Office, work: Works, tmp_path: Path) -> None:
    path = tmp_path / "inventory.csv"
    path.write_text(SMALL, encoding="utf-8")
    page = office.desk("arno")
    work.worker()
    upload(page, path)
    expect(page.get_by_label("Use case name")).to_have_value("title")
    press(page, "Save the columns and look")
    expect(page.locator("#standing")).to_contain_text("4 would be created", timeout=PATIENCE)
    expect(page.locator("#standing")).to_contain_text("Its id stands 2 times in this file")
    page.get_by_label("Research or Administrative Action Complete").select_option("retired")
    press(page, "Save the words and look again")
    expect(page.locator("#standing")).to_contain_text("4 would be created", timeout=PATIENCE)
    page.get_by_label("Show").select_option("change")
    press(page, "Filter")
    expect(page.locator("#standing")).to_contain_text("No row is of this kind.")
    press(page, "Apply these rows")
    expect(page.locator("#standing")).to_contain_text("4 use cases were created", timeout=PATIENCE)
    page.get_by_role("link", name="Open the register").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert Path(download.value.path()).read_text(encoding="utf-8-sig").count("Fraud radar") == 1
    page.go_back()
    page.get_by_role("link", name="Undo this import…").click()
    expect(page.locator("main")).to_contain_text("4 use cases will be removed")
    press(page, "Undo it now")
    expect(page.locator("#standing")).to_contain_text("4 rows were taken back", timeout=PATIENCE)
    expect(page.get_by_role("table").get_by_text("Undone", exact=True)).to_have_count(4)
    assert UseCase.objects.count() == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("path", "uses", "high"), INVENTORIES, ids=lambda value: getattr(value, "stem", str(value))[:4]
)
def test_a_public_inventory_comes_in_on_the_screen(
    office: Office, work: Works, path: Path, uses: int, high: int
) -> None:
    page = office.desk("arno")
    work.worker()
    upload(page, path)
    press(page, "Make the dry run with these columns")
    expect(page.locator("#standing")).to_contain_text(f"{uses} would be created", timeout=PATIENCE)
    press(page, "Apply these rows")
    expect(page.locator("#standing")).to_contain_text(f"{uses} use cases were created", timeout=PATIENCE)
    assert UseCase.objects.count() == uses
    assert Fact.objects.filter(name="reported_impact", value="high", until__isnull=True).count() == high
