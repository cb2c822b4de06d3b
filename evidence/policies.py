"""May this actor bring evidence, set up where it comes from, or open the way to it?"""

from django.utils.translation import gettext as _

from evidence.choices import SyncState
from evidence.models import AllowedHost, Connector, SyncRun
from portal.access import Reason, Ruling, organisation_capabilities, rule, unless
from portal.actors import Actor
from usecases.models import UseCase
from usecases.policies import capabilities

FILE_KINDS = frozenset({"focus_file", "evaluation_file"})
OPEN_STATES = (SyncState.QUEUED, SyncState.FAILED, SyncState.RUNNING)


def may_push_evidence(actor: Actor, use_case: UseCase) -> Ruling:
    """Connectors' own workers may always: what they read is decided when they are configured."""
    text = _(
        "Pushing evidence needs the role of engineer, evidence source or pipeline here, and a token with its scope."
    )
    able = actor.kind == "worker" or "push_evidence" in capabilities(actor, use_case)
    return rule([unless(able, "not_evidence_source", text)])


def may_see_connectors(actor: Actor) -> bool:
    """Connectors belong to the organisation: for those who set them up, allow their hosts or audit them."""
    return bool({"configure_connectors", "allow_hosts", "view_audit", "sync"} & organisation_capabilities(actor))


def may_configure_connectors(actor: Actor) -> Ruling:
    text = _("Setting up connectors needs the role of platform lead or administrator for the whole organisation.")
    return rule([_person(actor), unless(_able(actor, "configure_connectors"), "not_platform", text)])


def may_disable(actor: Actor, connector: Connector) -> Ruling:
    text = _("This connector is switched off already.")
    against = unless(connector.enabled, "disabled", text, conflict=True)
    return rule([*may_configure_connectors(actor).reasons, against])


def may_enable(actor: Actor, connector: Connector) -> Ruling:
    text = _("This connector is switched on already.")
    against = unless(not connector.enabled, "enabled", text, conflict=True)
    return rule([*may_configure_connectors(actor).reasons, against])


def may_sync(actor: Actor, connector: Connector) -> Ruling:
    """Reading a network source now; a file source is read when its file arrives."""
    text = _("This source is read from files. Upload one instead.")
    return rule(
        [*_may_read(actor, connector), unless(connector.kind not in FILE_KINDS, "reads_files", text, conflict=True)]
    )


def may_upload(actor: Actor, connector: Connector) -> Ruling:
    text = _("This source is read over the network. Start a synchronisation instead.")
    return rule(
        [*_may_read(actor, connector), unless(connector.kind in FILE_KINDS, "reads_network", text, conflict=True)]
    )


def may_read_again(actor: Actor, run: SyncRun) -> Ruling:
    """A file that was kept, read as the connector is set up now; one that waits or is being read comes first."""
    none = _("Only the reading of a file can be repeated. Start a synchronisation instead.")
    busy = _("This file is still being read.")
    return rule(
        [
            *_may_read(actor, run.connector),
            unless(bool(run.file_sha256), "no_file", none, conflict=True),
            unless(run.state not in OPEN_STATES, "still_reading", busy, conflict=True),
        ]
    )


def may_retry(actor: Actor, run: SyncRun) -> Ruling:
    text = _("Only a synchronisation that gave up can be tried again by hand.")
    return rule(
        [*_may_read(actor, run.connector), unless(run.state == SyncState.DEAD, "not_dead", text, conflict=True)]
    )


def may_allow_hosts(actor: Actor) -> Ruling:
    """Security opens internal addresses, platform uses them: two roles, so never the connector's editor alone."""
    text = _("Allowing internal addresses needs the role of security officer.")
    both = _("Who sets up connectors does not also allow their addresses. Ask somebody from security.")
    return rule(
        [
            _person(actor),
            unless(_able(actor, "allow_hosts"), "not_security", text),
            unless(not (_able(actor, "allow_hosts") and _able(actor, "configure_connectors")), "two_roles", both),
        ]
    )


def may_withdraw_host(actor: Actor, host: AllowedHost) -> Ruling:
    """Closing is never harmful, so it needs the role alone."""
    text = _("Withdrawing an internal address needs the role of security officer.")
    gone = unless(host.withdrawn_at is None, "withdrawn", _("This address was withdrawn already."), conflict=True)
    return rule([_person(actor), unless(_able(actor, "allow_hosts"), "not_security", text), gone])


def _may_read(actor: Actor, connector: Connector) -> list[Reason | None]:
    off = _("This connector is switched off. Switch it on first.")
    text = _("Starting a synchronisation needs the role of platform lead or evidence source.")
    able = _able(actor, "sync") or _able(actor, "configure_connectors")
    return [
        unless(able, "not_platform", text),
        unless(connector.enabled, "disabled", off, conflict=True),
    ]


def _able(actor: Actor, capability: str) -> bool:
    return capability in organisation_capabilities(actor)


def _person(actor: Actor) -> Reason | None:
    return unless(actor.kind == "person", "not_a_person", _("This is for a person to do, not for a machine."))
