"""Verbs with all they need, on things that are there, so that only the person decides. The matrix takes each back."""

import json
import time
from typing import Any

from tests.access.rows import Row

CASE = {"reference": "UC-0001"}
SEERS = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "admin")
MACHINES = ("pipeline", "ingest")
DESCRIBED = {
    "title": "Refund helper, renamed",
    "business_outcome": "Refund questions are answered within one hour.",
    "user_group": "Twelve agents.",
    "pattern": "retrieval",
}
MANIFEST = '{"schema": "gatehouse.manifest/v1", "model": {"provider": "azure", "name": "gpt-5", "version": "1"}}'
SOURCE = {"name": "Tariffs", "system": "Archive", "owner": "@petra", "unit": "@unit", "classification": "internal"}


USE = {"pk": "@data_use"}
NO = {"note": "Not for this."}
HOST = {"host": "phoenix.internal", "port": "443", "reason": "In our network."}
RUN = {
    "external_id": "nightly-2",
    "finished_at": "2026-11-01T08:00:00Z",
    "use_case": "UC-0001",
    "version": "@digest",
    "metrics": {
        "g": {"dimension": "groundedness", "scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 0.7}
    },
    "cases": [{"item": "q-1", "scores": {"g": 1}}],
}
UPLOAD = (
    b'--edge\r\nContent-Disposition: form-data; name="source"\r\n\r\nInventory\r\n'
    b'--edge\r\nContent-Disposition: form-data; name="unit"\r\n\r\nCustomer service\r\n'
    b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    b"Name\r\nLetters\r\n\r\n--edge--\r\n"
)
INSIDERS = ("sam", "petra", "aud", "admin")


def on_case(name: str, data: Any, done: int, *doers: str, refused: int = 403, **also: Any) -> Row:
    """A verb on UC-0001's page: `done` for the doers, 403 for who sees it, 404 for who does not."""
    allowed = {**dict.fromkeys(SEERS, refused), **dict.fromkeys(doers, done)}
    return Row(name, "POST", {**CASE, **also}, data, allowed, anonymous=401)


def by_api(name: str, kwargs: dict[str, Any], data: Any, done: int, *doers: str) -> Row:
    """The same for the API, machines included."""
    allowed = {**dict.fromkeys((*SEERS, *MACHINES), 403), **dict.fromkeys(doers, done)}
    return Row(name, "POST", kwargs, data, allowed, anonymous=401)


def on_connector(name: str, done: int, *doers: str, thing: str = "@connector", data: Any = None, **also: str) -> Row:
    """A verb around connectors, which only insiders know of."""
    allowed = {**dict.fromkeys(INSIDERS, 403), **dict.fromkeys(doers, done)}
    return Row(name, "POST", {"pk": thing, **also} if thing else {}, data or {}, allowed, anonymous=401)


def administered(name: str, kwargs: dict[str, Any], data: Any, done: int = 302) -> Row:
    return Row(name, "POST", kwargs, data, {"admin": done}, anonymous=401)


def look(name: str, kwargs: dict[str, Any], *callers: str) -> Row:
    return Row(name, "GET", kwargs, allowed=dict.fromkeys(callers, 200), anonymous=401 if name[:4] == "api-" else 302)


LOOKS = [
    look("usecases:version", {**CASE, "number": 1}, *SEERS),
    look("usecases:data-source", {"pk": "@data_source"}, *SEERS),
    look("api-version", {**CASE, "number": 1}, *SEERS, *MACHINES),
    look("evidence:run", {**CASE, "pk": "@run"}, *SEERS),
    look("evidence:connector", {"pk": "@connector"}, *INSIDERS),
    look("evidence:connector", {"pk": "@file_connector"}, *INSIDERS),
    look("evidence:export-runs", {"pk": "@connector"}, *INSIDERS),
    look("evidence:change-connector", {"pk": "@connector"}, *INSIDERS),
    look("evidence:connector-secret", {"pk": "@connector"}, *INSIDERS),
    look("evidence:mapping", {"pk": "@connector"}, *INSIDERS),
    look("evidence:sync-run", {"pk": "@connector", "run_pk": "@sync_run"}, *INSIDERS),
    look("api-evaluation-run", {"pk": "@run"}, *SEERS, *MACHINES),
    look("api-connector-runs", {"pk": "@connector"}, *INSIDERS, "ingest"),
    look("approvals:release", {"reference": "UC-0003", "number": 1}, *SEERS),
]
REGISTER = [
    Row(
        "usecases:register",
        "POST",
        {},
        {**DESCRIBED, "owner": "@olivia", "unit": "@unit"},
        {"olivia": 302, "arno": 302},
        others=403,
        anonymous=401,
    ),
    on_case("usecases:edit", DESCRIBED, 302, "olivia", "arno"),
    on_case("usecases:stop", {"reason": "It is not worth it."}, 302, "olivia"),
    on_case("usecases:add-to-team", {"person": "@dev", "role": "engineering"}, 302, "olivia"),
    # The accountable owner stays, whoever asks.
    on_case("usecases:remove-from-team", {"person": "@olivia", "role": "owner"}, 409, "olivia"),
    on_case("usecases:answer", {"value": "2", "seen_revision": "1"}, 303, "olivia", "arno", question="harm_severity"),
    on_case("usecases:data", {"data_source": "@spare_source", "purpose": "To compare."}, 302, "olivia", "arno"),
    on_case("usecases:confirm-item", {"evidence": "Seen."}, 302, "olivia", "arno", item="PC08"),
    on_case("usecases:submit-review", {}, 302, "olivia", "arno"),
    # Concluded already: a conflict for the reviewer, a refusal for everybody else.
    on_case("usecases:conclude-review", {"tier": "high", "rationale": "It grew."}, 409, "rafael", number=1),
    on_case("usecases:versions", {"label": "2.0", "manifest": MANIFEST}, 302, "dev", "petra"),
    Row("usecases:approve-data-use", "POST", USE, {}, dict.fromkeys(SEERS, 403) | {"petra": 302}, anonymous=401),
    Row("usecases:refuse-data-use", "POST", USE, NO, dict.fromkeys(SEERS, 403) | {"petra": 302}, anonymous=401),
    # Fiona owns UC-0002, and who owns a use case may name its sources.
    Row(
        "usecases:new-data-source",
        "POST",
        {},
        SOURCE,
        dict.fromkeys(("olivia", "arno", "fiona"), 302),
        others=403,
        anonymous=401,
    ),
    Row(
        "api-use-cases",
        "POST",
        {},
        {**DESCRIBED, "owner": "@olivia", "unit": "@unit"},
        dict.fromkeys(("olivia", "arno", "pipeline"), 201),
        others=403,
        anonymous=401,
    ),
    Row(
        "api-imports",
        "POST",
        {},
        UPLOAD,
        dict.fromkeys(("olivia", "arno", "pipeline"), 201),
        others=403,
        anonymous=401,
        content_type="multipart/form-data; boundary=edge",
    ),
    Row(
        "usecases:imports",
        "POST",
        {},
        UPLOAD,
        dict.fromkeys(("olivia", "arno"), 422),  # a page's form has other names
        others=403,
        anonymous=401,
        content_type="multipart/form-data; boundary=edge",
    ),
    by_api("api-versions", CASE, {"label": "2.0", "manifest": json.loads(MANIFEST)}, 201, "dev", "petra", "pipeline"),
    by_api("api-data-uses", CASE, {"data_source": "@spare_source", "purpose": "To compare."}, 201, "olivia", "arno"),
    by_api("api-approve-data-use", USE, {}, 200, "petra"),
    by_api("api-refuse-data-use", USE, NO, 200, "petra"),
    by_api("api-confirm-item", {**CASE, "item": "PC08"}, {"evidence": "Seen."}, 201, "olivia", "arno"),
    by_api("api-risk-reviews", CASE, {}, 201, "olivia", "arno"),
    by_api("api-conclude-review", {**CASE, "number": 1}, {"tier": "high", "rationale": "It grew."}, 409, "rafael"),
]
EVIDENCE = [
    on_connector("evidence:disable-connector", 302, "petra", "admin"),
    on_connector("evidence:enable-connector", 409, "petra", "admin"),  # it is on
    on_connector("evidence:sync", 302, "petra", "admin"),
    on_connector("evidence:connector-secret", 302, "petra", "admin", data={"token": "s3cret"}),
    on_connector("evidence:retry-run", 409, "petra", "admin", run_pk="@sync_run"),  # it has not given up
    # Who configures connectors does not allow their hosts.
    on_connector("evidence:allowed-hosts", 302, "sam", thing="", data=HOST),
    on_connector("evidence:withdraw-host", 302, "sam", thing="@allowed_host"),
    on_connector("api-connector-sync", 202, "petra", "admin", "ingest"),
    by_api("api-evaluation-runs", {}, RUN, 201, "dev", *MACHINES),
    Row(
        "api-litellm-calls",
        "POST",
        {},
        [{"id": "call-1", "startTime": time.time(), "request_tags": ["use_case:UC-0001"]}],
        dict.fromkeys(SEERS, 403) | dict.fromkeys(("dev", "otto", *MACHINES), 200),
        anonymous=401,
    ),
    Row(
        "api-usage-records",
        "POST",
        {},
        [{"use_case": "UC-0001", "day": "2026-11-01", "requests": 3}],
        # Otto's row is rejected as one about a use case that he cannot know; the answer says so row by row.
        dict.fromkeys(SEERS, 403) | dict.fromkeys(("dev", "otto", *MACHINES), 200),
        anonymous=401,
    ),
]
APPROVALS = [
    on_case("approvals:releases", {"version": "@version", "environment": "development"}, 303, "olivia", "dev", "petra"),
    by_api(
        "api-releases",
        {},
        {"use_case": "UC-0001", "version": "@digest", "environment": "development"},
        201,
        *("olivia", "dev", "petra", "pipeline"),
    ),
]
ADMINISTRATION = [
    administered("give-grant", {"kind": "person", "pk": "@otto"}, {"role": "engineer", "reason": "He joins."}),
    administered("end-grant", {"pk": "@grant"}, {}),
    administered("issue-token", {"pk": "@pipeline"}, {"label": "x", "scopes": ["read"], "days": "30"}),
    administered("revoke-token", {"pk": "@token"}, {}),
    administered("deactivate-person", {"pk": "@otto"}, {}),
    administered("deactivate-service-account", {"pk": "@pipeline"}, {}),
    administered("add-person", {}, {"username": "nina", "name": "Nina", "password": "correct horse battery"}),
    administered("add-service-account", {}, {"name": "nightly", "owner": "@petra"}),
]
ROWS: list[Row] = [*LOOKS, *REGISTER, *EVIDENCE, *APPROVALS, *ADMINISTRATION]
