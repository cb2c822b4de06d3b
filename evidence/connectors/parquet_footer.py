"""How large a Parquet file becomes, told by its footer before anything is unpacked (Thrift's compact protocol)."""

from dataclasses import dataclass
from typing import Any, Final

from evidence.connectors.errors import SchemaError

MAGIC: Final = b"PAR1"
MOST_DEPTH: Final = 16
MOST_ENTRIES: Final = 200_000
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


@dataclass(frozen=True, slots=True)
class Footer:
    """What the file says of itself: its rows, and its bytes once unpacked."""

    rows: int
    unpacked: int


def read_footer(data: bytes) -> Footer:
    """Raises SchemaError when the bytes are no whole Parquet file."""
    if len(data) < 12 or data[-4:] != MAGIC:
        raise _damaged()
    length = int.from_bytes(data[-8:-4], "little")
    if length > len(data) - 12:
        raise _damaged()
    try:
        footer = _Reader(data[len(data) - 8 - length : len(data) - 8]).struct()
        groups = footer.get(4, [])
        return Footer(int(footer[3]), sum(max(int(group[2]), 0) for group in groups))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged() from error


def _damaged() -> SchemaError:
    return SchemaError("The Parquet file is damaged or was cut.", mend="Export it again and send it whole.")


class _Reader:
    """Decodes structs into {field id: value}; bounded in depth and entries, IndexError past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._entries = data, 0, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        found: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != 0:
            self._count(depth)
            field = field + (head >> 4) if head >> 4 else self._signed()
            found[field] = self._value(head & 15, depth, in_struct=True)
        return found

    def _value(self, kind: int, depth: int, *, in_struct: bool) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE if in_struct else self._byte()
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == BYTE:
            return self._byte()
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._unsigned())
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == STRUCT:
            return self.struct(depth + 1)
        raise ValueError("a type that Parquet's footer does not use")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        length = self._unsigned() if head >> 4 == 15 else head >> 4
        found = []
        for _ in range(length):
            self._count(depth)
            found.append(self._value(head & 15, depth + 1, in_struct=False))
        return found

    def _count(self, depth: int) -> None:
        self._entries += 1
        if depth > MOST_DEPTH or self._entries > MOST_ENTRIES:
            raise ValueError("deeper or longer than any footer")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, length: int) -> bytes:
        found = self._data[self._at : self._at + length]
        if len(found) < length:
            raise IndexError
        self._at += length
        return found

    def _unsigned(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
            if shift > 63:
                raise ValueError("a number longer than 64 bits")

    def _signed(self) -> int:
        number = self._unsigned()
        return (number >> 1) ^ -(number & 1)
