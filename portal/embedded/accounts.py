"""The unprivileged account that runs the services when the supervisor is root, and what that account can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.errors import EmbeddedError


@dataclass(frozen=True)
class Account:
    """Numeric user and group of a service."""

    uid: int
    gid: int


def service_account() -> Account | None:
    """`nobody` when we are root, because PostgreSQL refuses to run as root; otherwise None: stay who we are."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "Running as root needs the account `nobody` for PostgreSQL; create it or run as another user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def can_reach(account: Account | None, path: Path) -> bool:
    """Whether `account` may enter every directory above `path`. Existing directories only; symlinks are followed."""
    if account is None:
        return True
    return all(_may_enter(account, parent) for parent in path.resolve().parents if parent.exists())


def _may_enter(account: Account, directory: Path) -> bool:
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def own_directory(path: Path, account: Account | None) -> Path:
    """Create `path` (mode 0700) and give it to `account`; returns it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None and path.stat().st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    return path
