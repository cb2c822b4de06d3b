"""Who may do what in the register, on UC-0001: Olivia's, cleared for pilot. Every request is taken back afterwards."""

from typing import Any

from tests.access.rows import Row
from tests.usecases.scenes import MANIFEST

CASE = {"reference": "UC-0001"}
QUESTION = {**CASE, "question": "reuse"}
ITEM = {**CASE, "item": "PC08"}
NUMBER = {**CASE, "number": 1}
COMMENT = {**CASE, "pk": "@comment"}
SAID = {"text": "Ready for the pilot?"}
USE = {"pk": "@data_use"}
SOURCE = {"pk": "@data_source"}
VIEW = {"pk": "@saved_view"}
TAGGING = {"kind": "add-tag", "value": "wave-1", "ref": "UC-0001"}
EVERYBODY = ("olivia", "arno", "rafael", "amina", "sam", "priya", "leo", "dev", "petra", "fiona", "aud", "admin")
MACHINES = ("pipeline", "ingest")
BILL = {
    "bomFormat": "CycloneDX",
    "components": [{"type": "machine-learning-model", "publisher": "mistral", "name": "large", "version": "2"}],
}
EDITORS = ("olivia", "arno")
CATALOGUERS = ("dev", "petra")
COMPONENT, WORK = {"pk": "@component"}, {"pk": "@work_item"}
RETIREMENT = {"retires_on": "2031-06-01", "source": "Their page."}
DESCRIPTION = {"title": "Refunds", "business_outcome": "Faster.", "user_group": "Agents.", "pattern": "agent"}
CONCLUSION = {"tier": "high", "rationale": "Raised."}


def seen(status: int = 200, **others: int) -> dict[str, int]:
    """Everybody whose grants let them see the use case; some with another status."""
    return {**dict.fromkeys(EVERYBODY, status), **others}


def machines_too(status: int, **others: int) -> dict[str, int]:
    return {**seen(status), **dict.fromkeys(MACHINES, status), **others}


def only(people: tuple[str, ...], status: int) -> dict[str, int]:
    return dict.fromkeys(people, status)


def page(name: str, kwargs: dict[str, Any] = CASE) -> Row:
    return Row(name=f"usecases:{name}", method="GET", kwargs=kwargs, allowed=seen())


def sent(name: str, kwargs: dict[str, Any], allowed: dict[str, int], data: Any = None, others: int = 404) -> Row:
    return Row(
        name=f"usecases:{name}",
        method="POST",
        kwargs=kwargs,
        data=data or {},
        allowed=allowed,
        others=others,
        anonymous=401,
    )


def api(
    name: str,
    kwargs: dict[str, Any],
    method: str,
    allowed: dict[str, int],
    data: Any = None,
    others: int = 404,
) -> Row:
    data = None if method == "GET" else data or {}
    return Row(
        name=f"api-{name}", method=method, kwargs=kwargs, data=data, allowed=allowed, others=others, anonymous=401
    )


IMPORT = {"pk": "@import"}
# Who sees an import of Olivia's: she, whoever registers everywhere, whoever reads the whole trail.
IMPORTERS = ("olivia", "arno")


def of_import(name: str, status: int, data: Any = None, method: str = "POST") -> Row:
    """A verb on an import that waits to be applied: for importers; the auditor looks on."""
    page = name.startswith("usecases:")
    doers = IMPORTERS if page else (*IMPORTERS, "pipeline")
    allowed = {**only(doers, status), "aud": 403}
    return Row(name=name, method=method, kwargs=IMPORT, data=data or {}, allowed=allowed, anonymous=401)


IMPORTS: list[Row] = [
    Row(name="usecases:imports", method="GET", others=200),
    sent("imports", {}, only(IMPORTERS, 422), others=403),
    Row(name="usecases:import", method="GET", kwargs=IMPORT, allowed=only((*IMPORTERS, "aud"), 200)),
    of_import("usecases:import-reading", 302),
    of_import("usecases:import-columns", 302),
    of_import("usecases:import-words", 302),
    of_import("usecases:import-check", 302),
    of_import("usecases:import-apply", 302),
    Row(name="usecases:import-undo", method="GET", kwargs=IMPORT, allowed=only((*IMPORTERS, "aud"), 200)),
    # Nothing was applied that could be undone.
    of_import("usecases:import-undo", 409),
    Row(name="usecases:export", method="GET", others=200),
    api("imports", {}, "GET", {}, others=200),
    # A file comes in a form, not as JSON.
    api("imports", {}, "POST", only((*IMPORTERS, "pipeline"), 415), others=403),
    api("import", IMPORT, "GET", only((*IMPORTERS, "aud", "pipeline"), 200)),
    api("import-rows", IMPORT, "GET", only((*IMPORTERS, "aud", "pipeline"), 200)),
    of_import("api-import-reading", 200, method="PUT"),
    of_import("api-import-mapping", 200, {"columns": []}, method="PUT"),
    of_import("api-import-check", 202),
    of_import("api-import-apply", 202),
    of_import("api-import-undo", 409),
]
ROWS: list[Row] = [
    *IMPORTS,
    *(
        Row(name=f"usecases:{name}", method="GET", others=200)
        for name in (
            "list",
            "similar",
            "register",
            "data-sources",
            "new-data-source",
            "components",
            "new-component",
            "export-data-sources",
            "export-components",
        )
    ),
    sent("register-from-file", {}, only(("olivia", "arno"), 422), others=403),
    sent("new-component", {}, only(CATALOGUERS, 422), others=403),
    *(
        Row(name=f"usecases:{name}", method="GET", kwargs=COMPONENT, allowed=seen())
        for name in ("component", "edit-component")
    ),
    Row(name="usecases:compare-prompts", method="GET", kwargs={"pk": "@prompt", "other": "@prompt"}, allowed=seen()),
    sent("edit-component", COMPONENT, seen(403, **only(CATALOGUERS, 302)), {"licence": "Commercial"}),
    sent("retire-component", COMPONENT, seen(403, **only(CATALOGUERS, 302)), RETIREMENT),
    sent("dismiss-work-item", WORK, seen(403, **only(EDITORS, 302)), {"reason": "It ends before."}),
    sent("register", {}, only(("olivia", "arno"), 422), others=403),
    sent("new-data-source", {}, only(("olivia", "arno", "fiona"), 422), others=403),
    *(
        page(name)
        for name in (
            "detail",
            "edit",
            "discussion",
            "mentionable",
            "history",
            "export-history",
            "discovery",
            "data",
            "checklist",
            "risk",
            "versions",
        )
    ),
    page("version", NUMBER),
    page("edit-comment", COMMENT),
    sent("discussion", CASE, seen(302), SAID),
    sent("edit-comment", COMMENT, seen(403, olivia=302), SAID),
    sent("withdraw-comment", COMMENT, seen(403, olivia=302)),
    # Open to every role; which use cases a source serves is told only as far as one may see them.
    Row(name="usecases:data-source", method="GET", kwargs=SOURCE, allowed=seen()),
    sent("edit", CASE, seen(403, **only(EDITORS, 302)), DESCRIPTION),
    sent("stop", CASE, seen(403, olivia=302), {"reason": "No budget."}),
    sent("tag", CASE, seen(403, **only(EDITORS, 302)), {"add": "wave-1"}),
    sent("bulk", {}, {}, {"kind": "add-tag"}, others=422),
    sent("apply-bulk", {}, {}, others=422),
    # Of rows one may not change nothing is done, and the preview is shown again; rows one may not see are none.
    sent("apply-bulk", {}, seen(409, **only(EDITORS, 302)), TAGGING, others=422),
    *(Row(name=f"usecases:{name}", method="GET", others=200) for name in ("saved-views", "new-view")),
    sent("new-view", {}, {}, others=422),
    sent("begin-as-usual", {}, {}, others=302),
    # Olivia's, shared with everybody.
    Row(name="usecases:saved-view", method="GET", kwargs=VIEW, others=200),
    sent("saved-view", VIEW, {}, others=422),
    sent("saved-view", VIEW, {"olivia": 302}, {"name": "Mine", "sharing": "private"}, others=403),
    sent("remove-view", VIEW, {"olivia": 302}, others=403),
    sent("begin-with-view", VIEW, {}, others=302),
    sent("add-to-team", CASE, seen(422)),
    sent("remove-from-team", CASE, seen(422)),
    sent("answer", QUESTION, seen(403, **only(EDITORS, 303)), {"value": "The connection.", "seen_revision": "0"}),
    sent("data", CASE, seen(422)),
    sent("approve-data-use", USE, seen(403, petra=302)),
    sent("refuse-data-use", USE, seen(403, petra=302), {"note": "Not this."}),
    sent("confirm-item", ITEM, seen(403, **only(EDITORS, 302)), {"evidence": "The dashboard."}),
    # Nothing stands that could be withdrawn.
    sent("withdraw-item", ITEM, {}),
    sent("submit-review", CASE, seen(403, **only(EDITORS, 302))),
    # The only review is concluded: no more for anybody, and for most not at all.
    sent("conclude-review", NUMBER, seen(403, rafael=409), CONCLUSION),
    sent("return-review", NUMBER, seen(403, rafael=409), {"rationale": "Again."}),
    sent("versions", CASE, seen(422)),
    sent("version-from-bom", CASE, seen(422)),
    *(api(name, {}, "GET", {}, others=200) for name in ("components", "work-items")),
    api("components", {}, "POST", {}, others=400),
    *(api(name, COMPONENT, "GET", machines_too(200)) for name in ("component", "component-uses")),
    api("component", COMPONENT, "PATCH", machines_too(403, **only(CATALOGUERS, 200)), {"licence": "Commercial"}),
    api("component-retirement", COMPONENT, "PUT", machines_too(403, **only(CATALOGUERS, 200)), RETIREMENT),
    api("dismiss-work-item", WORK, "POST", machines_too(403, **only(EDITORS, 200)), {"reason": "It ends before."}),
    api("use-cases", {}, "GET", {}, others=200),
    api("use-cases", {}, "POST", {}, others=400),
    api("use-case-from-file", {}, "POST", {}, others=400),
    api("tags", CASE, "POST", machines_too(403, **only(EDITORS, 200)), {"add": ["wave-1"]}),
    api("saved-views", {}, "GET", {}, others=200),
    api("saved-views", {}, "POST", only(MACHINES, 403), {"name": "Mine"}, others=201),
    api("saved-view", VIEW, "GET", only(MACHINES, 404), others=200),
    api("saved-view", VIEW, "PATCH", {"olivia": 200, **only(MACHINES, 404)}, {"name": "Mine"}, others=403),
    api("saved-view", VIEW, "DELETE", {"olivia": 204, **only(MACHINES, 404)}, others=403),
    api("data-sources", {}, "GET", {}, others=200),
    api("data-sources", {}, "POST", {}, others=400),
    *(
        api(name, CASE, "GET", machines_too(200))
        for name in ("use-case", "history", "comments", "versions", "answers", "data-uses", "checklist", "risk-reviews")
    ),
    *(api(name, NUMBER, "GET", machines_too(200)) for name in ("version", "version-bom")),
    api(
        "version-from-bom",
        CASE,
        "POST",
        machines_too(403, **only(("dev", "petra", "pipeline"), 201)),
        {"bill": BILL},
    ),
    api("comments", CASE, "POST", machines_too(201, **only(MACHINES, 403)), SAID),
    api("comment", COMMENT, "PATCH", machines_too(403, olivia=200), SAID),
    api("comment", COMMENT, "DELETE", machines_too(403, olivia=200)),
    api("use-case", CASE, "PATCH", machines_too(403, **only(EDITORS, 200)), {"title": "Refunds"}),
    api(
        "versions",
        CASE,
        "POST",
        machines_too(403, **only(("dev", "petra", "pipeline"), 201)),
        {"label": "next", "manifest": {**MANIFEST, "parameters": {"top_k": 7}}},
    ),
    api("answer", QUESTION, "PUT", machines_too(403, **only(EDITORS, 200)), {"value": "The connection."}),
    api("data-uses", CASE, "POST", machines_too(400)),
    api("approve-data-use", USE, "POST", machines_too(403, petra=200)),
    api("refuse-data-use", USE, "POST", machines_too(403, petra=200), {"note": "Not this."}),
    api("confirm-item", ITEM, "POST", machines_too(403, **only(EDITORS, 201)), {"evidence": "The dashboard."}),
    api("withdraw-item", ITEM, "POST", {}),
    api("risk-reviews", CASE, "POST", machines_too(403, **only(EDITORS, 201))),
    api("conclude-review", NUMBER, "POST", machines_too(403, rafael=409), CONCLUSION),
    api("return-review", NUMBER, "POST", machines_too(403, rafael=409), {"rationale": "Again."}),
]
