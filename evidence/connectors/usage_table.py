"""Many usage rows at once, as columns: read, looked through and written without an object per row; no Django.

The sieve lets through what is plainly right. Every other row is doubtful, which is no verdict: whoever asks looks at
it again one by one, with the words for people.
"""

import io
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.focus_parquet import is_parquet, read_parquet

if TYPE_CHECKING:
    import polars

TEXTS: Final = {"environment": 40, "team": 120, "provider": 80, "model": 160, "operation": 40}
COUNTS: Final = (
    "requests", "failed_requests", "input_tokens", "cached_input_tokens", "output_tokens", "successful_outcomes",
)  # fmt: skip
COSTS: Final = ("list_cost", "billed_cost", "effective_cost")
WORDS: Final = {
    "cost_basis": ("estimated", "list", "billed", "allocated"),
    "finality": ("provisional", "final"),
}
FIELDS: Final = ("use_case", "version", "day", *TEXTS, *COUNTS, *COSTS, "currency", *WORDS)
KEY: Final = ("use_case", "version", "day", *TEXTS, "currency")
NEEDED: Final = ("use_case", "day")
ROW: Final = "row"
CHUNK: Final = 50_000

_KNOWN: Final = frozenset(FIELDS)
_NULLABLE: Final = frozenset({*COUNTS, *COSTS})
_DOUBTFUL: Final = "\x00"  # no sieve lets a control character through
_NOTHING: Final[dict[str, Any]] = {}


def read_csv(data: bytes, most_rows: int) -> "polars.DataFrame":
    """The rows of a CSV file with our column names, as text; SchemaError or Refused when it is none or too long."""
    import polars

    try:
        table = polars.read_csv(
            io.BytesIO(data), infer_schema=False, n_rows=most_rows + 1, row_index_name=ROW, row_index_offset=1
        )
    except polars.exceptions.PolarsError as error:
        mend = "Give every line as many fields as the header, quoted where they hold commas, in UTF-8."
        raise SchemaError("The file cannot be read as CSV.", mend=mend) from error
    _require_columns(table.columns)
    return _bounded(_complete(table), most_rows)


def read_parquet_rows(data: bytes, most_rows: int) -> "polars.DataFrame":
    """The same of a Parquet file; columns that are not ours are not read."""
    if not is_parquet(data):
        raise SchemaError("This is no Parquet file.", mend="Send it as it was written, not packed again.")
    table = read_parquet(data, wanted=FIELDS, most_rows=most_rows)
    _require_columns(table.columns)
    return _complete(table.with_row_index(ROW, offset=1))


def read_ndjson(lines: list[bytes]) -> "polars.DataFrame":
    """The rows of lines of JSON; a line that is no object of ours is a row of nothing, and so doubtful."""
    import polars

    found = [read_rows(_objects(lines[at : at + CHUNK]), at + 1) for at in range(0, len(lines), CHUNK)]
    return polars.concat(found)


def read_rows(rows: list[Any], first: int = 1) -> "polars.DataFrame":
    """The rows of JSON values, numbered from `first`."""
    import polars

    clear = [row if _is_clear(row) else _NOTHING for row in rows]
    columns = [_texts(name, [row.get(name) for row in clear]) for name in FIELDS]
    return polars.DataFrame(columns).with_row_index(ROW, offset=first)


def sift(table: "polars.DataFrame") -> tuple["polars.DataFrame", "polars.DataFrame"]:
    """(what is plainly right, what is doubtful). Defaults are filled in, digests bare, texts never null."""
    import polars

    col = polars.col
    counts = {name: col(name).cast(polars.Int64, strict=False) for name in COUNTS}
    costs = [col(name) for name in COSTS]
    right = [
        col("use_case").str.contains(r"^UC-[0-9]{4,9}$"),
        _absent_or("version", r"^(sha256:)?[0-9a-f]{64}$"),
        col("day").str.contains(r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$")
        & col("day").str.to_date(strict=False).is_not_null(),
        *(_storable(name, length) for name, length in TEXTS.items()),
        *(_absent_or(name, r"^[0-9]{1,18}$") for name in COUNTS),
        *(_absent_or(name, r"^-?[0-9]{1,11}(\.[0-9]{1,9})?$") for name in COSTS),
        _absent_or("currency", r"^[A-Z]{3}$"),
        col("currency").is_not_null() | polars.all_horizontal(cost.is_null() for cost in costs),
        *(col(name).is_null() | col(name).is_in(words) for name, words in WORDS.items()),
        _part_of(counts["failed_requests"], counts["requests"]),
        _part_of(counts["cached_input_tokens"], counts["input_tokens"]),
    ]
    marked = table.with_columns(polars.all_horizontal(each.fill_null(False) for each in right).alias("plain"))
    plain = (
        marked.filter("plain")
        .drop("plain")
        .with_columns(
            col("version").str.strip_prefix("sha256:").fill_null(""),
            *(col(name).fill_null("") for name in (*TEXTS, "currency")),
            *(col(name).fill_null(words[0]) for name, words in WORDS.items()),
        )
    )
    return plain, marked.filter(~col("plain")).drop("plain")


def with_rows(table: "polars.DataFrame", rows: Iterable[dict[str, Any]]) -> "polars.DataFrame":
    """The table and these rows (texts by column, and their number), in the order of their numbers."""
    import polars

    more = polars.DataFrame(list(rows), schema=table.schema)
    return polars.concat([table, more]).sort(ROW) if more.height else table


def without_repeats(table: "polars.DataFrame") -> tuple["polars.DataFrame", list[tuple[int, int]]]:
    """(each key once, (row, the row where its key stands first) of the others)."""
    import polars

    once = table.unique(KEY, keep="first", maintain_order=True)
    if once.height == table.height:
        return table, []
    again = table.join(once.select(ROW), on=ROW, how="anti")
    first = again.join(once.select(*KEY, polars.col(ROW).alias("first")), on=KEY, how="left", maintain_order="left")
    return once, list(first.select(ROW, "first").iter_rows())


def as_copied(table: "polars.DataFrame", columns: list[str]) -> Iterator[bytes]:
    """The columns as CSV for COPY, in pieces; null is nothing at all."""
    for part in table.select(columns).iter_slices(CHUNK):
        written = io.BytesIO()
        part.write_csv(written, include_header=False)
        yield written.getvalue()


def _absent_or(name: str, pattern: str) -> "polars.Expr":
    import polars

    return polars.col(name).is_null() | polars.col(name).str.contains(pattern)


def _storable(name: str, length: int) -> "polars.Expr":
    """Said in so many characters, none of them a control character, no space around it."""
    import polars

    text = polars.col(name)
    clean = (text != "") & (text.str.len_chars() <= length) & (text == text.str.strip_chars())
    return text.is_null() | (clean & ~text.str.contains(r"[\x00-\x1f\x7f-\x9f]"))


def _part_of(part: "polars.Expr", whole: "polars.Expr") -> "polars.Expr":
    return part.is_null() | whole.is_null() | (part <= whole)


def _require_columns(columns: list[str]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    unknown = [name for name in columns if name not in _KNOWN and name != ROW]
    if missing or unknown:
        told = f"missing: {', '.join(missing)}" if missing else f"not known: {', '.join(unknown)[:200]}"
        raise SchemaError(f"These are not the columns of usage; {told}.", mend=f"Columns are {', '.join(FIELDS)}.")


def _complete(table: "polars.DataFrame") -> "polars.DataFrame":
    import polars

    lacking = [name for name in FIELDS if name not in table.columns]
    return table.with_columns(polars.lit(None, polars.String).alias(name) for name in lacking).select(ROW, *FIELDS)


def _bounded(table: "polars.DataFrame", most_rows: int) -> "polars.DataFrame":
    if table.height > most_rows:
        raise Refused(f"The file has more than {most_rows} rows.", mend="Split it by month.", stage="answer")
    return table


def _is_clear(row: Any) -> bool:
    """An object of our fields; null only where it may stand."""
    if type(row) is not dict or not row.keys() <= _KNOWN:
        return False
    return None not in row.values() or all(value is not None or name in _NULLABLE for name, value in row.items())


def _texts(name: str, values: list[Any]) -> "polars.Series":
    import polars

    try:
        return polars.Series(name, values, dtype=polars.String, strict=True)
    except (TypeError, UnicodeEncodeError, polars.exceptions.PolarsError):
        return polars.Series(name, [_text(value) for value in values], dtype=polars.String)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value) else _DOUBTFUL
    if value is None:
        return None
    return str(value) if type(value) in (int, float) else _DOUBTFUL


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_name: str) -> None:
    raise ValueError


# Numbers stay as they were written: no float comes between.
_READ: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=_no_constant
).decode
_READ_TOGETHER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant).decode


def _objects(lines: list[bytes]) -> list[Any]:
    """The values of the lines, {} for one that is none: read as one array where that means the same, much faster."""
    body = b",".join(lines)
    # With one brace at either end of a line and no other, no object can begin in one line and end in another.
    if body.count(b"{") == len(lines) and all(line[:1] == b"{" and line.rstrip()[-1:] == b"}" for line in lines):
        try:
            found = _READ_TOGETHER(f"[{body.decode()}]")
        except (ValueError, RecursionError):
            found = []
        # With as many colons as keys, no key stands twice.
        if len(found) == len(lines) and body.count(b":") == sum(map(len, found)):
            return list(found)
    return [_object(line) for line in lines]


def _object(line: bytes) -> Any:
    try:
        return _READ(line.decode())
    except (ValueError, RecursionError):
        return _NOTHING
