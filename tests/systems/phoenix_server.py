"""A real Phoenix server on loopback, and the script that fills it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.systems.environments import HERE, environment
from tests.systems.processes import await_answer, clean_environment, end, free_port

START_SECONDS = 300  # a busy machine takes its time to import it
SCRIPT_SECONDS = 120


@dataclass(frozen=True)
class PhoenixServer:
    """A running server: its address, and the interpreter that has Phoenix installed."""

    url: str
    port: int
    python: Path
    folder: Path

    @property
    def endpoint(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def seed(self, what: str, **told: Any) -> dict[str, str]:
        """Runs the seeding script; returns the ids of what it made."""
        done = subprocess.run(
            [str(self.python), str(HERE / "phoenix_seed.py"), "--url", self.url, what, json.dumps(told)],
            env=clean_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"The seeding script failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        made: dict[str, str] = json.loads(done.stdout)
        return made


@contextmanager
def running(folder: Path) -> Iterator[PhoenixServer]:
    """Phoenix with its SQLite store in `folder`, on free ports of loopback; ended with everything it started."""
    place, port = environment("phoenix"), free_port()
    settings = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(place / "bin" / "phoenix"), "serve"],
            env=clean_environment(**settings),
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            server = PhoenixServer(f"http://127.0.0.1:{port}", port, place / "bin" / "python", folder)
            await_answer(f"{server.url}/v1/projects", process, log, START_SECONDS)
            yield server
        finally:
            end(process)
