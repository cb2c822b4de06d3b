"""Pages meet without gap or overlap, stay in bounds, and a made-up cursor is a 400."""

import hashlib
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client

from portal.audit import record
from tests.api.callers import signed_in
from tests.cast import Cast

TRAIL = "/api/v1/audit-events/"


@pytest.fixture
def auditor(cast: Cast) -> Client:
    with transaction.atomic():
        for number in range(7):
            record(cast.actor("olivia"), "thing.done", cast.olivia, f"did {number}.", references=["UC-0001"])
    return signed_in("aud")


def test_pages_meet_without_gap_or_overlap(auditor: Client) -> None:
    seen: list[str] = []
    url = f"{TRAIL}?page_size=3&about=uc-0001"
    sizes = []
    while url:
        page = auditor.get(url).json()
        assert set(page) == {"next", "previous", "results"}
        sizes.append(len(page["results"]))
        seen += [row["event"]["sentence"] for row in page["results"]]
        url = page["next"]
    assert sizes == [3, 3, 1]
    assert seen == [f"did {number}." for number in range(6, -1, -1)]


def test_a_page_leads_back_to_the_one_before(auditor: Client) -> None:
    first = auditor.get(f"{TRAIL}?page_size=3").json()
    second = auditor.get(first["next"]).json()
    assert auditor.get(second["previous"]).json()["results"] == first["results"]
    assert first["previous"] is None


def test_no_page_is_larger_than_its_bound(auditor: Client) -> None:
    assert len(auditor.get(f"{TRAIL}?page_size=100000&about=UC-0001").json()["results"]) == 7
    assert len(auditor.get(f"{TRAIL}?page_size=0&about=UC-0001").json()["results"]) == 7


def _cursor(position: str) -> str:
    return b64encode(urlencode({"p": position}).encode()).decode()


@pytest.mark.parametrize("cursor", ["nonsense", _cursor("\x00"), "é"])
def test_a_made_up_cursor_is_refused(auditor: Client, cursor: str) -> None:
    response = auditor.get(TRAIL, {"cursor": cursor})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


def test_a_cursor_to_no_moment_is_refused(auditor: Client) -> None:
    response = auditor.get(TRAIL, {"cursor": _cursor("the day after tomorrow")})
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_an_event_is_shown_with_the_text_behind_its_hash(auditor: Client) -> None:
    row = auditor.get(f"{TRAIL}?page_size=1&about=UC-0001").json()["results"][0]
    assert hashlib.sha256(b"\x00" + row["canon"].encode()).hexdigest() == row["leaf_hash"]
    assert row["references"] == ["UC-0001"]
