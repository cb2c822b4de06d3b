"""Setting up where evidence comes from, and which internal addresses may be reached for it: two roles."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from evidence import policies
from evidence.choices import ConnectorKind, SyncState
from evidence.configuring import checked_config, checked_mapping, checked_secrets, origins_of
from evidence.connectors.addresses import check_open
from evidence.connectors.errors import ConnectorError
from evidence.models import AllowedHost, Connector, SyncRun
from evidence.sealing import seal, unseal
from portal.access import require
from portal.actors import Actor
from portal.audit import record
from usecases.models import UseCase

LONGEST_KEY = 200
MOST_KEYS = 2000
SHORTEST_SCHEDULE, LONGEST_SCHEDULE = 5, 7 * 24 * 60
LONGEST_LOOKBACK = 90


@transaction.atomic
def create_connector(
    *,
    actor: Actor,
    kind: str,
    name: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    dimension_mapping: Iterable[Mapping[str, Any]] = (),
    use_case_mapping: Mapping[str, str] | None = None,
    schedule_minutes: int | None = None,
    lookback_days: int = 7,
) -> Connector:
    """A new source. Raises Refused, and ValidationError by field."""
    require(policies.may_configure_connectors(actor))
    if kind not in ConnectorKind.values:
        raise ValidationError({"kind": [_("There is no connector of this kind.")]})
    connector = Connector(
        kind=kind,
        name=_free_name(name, None),
        config=checked_config(kind, config),
        dimension_mapping=checked_mapping(dimension_mapping),
        use_case_mapping=_checked_use_cases(actor, use_case_mapping or {}),
        schedule_minutes=_checked_schedule(kind, schedule_minutes),
        lookback_days=_checked_lookback(lookback_days),
        created_by=actor.person,
    )
    given = checked_secrets(kind, secrets or {})
    connector.secret = seal(connector.pk, given) if given else None
    connector.save()
    data = {"kind": kind, "name": connector.name, "host": _host(connector)}
    record(actor, "connector.created", connector, f"set up the connector {connector.name}.", data=data)
    return connector


@transaction.atomic
def change_connector(
    *,
    actor: Actor,
    connector: Connector,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    dimension_mapping: Iterable[Mapping[str, Any]] | None = None,
    use_case_mapping: Mapping[str, str] | None = None,
    schedule_minutes: int | None = None,
    lookback_days: int | None = None,
    unschedule: bool = False,
) -> Connector:
    """Change what is given. Another host erases the secret: it was entered for the old one. Raises as creating does."""
    connector = _locked(connector)
    require(policies.may_configure_connectors(actor))
    wanted: dict[str, Any] = {}
    if name is not None:
        wanted["name"] = _free_name(name, connector)
    if config is not None:
        wanted["config"] = checked_config(connector.kind, config)
    if dimension_mapping is not None:
        wanted["dimension_mapping"] = checked_mapping(dimension_mapping)
    if use_case_mapping is not None:
        wanted["use_case_mapping"] = _checked_use_cases(actor, use_case_mapping, connector.use_case_mapping)
    if schedule_minutes is not None or unschedule:
        wanted["schedule_minutes"] = _checked_schedule(connector.kind, schedule_minutes)
    if lookback_days is not None:
        wanted["lookback_days"] = _checked_lookback(lookback_days)
    changed = {key: value for key, value in wanted.items() if value != getattr(connector, key)}
    if not changed:
        return connector
    moved = "config" in changed and origins_of(connector.kind, changed["config"]) != origins_of(
        connector.kind, connector.config
    )
    erased = moved and connector.secret is not None
    if changed.keys() & {"config", "dimension_mapping", "use_case_mapping"}:
        # What was left out before, or read another way, is found by reading from the beginning.
        changed["cursor"] = {}
    for key, value in ({**changed, "secret": None} if moved else changed).items():
        setattr(connector, key, value)
    connector.save()
    told = ", ".join(_NOUNS[key] for key in changed if key in _NOUNS)
    lost = " Its host changed, so its secret was erased." if erased else ""
    data = {"changed": sorted(changed), "host": _host(connector), "secret_erased": erased}
    record(actor, "connector.changed", connector, f"changed {told} of the connector {connector.name}.{lost}", data=data)
    return connector


_NOUNS = {
    "name": "the name",
    "config": "the settings",
    "dimension_mapping": "the dimension mapping",
    "use_case_mapping": "the use case mapping",
    "schedule_minutes": "the schedule",
    "lookback_days": "the look-back",
}


@transaction.atomic
def set_secret(*, actor: Actor, connector: Connector, secrets: Mapping[str, str]) -> Connector:
    """Replace what opens the source; empty values take away. The secret itself is told nowhere."""
    connector = _locked(connector)
    require(policies.may_configure_connectors(actor))
    given = checked_secrets(connector.kind, secrets)
    connector.secret = seal(connector.pk, given) if given else None
    connector.save(update_fields=["secret", "changed_at"])
    verb = "replaced" if given else "removed"
    data = {"names": sorted(given)}
    record(actor, "connector.secret_set", connector, f"{verb} the secret of the connector {connector.name}.", data=data)
    return connector


def secret_names(connector: Connector) -> list[str]:
    """Which secrets are set; never what they are."""
    return sorted(unseal(connector.pk, connector.secret))


@transaction.atomic
def disable_connector(*, actor: Actor, connector: Connector) -> Connector:
    """Nothing is read from it any more; what waited gives up, what runs is shut out. Raises Refused."""
    connector = _locked(connector)
    require(policies.may_disable(actor, connector))
    Connector.objects.filter(pk=connector.pk).update(enabled=False)
    connector.enabled = False
    SyncRun.objects.filter(connector=connector, state__in=policies.OPEN_STATES).update(
        state=SyncState.DEAD,
        finished_at=timezone.now(),
        token=None,
        lease_until=None,
        error_kind="disabled",
        error="The connector was switched off.",
    )
    record(actor, "connector.disabled", connector, f"switched the connector {connector.name} off.")
    return connector


@transaction.atomic
def enable_connector(*, actor: Actor, connector: Connector) -> Connector:
    connector = _locked(connector)
    require(policies.may_enable(actor, connector))
    Connector.objects.filter(pk=connector.pk).update(enabled=True)
    connector.enabled = True
    record(actor, "connector.enabled", connector, f"switched the connector {connector.name} on.")
    return connector


@transaction.atomic
def allow_host(*, actor: Actor, host: str, port: int, reason: str) -> AllowedHost:
    """Let connectors reach this internal address. Raises Refused, ValidationError by field."""
    require(policies.may_allow_hosts(actor))
    assert actor.person is not None
    reason = reason.strip()
    try:
        key = check_open(host)
    except ConnectorError as error:
        raise ValidationError({"host": [str(error)]}) from None
    if not 1 <= port <= 65535:
        raise ValidationError({"port": [_("A port is a number from 1 to 65535.")]})
    if not reason:
        raise ValidationError({"reason": [_("Say why connectors may reach it.")]})
    try:
        with transaction.atomic():
            allowed = AllowedHost.objects.create(host=key, port=port, reason=reason, allowed_by=actor.person)
    except IntegrityError:
        raise ValidationError({"host": [_("This address is allowed already.")]}) from None
    data = {"host": key, "port": port, "reason": reason}
    record(actor, "allowed_host.allowed", allowed, f"allowed connectors to reach {key}:{port}: {reason}", data=data)
    return allowed


@transaction.atomic
def withdraw_host(*, actor: Actor, host: AllowedHost) -> AllowedHost:
    """From the next connection on the address is closed again. Raises Refused."""
    host = AllowedHost.objects.select_for_update(of=("self",)).get(pk=host.pk)
    require(policies.may_withdraw_host(actor, host))
    host.withdrawn_by, host.withdrawn_at = actor.person, timezone.now()
    host.save(update_fields=["withdrawn_by", "withdrawn_at"])
    record(actor, "allowed_host.withdrawn", host, f"closed {host.host}:{host.port} to connectors again.")
    return host


def _locked(connector: Connector) -> Connector:
    return Connector.objects.select_for_update(of=("self",)).get(pk=connector.pk)


def _free_name(name: str, connector: Connector | None) -> str:
    name = name.strip()
    if not 0 < len(name) <= 120 or "\x00" in name:
        raise ValidationError({"name": [_("A name has 1 to 120 characters.")]})
    holder = Connector.objects.filter(name=name).first()
    if holder is not None and holder != connector:
        raise ValidationError({"name": [_("There is a connector of this name already.")]})
    return name


def _checked_schedule(kind: str, minutes: int | None) -> int | None:
    if minutes is None:
        return None
    if kind in policies.FILE_KINDS:
        raise ValidationError({"schedule_minutes": [_("Files are read when they arrive, not on a schedule.")]})
    if not SHORTEST_SCHEDULE <= minutes <= LONGEST_SCHEDULE:
        raise ValidationError({"schedule_minutes": [_("Every 5 minutes at most, every 7 days at least.")]})
    return minutes


def _checked_lookback(days: int) -> int:
    if not 0 <= days <= LONGEST_LOOKBACK:
        raise ValidationError({"lookback_days": [_("The look-back is 0 to 90 days.")]})
    return days


def _checked_use_cases(
    actor: Actor, given: Mapping[str, str], known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Only use cases the actor may know of can be mapped; what stood before may stay."""
    mapping = {str(key).strip(): str(value).strip().upper() for key, value in given.items()}
    if len(mapping) > MOST_KEYS or any(not 0 < len(key) <= LONGEST_KEY or "\x00" in key for key in mapping):
        raise ValidationError({"use_case_mapping": [_("At most 2000 keys, each of 1 to 200 characters.")]})
    for reference in sorted(set(mapping.values()) - set((known or {}).values())):
        try:
            UseCase.objects.get_visible(actor, reference)
        except Http404:
            text = _("There is no use case %(reference)s.") % {"reference": reference[:20]}
            raise ValidationError({"use_case_mapping": [text]}) from None
    return mapping


def _host(connector: Connector) -> str:
    origins = origins_of(connector.kind, connector.config)
    return ", ".join(f"{host}:{port}" for _scheme, (host, port) in origins)
