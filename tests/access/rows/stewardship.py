"""Who may do what about teams and ownership. Dev has asked to join UC-0001; Petra owns the data source."""

from typing import Any

from tests.access.rows import Row
from tests.access.rows.usecases import CASE, SOURCE, api, machines_too, page, seen, sent

JOIN = {"pk": "@join"}
NO = {"answer": "The team is full."}
TO_ARNO, TO_SAM = {"person": "@arno"}, {"person": "@sam"}
PART = {"role": "contributor", "message": "I know the tariffs."}
# Olivia is on the team, and Dev has asked already.
JOINING = {"olivia": 409, "dev": 409}
MACHINES_NOT = {"pipeline": 403, "ingest": 403}


def naming(status: int) -> dict[str, int]:
    return dict.fromkeys(("arno", "rafael", "admin"), status)


def known(name: str, allowed: dict[str, int], data: Any = None) -> Row:
    return sent(name, JOIN, allowed, data)


ROWS: list[Row] = [
    page("team"),
    page("join"),
    Row(name="usecases:request", method="GET", kwargs=JOIN, allowed=seen()),
    Row(name="usecases:ownership", method="GET", allowed=naming(200)),
    sent("hand-over", CASE, seen(422)),
    sent("hand-over", CASE, seen(403, olivia=302), TO_ARNO),
    sent("join", CASE, seen(422)),
    sent("join", CASE, seen(302, **JOINING), PART),
    sent("hand-over-source", SOURCE, seen(422)),
    sent("hand-over-source", SOURCE, seen(403, petra=302), TO_SAM),
    known("accept-request", seen(403, olivia=302)),
    known("decline-request", seen(422)),
    known("decline-request", seen(403, olivia=302), NO),
    known("withdraw-request", seen(403, dev=302)),
    api("similar", {}, "GET", {}, others=200),
    api("team", CASE, "GET", machines_too(200)),
    api("requests", CASE, "GET", machines_too(200)),
    api("requests", CASE, "POST", machines_too(201, **JOINING, **MACHINES_NOT), PART),
    api("requests", CASE, "POST", machines_too(403, olivia=201), TO_ARNO),
    api("source-requests", SOURCE, "POST", machines_too(400)),
    api("source-requests", SOURCE, "POST", machines_too(403, petra=201), TO_SAM),
    api("accept-request", JOIN, "POST", machines_too(403, olivia=200)),
    api("decline-request", JOIN, "POST", machines_too(400)),
    api("decline-request", JOIN, "POST", machines_too(403, olivia=200), NO),
    api("withdraw-request", JOIN, "POST", machines_too(403, dev=200)),
]
