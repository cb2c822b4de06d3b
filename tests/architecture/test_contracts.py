"""The import contracts hold, and each of them bites: one forbidden import, slipped into a copy, breaks it by name."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FLOORS = ("portal", "usecases", "evidence", "approvals")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]


@dataclass(frozen=True)
class Slip:
    """An import that must not be: which contract it breaks, where it stands, what it says."""

    contract: str
    module: str
    line: str


SLIPS = [
    Slip("floors", "usecases/policies.py", "import approvals.choices"),
    Slip("floors", "portal/access.py", "import usecases.choices"),
    Slip("rooms-of-portal", "portal/policies.py", "import portal.actions.people"),
    Slip("rooms-of-portal", "portal/models/people.py", "import portal.audit"),
    Slip("rooms-of-usecases", "usecases/policies.py", "import usecases.actions.registration"),
    Slip("rooms-of-usecases", "usecases/models/fact.py", "import usecases.policies"),
    Slip("rooms-of-evidence", "evidence/connectors/base.py", "import evidence.models.connector"),
    Slip("rooms-of-evidence", "evidence/actions/ingestion.py", "import evidence.tasks"),
    Slip("rooms-of-approvals", "approvals/gating.py", "import approvals.grounds"),
    Slip("rooms-of-approvals", "approvals/policies.py", "import approvals.actions.gates"),
    Slip("doors-of-portal", "approvals/policies.py", "import portal.views.people"),
    Slip("doors-of-portal", "usecases/actions/facts.py", "import portal.embedded.home"),
    Slip("doors-of-usecases", "approvals/actions/gates.py", "import usecases.api.urls"),
    Slip("doors-of-evidence", "approvals/actions/gates.py", "import evidence.tasks"),
    Slip("pure-rooms", "approvals/gating.py", "import django.db.models"),
    Slip("pure-rooms", "usecases/classification.py", "import usecases.choices"),
    Slip("pure-rooms", "portal/embedded/home.py", "import django.conf"),
]


def lint(where: Path) -> tuple[int, str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our packages and the contracts, to break without harm."""
    target = tmp_path_factory.mktemp("copy")
    for floor in FLOORS:
        ignored = shutil.ignore_patterns("__pycache__", "*.yaml", "*.sql", "*.html")
        shutil.copytree(ROOT / floor, target / floor, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


@pytest.fixture
def slipped(copy: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = copy / request.param.module
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\n{request.param.line}\n", encoding="utf-8")
    yield copy
    path.write_text(before, encoding="utf-8")


def test_every_contract_holds() -> None:
    status, said = lint(ROOT)
    assert status == 0, said
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said


@pytest.mark.parametrize(
    ("slipped", "slip"), [(slip, slip) for slip in SLIPS], indirect=["slipped"], ids=lambda slip: slip.contract
)
def test_a_forbidden_import_breaks_its_contract_by_name(slipped: Path, slip: Slip) -> None:
    name = next(contract["name"] for contract in CONTRACTS if contract["id"] == slip.contract)
    status, said = lint(slipped)
    assert status == 1, said
    assert re.search(rf"^{re.escape(name)} BROKEN", said, re.M), said


def test_every_contract_is_proven_to_bite() -> None:
    assert {slip.contract for slip in SLIPS} == {contract["id"] for contract in CONTRACTS}


def test_every_door_of_every_floor_below_another_is_protected() -> None:
    """A new door must be added to its contract; a contract cannot name what does not exist."""
    doors = ("views", "api", "tasks", "management", "receivers", "urls")
    for floor in FLOORS[:-1]:
        protected = next(contract for contract in CONTRACTS if contract["id"] == f"doors-of-{floor}")
        there = {f"{floor}.{door}" for door in doors if list((ROOT / floor).glob(f"{door}*"))}
        there -= {f"{floor}.{door}" for door in doors if not is_module(ROOT / floor / door)}
        # The ground's API package is also what every API stands on; only its own endpoints are doors.
        there -= {"portal.api"}
        assert there <= set(protected["protected_modules"]), floor


def is_module(path: Path) -> bool:
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_a_pure_room_takes_nothing_of_django_but_words_in_the_readers_language() -> None:
    pure = next(contract for contract in CONTRACTS if contract["id"] == "pure-rooms")
    excepted = {line.split(" -> ")[0] for line in pure["ignore_imports"] if line.endswith(" -> django")}
    for name in excepted:
        tree = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
        found = [
            (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django")
            for alias in node.names
        ]
        assert set(found) <= {
            ("django.utils.translation", "gettext"),
            ("django.utils.translation", "gettext_lazy"),
            ("django.utils.translation", "ngettext"),
        }, name
        plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        assert [module for module in plain if module.split(".")[0] == "django"] == [], name
