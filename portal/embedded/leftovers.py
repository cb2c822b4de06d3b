"""Remembers which processes are ours, so that the next start can end those that outlived a killed supervisor."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypedDict

from portal.embedded.home import Home, write_private
from portal.embedded.processes import LINUX, Child

FILE = "children.json"
PATIENCE = 10.0


class Record(TypedDict):
    """A child as it is written down: `born` tells it from a later process with the same id."""

    name: str
    pid: int
    born: str
    signal: int


def remember(home: Home, children: Iterable[Child]) -> None:
    """Write down the living children of this supervisor."""
    records = [
        Record(name=child.program.name, pid=child.pid, born=born, signal=int(child.program.orphaned))
        for child in children
        if child.pid is not None and (born := born_at(child.pid))
    ]
    write_private(home.root / FILE, json.dumps(records))


def recall(home: Home) -> list[Record]:
    """The children last written down that still live."""
    path = home.root / FILE
    if not path.exists():
        return []
    records: list[Record] = json.loads(path.read_text(encoding="utf-8"))
    return [record for record in records if born_at(record["pid"]) == record["born"]]


def end_leftovers(home: Home, pause: Callable[[float], None]) -> None:
    """End what a killed supervisor left running: two servers must never write to one directory. Needs the lock."""
    deadline = time.monotonic() + PATIENCE
    for record in recall(home):
        _signal(record, signal.Signals(record["signal"]))
    while (living := recall(home)) and time.monotonic() < deadline:
        pause(0.05)
    for record in living:
        _signal(record, signal.SIGKILL)
    while recall(home):
        pause(0.05)


def born_at(pid: int) -> str:
    """When `pid` started, as the system tells it; empty when there is no such process or it is a zombie."""
    if LINUX:
        try:
            # The name in parentheses may hold anything, so count from the last parenthesis: state, then 22nd field.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def command_of(pid: int) -> str:
    """The command line of `pid`, its words parted by blanks; empty when there is no such process."""
    if LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _signal(record: Record, what: signal.Signals) -> None:
    try:
        os.kill(record["pid"], what)
    except ProcessLookupError:
        return
