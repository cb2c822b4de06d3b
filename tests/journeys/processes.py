"""Real Celery workers and schedulers beside a test: on its database, its broker and a queue of its own."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from portal.celery import app

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
CELERY = [sys.executable, "-m", "celery", "--app", "portal.celery"]


@dataclass
class Process:
    """A program that leads a session of its own: its group is what it started, and nothing else."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def kill(self) -> None:
        """As a power cut would: no handler runs, no message is acknowledged, no connection is closed."""
        self._signal(signal.SIGKILL)
        self.popen.wait(10)

    def end(self) -> None:
        """Asked first; ten seconds later, or when the leader is gone, whatever is left of the group is killed."""
        if not self.running:
            return
        self._signal(signal.SIGTERM)
        ends = time.monotonic() + 10
        # Looked at without being reaped, so that the group's number stays ours until the last signal is sent.
        look = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self.popen.pid, look) is None and time.monotonic() < ends:
            time.sleep(0.05)
        self._signal(signal.SIGKILL)
        self.popen.wait(10)

    def _signal(self, sign: signal.Signals) -> None:
        try:
            os.killpg(self.popen.pid, sign)
        except ProcessLookupError:
            return


@dataclass
class Works:
    """The workers of one test: its queue, where they log, and every process started so far."""

    queue: str
    folder: Path
    processes: list[Process]

    def worker(self) -> Process:
        """A worker that takes this queue's messages, once it says that it is ready."""
        number = len(self.processes) + 1
        command = [
            *CELERY, "worker", "--queues", self.queue, "--concurrency", "1", "--loglevel", "INFO",
            "--without-gossip", "--without-mingle", "--without-heartbeat", "--hostname", f"{self.queue}-{number}@%h",
        ]  # fmt: skip
        process = self._start(f"worker-{number}", command)
        wait_until(lambda: " ready." in process.output, seconds=START_SECONDS, what="a worker", watched=process)
        return process

    def scheduler(self) -> Process:
        """Celery's beat: rings for due syncs, lost leases and stale gates."""
        name = f"beat-{len(self.processes) + 1}"
        schedule = str(self.folder / f"{name}.schedule")
        return self._start(name, [*CELERY, "beat", "--loglevel", "INFO", "--schedule", schedule])

    def _start(self, name: str, command: list[str]) -> Process:
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command, env=self.environment(), cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )
        process = Process(name, log, popen)
        self.processes.append(process)
        return process

    def environment(self) -> dict[str, str]:
        """The test's own environment, pointed at its database, home and queue."""
        return {
            **os.environ,
            "DATABASE_URL": _database_url(),
            "DATABASE_POOLED": "false",
            "GATEHOUSE_HOME": str(settings.GATEHOUSE_HOME),
            "TASK_QUEUE": self.queue,
            "PYTHONUNBUFFERED": "1",
        }


@contextmanager
def works(folder: Path) -> Iterator[Works]:
    """A queue for one test, in this process and in all it starts; afterwards the processes end and the queue is gone.

    What the processes wrote is printed, so that pytest shows it when the test fails.
    """
    queue = f"gatehouse-{uuid.uuid4().hex[:12]}"
    before, app.conf.task_default_queue = app.conf.task_default_queue, queue
    started = Works(queue, folder, [])
    try:
        yield started
    finally:
        for process in reversed(started.processes):
            process.end()
            print(f"--- {process.name} ---\n{process.output[-6000:]}")  # noqa: T201
        with app.connection_for_write() as connection:
            connection.default_channel.queue_delete(queue)
        app.conf.task_default_queue = before


def wait_until(
    holds: Callable[[], Any], *, seconds: float, what: str, watched: Process | None = None, every: float = 0.1
) -> Any:
    """What `holds` returns as soon as it is true; AssertionError with the process's output after `seconds`."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := holds():
            return found
        if watched is not None and not watched.running:
            break
        time.sleep(every)
    told = f"\n{watched.output[-4000:]}" if watched else ""
    raise AssertionError(f"Waited {seconds:g} seconds for {what}, in vain.{told}")


def _database_url() -> str:
    """The application's address with the name of this test's database in it."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path="/" + settings.DATABASES["default"]["NAME"]))
