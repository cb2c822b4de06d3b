"""MLflow 3: finished evaluation runs and their judged cases, read over its REST interface."""

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final

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
from evidence.connectors.errors import AuthError, SchemaError
from evidence.connectors.mlflow_rows import EVALUATION, RUN_TYPE_TAG, RunReader, use_case_key
from evidence.connectors.paging import walk
from evidence.connectors.shapes import key_values, mapping_of, rows_of, text_of, time_of_text
from evidence.connectors.transport import Transport
from evidence.readings import Reject

RUNS_PER_BATCH: Final = 25
TRACES_PER_PAGE: Final = 500  # the server refuses 501
EXPERIMENTS_PER_PAGE: Final = 1000
FINISHED_EVALUATIONS: Final = f"tags.`{RUN_TYPE_TAG}` = '{EVALUATION}' and attributes.status = 'FINISHED'"
_VERSION: Final = re.compile(r"(\d+)\.\d+(\.\S+)?")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """The calls this connector makes, all of them reads."""

    http: Transport
    base_url: str

    def version(self) -> str:
        try:
            found = self.http.get(f"{self.base_url}/version").text().strip()
        except AuthError as error:
            if error.status == 403 and "host header" in error.what.lower():
                raise AuthError(
                    "MLflow refuses requests under this host name.",
                    mend="Start it with --allowed-hosts naming the host in the base address.",
                    stage="sign_in",
                    status=403,
                ) from error
            raise
        version = _VERSION.fullmatch(found)
        if version is None:
            raise SchemaError("This is not MLflow: it names no version.", mend="Check the base address and its path.")
        if int(version.group(1)) < 3:
            raise SchemaError(f"This is MLflow {found}.", mend="Evaluations are read from MLflow 3 and later: upgrade.")
        return found

    def experiments(self) -> list[Row]:
        def ask(_: int, token: str) -> Row:
            body = {"max_results": EXPERIMENTS_PER_PAGE, "view_type": "ACTIVE_ONLY", "page_token": token or None}
            return self._post("2.0", "experiments/search", body)

        pages = walk(ask, rows="experiments", identify=lambda row: text_of(row.get("experiment_id")))
        return [row for page in pages for row in page]

    def runs(self, experiment_ids: list[str], since_ms: int, *, size: int = RUNS_PER_BATCH) -> Iterator[list[Row]]:
        """Finished evaluation runs that ended at `since_ms` or later, oldest first, page by page."""

        def ask(floor: int, token: str) -> Row:
            body = {
                "experiment_ids": experiment_ids,
                "filter": f"{FINISHED_EVALUATIONS} and attributes.end_time >= {floor}",
                "order_by": ["attributes.end_time ASC"],
                "run_view_type": "ACTIVE_ONLY",
                "max_results": size,
                "page_token": token or None,
            }
            return self._post("2.0", "runs/search", body)

        return walk(ask, rows="runs", identify=run_id_of, position=end_time_of, start=since_ms)

    def traces(self, experiment_id: str, run_id: str) -> list[Row]:
        """All traces of a run, with their assessments."""

        def ask(floor: int, token: str) -> Row:
            body = {
                "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}],
                "filter": f"attributes.run_id = '{run_id}' AND trace.timestamp_ms >= {floor}",
                "order_by": ["timestamp_ms ASC"],
                "max_results": TRACES_PER_PAGE,
                "page_token": token or None,
            }
            return self._post("3.0", "traces/search", body)

        def identify(row: Row) -> str:
            return text_of(row.get("trace_id"))

        return [row for page in walk(ask, rows="traces", identify=identify, position=_asked_at) for row in page]

    def _post(self, version: str, path: str, body: Mapping[str, object]) -> Row:
        sent = {key: value for key, value in body.items() if value is not None}
        return self.http.post(f"{self.base_url}/api/{version}/mlflow/{path}", json=sent).object()


class MlflowConnector:
    """Evaluation runs of MLflow 3 (open source or behind basic or bearer authentication).

    Runs name their use case in the tag `gatehouse.use_case`, the version they tried in `gatehouse.version_digest`, and
    `environment` and `git_sha`; traces name their item in `gatehouse.item` and `gatehouse.item_kind`. Scores come from
    the assessments of each case, never from the run's mean metrics: a mean leaves out the cases on which a judge
    failed. Finished runs can still change, so every visit reads the look-back window again.
    """

    kind: ClassVar[str] = "mlflow"
    title: ClassVar[str] = "MLflow 3"
    summary: ClassVar[str] = "Evaluation runs with the judgement of every case, read over the network."
    proof: ClassVar[Proof] = Proof("run", "Read from a real MLflow 3.17.2 server.")
    reads_scores: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ()
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Address", "Where MLflow answers, such as https://mlflow.example.org.", True, kind="url"
        ),
        ConfigField("experiments", "Experiments", "Names or ids; empty means all this account sees.", kind="list"),
        ConfigField("username", "User name", "For basic authentication; leave empty otherwise."),
        ConfigField("password", "Password", "For basic authentication.", secret=True),
        ConfigField("token", "Token", "For bearer authentication; takes precedence over a password.", secret=True),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        if secrets.get("token"):
            return {"Authorization": f"Bearer {secrets['token']}"}
        if config.get("username"):
            pair = f"{config['username']}:{secrets.get('password', '')}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}
        return {}

    def check(self, session: Session) -> CheckResult:
        found: list[Row] = []

        def addressed() -> str:
            return ", ".join(session.network().addresses(session.base_url()))

        def visible() -> str:
            found.extend(_reader(session).experiments())
            if not found:
                raise AuthError("No experiment is visible.", mend="Give this account permission to read experiments.")
            return f"{len(found)} visible"

        def chosen() -> str:
            chosen, rejects = _chosen(session, found)
            if rejects:
                raise SchemaError(rejects[0].reason, mend="Correct the list, or give this account permission to read.")
            return ", ".join(text_of(row.get("name")) for row in chosen[:10])

        def evaluated() -> str:
            ids = [text_of(row.get("experiment_id")) for row in _chosen(session, found)[0]]
            runs = next(_reader(session).runs(ids, 0, size=1), [])
            return "Finished evaluation runs found" if runs else "None yet: run mlflow.genai.evaluate() to make one"

        return check_until_failure(
            ("Resolve the address", addressed),
            ("Recognise MLflow", lambda: _reader(session).version()),
            ("See experiments", visible),
            ("Find the configured experiments", chosen),
            ("Look for evaluation runs", evaluated),
        )

    def discover(self, session: Session) -> list[Discovered]:
        reader = _reader(session)
        experiments, _ = _chosen(session, reader.experiments())
        by_id = {text_of(row.get("experiment_id")): row for row in experiments}
        counts: dict[str, Counter[str]] = {"experiment": Counter(), "use_case": Counter(), "metric": Counter()}
        for page in reader.runs(list(by_id), 0, size=TRACES_PER_PAGE) if by_id else ():
            for run in page:
                _count(run, by_id, counts)
        names = {key: text_of(row.get("name")) for key, row in by_id.items()}
        return [
            *(Discovered(key, names[key], counts["experiment"][key], "experiment") for key in by_id),
            *(Discovered(key, key, count, "use_case") for key, count in sorted(counts["use_case"].items())),
            *(Discovered(key, key, count, "metric") for key, count in sorted(counts["metric"].items())),
        ]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        reader = _reader(session)
        experiments, rejects = _chosen(session, reader.experiments())
        by_id = {text_of(row.get("experiment_id")): row for row in experiments}
        rows = RunReader(reader.base_url, session.mapping_by_metric(), by_id)
        reached = _cursor_ms(cursor)
        now = round(session.now.timestamp() * 1000)
        since = max(0, reached - int(lookback.total_seconds() * 1000))
        if rejects:
            yield Batch((), tuple(rejects), cursor)
        for page in reader.runs(list(by_id), since) if by_id else ():
            readings, rejects = [], []
            for run in page:
                reading, of_run = self._read(reader, rows, run)
                readings += reading
                rejects += of_run
                reached = max(reached, end_time_of(run))
            # A source whose clock runs ahead must not push the cursor past runs that are still to come.
            yield Batch(tuple(readings), tuple(rejects), str(min(reached, now)))

    def _read(self, reader: Reader, rows: RunReader, run: Row) -> tuple[list[Any], list[Reject]]:
        run_id, experiment_id = run_id_of(run), text_of(mapping_of(run.get("info")).get("experiment_id"))
        if not _RUN_ID.fullmatch(run_id):  # it goes into a filter expression
            return [], [
                Reject(run_id[:80], "The run's id is not one MLflow gives. Check what answers at this address.")
            ]
        reading, rejects = rows.read(run, reader.traces(experiment_id, run_id))
        if not reading.cases:
            reason = "The run has no judged cases. Keep its traces, and let this account read them."
            return [reading], [*rejects, Reject(run_id, reason)]
        return [reading], rejects


def run_id_of(run: Row) -> str:
    return text_of(mapping_of(run.get("info")).get("run_id"))


def end_time_of(run: Row) -> int:
    value = mapping_of(run.get("info")).get("end_time")
    return value if isinstance(value, int) else 0


def _asked_at(trace: Row) -> int:
    asked = time_of_text(trace.get("request_time"))
    return round(asked.timestamp() * 1000) if asked else 0


def _count(run: Row, experiments: Mapping[str, Row], counts: Mapping[str, Counter[str]]) -> None:
    data, experiment_id = mapping_of(run.get("data")), text_of(mapping_of(run.get("info")).get("experiment_id"))
    counts["experiment"][experiment_id] += 1
    key = use_case_key(key_values(rows_of(data.get("tags"))), experiments.get(experiment_id, {}))
    if key:
        counts["use_case"][key] += 1
    for metric in key_values(rows_of(data.get("metrics"))):
        if metric.endswith("/mean"):
            counts["metric"][metric.removesuffix("/mean")] += 1


def _reader(session: Session) -> Reader:
    return Reader(session.network(), session.base_url())


def _chosen(session: Session, visible: list[Row]) -> tuple[list[Row], list[Reject]]:
    """The configured experiments among the `visible` ones (all when none is configured), and those not found."""
    wanted = session.entries("experiments")
    if not wanted:
        return visible, []
    names = {name for row in visible for name in (text_of(row.get("name")), text_of(row.get("experiment_id")))}
    chosen = [row for row in visible if {text_of(row.get("name")), text_of(row.get("experiment_id"))} & set(wanted)]
    reason = "No experiment “{}” is visible. Check its name, or give this account permission to read it."
    return chosen, [Reject(name, reason.format(name)) for name in wanted if name not in names]


def _cursor_ms(cursor: str) -> int:
    if cursor and not cursor.isdigit():
        raise SchemaError(
            "The stored cursor is not one of MLflow's.", mend="Reset the connector's cursor and sync again."
        )
    return int(cursor or 0)
