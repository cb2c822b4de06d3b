"""Bounded decompression: a small body may not become a large one unseen."""

import zlib
from typing import Final

from evidence.connectors.errors import Refused, SchemaError

GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class Inflater:
    """Gathers a body, compressed or not, up to `limit` decoded bytes; one byte more raises Refused."""

    def __init__(self, *, limit: int, compressed: bool) -> None:
        self._limit = limit
        self._decoder = zlib.decompressobj(GZIP_OR_ZLIB) if compressed else None
        self._body = bytearray()
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        if self._decoder is None:
            self._keep(chunk)
            return
        self._begun = self._begun or bool(chunk)
        while chunk:
            if self._decoder.eof:  # gzip allows several members in a row
                self._decoder = zlib.decompressobj(GZIP_OR_ZLIB)
            self._keep(self._decoded(chunk))
            chunk = self._decoder.unconsumed_tail or self._decoder.unused_data

    def finish(self) -> bytes:
        """The whole body; raises SchemaError when the compressed stream was cut short."""
        if self._decoder is not None and self._begun and not self._decoder.eof:
            raise SchemaError("The compressed data ends too early.", mend="Send it again; it was cut on the way.")
        return bytes(self._body)

    def _decoded(self, chunk: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decompress(chunk, self._limit - len(self._body) + 1)
        except zlib.error as error:
            raise SchemaError("The compressed data is damaged.", mend="Send it again, or uncompressed.") from error

    def _keep(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._limit:
            raise Refused(
                f"More than {self._limit // 1_000_000} MB in one piece.",
                mend="Narrow what is read at once: fewer experiments, a shorter period, a smaller file.",
                stage="answer",
            )


def inflate(data: bytes, *, limit: int) -> bytes:
    """`data` decompressed when it is gzip, as it is otherwise, and never more than `limit` bytes."""
    inflater = Inflater(limit=limit, compressed=data[:2] == b"\x1f\x8b")
    inflater.feed(data)
    return inflater.finish()
