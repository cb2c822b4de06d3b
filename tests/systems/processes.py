"""Foreign servers as processes of their own: a free port, a clean environment, ended with all they started."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def clean_environment(**more: str) -> dict[str, str]:
    """No telemetry, no proxies, nothing of the portal's own environment."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": os.devnull, "DO_NOT_TRACK": "1", **more}


def await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path, seconds: float) -> None:
    """Returns once `url` answers 200; RuntimeError with the end of the log when it does not."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"The server did not start:\n{log.read_text(errors='replace')[-4000:]}")


def end(process: "subprocess.Popen[bytes]") -> None:
    """The server leads a session of its own, so its group holds what it started and nothing else."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            continue
    process.wait(15)
