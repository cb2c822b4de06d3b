"""A FOCUS export as Parquet, brought to the same texts as one in CSV: numbers exact, times in UTC, tags as JSON."""

import io
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.parquet_footer import MAGIC, read_footer

if TYPE_CHECKING:
    import polars

LARGEST_UNPACKED: Final = 400_000_000


def is_parquet(data: bytes) -> bool:
    return data[:4] == MAGIC


def read_parquet(data: bytes, *, wanted: Iterable[str], most_rows: int) -> "polars.DataFrame":
    """The wanted columns as text; SchemaError when it is damaged, Refused when it would become too large."""
    import polars

    footer = read_footer(data)
    if footer.rows > most_rows:
        raise Refused(f"The file has more than {most_rows} charges.", mend="Split it by month.", stage="answer")
    if footer.unpacked > LARGEST_UNPACKED:
        size = LARGEST_UNPACKED // 1_000_000
        raise Refused(f"The file unpacks to more than {size} MB.", mend="Split it by month.", stage="answer")
    try:
        source = polars.scan_parquet(io.BytesIO(data))
        schema = source.collect_schema()
        chosen = [name for name in wanted if name in schema]
        table = source.select(chosen).head(most_rows + 1).collect()
        return table.select(_as_text(table[name]) for name in chosen)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        # Damage can make the reader panic, which is no Exception and would take the worker along.
        mend = "Export it again; encrypted files are not read."
        raise SchemaError("The Parquet file cannot be read.", mend=mend) from error


def _as_text(column: "polars.Series") -> "polars.Series":
    """One column as the CSV export would write it; what is empty there is null here too."""
    import polars

    if column.dtype.is_nested():
        return polars.Series(column.name, [_tags(value) for value in column.to_list()], dtype=polars.String)
    if isinstance(column.dtype, polars.Datetime | polars.Date):
        column = column.dt.to_string("iso")
    text = column.cast(polars.String)
    return text.to_frame().select(
        polars.when(polars.col(column.name).is_in(["", "NULL"])).then(None).otherwise(polars.col(column.name))
        .alias(column.name)
    ).to_series()  # fmt: skip


def _tags(value: Any) -> str | None:
    """A map, written as a list of key and value or as a struct, as the JSON object FOCUS describes."""
    if value is None:
        return None
    if isinstance(value, list):
        pairs = [each for each in value if isinstance(each, dict)]
        value = {str(each.get("key")): each.get("value") for each in pairs}
    return json.dumps(value, default=str)
