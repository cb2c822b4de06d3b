"""Starts children, keeps them alive, and stops them in order; everything happens in one thread."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from portal.embedded.console import Console
from portal.embedded.errors import EmbeddedError
from portal.embedded.home import Home
from portal.embedded.leftovers import remember
from portal.embedded.processes import Child, Program, dies_with_us

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOHUP = (signal.SIGHUP, signal.SIG_IGN)
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before the first, second, … restart in a row
HEALTHY = 30.0  # seconds a child must live for its failures to be forgotten
LOUD = 3  # failures in a row after which its log is shown


class Interrupted(Exception):
    """Somebody asked us to stop; unwinds the start to the orderly stop."""


@dataclass
class Post:
    """A child and its recent misfortunes."""

    child: Child
    failures: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """The keeper of one home's children. Use as: `with supervisor.watching(): start …; keep()`."""

    home: Home
    console: Console
    posts: list[Post] = field(default_factory=list)
    asked: signal.Signals | None = None

    # --- being asked to stop --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Take the stop signals as requests, and stop every child on the way out, whatever happened."""
        # A hang-up that is ignored already (nohup) stays so: the person wants us to outlive the terminal.
        heard = [number for number in STOP_SIGNALS if (number, signal.getsignal(number)) != NOHUP]
        before = {number: signal.signal(number, self._note) for number in heard}
        try:
            yield
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        # Only a note: an exception from here could lose a child between its birth and its entry in the list.
        self.asked = signal.Signals(number)

    def pause(self, seconds: float) -> None:
        """Sleep a little. Raises Interrupted when a stop was asked for; every wait goes through here."""
        if self.asked is not None:
            raise Interrupted
        time.sleep(seconds)

    # --- children -------------------------------------------------------------------------------------------------

    def start(self, program: Program, *, ready: Callable[[Child], bool] | None = None, seconds: float = 30) -> Child:
        """Start a lasting child and wait until `ready`. Raises EmbeddedError with its last words when it is not."""
        child = Child(program, self.home.log(program.name))
        child.start()
        self.posts.append(Post(child))
        self._remember()
        if ready is not None:
            self.wait(lambda: ready(child), what=program.title, seconds=seconds)
        return child

    def wait(self, ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Until `ready()`; raises EmbeddedError when a child ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            for post in self.posts:
                if (status := post.child.ended()) is not None:
                    raise EmbeddedError(self._obituary(post.child, status))
            if time.monotonic() > deadline:
                tails = "\n".join(f"  {post.child.log}:\n{post.child.tail(5)}" for post in self.posts)
                raise EmbeddedError(f"{what} was not ready within {seconds:.0f} s. The logs end with:\n{tails}")
            self.pause(0.05)

    def run_once(self, program: Program, *, echo: bool = False, seconds: float = 600) -> None:
        """Run a step to its end; with `echo` its output is progress. Raises EmbeddedError when it fails."""
        child = Child(program, self.home.log(program.name))
        child.start()
        deadline = time.monotonic() + seconds
        try:
            with child.log.open(encoding="utf-8", errors="replace") as output:
                while (status := child.ended()) is None:
                    self._echo(output.readlines() if echo else [])
                    self.tend()
                    if time.monotonic() > deadline:
                        raise EmbeddedError(f"{program.title} took longer than {seconds:.0f} s; see {child.log}.")
                    self.pause(0.1)
                self._echo(output.readlines() if echo else [])
        finally:
            child.stop()
        if status != 0:
            raise EmbeddedError(self._obituary(child, status))

    def _echo(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line.strip():
                self.console.step(f"  {line.rstrip()}")

    def tend(self) -> None:
        """Look at every child once; start again what died, later and later when it keeps dying."""
        now = time.monotonic()
        for post in self.posts:
            status = post.child.ended()
            if status is None:
                continue
            if post.restart_at is None:
                self._mourn(post, status, now)
            elif now >= post.restart_at:
                post.restart_at = None
                post.child.start()
                self._remember()
                self.console.step(f"{post.child.program.title} was started again")

    def _mourn(self, post: Post, status: int, now: float) -> None:
        if now - post.child.started > HEALTHY:
            post.failures = 0
        delay = BACKOFF[min(post.failures, len(BACKOFF) - 1)]
        post.failures += 1
        post.restart_at = now + delay
        title = post.child.program.title
        self.console.complain(f"{title} ended ({_status_words(status)}); starting it again in {delay:g} s")
        if post.failures == LOUD:
            self.console.complain(f"{title} keeps failing. {post.child.log} ends with:\n{post.child.tail()}")

    def keep(self) -> None:
        """Tend the children until asked to stop."""
        with contextlib.suppress(Interrupted):
            while True:
                self.tend()
                self.pause(0.1)

    def foreground(self, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """Run the person's own command beside the services; returns its exit status as a shell would."""
        terminal = sys.stdin is not None and sys.stdin.isatty()
        try:
            process = subprocess.Popen(
                argv,
                env=dict(env),
                start_new_session=not terminal,
                preexec_fn=dies_with_us(signal.SIGTERM),  # noqa: PLW1509 - one thread here, so forking is safe
            )
        except OSError as error:
            raise EmbeddedError(f"{argv[0]} cannot be started: {error.strerror}.") from error
        give_up: float | None = None
        while process.poll() is None:
            self.tend()
            # A terminal sends its Ctrl-C to the command itself, which may take it for something else than an end.
            if self.asked is not None and not (terminal and self.asked == signal.SIGINT):
                _signal_command(process, self.asked, group=not terminal)
                give_up = time.monotonic() + 10
            self.asked = None
            if give_up is not None and time.monotonic() > give_up:
                _signal_command(process, signal.SIGKILL, group=not terminal)
            time.sleep(0.05)
        status = process.wait()
        return status if status >= 0 else 128 - status

    def stop(self) -> None:
        """Stop every child, the last started first."""
        for post in reversed(self.posts):
            post.child.stop()
        self.posts.clear()
        self._remember()

    def _remember(self) -> None:
        remember(self.home, (post.child for post in self.posts))

    @staticmethod
    def _obituary(child: Child, status: int) -> str:
        return f"{child.program.title} ended ({_status_words(status)}). {child.log} ends with:\n{child.tail()}"


def _signal_command(process: subprocess.Popen[bytes], what: signal.Signals, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, what)
        else:
            process.send_signal(what)


def _status_words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
