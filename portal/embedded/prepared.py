"""What a home was prepared for, so that the next start can skip what would change nothing.

The mark lies beside the database's files: whoever removes those removes it as well.
"""

import hashlib
from pathlib import Path

from portal.embedded.home import REPOSITORY, Home

# Everything that decides what migrations, shipped content and sample data come to.
SOURCES = ("*/migrations/*.py", "*/content/*.yaml", "*/samples/*", "requirements/runtime.txt")
MARK = "prepared"


def shape(repository: Path = REPOSITORY) -> str:
    """A digest of those files, names and bytes."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(path for path in repository.glob(pattern) if path.is_file()):
            digest.update(str(path.relative_to(repository)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_prepared(home: Home, wanted: str) -> bool:
    """Whether this home was prepared, to the end, by exactly these files."""
    try:
        return (home.data / MARK).read_text(encoding="ascii") == wanted
    except OSError:
        return False


def remember(home: Home, wanted: str) -> None:
    (home.data / MARK).write_text(wanted, encoding="ascii")
