"""A kept home: the supervisor in a process of its own, as a person would run it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from portal.embedded.leftovers import born_at

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_", "BROKER_", "CACHE_", "SECRET_", "SEALING_", "GATEHOUSE_", "PUBLIC_", "ALLOWED_", "PORT", "PG")


def bare_environment(**more: str) -> dict[str, str]:
    """The environment of somebody who has set nothing of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | more


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer of `what`; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.03)
    raise AssertionError(f"still not so after {seconds} s")


class Kept:
    """One home and the supervisor that keeps it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.keeper"],
            cwd=REPOSITORY,
            env=bare_environment(GATEHOUSE_HOME=str(self.root)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line == "ready\n":
                return
        raise AssertionError("the keeper ended: " + "".join(said))

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Signal the supervisor; its exit status and the seconds it took."""
        assert self.process is not None
        before = time.monotonic()
        self.process.send_signal(how)
        self.process.communicate(timeout=60)
        return self.process.returncode, time.monotonic() - before

    @property
    def env(self) -> dict[str, str]:
        return json.loads((self.root / "environment.json").read_text())

    @property
    def secrets(self) -> dict[str, str]:
        return json.loads((self.root / "secrets.json").read_text())

    def children(self) -> dict[str, dict[str, Any]]:
        """What the supervisor wrote down of its living children, by name."""
        records = json.loads((self.root / "children.json").read_text())
        return {record["name"]: record for record in records if born_at(record["pid"]) == record["born"]}

    def url(self, role: str, database: str = "gatehouse") -> str:
        server = self.env["DATABASE_URL"].rpartition("@")[2].partition("/")[0]
        user = "postgres" if role == "admin" else f"gatehouse_{role}"
        return f"postgres://{user}:{self.secrets[role]}@{server}/{database}"

    @contextlib.contextmanager
    def sql(self, role: str, database: str = "gatehouse") -> Iterator[psycopg.Connection]:
        connection = psycopg.connect(self.url(role, database), autocommit=True, connect_timeout=60)
        try:
            yield connection
        finally:
            connection.close()


def run_cli(*arguments: str, home: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m portal.embedded ARGUMENTS` to its end."""
    if home is not None:
        env["GATEHOUSE_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "portal.embedded", *arguments],
        cwd=REPOSITORY,
        env=bare_environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory with a short path (for sockets) through which the service account may pass."""
    root = Path(tempfile.mkdtemp(prefix="gh-", dir="/tmp"))
    root.chmod(0o711)
    try:
        yield root
    finally:
        shutil.rmtree(root)
