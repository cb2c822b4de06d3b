"""Bringing one evaluation file for one version: kept, recognised, and each of its runs recorded by the same verb."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evidence import policies
from evidence.actions.ingestion import Recorded, record_evaluation_run
from evidence.actions.words import line
from evidence.configuring import checked_told
from evidence.connectors.base import DimensionMapping, Session
from evidence.connectors.errors import ConnectorError
from evidence.connectors.evaluation_file import read_file
from evidence.connectors.told import Told
from evidence.readings import EvaluationRunReading, Reject
from portal.access import require
from portal.actors import Actor
from portal.files import keep, path_of
from usecases.models import SystemVersion, UseCase

MOST_REJECTS = 200


@dataclass(frozen=True, slots=True)
class Brought:
    """The file's hash and format, what became of its runs, and what could not be read."""

    sha256: str
    format: str
    recorded: tuple[Recorded, ...]
    rejects: tuple[Reject, ...]


def record_evaluation_file(
    *,
    actor: Actor,
    use_case: UseCase,
    version: SystemVersion,
    name: str,
    chunks: Iterable[bytes],
    source: str,
    mappings: tuple[DimensionMapping, ...] = (),
    told: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Brought:
    """Keep the file and record its runs for this version: all that can be counted, or none with every reason.

    Raises Refused, FileTooLarge, and ValidationError (by field of `told`, or under `file`).
    """
    require(policies.may_push_evidence(actor, use_case))
    said = checked_told(told or {}) | {"use_case": use_case.reference, "version": version.digest}
    sha256 = keep(chunks)
    file = {"file_name": line(name, 200), "file_sha256": sha256}
    facts = Told.of(said, config=config or {}, metrics=[mapping.metric for mapping in mappings], **file)
    session = Session(mappings=mappings, source=path_of(sha256), told=facts)
    # Read before the transaction: parsing takes as long as it takes, and holds no lock meanwhile.
    kind, readings, rejects = _read(session)
    with transaction.atomic():
        recorded = []
        for reading in readings:
            try:
                with transaction.atomic():
                    recorded.append(
                        record_evaluation_run(
                            actor=actor, use_case=use_case, version=version, reading=reading, source=source
                        )
                    )
            except ValidationError as error:
                rejects.append(Reject(reading.name or reading.external_id, " ".join(error.messages)))
    if not recorded:
        told_why = [f"{reject.reference}: {reject.reason}".removeprefix(": ") for reject in rejects[:20]]
        raise ValidationError({"file": told_why or [_("The file holds no run.")]})
    return Brought(sha256, kind, tuple(recorded), tuple(rejects[:MOST_REJECTS]))


def _read(session: Session) -> tuple[str, list[EvaluationRunReading], list[Reject]]:
    try:
        file = read_file(session)
        found = list(file.readings())
    except ConnectorError as error:
        raise ValidationError({"file": [str(error)]}) from None
    readings = [reading for reading, _rejects in found if reading is not None]
    return file.format_key, readings, [reject for _reading, rejects in found for reject in rejects]
