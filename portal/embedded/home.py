"""GATEHOUSE_HOME: where data, logs, sockets and secrets live, and the lock that lets one supervisor in."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from portal.embedded.accounts import Account, can_reach, own_directory
from portal.embedded.errors import EmbeddedError

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = "gatehouse.lock"
LONGEST_SOCKET = 100  # bytes; the kernel takes 107 on Linux and 103 on macOS
LONGEST_NAME = "services/.s.PGSQL.65535.lock"
STATE = Path("/var/lib/gatehouse")
KEPT_LOGS = 3


class Home:
    """One installation's directory. Nothing is created before `acquire`."""

    def __init__(self, root: Path, account: Account | None) -> None:
        self.root = root.resolve()
        self.account = account
        self._lock: int | None = None
        self._scratch: Path | None = None

    @classmethod
    def from_environment(cls, account: Account | None) -> Self:
        """The home named by GATEHOUSE_HOME, by default `var` in the checkout."""
        return cls(Path(os.environ.get("GATEHOUSE_HOME") or REPOSITORY / "var"), account)

    # --- one supervisor at a time ---------------------------------------------------------------------------------

    def acquire(self, **facts: Any) -> None:
        """Take the lock, or say who has it. `facts` (command, url) are what the next one is told about us."""
        self._refuse_a_stranger()
        if not self.root.exists():
            self.root.mkdir(parents=True)
            self.root.chmod(0o755)  # whatever the umask: the service account passes through
        descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        if not _locked(descriptor):
            os.close(descriptor)
            raise EmbeddedError(self._who_runs())
        self._lock = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": time.time(), **facts}).encode(), 0)

    def release(self) -> None:
        """Let the next supervisor in. The lock file stays: it marks the directory as ours."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def holder(self) -> dict[str, Any] | None:
        """What the running supervisor wrote about itself; None when none runs."""
        path = self.root / LOCK
        if not path.exists():
            return None
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                facts: dict[str, Any] = json.loads(file.read() or b"{}")
                return facts
        return None

    def _who_runs(self) -> str:
        facts = self.holder() or {}
        where = f", {facts['url']}" if facts.get("url") else ""
        return (
            f"Gatehouse already runs in {self.root} (process {facts.get('pid', 'unknown')}, "
            f"`{facts.get('command', 'starting')}`{where}). Stop it with Ctrl-C there, "
            "or set GATEHOUSE_HOME (and PORT) to run a second one."
        )

    def _refuse_a_stranger(self) -> None:
        """`reset` empties this directory, so only an empty one, the default or one of ours may become a home."""
        if not self.root.exists() or self.root == REPOSITORY / "var" or (self.root / LOCK).exists():
            return
        if not self.root.is_dir() or any(path.name != "lost+found" for path in self.root.iterdir()):
            raise EmbeddedError(
                f"GATEHOUSE_HOME={self.root} holds other files. Name an empty or new directory: `reset` empties it."
            )

    # --- places ---------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """Where the services keep their data: here, or under /var/lib when the service account cannot come here."""
        if can_reach(self.account, self.root / "data" / "x"):
            return self.root / "data"
        return STATE / hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    def service_directory(self, name: str) -> Path:
        """The data directory of one service, owned by the service account."""
        data = self.data
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o711)
        return own_directory(data / name, self.account)

    @property
    def logs(self) -> Path:
        """Logs of every child, for the operator only."""
        path = self.root / "logs"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def sockets(self) -> Path:
        """A directory of the service account whose path is short enough for a UNIX socket."""
        run = self.root / "run"
        if len(os.fsencode(run / LONGEST_NAME)) > LONGEST_SOCKET or not can_reach(self.account, run / "x"):
            if self._scratch is None:
                self._scratch = short_directory("gatehouse-")
            run = self._scratch
        run.mkdir(exist_ok=True)
        run.chmod(0o711)
        return own_directory(run / "services", self.account)

    def log(self, name: str) -> Path:
        """The log of `name`, rotated: the runs before are kept as NAME.log.1 to NAME.log.3."""
        path = self.logs / f"{name}.log"
        if path.exists():
            for number in range(KEPT_LOGS, 0, -1):
                older = path if number == 1 else path.with_suffix(f".log.{number - 1}")
                if older.exists():
                    older.replace(path.with_suffix(f".log.{number}"))
        return path

    # --- forgetting -----------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Delete everything in the home but the lock we hold."""
        data = self.data
        if data != self.root / "data" and data.exists():
            shutil.rmtree(data)
        for path in self.root.iterdir():
            if path.name == LOCK:
                continue
            if stat.S_ISDIR(path.lstat().st_mode):
                shutil.rmtree(path)
            else:
                path.unlink()


def _locked(descriptor: int) -> bool:
    """Take the lock; tried for a moment, because `status` holds it for the blink in which it looks."""
    for _ in range(5):
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False


def short_directory(prefix: str) -> Path:
    """A new directory of ours right under /tmp: a socket's path is short, and TMPDIR may be closed to the services."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))  # nosec B108
    path.chmod(0o711)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text`, mode 0600, at once or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    scratch = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()
        raise
