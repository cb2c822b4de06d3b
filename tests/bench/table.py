"""The bench's table: printed, and written where scripts read it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """`ratio` is value over the yardstick's; it holds when it is at most `goal` (for rates: at least)."""

    name: str
    value: float
    unit: str
    against: str
    ratio: float
    goal: float
    holds: bool


def below(name: str, value: float, unit: str, against: str, yardstick: float, goal: float) -> Row:
    ratio = round(value / yardstick, 3)
    return Row(name, round(value, 3), unit, against, ratio, goal, ratio <= goal)


def above(name: str, value: float, unit: str, against: str, yardstick: float, goal: float) -> Row:
    ratio = round(value / yardstick, 3)
    return Row(name, round(value, 3), unit, against, ratio, goal, ratio >= goal)


def publish(rows: list[Row]) -> None:
    """Adds the rows to those of this run; `make bench` begins with an empty file."""
    path = Path(os.environ.get("GATEHOUSE_BENCH_FILE", "var/bench.json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    path.write_text(json.dumps([*earlier, *(asdict(row) for row in rows)], indent=2), encoding="utf-8")
    width = max(len(row.name) for row in rows)
    print(f"\n{'measured':{width}}  {'value':>10} {'unit':6} {'ratio':>7} {'goal':>6}  against")
    for row in rows:
        mark = "" if row.holds else "  MISSED"
        figures = f"{row.value:10.2f} {row.unit:6} {row.ratio:7.2f} {row.goal:6.2f}"
        print(f"{row.name:{width}}  {figures}  {row.against}{mark}")
