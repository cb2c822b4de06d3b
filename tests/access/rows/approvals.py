"""Who may do what on the approvals floor.

UC-0001 has a proposed release for test without enough evidence, UC-0003 an approved and attested one. Signing without
the right digest is a conflict (409) for whoever holds the lane, and forbidden (403) to everybody else who sees it.
"""

from typing import Any

from tests.access.rows import Row

CASE = {"reference": "UC-0001"}
RELEASE = {"reference": "UC-0001", "number": 1}
APPROVED = {"reference": "UC-0003", "number": 1}
PK, APPROVED_PK = {"pk": "@release"}, {"pk": "@approved"}
COMPONENT = {"pk": "@component"}
WRONG_DIGEST = "0" * 64

SEEING = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "admin")
MACHINES = ("pipeline", "ingest")
PROPOSING = ("olivia", "dev", "petra")
# Who may sign each lane of the proposed release: the owner, and the roles that took no part in it.
SIGNING = {"business": ("olivia",), "technical": ("amina", "petra"), "security": ("sam",)}


def seen(status: int, **special: int) -> dict[str, int]:
    """Everybody whose grants let them see the use case, some of them otherwise."""
    return {**dict.fromkeys(SEEING, status), **special}


def api(status: int, **special: int) -> dict[str, int]:
    return {**dict.fromkeys((*SEEING, *MACHINES), status), **special}


def get(name: str, kwargs: dict[str, Any]) -> Row:
    return Row(name=f"approvals:{name}", method="GET", kwargs=kwargs, allowed=seen(200))


def signed(verb: str, lane: str) -> list[Row]:
    """The same signature on the page and over the API."""
    holders = dict.fromkeys(SIGNING[lane], 409)
    words = {"lane": lane, "digest": WRONG_DIGEST, "comment": "Looked at it."}
    return [
        Row(f"approvals:{verb}", "POST", RELEASE, words, seen(403, **holders), anonymous=401),
        Row(f"api-release-{verb}", "POST", PK, words, api(403, **holders), anonymous=401),
    ]


ROWS: list[Row] = [
    Row(name="home", method="GET", others=200),
    Row(name="keyset", method="GET", others=200, anonymous=200),
    get("releases", CASE),
    get("export-releases", CASE),
    Row(name="approvals:releases", method="POST", kwargs=CASE, data={}, allowed=seen(422), anonymous=401),
    get("panel", CASE),
    get("component-releases", COMPONENT),
    Row("api-component-releases", "GET", COMPONENT, allowed=api(200), anonymous=401),
    get("release", RELEASE),
    get("attestations", APPROVED),
    Row("approvals:attestations", "GET", RELEASE, others=404),
    *signed("approve", "security"),
    *signed("reject", "business"),
    *signed("return", "technical"),
    Row("approvals:withdraw", "POST", RELEASE, {}, seen(403, **dict.fromkeys(PROPOSING, 303)), anonymous=401),
    Row(
        "api-release-withdraw", "POST", PK, {}, api(403, **dict.fromkeys((*PROPOSING, "pipeline"), 200)), anonymous=401
    ),
    Row("api-releases", "GET", others=200, anonymous=401),
    Row(
        "api-releases",
        "POST",
        data={"use_case": "UC-0001", "version": WRONG_DIGEST, "environment": "test"},
        allowed=api(400),
        anonymous=401,
    ),
    Row("api-release", "GET", PK, allowed=api(200), anonymous=401),
    Row("api-release-verdict", "GET", PK, allowed=api(200), anonymous=401),
    Row("api-release-attestations", "GET", APPROVED_PK, allowed=api(200), anonymous=401),
    Row(
        "api-gate-check",
        "POST",
        data={"use_case": "UC-0001", "environment": "test", "digest": WRONG_DIGEST, "nonce": "n"},
        allowed={"pipeline": 200},
        others=403,
        anonymous=401,
    ),
]
