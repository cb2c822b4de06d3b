"""How the newest uploaded file would be read under a mapping, before anything is saved. Stores nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evidence import policies
from evidence.actions.synchronisation import opened
from evidence.actions.trials import newest_file
from evidence.configuring import mappings_of
from evidence.connectors.base import Session
from evidence.connectors.errors import ConnectorError
from evidence.connectors.evaluation_file import EvaluationFile, read_file
from evidence.connectors.formats.assembling import MetricSeen, survey
from evidence.counting import DimensionCount, count_dimensions
from evidence.models import Connector
from evidence.readings import Reject
from portal.access import require
from portal.actors import Actor

SHOWN = 50


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run of the file as it would be counted."""

    name: str
    cases: int
    counts: tuple[DimensionCount, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What the file holds, and what a mapping makes of it; `error` says why nothing could be read."""

    file_name: str
    title: str = ""
    metrics: tuple[MetricSeen, ...] = ()
    runs: tuple[RunSeen, ...] = ()
    rejects: tuple[Reject, ...] = ()
    error: str = ""


def preview(*, actor: Actor, connector: Connector, mapping: Iterable[Mapping[str, Any]]) -> Preview | None:
    """The newest file read under `mapping` (rows as they are stored); None when there is none. Raises Refused."""
    require(policies.may_configure_connectors(actor))
    newest = newest_file(connector) if connector.kind == "evaluation_file" else None
    if newest is None:
        return None
    mappings = mappings_of(mapping)
    with opened(connector, newest) as session:
        names = frozenset(each.metric for each in mappings)
        told = replace(session.told, metrics=names)
        try:
            return _read(replace(session, mappings=mappings, told=told), newest.file_name)
        except ConnectorError as error:
            return Preview(newest.file_name, error=str(error))


def _read(session: Session, file_name: str) -> Preview:
    file = read_file(session)
    runs: list[RunSeen] = []
    rejects: list[Reject] = []
    for reading, told in file.readings():
        rejects += told
        if reading is not None and len(runs) < SHOWN:
            runs.append(RunSeen(reading.name, len(reading.cases), tuple(count_dimensions(reading.cases))))
    return Preview(file_name, file.title, tuple(_metrics(file)), tuple(runs), tuple(rejects[:SHOWN]))


def _metrics(file: EvaluationFile) -> list[MetricSeen]:
    """The metrics of all runs together; those of a file's many prompts are the same."""
    found: dict[str, MetricSeen] = {}
    for run in file.runs():
        for seen in survey(run):
            if seen.metric not in run.optional:
                found.setdefault(seen.metric, seen)
    return list(found.values())[:SHOWN]
