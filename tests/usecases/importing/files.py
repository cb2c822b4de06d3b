"""The public inventories, where they are at hand, and small made-up files of the same kinds."""

import os
from pathlib import Path

from django.conf import settings

_PLACE = os.environ.get("GATEHOUSE_REFERENCE_DATA") or str(settings.BASE_DIR.parent / "shared" / "reference" / "data")
FEDERAL = Path(_PLACE) / "us_federal"
SMALL = (
    "AI inventory of Northwind Bank\n"
    "\n"
    "ID;Use case name;Benefits;Stage;High impact;Owner;Start date\n"
    "N-1;Letter helper;Letters leave the same day.;b) Pilot – a limited test;Both ;olivia;Jan-24\n"
    "N-2;Claims triage;Claims reach the right desk.;Operation and Maintenance;Neither;nobody here;2023\n"
    "N-2;Fraud radar;;Research or  Administrative Action Complete;;;03/04/2025\n"
    ";Meeting notes;Minutes are ready at once.;N/A;TBD;;\n"
    ";;;;;;\n"
)


def federal(name: str) -> list[Path]:
    """The file, or nothing where the folder is absent: then no test is collected for it."""
    path = FEDERAL / name
    return [path] if path.exists() else []


FEDERAL_2025 = federal("2025_individually_reported_AI_use_cases.csv")
FEDERAL_2025_BOOK = federal("2025_individually_reported_AI_use_cases.xlsx")
FEDERAL_2024 = federal("2024_consolidated_ai_inventory_raw_v2.csv")
RECODINGS = federal("2025_value_recodings.csv")
