"""Arize Phoenix: finished experiments with every case's annotations, and model calls of projects, over REST."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

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
from evidence.connectors.errors import SchemaError
from evidence.connectors.labels import FIELD as LABELS
from evidence.connectors.labels import labels_of
from evidence.connectors.paging import walk
from evidence.connectors.phoenix_rows import ExperimentReader, changed_ms, unfinished, use_case_key
from evidence.connectors.phoenix_usage import DayOfUse, TraceFacts
from evidence.connectors.progress import Progress, bounds
from evidence.connectors.shapes import mapping_of, rows_of, text_of
from evidence.connectors.transport import Transport
from evidence.readings import Reject

ROWS_PER_PAGE: Final = 100
SPANS_PER_PAGE: Final = 250  # a span carries its prompt and its answer
VERSION_HEADER: Final = "x-phoenix-server-version"
_VERSION: Final = re.compile(r"(\d+)\.\d+\.\d+\S*")

Row = dict[str, Any]


@dataclass(slots=True)
class Reader:
    """The calls this connector makes, all of them reads."""

    http: Transport
    base_url: str
    _examples: dict[tuple[str, str], dict[str, Row]] = field(default_factory=dict)

    def version(self) -> str:
        reply = self.http.get(f"{self.base_url}/v1/projects", params={"limit": 1})
        reply.object()
        found = text_of(reply.headers.get(VERSION_HEADER))
        if not _VERSION.fullmatch(found):
            raise SchemaError(
                "This is not Phoenix: it names no version.", mend="Check the base address, and a proxy before it."
            )
        return found

    def datasets(self) -> list[Row]:
        return [row for page in self._pages("datasets", ROWS_PER_PAGE) for row in page]

    def projects(self) -> list[Row]:
        return [row for page in self._pages("projects", ROWS_PER_PAGE) for row in page]

    def experiments(self, dataset_id: str) -> list[Row]:
        """All experiments of a dataset; the interface has no filter by time."""
        return [row for page in self._pages(f"datasets/{_part(dataset_id)}/experiments", ROWS_PER_PAGE) for row in page]

    def rows(self, experiment_id: str) -> list[Row]:
        """Every case of an experiment with its annotations."""
        return rows_of(self.http.get(f"{self.base_url}/v1/experiments/{_part(experiment_id)}/json").json())

    def examples(self, dataset_id: str, version_id: str) -> dict[str, Row]:
        """The items of a dataset as one version has them, by id."""
        key = (dataset_id, version_id)
        if key not in self._examples:
            path = f"{self.base_url}/v1/datasets/{_part(dataset_id)}/examples"
            reply = self.http.get(path, params={"version_id": version_id} if version_id else None)
            found = rows_of(mapping_of(reply.object().get("data")).get("examples"))
            self._examples[key] = {text_of(row.get("id")): row for row in found}
        return self._examples[key]

    def spans(self, project: str, day: date) -> Iterator[list[Row]]:
        """The spans of a project that began on this day (UTC), oldest first, page by page."""
        start, end = (moment.isoformat() for moment in bounds(day))
        window = {"start_time": start, "end_time": end, "sort": "start_time", "order": "asc"}
        return self._pages(f"projects/{_part(project)}/spans", SPANS_PER_PAGE, window, identify=_span_id)

    def _pages(
        self, path: str, size: int, more: Mapping[str, str] | None = None, identify: Any = None
    ) -> Iterator[list[Row]]:
        def ask(_: int, cursor: str) -> Row:
            params = {"limit": size, **(more or {}), **({"cursor": cursor} if cursor else {})}
            return self.http.get(f"{self.base_url}/v1/{path}", params=params).object()

        return walk(
            ask,
            rows="data",
            identify=identify or (lambda row: text_of(row.get("id"))),
            following=lambda reply: text_of(reply.get("next_cursor")),
        )


class PhoenixConnector:
    """Experiments of Arize Phoenix, self-hosted or hosted.

    An experiment's metadata names its use case in `gatehouse.use_case`, the version it tried in
    `gatehouse.version_digest`, and `environment`, `model` and `git_sha`; an example's metadata names its item in
    `gatehouse.item` and `gatehouse.item_kind`. Scores come from the annotations of each case: Phoenix's own mean leaves
    out failed evaluators. An annotation that comes late moves no time, so every visit reads the look-back window again.
    Usage is read from the spans of the projects that are named, never from experiments' own.
    """

    kind: ClassVar[str] = "phoenix"
    title: ClassVar[str] = "Arize Phoenix"
    summary: ClassVar[str] = "Experiments with the annotations of every case, and model calls of projects, by day."
    proof: ClassVar[Proof] = Proof("run", "Read from a real Phoenix 20.26.1 server.")
    reads_scores: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ()
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Address", "Where Phoenix answers, such as https://phoenix.example.org.", True, kind="url"
        ),
        ConfigField("datasets", "Datasets", "Names or ids; empty means all this account sees.", kind="list"),
        ConfigField(
            "projects",
            "Projects for usage",
            "Names of the projects whose model calls are counted; empty means that no usage is read.",
            kind="list",
        ),
        ConfigField(
            "left_out",
            "Left out of usage",
            "Tags or environments of traffic that is no use, such as evaluation and load tests.",
            kind="list",
            default=["evaluation", "eval"],
        ),
        ConfigField("usage_days", "Days of usage", "Read at the first visit.", kind="number", default=30),
        LABELS,
        ConfigField("token", "API key", "A key of this Phoenix; empty when it asks for none.", secret=True),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {secrets['token']}"} if secrets.get("token") else {}

    def check(self, session: Session) -> CheckResult:
        found: list[Row] = []

        def visible() -> str:
            found.extend(_reader(session).datasets())
            return f"{len(found)} visible"

        def chosen() -> str:
            rejects = [*_chosen(session, found)[1], *_projects(session, _reader(session))[1]]
            if rejects:
                raise SchemaError(rejects[0].reason, mend="Correct the list, or give this account permission to read.")
            return ", ".join(text_of(row.get("name")) for row in _chosen(session, found)[0][:10]) or "none yet"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Recognise Phoenix", lambda: _reader(session).version()),
            ("See datasets", visible),
            ("Find the configured datasets and projects", chosen),
            ("Read the declared words", lambda: f"{len(labels_of(session))} declared"),
        )

    def discover(self, session: Session) -> list[Discovered]:
        reader = _reader(session)
        datasets, _ = _chosen(session, reader.datasets())
        found: list[Discovered] = []
        keys: Counter[str] = Counter()
        metrics: Counter[str] = Counter()
        for dataset in datasets:
            experiments = reader.experiments(text_of(dataset.get("id")))
            found.append(
                Discovered(text_of(dataset.get("id")), text_of(dataset.get("name")), len(experiments), "experiment")
            )
            for experiment in experiments:
                keys[use_case_key(mapping_of(experiment.get("metadata")), mapping_of(dataset.get("metadata")))] += 1
            for experiment in sorted(experiments, key=changed_ms)[-1:]:  # the newest shows which judges there are
                for row in reader.rows(text_of(experiment.get("id"))):
                    metrics.update(text_of(each.get("name")) for each in rows_of(row.get("annotations")))
        found += [Discovered(key, key, count, "use_case") for key, count in sorted(keys.items()) if key]
        return found + [Discovered(key, key, count, "metric") for key, count in sorted(metrics.items()) if key]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress = Progress.of(cursor)
        reader = _reader(session)
        for batch in self._runs(session, reader, progress, lookback):
            progress = Progress.of(batch.cursor)
            yield batch
        yield from self._usage(session, reader, progress, lookback)

    def _runs(self, session: Session, reader: Reader, progress: Progress, lookback: timedelta) -> Iterator[Batch]:
        rows = ExperimentReader(reader.base_url, session.mapping_by_metric(), labels_of(session))
        datasets, rejects = _chosen(session, reader.datasets())
        if rejects:
            yield Batch((), tuple(rejects), progress.text())
        since = progress.runs_since(lookback)
        waiting = [
            (changed_ms(experiment), experiment, dataset)
            for dataset in datasets
            for experiment in reader.experiments(text_of(dataset.get("id")))
            if changed_ms(experiment) >= since
        ]
        for changed, experiment, dataset in sorted(waiting, key=lambda each: (each[0], text_of(each[1].get("id")))):
            progress = progress.read_runs(changed, session.now)
            yield self._run(reader, rows, experiment, dataset, progress.text())

    def _run(self, reader: Reader, rows: ExperimentReader, experiment: Row, dataset: Row, cursor: str) -> Batch:
        name = text_of(experiment.get("id"))
        if missing := unfinished(experiment):
            reason = f"{missing} cases have not run yet. The experiment is read once it is complete."
            return Batch((), (Reject(name, reason),), cursor)
        version = text_of(experiment.get("dataset_version_id"))
        examples = reader.examples(text_of(dataset.get("id")), version)
        reading, rejects = rows.read(experiment, reader.rows(name), dataset, examples)
        if not reading.cases:
            rejects.append(Reject(name, "The experiment has no cases. Run it with evaluators."))
        return Batch((reading,), tuple(rejects), cursor)

    def _usage(self, session: Session, reader: Reader, progress: Progress, lookback: timedelta) -> Iterator[Batch]:
        if not session.entries("projects"):
            return
        projects, missing = _projects(session, reader)
        if missing:
            yield Batch((), tuple(missing), progress.text())
        left_out = frozenset(entry.lower() for entry in session.entries("left_out"))
        before: dict[str, TraceFacts] = {}
        for day in progress.days(session.now, lookback, int(session.config.get("usage_days") or 30)):
            use = DayOfUse(day, session.now, left_out, before)
            for project in projects:
                for page in reader.spans(project, day):
                    use.add(project, page)
            before = use.facts
            progress = progress.read_day(day)
            # A project that is gone for now must not take its stored days with it.
            covers = None if missing else (day, day)
            yield Batch(use.readings(), (), progress.text(), covers=covers)


def _reader(session: Session) -> Reader:
    return Reader(session.network(), session.base_url())


def _chosen(session: Session, datasets: list[Row]) -> tuple[list[Row], list[Reject]]:
    """The configured datasets (all when none is configured), and those not found."""
    wanted = session.entries("datasets")
    if not wanted:
        return datasets, []
    names = [{text_of(row.get("name")), text_of(row.get("id"))} for row in datasets]
    chosen = [row for row, own in zip(datasets, names, strict=True) if own & set(wanted)]
    reason = "No dataset “{}” is visible. Check its name, or give this account permission to read it."
    return chosen, [Reject(name, reason.format(name)) for name in wanted if not any(name in own for own in names)]


def _projects(session: Session, reader: Reader) -> tuple[list[str], list[Reject]]:
    """The configured projects that are there, and those that are not."""
    wanted = session.entries("projects")
    if not wanted:
        return [], []
    there = {text_of(row.get("name")) for row in reader.projects()}
    reason = "No project “{}” is visible, so its usage was not read. Check its name."
    return [name for name in wanted if name in there], [
        Reject(name, reason.format(name)) for name in wanted if name not in there
    ]


def _span_id(row: Row) -> str:
    return text_of(mapping_of(row.get("context")).get("span_id"))


def _part(text: str) -> str:
    return quote(text, safe="")
