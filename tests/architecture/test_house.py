"""The shape of the house: small modules, known rooms, no cupboard for everything, explicit fields."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FLOORS = ("portal", "usecases", "evidence", "approvals")
LONGEST = 400
LONGER_FOR_A_REASON = {
    "gatehouse.py": "one file on purpose: a pipeline copies it",
    "tests/cli/test_check.py": "every answer a portal could give to one command, against one stand-in",
}
FOR_EVERYTHING = {"core", "common", "utils", "util", "helpers", "helper", "misc", "shared", "lib", "base_models"}
ROOMS = {
    "actions", "api", "apps", "charts", "choices", "content", "events", "forms", "lifecycle", "management",
    "migrations", "models", "policies", "querysets", "receivers", "tasks", "templatetags", "urls", "views",
}  # fmt: skip
# Rooms a floor has besides, each with what it is for.
OWN_ROOMS = {
    "portal": {
        "access", "actors", "audit", "celery", "checks", "composition", "context", "embedded", "env", "errors",
        "exports", "files", "finders", "form_renderer", "formula_guard", "handover", "history", "htmx", "http",
        "absence_policies", "delegation", "provisioning_policies", "scim",  # who acts for whom; a directory's door
        "identifiers", "leaving", "logs", "middleware", "navigation", "palette", "privileges", "settings", "sso",
        "trail", "triggers", "wiring", "wsgi",
    },
    "usecases": {
        "import_policies", "import_forms",  # rulings about imports, and what people say about a file
        "exporting",  # reading: the rows of the register's export
        "importing",  # pure: other people's inventories read and understood
        "classification", "risk_scheme", "manifests",  # pure: tiers and the method behind them, canonical manifests
        "cataloguing", "bills", "repository_files",  # pure: components of a manifest, bills of materials, files in YAML
        "catalogue", "data_catalogue",  # reading: what runs on which component; which sources there are
        "validity", "file_types",  # pure: how long something counts, what a file's bytes are
        "data_approvals", "documents",  # reading: what speaks against building on data, finding
        "data_policies", "data_forms",  # the policies and forms about data: the other half of either
        "changes", "history", "moments",  # reading: what it was, when it changed, and how that reads
        "checklists", "questionnaires", "reviews", "next_steps", "prompts",  # reading: what is so, for the rooms above
        "owners", "duplicates",  # reading, too: who answers for what, and what is registered already
        "stewardship",  # policies of handing over and of joining a team
        "finding", "finding_forms", "ordering",  # filters, orders and pages of the register
    },
    "evidence": {
        "connectors", "readings", "numbers", "counting",  # pure: what other systems say, and how it is counted
        "configuring", "sealing",  # connectors' settings, secrets at rest
    },
    "approvals": {
        "gating", "comparison", "sampling", "gate_policies", "gate_words", "statistics", "lanes",  # pure
        "attestation", "signing",  # pure too
        "checklist", "declarations", "grounds", "measurements",  # reading: what a ruling stands on
        "docket", "presentation", "finding",  # what several pages show
        "samples",  # the demo's organisation
    },
}  # fmt: skip


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts)


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    paths = [*modules(*FLOORS, "tests"), ROOT / "gatehouse.py", ROOT / "manage.py"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    long = {name for name, length in lengths.items() if length > LONGEST}
    assert long - LONGER_FOR_A_REASON.keys() == set()
    assert LONGER_FOR_A_REASON.keys() <= long, "a module became shorter: take it off the list"


def test_nothing_is_called_core_common_or_utils() -> None:
    named = [
        path for floor in (*FLOORS, "tests") for path in (ROOT / floor).rglob("*") if "__pycache__" not in path.parts
    ]
    assert [str(path) for path in named if path.stem in FOR_EVERYTHING] == []


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_has_only_rooms_that_are_known(floor: str) -> None:
    there = {
        path.stem
        for path in (ROOT / floor).iterdir()
        if (path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")) and path.stem != "__init__"
    }
    assert there - ROOMS - OWN_ROOMS[floor] == set()
    assert OWN_ROOMS[floor] <= there, "a room is gone: take it off the list"


def test_every_module_opens_with_one_line_that_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(*FLOORS)
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_serializer_or_form_takes_all_fields_or_all_but_some() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(*FLOORS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name == "Meta"
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
        if target.id == "exclude" or (target.id == "fields" and ast.unparse(statement.value) == "'__all__'")
    ]
    assert found == []


def test_nothing_is_printed_but_by_commands_and_the_supervisor() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(*FLOORS)
        if "embedded" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert found == []


def test_no_signal_of_a_model_carries_a_rule() -> None:
    """Signals hide who writes; verbs say it."""
    words = re.compile(r"\b(pre|post)_(save|delete|init|migrate)\b|\bm2m_changed\b")
    found = [str(path.relative_to(ROOT)) for path in modules(*FLOORS) if words.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_product_names_no_place_of_some_machine() -> None:
    pattern = re.compile(r"/(?:root|work)/\w|files\.pythonhosted|\bTODO\b|\bFIXME\b|\bXXX\b")
    files = [*modules(*FLOORS), *(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.[jc]s*")]
    found = [str(path.relative_to(ROOT)) for path in files if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == []
