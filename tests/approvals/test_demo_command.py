"""`manage.py demo` when the portal it talks to is not there: one sentence and no traceback, and nothing half known."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from approvals.management.commands.demo import door_address
from approvals.samples.door import Door
from portal.embedded.ports import free_port
from usecases.models import DataSource


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    settings.GATEHOUSE_HOME = tmp_path
    return tmp_path


def test_a_portal_that_does_not_answer_is_said_in_one_line(
    db: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("install")
    port = free_port()
    monkeypatch.setenv("PORT", str(port))
    with pytest.raises(CommandError) as refused:
        call_command("demo")
    told = str(refused.value)
    assert told.startswith(f"The portal does not answer at http://127.0.0.1:{port} (")
    assert told.endswith("then run this again: what is there already stays as it is.")
    assert "\n" not in told
    assert {"ingest", "pipeline"} <= json.loads((home / "demo.json").read_text())["tokens"].keys()


def test_an_interruption_is_said_in_one_line(db: None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: Any) -> None:
        raise KeyboardInterrupt

    call_command("install")
    monkeypatch.setattr(Door, "push_run", interrupted)
    monkeypatch.setattr(Door, "push_run_once", interrupted)
    with pytest.raises(CommandError, match=r"^Interrupted\. Run it again to go on"):
        call_command("demo")
    assert DataSource.objects.exists()


@pytest.mark.parametrize(
    ("port", "address"),
    [("", "https://gatehouse.example.org"), ("8123", "http://127.0.0.1:8123"), ("x", "https://gatehouse.example.org")],
)
def test_the_sample_evidence_knocks_at_the_named_port(port: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    assert door_address("https://gatehouse.example.org") == address
