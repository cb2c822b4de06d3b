"""FOCUS 1.0 to 1.2 cost exports as CSV or Parquet: charges added up per day, use case, model and currency."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from evidence.connectors.base import (
    DEFAULT_LOOKBACK,
    Batch,
    CheckResult,
    ConfigField,
    Discovered,
    Proof,
    Session,
    check_until_failure,
)
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.file_source import read_source
from evidence.connectors.focus_parquet import is_parquet, read_parquet
from evidence.connectors.focus_rows import TagKeys, Totals, totals_of
from evidence.readings import Reject

if TYPE_CHECKING:
    import polars

LARGEST_FILE: Final = 200_000_000
MOST_COLUMNS: Final = 300
MOST_ROWS: Final = 2_000_000
NEEDED: Final = ("ChargePeriodStart", "BilledCost", "BillingCurrency")
ROW: Final = "row number"

# Ours, then where FOCUS keeps it; the first column that is present and filled wins (names changed between versions).
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "period_start": ("ChargePeriodStart",),
    "period_end": ("BillingPeriodEnd",),
    "category": ("ChargeCategory",),
    "tags": ("Tags",),
    "provider": ("ServiceProviderName", "ProviderName", "PublisherName"),
    "model": ("SkuMeter", "x_SkuMeterName", "SkuId"),
    "service": ("ServiceName",),
    "currency": ("BillingCurrency",),
}


class FocusFileConnector:
    """Billed and effective cost from a FOCUS file.

    Columns are found by name and unknown ones ignored. Times without a zone are UTC. Costs stay exact decimals; an
    effective cost of 0 beside a billed one (a prepaid commitment) stays as it is. Charges without the use-case tag are
    recorded as unallocated and reported.
    """

    kind: ClassVar[str] = "focus_file"
    title: ClassVar[str] = "FOCUS cost file"
    summary: ClassVar[str] = "Billed and effective cost by day, from a FOCUS export that somebody uploads."
    proof: ClassVar[Proof] = Proof("specification", "FOCUS 1.0 to 1.2; tried on published sample charges.")
    reads_scores: ClassVar[bool] = False
    hosts: ClassVar[tuple[str, ...]] = ()
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField("tag_key", "Use-case tag", "The tag that names the use case.", default="use_case"),
        ConfigField("team_tag", "Team tag", "The tag that names the team.", default="team"),
        ConfigField("environment_tag", "Environment tag", "The tag that names the environment.", default="environment"),
        ConfigField(
            "excluded_categories",
            "Left out",
            "Charge categories that are no cost of use, such as Tax and Credit.",
            kind="list",
            default=["Tax", "Credit"],
        ),
        ConfigField(
            "settle_days", "Days to settle", "After a billing period ends, until it is final.", kind="number", default=5
        ),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {}

    def check(self, session: Session) -> CheckResult:
        return check_until_failure(
            ("Read the file", lambda: f"{len(read_source(session.source, limit=LARGEST_FILE))} bytes"),
            ("Recognise FOCUS", lambda: f"{_read(session).height} charges"),
        )

    def discover(self, session: Session) -> list[Discovered]:
        table = _read(session)
        keys = TagKeys(use_case=_setting(session, "tag_key"))
        counts: dict[str, int] = {}
        for tags, count in table.group_by(_first("tags", table.columns)).len().iter_rows():
            key = (keys.read(tags or "") or ("",))[0]
            counts[key] = counts.get(key, 0) + count
        return [Discovered(key, key, count) for key, count in sorted(counts.items()) if key]

    def fetch(
        self,
        session: Session,
        cursor: str,
        lookback: timedelta = DEFAULT_LOOKBACK,
    ) -> Iterator[Batch]:
        data = read_source(session.source, limit=LARGEST_FILE)
        table = read_table(data)
        totals = totals_of(_groups(table.charges), _empty_totals(session, table.charges.columns))
        readings = totals.readings()
        days = [reading.day for reading in readings]
        yield Batch(
            readings,
            (*table.rejects, *totals.rejects(table.lines([row for row, _ in totals.bad]), table.word)),
            cursor,
            covers=(min(days), max(days)) if days else None,
            raw_sha256=hashlib.sha256(data).hexdigest(),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """All charges as text with a row number, the lines left out, and the lines of the kept ones when some were."""

    charges: "polars.DataFrame"
    rejects: tuple[Reject, ...] = ()
    starts: tuple[int, ...] = ()
    word: str = "line"  # what a charge's place in the file is called

    def lines(self, rows: list[int]) -> dict[int, int]:
        """The line in the file on which each of `rows` starts: quoted fields may contain line breaks."""
        import polars

        if self.starts or not rows:
            return {row: self.starts[row] for row in rows}
        columns = [polars.col(name).fill_null("") for name in self.charges.columns if name != ROW]
        breaks = polars.sum_horizontal(column.str.count_matches("\n", literal=True) for column in columns)
        before = self.charges.select(breaks.cum_sum().shift(1, fill_value=0)).to_series()
        return {row: row + 2 + int(before[row]) for row in rows}


def read_table(data: bytes) -> Table:
    """The charges in a FOCUS file; SchemaError or Refused when it is none or too large."""
    import polars

    if is_parquet(data):
        return _parquet_table(data)
    width = len(_header(data))
    try:
        table = Table(_parse(data))
    except polars.exceptions.PolarsError:
        data, rejects, starts = _without_ragged_lines(data, width)
        try:
            table = Table(_parse(data), tuple(rejects), tuple(starts))
        except polars.exceptions.PolarsError as error:
            raise SchemaError("The file cannot be read as CSV.", mend="Export it again with quoted fields.") from error
    if table.charges.height > MOST_ROWS:
        raise Refused(f"The file has more than {MOST_ROWS} charges.", mend="Split it by month.", stage="answer")
    return table


def _parquet_table(data: bytes) -> Table:
    names = [*NEEDED, "EffectiveCost", *(name for sources in COLUMNS.values() for name in sources)]
    charges = read_parquet(data, wanted=dict.fromkeys(names), most_rows=MOST_ROWS)
    _require_needed(charges.columns)
    # A table has no lines: a charge is named by its place, counted from 1.
    return Table(charges.with_row_index(ROW), starts=tuple(range(1, charges.height + 1)), word="row")


def _parse(data: bytes) -> "polars.DataFrame":
    import polars

    return polars.read_csv(
        io.BytesIO(data),
        infer_schema=False,  # text throughout: numbers stay as they were written
        null_values=["NULL", ""],
        n_rows=MOST_ROWS + 1,
        row_index_name=ROW,
    )


def _header(data: bytes) -> list[str]:
    """The column names; SchemaError when they are not those of a FOCUS file."""
    try:
        data.decode("utf-8")
        lines = io.StringIO(data[:1_000_000].decode("utf-8-sig", errors="ignore"), newline="")
        header = next(csv.reader(lines), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise SchemaError("The file is not UTF-8 text.", mend="Export it as CSV in UTF-8.") from error
    if len(header) > MOST_COLUMNS or len(set(header)) != len(header):
        raise SchemaError(
            f"The header repeats a column or has more than {MOST_COLUMNS}.", mend="Export it again without changing it."
        )
    _require_needed(header)
    return header


def _require_needed(columns: list[str]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise SchemaError(
            f"This is no FOCUS file: {', '.join(missing)} missing in its header.",
            mend="Export the cost data as FOCUS 1.0 or later.",
        )


def _without_ragged_lines(data: bytes, width: int) -> tuple[bytes, list[Reject], list[int]]:
    """The file without its lines of the wrong width, a reject for each, and where the kept charges started."""
    kept, rejects, starts = io.StringIO(newline=""), [], []
    reader, writer = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")), csv.writer(kept)
    line = 1
    try:
        for fields in reader:
            if len(fields) == width:
                writer.writerow(fields)
                starts.append(line)
            elif fields:
                reason = f"The line has {len(fields)} fields, the header {width}. Quote fields that contain commas."
                rejects.append(Reject(f"line {line}", reason))
            line = reader.line_num + 1
    except csv.Error as error:
        raise SchemaError(f"Line {line} cannot be read as CSV.", mend="Export it again with quoted fields.") from error
    return kept.getvalue().encode("utf-8"), rejects, starts[1:]


def _first(name: str, columns: list[str]) -> "polars.Expr":
    import polars

    present = [column for column in COLUMNS[name] if column in columns]
    return (polars.coalesce(present) if present else polars.lit(None, polars.String)).alias(name)


def _groups(table: "polars.DataFrame") -> Iterator[dict[str, Any]]:
    """Charges that share all texts, so that each text is interpreted once and not once per charge."""
    import polars

    effective = "EffectiveCost" if "EffectiveCost" in table.columns else "BilledCost"
    chosen = table.select(
        *(_first(name, table.columns) for name in COLUMNS),
        polars.col(ROW).alias("rows"),
        polars.col("BilledCost").alias("billed"),
        polars.col(effective).alias("effective"),
    )
    return chosen.group_by(list(COLUMNS), maintain_order=True).agg("rows", "billed", "effective").iter_rows(named=True)


def _empty_totals(session: Session, columns: list[str]) -> Totals:
    excluded = session.config.get("excluded_categories", ["Tax", "Credit"])
    return Totals(
        tag_keys=TagKeys(*(_setting(session, name) for name in ("tag_key", "team_tag", "environment_tag"))),
        excluded=frozenset(str(category).strip().casefold() for category in excluded),
        now=session.now,
        settle=timedelta(days=int(session.config.get("settle_days", 5))),
        has_effective="EffectiveCost" in columns,
    )


def _setting(session: Session, name: str) -> str:
    default = next(entry.default for entry in FocusFileConnector.config_schema if entry.name == name)
    return str(session.config.get(name) or default)


def _read(session: Session) -> "polars.DataFrame":
    return read_table(read_source(session.source, limit=LARGEST_FILE)).charges
