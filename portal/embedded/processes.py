"""One child process: how it starts, dies with us, is told to stop and is cleared away."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded.accounts import Account
from portal.embedded.errors import EmbeddedError

PR_SET_PDEATHSIG = 1
LINUX = sys.platform.startswith("linux")
_libc = ctypes.CDLL(None) if LINUX else None


@dataclass(frozen=True)
class Program:
    """What to run. `farewell`: signals tried in order, each with the seconds it is given, before SIGKILL.

    `orphaned`: what the kernel sends the child when the supervisor is gone (Linux).
    """

    name: str
    title: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path = field(default=Path("/"))
    account: Account | None = None
    farewell: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 3.0),)
    orphaned: signal.Signals = signal.SIGTERM


def dies_with_us(orphaned: signal.Signals) -> Callable[[], None] | None:
    """A function for the child, between fork and exec, that ties its life to ours. Linux only; elsewhere None."""
    if _libc is None:
        return None
    parent, prctl = os.getpid(), _libc.prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(orphaned), 0, 0, 0)
        if os.getppid() != parent:  # we died between the fork and the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


class Child:
    """A running Program with its log. Owns its process group, so that nothing of it stays behind."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.started = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it lives or has not been cleared away."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        program = self.program
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        account = program.account
        try:
            self._process = subprocess.Popen(
                program.argv,
                env=dict(program.env),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor alone
                preexec_fn=dies_with_us(program.orphaned),  # noqa: PLW1509 - one thread here, so forking is safe
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except OSError as error:
            raise EmbeddedError(f"{program.title} cannot be started: {error}") from error
        finally:
            os.close(descriptor)
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """None while it runs; else its exit status (negative: the signal), with the rest of its group cleared away."""
        process = self._process
        if process is None or process.returncode is not None:
            return process.returncode if process else None
        if hasattr(os, "waitid"):
            # Look before reaping: until it is reaped, its id cannot belong to anybody else's group.
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            self._kill_group(process.pid)
            return process.wait()
        status = process.poll()
        if status is not None:
            self._kill_group(process.pid)
        return status

    def stop(self) -> None:
        """Ask it to stop, ever less politely, and return when it is gone."""
        process = self._process
        if process is None:
            return
        for polite, seconds in self.program.farewell:
            if self.ended() is not None:
                return
            os.kill(process.pid, polite)  # not yet reaped, so the id is still its own
            deadline = time.monotonic() + seconds
            while self.ended() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        if self.ended() is None:
            self._kill_group(process.pid)
            process.wait()

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, indented, for a message."""
        if not self.log.exists():
            return ""
        text = self.log.read_bytes()[-20_000:].decode(errors="replace")
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

    @staticmethod
    def _kill_group(group: int) -> None:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nobody left; macOS says so with EPERM for zombies
            return


def run_tool(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    account: Account | None = None,
    script: str = "",
    timeout: float = 60,
) -> str:
    """Run a short tool to its end, `script` on its standard input; returns its output.

    Raises EmbeddedError with the output when it fails.
    """
    try:
        done = subprocess.run(
            argv,
            env=dict(env),
            cwd="/",
            input=script.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dies_with_us(signal.SIGKILL),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbeddedError(f"{Path(argv[0]).name} failed: {error}") from error
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise EmbeddedError(f"{Path(argv[0]).name} failed with exit status {done.returncode}:\n{output.strip()}")
    return output
