"""Uploaded files as they came, addressed by their hash: the same bytes are kept once and can be read again."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

LARGEST_FILE = 20 * 1024 * 1024


class FileTooLarge(Exception):
    """The upload is larger than what is kept."""


def keep(chunks: Iterable[bytes], *, limit: int = LARGEST_FILE) -> str:
    """Store the bytes and return their SHA-256; a file appears whole or not at all. Raises FileTooLarge."""
    folder = Path(settings.GATEHOUSE_HOME) / "files"
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    digest, size = hashlib.sha256(), 0
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".upload-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise FileTooLarge
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        place = path_of(digest.hexdigest())
        place.parent.mkdir(exist_ok=True, mode=0o750)
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def path_of(sha256: str) -> Path:
    """Where the bytes of this hash are kept."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("Not a SHA-256 in hex.")
    return Path(settings.GATEHOUSE_HOME) / "files" / sha256[:2] / sha256
