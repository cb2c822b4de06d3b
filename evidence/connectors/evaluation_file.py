"""Evaluation runs from an uploaded file, in the portal's own format or in that of an evaluation tool."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

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
from evidence.connectors.file_source import read_source
from evidence.connectors.formats.assembling import assemble
from evidence.connectors.formats.base import FileRun
from evidence.connectors.formats.content import Content, open_content
from evidence.connectors.formats.own import parse_run
from evidence.connectors.formats.registry import OWN, TITLES, format_of
from evidence.connectors.shapes import mapping_of, text_of
from evidence.readings import EvaluationRunReading, Reject


class EvaluationFileConnector:
    """Files of promptfoo, DeepEval, Ragas, azure-ai-evaluation, Inspect, lm-evaluation-harness, tables, and our own."""

    kind: ClassVar[str] = "evaluation_file"
    title: ClassVar[str] = "Evaluation file"
    summary: ClassVar[str] = "Evaluation runs from a file that somebody uploads, in any of the formats that are read."
    proof: ClassVar[Proof] = Proof(
        "specification",
        "Every format is tested on a file that its tool wrote or on its specification; the how-to says which.",
    )
    reads_scores: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ()
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "item_column", "Item column", "For tables: the column that names the item, the same from run to run."
        ),
        ConfigField("kind_column", "Kind column", "For tables: the column with the item's kind, such as edge_case."),
        ConfigField("trial_column", "Trial column", "For tables: the column that counts trials of one item from 1."),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {}

    def check(self, session: Session) -> CheckResult:
        return check_until_failure(
            ("Read the file", lambda: f"{_counted(session)} runs"),
            ("Recognise the format", lambda: read_file(session).title),
        )

    def discover(self, session: Session) -> list[Discovered]:
        keys = [key for key in read_file(session).use_cases() if key]
        return [Discovered(key, key, keys.count(key)) for key in sorted(set(keys))]

    def fetch(
        self,
        session: Session,
        cursor: str,
        lookback: timedelta = DEFAULT_LOOKBACK,
    ) -> Iterator[Batch]:
        for reading, rejects in read_file(session).readings():
            yield Batch((reading,) if reading else (), tuple(rejects), cursor)


@dataclass(frozen=True, slots=True)
class EvaluationFile:
    """One file that was opened and recognised; its runs are read when asked for."""

    session: Session
    content: Content
    format_key: str
    sha256: str

    @property
    def title(self) -> str:
        return TITLES[self.format_key]

    def runs(self) -> Iterator[FileRun]:
        """The runs as the tool's file has them; none for our own format, which carries its own scales."""
        found = format_of(self.content, self.format_key)
        if found is not None:
            yield from found.runs(self.content, self.session.told)

    def readings(self) -> Iterator[tuple[EvaluationRunReading | None, list[Reject]]]:
        mappings = self.session.mapping_by_metric()
        if self.format_key == OWN:
            for reference, document in self._documents():
                yield self._own(reference, document)
            return
        told = self.session.told
        for run in self.runs():
            yield assemble(run, mappings, told, file_sha256=self.sha256, format_key=self.format_key)

    def use_cases(self) -> list[str]:
        if self.format_key == OWN:
            return [text_of(mapping_of(document).get("use_case")) for _, document in self._documents()]
        return [run.use_case for run in self.runs()]

    def _documents(self) -> list[tuple[str, object]]:
        if self.content.shape == "lines":
            return list(self.content.rows())
        value = self.content.value
        runs = value if isinstance(value, list) else [value]
        return [("", run) if len(runs) == 1 else (f"run {number}", run) for number, run in enumerate(runs, 1)]

    def _own(self, reference: str, document: object) -> tuple[EvaluationRunReading | None, list[Reject]]:
        if isinstance(document, Reject):
            return None, [document]
        told = self.session.told
        reading, rejects = parse_run(document, self.session.mapping_by_metric(), reference=reference)
        if reading is None:
            return None, rejects
        return replace(
            reading,
            use_case_key=told.use_case or reading.use_case_key,
            version_digest=told.version.removeprefix("sha256:") or reading.version_digest,
            environment=told.environment or reading.environment,
            attributes={**reading.attributes, "format": OWN, "file": told.file_name, "file_sha256": self.sha256},
        ), rejects


def read_file(session: Session) -> EvaluationFile:
    """The session's file, opened and recognised. Raises Refused or SchemaError with what to mend."""
    data = read_source(session.source)
    content = open_content(data)
    found = format_of(content, session.told.format)
    sha256 = session.told.file_sha256 or hashlib.sha256(data).hexdigest()
    return EvaluationFile(session, content, found.key if found else OWN, sha256)


def _counted(session: Session) -> int:
    file = read_file(session)
    return len(file.use_cases())
