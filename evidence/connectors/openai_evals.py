"""Evals of OpenAI and Azure AI Foundry: finished runs with every grader's answer on every item."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

from evidence.connectors.azure_identity import (
    AUTHORITY_FIELD,
    AUTHORITY_HOSTS,
    CLIENT,
    SECRET,
    TENANT,
    Identity,
    identity_of,
)
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
from evidence.connectors.openai_evals_rows import (
    COMPLETED,
    UNFINISHED,
    USE_CASE_KEYS,
    Row,
    RunReader,
    counted,
    made_ms,
    metric_of,
)
from evidence.connectors.paging import walk
from evidence.connectors.progress import Progress
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of
from evidence.connectors.transport import Transport
from evidence.readings import Reject

PER_PAGE: Final = 100
BASE: Final = "https://api.openai.com/v1"
AUTH: Final = ("bearer", "api_key", "entra")
WAITED_FOR: Final = timedelta(days=30)  # a run unfinished for longer is not waited for any more


@dataclass(frozen=True, slots=True)
class Reader:
    """The calls this connector makes, all of them reads; lists continue after the last id of a page."""

    http: Transport
    base_url: str
    identity: Identity | None
    audience: str
    api_version: str

    def evaluations(self) -> list[Row]:
        return self._all("evals", {})

    def runs(self, evaluation: str) -> list[Row]:
        """All runs of an evaluation, the oldest first; the interface has no filter by time."""
        return self._all(f"evals/{quote(evaluation, safe='')}/runs", {"order": "asc"})

    def items(self, evaluation: str, run: str) -> list[Row]:
        path = f"evals/{quote(evaluation, safe='')}/runs/{quote(run, safe='')}/output_items"
        return self._all(path, {"order": "asc"})

    def first(self) -> Row:
        return self._page("evals", {"limit": 1})

    def _all(self, path: str, params: Mapping[str, Any]) -> list[Row]:
        def ask(_: int, after: str) -> Row:
            return self._page(path, {**params, "limit": PER_PAGE, **({"after": after} if after else {})})

        pages = walk(ask, rows="data", identify=lambda row: text_of(row.get("id")), following=_after)
        return [row for page in pages for row in page]

    def _page(self, path: str, params: Mapping[str, Any]) -> Row:
        version = {"api-version": self.api_version} if self.api_version else {}
        headers = self.identity.headers(self.audience) if self.identity else None
        reply = self.http.get(f"{self.base_url}/{path}", params={**params, **version}, headers=headers).object()
        if not isinstance(reply.get("data"), list):
            mend = "Check the address: it ends in /v1, for Azure in /openai/v1."
            raise SchemaError("The answer is no list of the evals interface.", mend=mend)
        return reply


class OpenaiEvalsConnector:
    """One project's evaluations.

    A run's metadata names its use case in `gatehouse.use_case`, the version it tried in `gatehouse.version_digest`, and
    `environment`, `dataset` and `git_sha`; an item names itself in `case_id` and its kind in `item_kind`. Scores are
    read item by item: the sums a run carries count a failed grader as nothing.
    """

    kind: ClassVar[str] = "openai_evals"
    title: ClassVar[str] = "OpenAI and Azure AI Foundry evals"
    summary: ClassVar[str] = "Finished evaluation runs with every grader's answer on every item."
    proof: ClassVar[Proof] = Proof(
        "specification",
        "The published types of the interface, and items in Foundry's form that azure-ai-evaluation 1.18.10 wrote.",
    )
    reads_scores: ClassVar[bool] = True
    hosts: ClassVar[tuple[str, ...]] = (
        "api.openai.com", "eu.api.openai.com", "*.openai.azure.com", "*.openai.azure.us", "*.services.ai.azure.com",
        "*.cognitiveservices.azure.com", *AUTHORITY_HOSTS,
    )  # fmt: skip
    config_schema: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            "base_url",
            "Address",
            "https://api.openai.com/v1, https://<resource>.openai.azure.com/openai/v1 or a Foundry project's address "
            "followed by /openai/v1.",
            True,
            kind="url",
            default=BASE,
        ),
        ConfigField(
            "auth",
            "Signs in with",
            "OpenAI takes its key as a bearer token, Azure in a header of its own; an application has a client secret.",
            default="bearer",
            choices=(("bearer", "A key of OpenAI"), ("api_key", "A key of Azure"), ("entra", "An Azure application")),
        ),
        AUTHORITY_FIELD,
        replace(TENANT, required=False),
        replace(CLIENT, required=False),
        ConfigField(
            "audience",
            "Token for",
            "The service an application's token is for.",
            default="https://ai.azure.com/.default",
        ),
        ConfigField("api_version", "Interface version", "Only where the address needs one, such as v1."),
        ConfigField("evaluations", "Evaluations", "Names or ids; empty means all of the project.", kind="list"),
        ConfigField("use_case", "Use case of the project", "The key for runs that name none; may stay empty."),
        LABELS,
        ConfigField("token", "Key", "A key that may read evaluations.", secret=True),
        SECRET,
    )

    def request_headers(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
        key, auth = secrets.get("token"), text_of(config.get("auth")) or "bearer"
        if not key or auth == "entra":  # a key never goes where a token is asked for
            return {}
        return {"api-key": key} if auth == "api_key" else {"Authorization": f"Bearer {key}"}

    def check(self, session: Session) -> CheckResult:
        def usable() -> str:
            found = _reader(session).first()
            return "Evaluations found" if found["data"] else "No evaluation yet"

        return check_until_failure(
            ("Resolve the address", lambda: ", ".join(session.network().addresses(session.base_url()))),
            ("Sign in", lambda: _signed_in(session)),
            ("Read evaluations", usable),
        )

    def discover(self, session: Session) -> list[Discovered]:
        """The evaluations, the use cases their newest runs name, and their graders."""
        reader = _reader(session)
        found, keys, metrics = [], Counter[str](), Counter[str]()
        for evaluation in _chosen(session, reader.evaluations())[0]:
            ident = text_of(evaluation.get("id"))
            runs = reader.runs(ident)
            found.append(Discovered(ident, first_text(evaluation.get("name"), ident), len(runs), "experiment"))
            keys.update(
                first_text(*(mapping_of(run.get("metadata")).get(key) for key in USE_CASE_KEYS)) for run in runs
            )
            done = [run for run in runs if run.get("status") == COMPLETED][-1:]
            for item in (row for run in done for row in reader.items(ident, text_of(run.get("id")))):
                metrics.update(metric_of(result) for result in rows_of(item.get("results")))
        return [
            *found,
            *(Discovered(key, key, count) for key, count in sorted(keys.items()) if key),
            *(Discovered(key, key, count, "metric") for key, count in sorted(metrics.items()) if key),
        ]

    def fetch(self, session: Session, cursor: str, lookback: timedelta = DEFAULT_LOOKBACK) -> Iterator[Batch]:
        progress, reader = Progress.of(cursor), _reader(session)
        runs = RunReader(session.mapping_by_metric(), labels_of(session), session.text("use_case"))
        evaluations, rejects = _chosen(session, reader.evaluations())
        if rejects:
            yield Batch((), tuple(rejects), progress.text())
        since = progress.runs_since(lookback)
        pairs = [(run, each) for each in evaluations for run in reader.runs(text_of(each.get("id")))]
        pairs = sorted(
            (pair for pair in pairs if made_ms(pair[0]) >= since), key=lambda p: (made_ms(p[0]), str(p[0].get("id")))
        )
        waiting = False
        for run, evaluation in pairs:
            old = made_ms(run) < (session.now - WAITED_FOR).timestamp() * 1000
            waiting = waiting or (text_of(run.get("status")) in UNFINISHED and not old)
            if not waiting:  # never beyond a run that is still to finish: runs have no time of their end
                progress = progress.read_runs(made_ms(run), session.now)
            yield self._batch(reader, runs, run, evaluation, progress.text())

    def _batch(self, reader: Reader, runs: RunReader, run: Row, evaluation: Row, cursor: str) -> Batch:
        run_id, status = text_of(run.get("id")), text_of(run.get("status"))
        if status != COMPLETED:
            reason = "It is read once it is complete." if status in UNFINISHED else "Only complete runs are evidence."
            return Batch((), (Reject(run_id, f"The run is {status or 'in no known state'}. {reason}"),), cursor)
        items = reader.items(text_of(evaluation.get("id")), run_id)
        total = counted(run)
        if not items or (total is not None and len(items) != total):
            reason = (
                f"{len(items)} of {total if total is not None else 'its'} items could be read. Nothing was counted."
            )
            return Batch((), (Reject(run_id, reason),), cursor)
        reading, rejects = runs.read(run, evaluation, items)
        return Batch((reading,), tuple(rejects), cursor)


def _after(reply: Row) -> str:
    rows = rows_of(reply.get("data"))
    if reply.get("has_more") is not True:
        return ""
    last = first_text(reply.get("last_id"), rows[-1].get("id") if rows else "")
    if not last:
        raise SchemaError("A list says it goes on but not where.", mend="Look at the proxy before the source.")
    return last


def _reader(session: Session) -> Reader:
    auth = session.text("auth", "bearer")
    if auth not in AUTH:
        raise Refused(f"“{auth[:40]}” is no way to sign in.", mend="Write bearer, api_key or entra.", stage="sign_in")
    identity = identity_of(session) if auth == "entra" else None
    audience = session.text("audience", "https://ai.azure.com/.default")
    return Reader(session.network(), session.base_url(), identity, audience, session.text("api_version"))


def _signed_in(session: Session) -> str:
    reader = _reader(session)
    if reader.identity is None:
        if not session.secrets.get("token"):
            raise Refused("There is no key.", mend="Enter one under “Replace the secret”.", stage="sign_in")
        return "A key is set"
    reader.identity.headers(reader.audience)
    return "Azure gave a token"


def _chosen(session: Session, evaluations: list[Row]) -> tuple[list[Row], list[Reject]]:
    """The configured evaluations (all when none is configured), and those not found."""
    wanted = session.entries("evaluations")
    names = [{text_of(row.get("name")), text_of(row.get("id"))} for row in evaluations]
    chosen = [row for row, own in zip(evaluations, names, strict=True) if not wanted or own & set(wanted)]
    reason = "No evaluation “{}” is in this project. Check its name."
    return chosen, [Reject(name, reason.format(name)) for name in wanted if not any(name in own for own in names)]
