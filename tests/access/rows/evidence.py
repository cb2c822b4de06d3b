"""Who may do what on the evidence floor. POST rows send nothing usable, or aim at what is not there."""

from typing import Any

from tests.access.rows import Row

CASE = {"reference": "UC-0001"}
NOTHING = "00000000-0000-7000-8000-000000000000"
NO_ID = {"pk": NOTHING}
NO_RUN = {"pk": NOTHING, "run_pk": NOTHING}
EVERYBODY = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "admin")
MACHINES = ("pipeline", "ingest")
# Connectors are the organisation's: platform and administration set them up, security opens addresses, audit looks.
INSIDERS = ("petra", "admin", "sam", "aud")


def seen(status: int = 200) -> dict[str, int]:
    """Everybody whose grants let them see the use case."""
    return dict.fromkeys(EVERYBODY, status)


def inside(status: int = 200) -> dict[str, int]:
    return dict.fromkeys(INSIDERS, status)


def page(name: str, kwargs: dict[str, Any] | None = None, allowed: dict[str, int] | None = None) -> Row:
    return Row(name=f"evidence:{name}", method="GET", kwargs=kwargs or {}, allowed=allowed or {})


def post(name: str, kwargs: dict[str, Any] | None = None, allowed: dict[str, int] | None = None) -> Row:
    return Row(
        name=f"evidence:{name}", method="POST", kwargs=kwargs or {}, data={}, allowed=allowed or {}, anonymous=401
    )


def api(name: str, method: str, others: int, **more: Any) -> Row:
    return Row(name=name, method=method, others=others, anonymous=401, **more)


ROWS: list[Row] = [
    page("component-coverage", {"pk": "@evaluation_set"}, seen()),
    page("use-case", CASE, seen()),
    page("panel", CASE, seen()),
    page("run", {**CASE, **NO_ID}),
    page("chart", {**CASE, "name": "scores"}, seen()),
    page("chart", {**CASE, "name": "cost"}, seen()),
    page("chart", {**CASE, "name": "nothing"}),
    page("connectors", allowed=inside()),
    page("new-connector", allowed=inside()),
    post("new-connector"),
    page("allowed-hosts", allowed=inside()),
    post("allowed-hosts", allowed=inside(422)),
    post("withdraw-host", NO_ID),
    page("connector", NO_ID),
    page("export-runs", NO_ID),
    *(page(name, NO_ID) for name in ("change-connector", "connector-secret", "mapping")),
    *(
        post(name, NO_ID)
        for name in (
            "change-connector",
            "connector-secret",
            "mapping",
            "enable-connector",
            "disable-connector",
            "test-connector",
            "sync",
            "upload",
        )
    ),
    page("sync-run", NO_RUN),
    post("retry-run", NO_RUN),
    post("read-again", NO_RUN),
    api("api-evaluation-runs", "GET", 200),
    api("api-evaluation-runs", "POST", 400, data={}),
    api("api-evaluation-files", "POST", 400, data={}),
    api("api-evaluation-run", "GET", 404, kwargs=NO_ID),
    api("api-usage-records", "GET", 200),
    api("api-usage-records", "POST", 400, data=[]),
    api("api-litellm-calls", "POST", 400, data=[]),
    api("api-connectors", "GET", 404, allowed={**inside(), "ingest": 200}),
    api("api-connectors", "POST", 404, data={}, allowed={**inside(400), "ingest": 400}),
    api("api-connector-sync", "POST", 404, kwargs=NO_ID, data={}),
    api("api-connector-runs", "GET", 404, kwargs=NO_ID),
]
