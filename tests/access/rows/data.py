"""The catalogue of data sources, approvals that end, and documents: who may look, and who may do what."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.access.rows import Row
from tests.access.rows.usecases import CASE, EDITORS, MACHINES, api, machines_too, only, page, seen, sent

SOURCE, ENDING = {"pk": "@manuals"}, {"pk": "@ending_use"}
DOCUMENT = {"pk": "@document"}
FILE = {**DOCUMENT, "number": 1}
TODAY = datetime.now(UTC).date()
LATER = (TODAY + timedelta(days=100)).isoformat()
CERTIFICATE = {"valid_until": LATER}
CHANGE = {
    "name": "Manuals",
    "system": "SharePoint",
    "unit": "@unit",
    "classification": "internal",
    "grounding": "unassessed",
}
NOTE = {"note": "No longer."}
MULTIPART = "multipart/form-data; boundary=edge"


def form_data(**fields: str) -> bytes:
    """The fields and a file, as a browser sends them."""
    parts = [f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in fields.items()]
    parts.append(
        '--edge\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n%PDF-1.7 another"
    )
    return ("\r\n".join(parts) + "\r\n--edge--\r\n").encode()


REVISION = form_data(effective_on=TODAY.isoformat())
DOCUMENT_IN = form_data(
    use_case="UC-0001", title="Minutes", kind="minutes", owner="olivia", effective_on=TODAY.isoformat()
)


def uploaded(name: str, kwargs: dict[str, Any], data: bytes, done: int, refused: dict[str, int]) -> Row:
    allowed = {**refused, **only(EDITORS, done)}
    return Row(
        name=name,
        method="POST",
        kwargs=kwargs,
        data=data,
        allowed=allowed,
        anonymous=401,
        content_type=MULTIPART,
    )


ROWS: list[Row] = [
    # The catalogue is open to every role; a form is shown to who may use it.
    Row("usecases:change-data-source", "GET", SOURCE, allowed=seen()),
    sent("change-data-source", SOURCE, seen(403, arno=302, petra=302), CHANGE),
    sent("certify-data-source", SOURCE, seen(403, petra=302), CERTIFICATE),
    sent("report-refresh", SOURCE, seen(403, arno=302, petra=302), {"refreshed_at": "2026-01-01T08:00"}),
    sent("renew-data-use", ENDING, seen(403, petra=302), CERTIFICATE),
    # Nobody asked for more time: a conflict for its owner.
    sent("decline-renewal", ENDING, seen(403, petra=409), NOTE),
    sent("ask-renewal", ENDING, seen(403, **only(EDITORS, 302))),
    sent("end-data-use", ENDING, seen(403, **only(EDITORS, 302))),
    api("data-source", SOURCE, "GET", machines_too(200)),
    api("data-source-uses", SOURCE, "GET", machines_too(200)),
    api("data-source", SOURCE, "PATCH", machines_too(403, arno=200, petra=200), {"region": "EU"}),
    api("certify-data-source", SOURCE, "POST", machines_too(403, petra=200), CERTIFICATE),
    api(
        "report-refresh",
        SOURCE,
        "POST",
        machines_too(403, arno=200, petra=200, **only(MACHINES, 200)),
        {"refreshed_at": "2026-01-01T08:00:00Z"},
    ),
    api("renew-data-use", ENDING, "POST", machines_too(403, petra=200), CERTIFICATE),
    api("decline-renewal", ENDING, "POST", machines_too(403, petra=409), NOTE),
    api("ask-renewal", ENDING, "POST", machines_too(403, **only(EDITORS, 200))),
    api("end-data-use", ENDING, "POST", machines_too(403, **only(EDITORS, 200))),
    page("documents"),
    page("document", {**CASE, **DOCUMENT}),
    page("document-file", FILE),
    sent("add-document", CASE, seen(422)),
    uploaded("usecases:revise-document", DOCUMENT, REVISION, 302, seen(403)),
    sent("retire-document", DOCUMENT, seen(403, **only(EDITORS, 302)), {"reason": "Replaced."}),
    api("documents", CASE, "GET", machines_too(200)),
    api("document-file", FILE, "GET", machines_too(200)),
    uploaded("api-add-document", {}, DOCUMENT_IN, 201, machines_too(403)),
    uploaded("api-revise-document", DOCUMENT, REVISION, 201, machines_too(403)),
    api("retire-document", DOCUMENT, "POST", machines_too(403, **only(EDITORS, 200)), {"reason": "Replaced."}),
]
