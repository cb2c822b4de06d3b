"""Trying a connector out before it is relied on: each step, what was seen, how to mend what failed. Stores nothing."""

from dataclasses import dataclass

from evidence import policies
from evidence.actions.synchronisation import opened
from evidence.connectors.base import CheckResult, CheckStep, Discovered
from evidence.connectors.errors import ConnectorError
from evidence.connectors.registry import connector as connector_of
from evidence.connectors.transport import Limits
from evidence.models import Connector, SyncRun
from evidence.sealing import SealBroken
from portal.access import require
from portal.actors import Actor

# A person waits for the answer, and so does a web worker.
IMPATIENT = Limits(connect=3.0, read=5.0, total=8.0, attempts=1)
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went, and what of the source could be connected."""

    result: CheckResult
    found: tuple[Discovered, ...] = ()


def newest_file(connector: Connector) -> SyncRun | None:
    """The run that brought the connector's newest file."""
    return SyncRun.objects.filter(connector=connector).exclude(file_sha256="").order_by("-queued_at").first()


def try_out(*, actor: Actor, connector: Connector) -> Trial:
    """Try the source as it is set up now; a file source is tried with its newest file. Raises Refused."""
    require(policies.may_configure_connectors(actor))
    kind = connector_of(connector.kind)
    newest = newest_file(connector)
    try:
        with opened(connector, newest, IMPATIENT) as session:
            result = kind.check(session)
            found = kind.discover(session)[:SHOWN] if result.ok else []
    except SealBroken as error:
        return Trial(CheckResult((CheckStep("Open the secret", False, str(error), "Enter the secret again."),)))
    except ConnectorError as error:
        return Trial(CheckResult((*result.steps, CheckStep("See what is there", False, error.what, error.mend))))
    return Trial(result, tuple(found))
