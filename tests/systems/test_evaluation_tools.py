"""Files that the real tools write today, made here in an environment of their own, read as the captured ones are."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.evidence.connectors.files import counted, mapped, read, unmapped
from tests.systems.environments import HERE, environment

pytestmark = [pytest.mark.systems, pytest.mark.timeout(900)]


def written(name: str, folder: Path, *arguments: str, **more: str) -> Path:
    """The newest file the tool's script leaves in `folder`."""
    python = environment(name) / "bin" / "python"
    settings = {"PATH": os.environ["PATH"], "HOME": str(folder), **more}
    done = subprocess.run(
        [python, HERE / f"{name}_run.py", *arguments],
        cwd=folder, env=settings, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return max(folder.glob("out/*.json"), key=lambda path: path.stat().st_mtime)


def test_what_inspect_writes_is_read_with_its_broken_samples(tmp_path: Path) -> None:
    file = written("inspect", tmp_path, str(tmp_path / "out"))
    mappings = (mapped("match", "task_success"), mapped("judge/grounded", threshold="0.7"))
    (run,), rejects, kind = read(file, *mappings, finished_at=None)
    assert (kind, unmapped(rejects)) == ("inspect", ["judge/safe"])
    assert counted(run) == {"task_success": (6, 4, 2, 0, 4), "groundedness": (6, 4, 2, 0, 4)}
    assert (run.use_case_key, run.dataset_name) == ("UC-0001", "golden")


def test_what_deepeval_writes_is_read_with_its_failed_judge(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    file = written(
        "deepeval", tmp_path, DEEPEVAL_RESULTS_FOLDER=str(tmp_path / "out"), DEEPEVAL_TELEMETRY_OPT_OUT="YES"
    )
    (run,), rejects, kind = read(file, mapped("Groundedness"), mapped("Flaky", "relevance"))
    assert (kind, rejects) == ("deepeval", [])
    assert counted(run) == {"groundedness": (2, 2, 0, 0, 1), "relevance": (2, 1, 1, 0, 1)}
    assert (run.model_name, run.use_case_key) == ("made-up", "UC-0001")
