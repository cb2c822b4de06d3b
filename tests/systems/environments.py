"""A virtual environment per system: heavy, foreign, and never mixed with the portal's own."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
INSTALL_SECONDS = 900


def systems_home() -> Path:
    """Where environments live: below GATEHOUSE_HOME, else in `var`; both stay out of version control."""
    return Path(os.environ.get("GATEHOUSE_HOME") or ROOT / "var").resolve() / "systems"


def environment(name: str) -> Path:
    """The folder of the environment for `requirements-<name>.txt`, made or renewed when that file changed."""
    requirements, home = HERE / f"requirements-{name}.txt", systems_home()
    home.mkdir(parents=True, exist_ok=True)
    folder, stamp = home / name, home / f"{name}.stamp"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    with FileLock(home / f"{name}.lock", timeout=INSTALL_SECONDS):
        if not stamp.exists() or stamp.read_text() != wanted or not (folder / "bin" / "python").exists():
            stamp.unlink(missing_ok=True)
            _install(folder, requirements)
            stamp.write_text(wanted)
    return folder


def _install(folder: Path, requirements: Path) -> None:
    uv = ROOT / ".uvtool" / "bin" / "uv"
    python = folder / "bin" / "python"
    if uv.exists():
        _run([uv, "venv", "--clear", "--quiet", "--python", sys.executable, folder])
        _run([uv, "pip", "install", "--quiet", "--python", python, "-r", requirements])
        return
    _run([sys.executable, "-m", "venv", "--clear", folder])
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
