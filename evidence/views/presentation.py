"""Words and rows for connector pages; reads, never writes."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evidence import policies
from evidence.actions.connectors import secret_names
from evidence.choices import ConnectorKind, Dimension, Direction, SyncState
from evidence.configuring import plain_fields, secret_fields
from evidence.connectors.registry import connector as connector_of
from evidence.forms import upload_form
from evidence.models import Connector, SyncRun
from evidence.querysets import sync_runs
from evidence.sealing import SealBroken
from portal.actors import Actor

RUNS = 50


def about_kind(kind: str) -> dict[str, Any]:
    """What a kind of source is, what it brings and how reading it was verified."""
    found = connector_of(kind)
    proofs = {
        "run": _("Against the running system"),
        "specification": _("By its specification"),
        "documentation": _("By its documentation"),
    }
    return {
        "kind": kind,
        "label": ConnectorKind(kind).label,
        "summary": found.summary,
        "proof": proofs[found.proof.kind],
        "proof_words": found.proof.words,
    }


def ticks_of(runs: Iterable[SyncRun]) -> list[dict[str, Any]]:
    """One tick per finished or failed run, oldest first."""
    settled = (SyncState.SUCCEEDED, SyncState.DEAD, SyncState.FAILED)
    return [
        {
            "ok": run.state == SyncState.SUCCEEDED and not brought_nothing(run),
            "label": f"{run.queued_at:%Y-%m-%d %H:%M} {state_of(run)}: {outcome(run)}",
        }
        for run in runs
        if run.state in settled
    ]


def outcome(run: SyncRun) -> str:
    """What a run brought, or why it did not, in a few words; nothing while it waits or runs."""
    if run.state in (SyncState.DEAD, SyncState.FAILED):
        return run.error
    if run.state != SyncState.SUCCEEDED:
        return ""
    told = [
        (run.counts.get("created", 0), _("new")),
        (run.counts.get("revised", 0), _("revised")),
        (run.counts.get("usage", 0), _("daily rows")),
        (run.counts.get("unchanged", 0), _("unchanged")),
        (run.counts.get("rejected", 0), _("left out")),
    ]
    return ", ".join(f"{count} {word}" for count, word in told if count) or _("nothing new")


def connector_context(actor: Actor, connector: Connector, **more: Any) -> dict[str, Any]:
    by_file = connector.kind in policies.FILE_KINDS
    runs = list(sync_runs(connector)[:RUNS])
    may_read = policies.may_upload(actor, connector) if by_file else policies.may_sync(actor, connector)
    return {
        "connector": connector,
        "about": about_kind(connector.kind),
        "reads_scores": connector_of(connector.kind).reads_scores,
        "facts": _facts(connector, by_file),
        "by_file": by_file,
        "mapping": [_mapping_words(row) for row in connector.dimension_mapping],
        "use_cases": sorted(connector.use_case_mapping.items()),
        "runs": [
            {"run": run, "outcome": outcome(run), "verdict": verdict_of(run), "state": state_of(run)} for run in runs
        ],
        "ticks": ticks_of(reversed(runs[:24])),
        "may_configure": policies.may_configure_connectors(actor),
        "may_read": may_read,
        "may_switch": (policies.may_disable if connector.enabled else policies.may_enable)(actor, connector),
        "has_secrets": bool(secret_fields(connector.kind)),
        "upload": upload_form(connector.kind) if by_file else None,
        **more,
    }


def brought_nothing(run: SyncRun) -> bool:
    """It ran to its end, and everything that was there had to be left out."""
    read = sum(run.counts.get(name, 0) for name in ("created", "revised", "unchanged", "usage"))
    return run.state == SyncState.SUCCEEDED and not read and bool(run.counts.get("rejected"))


def state_of(run: SyncRun) -> str:
    """The run's state in words; “Done” is not said of one that could read nothing."""
    return _("Nothing could be read") if brought_nothing(run) else str(SyncState(run.state).label)


def verdict_of(run: SyncRun) -> str:
    if brought_nothing(run):
        return "fail"
    marks = {SyncState.SUCCEEDED: "pass", SyncState.DEAD: "fail", SyncState.FAILED: "inconclusive"}
    return marks.get(SyncState(run.state), "not_evaluated")


def _facts(connector: Connector, by_file: bool) -> list[dict[str, Any]]:
    about = about_kind(connector.kind)
    facts = [{"label": _("Kind"), "value": about["label"]}, {"label": _("Verified"), "value": about["proof"]}]
    for field in plain_fields(connector.kind):
        value = connector.config.get(field.name)
        if value not in (None, "", []):
            facts.append({"label": field.label, "value": ", ".join(value) if isinstance(value, list) else value})
    if secret_fields(connector.kind):
        facts.append({"label": _("Secret"), "value": _secret_words(connector)})
    if not by_file:
        facts.append({"label": _("Read"), "value": _schedule_words(connector)})
    facts.append({"label": _("Set up by"), "value": connector.created_by.name})
    return facts


def _secret_words(connector: Connector) -> str:
    try:
        names = secret_names(connector)
    except SealBroken as error:
        return str(error)
    labels = {field.name: field.label for field in secret_fields(connector.kind)}
    return ", ".join(labels.get(name, name) for name in names) + _(" (sealed)") if names else _("none")


def _schedule_words(connector: Connector) -> str:
    minutes = connector.schedule_minutes
    if not minutes:
        return _("when somebody asks")
    return ngettext("every minute", "every %(count)d minutes", minutes) % {"count": minutes}


def _mapping_words(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "dimension": Dimension(row["dimension"]).label,
        "direction": Direction(row["direction"]).label,
    }
