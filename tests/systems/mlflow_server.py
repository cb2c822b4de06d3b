"""A real MLflow server on loopback, and the scripts that fill it; importable by any test that needs one.

with running(tmp_path) as mlflow:
    run_id = mlflow.evaluate({"gatehouse.use_case": "UC-0001"})
    connector configuration: {"base_url": mlflow.url, "experiments": [EXPERIMENT]}
    internal hosts: mlflow.endpoint
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.systems.environments import HERE, environment
from tests.systems.processes import await_answer, clean_environment, end, free_port

EXPERIMENT = "gatehouse/policy-assistant"
START_SECONDS = 120
SCRIPT_SECONDS = 180
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}


@dataclass(frozen=True)
class MlflowServer:
    """A running server: its address, and the interpreter that has MLflow installed."""

    url: str
    port: int
    python: Path
    folder: Path

    @property
    def endpoint(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def evaluate(self, tags: Mapping[str, str], *, name: str = "evaluation") -> str:
        """Runs `mlflow.genai.evaluate()` on the seeded cases under these run tags; returns the run's id."""
        pairs = [part for key, value in tags.items() for part in ("--tag", f"{key}={value}")]
        return self._script("evaluate", "--name", name, *pairs)

    def judge_late(self, run_id: str, *, item: str, metric: str, value: float) -> str:
        """Logs one more judgement on a case of a finished run; returns the trace's id."""
        return self._script("judge", "--run", run_id, "--item", item, "--metric", metric, "--value", str(value))

    def log_metric_late(self, run_id: str, metric: str, value: float) -> None:
        """Overwrites one of a finished run's mean metrics."""
        self._script("metric", "--run", run_id, "--metric", metric, "--value", str(value))

    def _script(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.python), str(HERE / "mlflow_seed.py"), "--url", self.url, "--experiment", EXPERIMENT, *arguments],
            env=clean_environment(**QUIET),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"The seeding script failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout.strip().splitlines()[-1]


@contextmanager
def running(folder: Path) -> Iterator[MlflowServer]:
    """MLflow with a SQLite store in `folder`, on a free port of loopback; ended with everything it started."""
    place = environment("mlflow")
    port = free_port()
    command = [
        str(place / "bin" / "python"), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=clean_environment(**QUIET), cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
        try:
            server = MlflowServer(f"http://127.0.0.1:{port}", port, place / "bin" / "python", folder)
            await_answer(f"{server.url}/health", process, log, START_SECONDS)
            yield server
        finally:
            end(process)
