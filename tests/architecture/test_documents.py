"""The documents tell the truth: what they name exists, what is generated is current, what is listed is complete."""

import ast
import json
import re
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands
from django.utils.module_loading import import_string

from portal.lifecycle import Lifecycle
from portal.management.commands import generate_docs

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "CHANGELOG.md"])


def test_the_generated_documents_are_current() -> None:
    call_command("generate_docs", "--check", stdout=StringIO())


def test_a_stale_document_fails_the_check_and_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    page = DOCS / "lifecycles.md"
    before = page.read_text(encoding="utf-8")
    monkeypatch.setattr(generate_docs, "documents", lambda: {page: before + "One more.\n"})
    said = StringIO()
    with pytest.raises(CommandError, match="out of date"):
        call_command("generate_docs", "--check", stdout=said)
    assert "+One more.\n" in said.getvalue()
    assert page.read_text(encoding="utf-8") == before


def test_every_lifecycle_of_every_floor_is_drawn() -> None:
    drawn = {id(import_string(name)) for name in settings.LIFECYCLES}
    rooms = [import_module(f"{path.parent.name}.lifecycle") for path in ROOT.glob("*/lifecycle.py")]
    tables = {id(value) for room in rooms for value in vars(room).values() if isinstance(value, Lifecycle)}
    assert tables == drawn


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert broken == []


def test_every_document_can_be_found_from_the_architecture_page() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    missing = [
        str(page.relative_to(DOCS))
        for page in DOCS.rglob("*.md")
        if page.parent.name != "adr" and page.name != "architecture.md" and f"({page.relative_to(DOCS)})" not in text
    ]
    assert missing == []
    assert "(adr/)" in text


def test_decisions_are_numbered_without_a_gap_and_say_context_decision_and_consequences() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [page.name[:5] for page in pages] == [f"{number:04d}-" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.M) == ["Context", "Decision", "Consequences"], page.name


def test_every_test_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (DOCS / "threat-model.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_every_setting_read_from_the_environment_is_documented_and_nothing_else_is() -> None:
    tree = ast.parse((ROOT / "portal" / "settings.py").read_text(encoding="utf-8"))
    read = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args
        if isinstance(call.args[0], ast.Constant) and re.fullmatch(r"[A-Z][A-Z_]+", str(call.args[0].value))
    }
    assert len(read) > 25
    text = "".join((DOCS / "how-to" / name).read_text("utf-8") for name in ("own-services.md", "single-sign-on.md"))
    documented = set(re.findall(r"^\| `([A-Z_]+)`", text, re.M))
    assert documented == read


def test_every_management_command_a_page_names_exists() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert named >= {"migrate", "install", "generate_docs", "create_administrator", "oidc_discover"}
    assert named <= set(get_commands())


def test_the_run_in_the_how_to_is_one_the_api_takes() -> None:
    from evidence.api.serializers import EvaluationRunIn

    text = (DOCS / "how-to" / "push-evaluation-runs.md").read_text(encoding="utf-8")
    example = json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[0])
    serializer = EvaluationRunIn(data=example)
    assert serializer.is_valid(), serializer.errors


def test_no_document_names_a_place_of_some_machine() -> None:
    pattern = re.compile(r"/(?:root|work|home)/\w|\bTODO\b|\bFIXME\b|pypi|files\.pythonhosted")
    found = [f"{page.name}: {hit}" for page in PAGES for hit in pattern.findall(page.read_text(encoding="utf-8"))]
    assert found == []
