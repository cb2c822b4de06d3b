"""Who may do what on the approvals floor. POST rows send too little, so that nothing changes."""

from typing import Any

from tests.access.rows import Row

CASE = {"reference": "UC-0001"}
RELEASE = {"reference": "UC-0001", "number": 1}
EVERYBODY = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "admin")
MACHINES = ("pipeline", "ingest")
NO_ID = {"pk": "00000000-0000-7000-8000-000000000000"}


def seen(status: int = 200) -> dict[str, int]:
    """Everybody whose grants let them see the use case."""
    return dict.fromkeys(EVERYBODY, status)


def api(status: int, machines: int | None = None) -> dict[str, int]:
    return {**seen(status), **dict.fromkeys(MACHINES, status if machines is None else machines)}


def page(name: str, kwargs: dict[str, Any], status: int = 200) -> Row:
    return Row(name=f"approvals:{name}", method="GET", kwargs=kwargs, allowed=seen(status))


ROWS: list[Row] = [
    Row(name="home", method="GET", others=200),
    Row(name="keyset", method="GET", others=200, anonymous=200),
    page("releases", CASE),
    Row(name="approvals:releases", method="POST", kwargs=CASE, data={}, allowed=seen(422), anonymous=401),
    page("panel", CASE),
    page("release", RELEASE, 404),
    page("attestations", RELEASE, 404),
    *(
        Row(name=f"approvals:{verb}", method="POST", kwargs=RELEASE, data={}, others=404, anonymous=401)
        for verb in ("approve", "reject", "return", "withdraw")
    ),
    Row(name="api-releases", method="GET", others=200, anonymous=401),
    Row(name="api-releases", method="POST", data={}, others=400, anonymous=401),
    Row(name="api-release", method="GET", kwargs=NO_ID, others=404, anonymous=401),
    *(
        Row(name=f"api-release-{verb}", method="POST", kwargs=NO_ID, data={}, others=404, anonymous=401)
        for verb in ("approve", "reject", "return", "withdraw")
    ),
    Row(name="api-release-verdict", method="GET", kwargs=NO_ID, others=404, anonymous=401),
    Row(name="api-release-attestations", method="GET", kwargs=NO_ID, others=404, anonymous=401),
    Row(name="api-gate-check", method="POST", data={}, others=400, anonymous=401),
]
