"""Langfuse: dataset runs and experiments with the scores of every case, and model calls by day."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
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
from evidence.connectors.errors import Refused, SchemaError
from evidence.connectors.labels import FIELD as LABELS
from evidence.connectors.labels import labels_of
from evidence.connectors.langfuse_api import Api
from evidence.connectors.langfuse_rows import (
    USE_CASE_KEYS,
    Dialect,
    Keys,
    Row,
    Run,
    RunReader,
    changed_ms,
    usage_of_daily,
    usage_of_metrics,
)
from evidence.connectors.progress import Progress
from evidence.connectors.shapes import first_text, mapping_of, text_of
from evidence.connectors.tagging import USE_CASE_PREFIX
from evidence.readings import Reject, UsageReading

DIALECTS: Final = ("auto", "v3", "v4")


class LangfuseConnector:
    """One project of Langfuse, hosted or self-hosted.

    A run's metadata names its use case in `gatehouse.use_case`, the version it tried in `gatehouse.version_digest`, and
    `environment`, `model` and `git_sha`; an item's metadata names its kind in `gatehouse.item_kind`. A score's source
    says who judged: EVAL a model, ANNOTATION a person, API code. An evaluator that failed leaves no score behind, so a
    case without one counts as not judged. Usage counts model calls in the named environments only, by their tags.
    """

    kind: ClassVar[str] = "langfuse"
    title: ClassVar[str] = "Langfuse"
    summary: ClassVar[str] = "Dataset runs and experiments with the scores of every case, and model calls by day."
    proof: ClassVar[Proof] = Proof(
        "specification", "The published interface definitions of versions 3 and 4; not yet read from a running server."
    )
    reads_scores: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = ()
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url", "Address", "Where Langfuse answers, such as https://cloud.langfuse.com.", True, kind="url"
        ),
        ConfigField("public_key", "Public key", "The public key of the project.", True),
        ConfigField(
            "dialect",
            "Dialect",
            "The hosted service and version 4 are asked differently from a self-hosted version 3.",
            default="auto",
            choices=(("auto", "Find out"), ("v4", "Hosted or version 4"), ("v3", "Self-hosted version 3")),
        ),
        ConfigField("datasets", "Datasets", "Names or ids; empty means all of the project.", kind="list"),
        ConfigField("use_case", "Use case of the project", "The key for what names none itself; may stay empty."),
        ConfigField(
            "prefix",
            "Tag prefix",
            "What a tag that names a use case begins with, such as use_case:UC-0001.",
            default=USE_CASE_PREFIX,
        ),
        ConfigField(
            "environments",
            "Environments of use",
            "Only model calls in these are counted as use; experiments run in others. Use - for none at all.",
            kind="list",
            default=["production", "default"],
        ),
        ConfigField(
            "tags",
            "Tags to ask for (v3)",
            "Version 3 tells usage by tag only when asked for each, such as use_case:UC-0001.",
            kind="list",
        ),
        ConfigField(
            "left_out",
            "Left out of usage",
            "Tags of traffic that is no use, such as evaluation; version 3 cannot leave tags out.",
            kind="list",
            default=["evaluation", "eval"],
        ),
        ConfigField("usage_days", "Days of usage", "Read at the first visit.", kind="number", default=30),
        LABELS,
        ConfigField("secret_key", "Secret key", "The secret key of the project.", secret=True),
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        pair = f"{config.get('public_key', '')}:{secrets.get('secret_key', '')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}

    def check(self, session: Session) -> CheckResult:
        def chosen() -> str:
            datasets, rejects = _chosen(session, _api(session).datasets())
            if rejects:
                raise SchemaError(rejects[0].reason, mend="Correct the list, or use the keys of the other project.")
            return ", ".join(text_of(row.get("name")) for row in datasets[:10]) or "none yet"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Sign in to the project", lambda: _api(session).project()),
            ("Find the dialect", lambda: _dialect(session, _api(session))),
            ("Find the configured datasets", chosen),
            ("Read the declared words", lambda: f"{len(labels_of(session))} declared"),
        )

    def discover(self, session: Session) -> list[Discovered]:
        api = _api(session)
        api.project()
        datasets, _ = _chosen(session, api.datasets())
        dialect = _dialect(session, api)
        found = self._found(session, api, dialect, datasets, datetime.fromtimestamp(0, UTC))
        runs = Counter(text_of(dataset.get("id")) for _, dataset in found)
        keys: Counter[str] = Counter()
        for row, dataset in found:
            places = (mapping_of(row.get("metadata")), mapping_of(dataset.get("metadata")))
            keys[first_text(*(place.get(key) for place in places for key in USE_CASE_KEYS))] += 1
        metrics: Counter[str] = Counter()
        for row, dataset in found[-1:]:  # the newest shows which judges there are
            for item in self._whole(api, dialect, row, dataset).items:
                metrics.update(text_of(score.get("name")) for score in item.scores)
        by_id = {text_of(row.get("id")): row for row in datasets}
        return [
            *(Discovered(key, text_of(row.get("name")), runs[key], "experiment") for key, row in by_id.items()),
            *(Discovered(key, key, count, "use_case") for key, count in sorted(keys.items()) if key),
            *(Discovered(key, key, count, "metric") for key, count in sorted(metrics.items()) if key),
        ]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, api = Progress.of(cursor), _api(session)
        api.project()
        dialect = _dialect(session, api)
        reader = RunReader(session.mapping_by_metric(), labels_of(session), text_of(session.config.get("use_case")))
        datasets, rejects = _chosen(session, api.datasets())
        if rejects:
            yield Batch((), tuple(rejects), progress.text())
        since = datetime.fromtimestamp(progress.runs_since(lookback) / 1000, UTC)
        for row, dataset in self._found(session, api, dialect, datasets, since):
            progress = progress.read_runs(changed_ms(row), session.now)
            yield _batch(reader, self._whole(api, dialect, row, dataset), progress.text())
        yield from self._usage(session, api, dialect, progress, lookback)

    def _found(
        self, session: Session, api: Api, dialect: Dialect, datasets: list[Row], since: datetime
    ) -> list[tuple[Row, Row]]:
        """The runs active since then with their dataset, the longest quiet first."""
        if dialect == "v4":
            by_id = {text_of(row.get("id")): row for row in datasets}
            narrowed = bool(session.entries("datasets"))
            rows = api.experiments(max(since, datetime(2020, 1, 1, tzinfo=UTC)))
            pairs = [(row, by_id.get(text_of(row.get("datasetId")), {})) for row in rows]
            pairs = [(row, dataset) for row, dataset in pairs if dataset or not narrowed]
        else:
            pairs = [(row, dataset) for dataset in datasets for row in api.runs(dataset)]
        floor = round(since.timestamp() * 1000)
        found = [(row, dataset) for row, dataset in pairs if changed_ms(row) >= floor]
        return sorted(found, key=lambda pair: (changed_ms(pair[0]), text_of(pair[0].get("id"))))

    def _whole(self, api: Api, dialect: Dialect, row: Row, dataset: Row) -> Run:
        if dialect == "v4":
            return api.experiment(row, {text_of(dataset.get("id")): dataset})
        return api.run(row, dataset)

    def _usage(
        self, session: Session, api: Api, dialect: Dialect, progress: Progress, lookback: timedelta
    ) -> Iterator[Batch]:
        environments = session.entries("environments")
        if environments == ["-"]:
            return
        left_out = frozenset(entry.lower() for entry in session.entries("left_out"))
        prefix = text_of(session.config.get("prefix")) or USE_CASE_PREFIX
        keys = Keys(prefix, left_out, text_of(session.config.get("use_case")))
        for day in progress.days(session.now, lookback, int(session.config.get("usage_days") or 30)):
            readings: list[UsageReading] = []
            if dialect == "v4":
                readings = usage_of_metrics(api.metrics(day, environments), day, keys, session.now)
            else:
                for environment in environments or [""]:
                    for tag in session.entries("tags") or [""]:
                        row = api.daily(day, environment, tag)
                        use_case = keys.use_case([tag] if tag else [])
                        readings += usage_of_daily(row, day, use_case, environment, session.now)
            progress = progress.read_day(day)
            yield Batch(tuple(readings), (), progress.text(), covers=(day, day))


def _batch(reader: RunReader, run: Run, cursor: str) -> Batch:
    waiting = sum(item.ended_at is None for item in run.items)
    if waiting:
        reason = f"{waiting} cases have not ended yet. The experiment is read once it is complete."
        return Batch((), (Reject(run.id, reason),), cursor)
    reading, rejects = reader.read(run)
    if not reading.cases:
        rejects.append(Reject(run.id, "The run has no cases. Keep its items, and let this account read them."))
    return Batch((reading,), tuple(rejects), cursor)


def _api(session: Session) -> Api:
    return Api(session.network(), session.base_url())


def _dialect(session: Session, api: Api) -> Dialect:
    wanted = text_of(session.config.get("dialect")) or "auto"
    if wanted not in DIALECTS:
        raise Refused(f"“{wanted[:40]}” is no dialect of Langfuse.", mend="Write auto, v3 or v4.", stage="address")
    return api.dialect(wanted)


def _chosen(session: Session, datasets: list[Row]) -> tuple[list[Row], list[Reject]]:
    """The configured datasets (all when none is configured), and those not found."""
    wanted = session.entries("datasets")
    if not wanted:
        return datasets, []
    names = [{text_of(row.get("name")), text_of(row.get("id"))} for row in datasets]
    chosen = [row for row, own in zip(datasets, names, strict=True) if own & set(wanted)]
    reason = "No dataset “{}” is in this project. Check its name."
    return chosen, [Reject(name, reason.format(name)) for name in wanted if not any(name in own for own in names)]
