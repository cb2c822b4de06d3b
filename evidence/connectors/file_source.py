"""The bytes of an uploaded file: read whole, unpacked when gzip, never more than allowed."""

from pathlib import Path
from typing import Final

from evidence.connectors.errors import Refused
from evidence.connectors.inflate import inflate

LARGEST_FILE: Final = 100_000_000


def read_source(source: bytes | Path | None, *, limit: int = LARGEST_FILE) -> bytes:
    """The file of a session, unpacked when it is gzip; Refused above `limit` bytes or when there is none."""
    if source is None:
        raise Refused("There is no file to read.", mend="Upload one.", stage="address")
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(limit + 1)
    return inflate(source, limit=limit)
