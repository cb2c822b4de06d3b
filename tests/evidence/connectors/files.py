"""Reading files of evaluation tools in tests: sessions, counts and mappings in one line each."""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from evidence.connectors.base import DimensionMapping, Session
from evidence.connectors.evaluation_file import read_file
from evidence.connectors.told import Columns, Told
from evidence.counting import count_dimensions
from evidence.readings import EvaluationRunReading, Reject

PAYLOADS = Path(__file__).parent.parent / "payloads"
FINISHED = datetime(2026, 11, 20, 8, tzinfo=UTC)


def mapped(metric: str, dimension: str = "groundedness", **changes: Any) -> DimensionMapping:
    """0 to 1, higher is better, passes from 0.8, unless said otherwise."""
    told: dict[str, Any] = {"scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": "0.8", **changes}
    numbers = {
        name: None if told[name] is None else Decimal(str(told[name]))
        for name in ("scale_min", "scale_max", "threshold")
    }
    return DimensionMapping(metric, dimension, **{**told, **numbers})


def session(source: Any, *mappings: DimensionMapping, item: str = "", kind: str = "", **told: Any) -> Session:
    """What is uploaded (a path, bytes, or a value written as JSON), told to have finished in November."""
    data = source if isinstance(source, bytes | Path) else json.dumps(source).encode()
    name = source.name if isinstance(source, Path) else "results.json"
    facts: dict[str, Any] = {"finished_at": FINISHED, "file_name": name, "columns": Columns(item, kind), **told}
    facts["metrics"] = frozenset(mapping.metric for mapping in mappings)
    return Session(source=data, mappings=mappings, told=Told(**facts))


def read(source: Any, *mappings: DimensionMapping, **told: Any) -> tuple[list[EvaluationRunReading], list[Reject], str]:
    """(the runs, all rejects, the format) of a file."""
    file = read_file(session(source, *mappings, **told))
    found = list(file.readings())
    return [run for run, _ in found if run], [reject for _, rejects in found for reject in rejects], file.format_key


def counted(run: EvaluationRunReading) -> dict[str, tuple[int, int, int, int, int]]:
    """(total, scored, errored, skipped, passed) by dimension."""
    return {
        each.dimension: (each.total, each.scored, each.errored, each.skipped, each.passed)
        for each in count_dimensions(run.cases)
    }


def unmapped(rejects: list[Reject]) -> list[str]:
    """The metrics that were named for mapping."""
    return [reject.reason.split("“")[1].split("”")[0] for reject in rejects if "has no mapping" in reject.reason]


def states(run: EvaluationRunReading) -> Counter[str]:
    return Counter(score.state for case in run.cases for score in case.scores)
