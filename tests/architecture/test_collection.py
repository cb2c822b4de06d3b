"""Every worker of a run finds the same tests: what is collected depends on nothing that differs between processes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def collected() -> list[str]:
    """What a fresh process collects, with a hash seed and a second of its own."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:randomly", "--collect-only", "-m", ""]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return found


@pytest.mark.timeout(1300)
def test_two_processes_collect_the_same_tests_in_the_same_order() -> None:
    assert collected() == collected()
