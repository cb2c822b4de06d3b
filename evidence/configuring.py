"""What a connector is set up with, checked: configuration fields, dimension mapping, use case mapping."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evidence.choices import Dimension, Direction
from evidence.connectors.addresses import Endpoint, Reach, host_key
from evidence.connectors.base import ConfigField, DimensionMapping
from evidence.connectors.formats.registry import TITLES
from evidence.connectors.registry import connector as connector_of
from evidence.connectors.shapes import text_of, time_of_text
from evidence.connectors.told import LONGEST as LONGEST_TOLD
from evidence.connectors.transport import DEFAULT_PORTS
from evidence.numbers import to_decimal_or_none
from evidence.readings import version_digest_or_empty

LONGEST_TEXT = 500
MOST_ENTRIES = 200


def plain_fields(kind: str) -> list[ConfigField]:
    return [field for field in connector_of(kind).config_schema if not field.secret]


def secret_fields(kind: str) -> list[ConfigField]:
    return [field for field in connector_of(kind).config_schema if field.secret]


def checked_config(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its defaults; ValidationError by field. Secrets have no place in it."""
    fields = {field.name: field for field in plain_fields(kind)}
    errors: dict[str, str] = {}
    if unknown := sorted(given.keys() - fields.keys()):
        errors["config"] = _("Not known here: %(names)s.") % {"names": ", ".join(unknown[:10])[:200]}
    config: dict[str, Any] = {}
    for name, field in fields.items():
        value = given.get(name)
        if value in (None, "", []):
            value = field.default
        if value in (None, "", []):
            if field.required:
                errors[name] = _("This is needed: %(help)s") % {"help": field.help}
            continue
        try:
            config[name] = _checked(field, value)
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise ValidationError({name: [text] for name, text in errors.items()})
    return config


def _checked(field: ConfigField, value: Any) -> Any:
    if field.kind == "list":
        entries = value.split(",") if isinstance(value, str) else value
        if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
            raise ValueError(_("This is a list of at most 200 entries."))
        return [_text(entry) for entry in entries if _text(entry)]
    if field.kind == "number":
        number = to_decimal_or_none(value)
        if number is None or number != number.to_integral_value() or not 0 <= number <= 10_000:
            raise ValueError(_("This is a whole number from 0 to 10000."))
        return int(number)
    if field.kind == "boolean":
        return value in (True, "true", "on", "1")
    text = _text(value)
    known = [value for value, _words in field.choices]
    if known and text not in known:
        raise ValueError(_("Choose one of: %(known)s.") % {"known": ", ".join(known)})
    if field.kind == "url" and endpoint_of(text) is None:
        raise ValueError(_("Enter a plain web address, such as https://mlflow.example.org."))
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
        raise ValueError(_("This is a text of at most 500 characters."))
    return value.strip()


def checked_secrets(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """The secrets that are filled in; ValidationError for one this kind does not have."""
    known = {field.name for field in secret_fields(kind)}
    if given.keys() - known:
        raise ValidationError({"secret": [_("This kind of source has no such secret.")]})
    if any(len(value) > 4000 for value in given.values()):
        raise ValidationError({"secret": [_("A secret has 4000 characters at most.")]})
    return {name: value for name, value in given.items() if value}


def checked_told(given: Mapping[str, Any]) -> dict[str, str]:
    """What an uploader says about a file, as it is stored: texts, empty ones left out; ValidationError by field."""
    told = {name: _said(given.get(name)) for name in (*LONGEST_TOLD, "finished_at")}
    checks: dict[str, tuple[bool, str]] = {
        "format": (told["format"] in {"", *TITLES}, _("Use one of %(known)s.") % {"known": ", ".join(TITLES)}),
        "use_case": (not told["use_case"] or _REFERENCE.fullmatch(told["use_case"]) is not None, _("Such as UC-0001.")),
        "version": (
            not told["version"] or bool(version_digest_or_empty(told["version"])),
            _("The 64 hex digits of the system version's page."),
        ),
        "finished_at": (
            not told["finished_at"] or time_of_text(told["finished_at"]) is not None,
            _("An ISO 8601 time, such as 2026-11-23T08:30:00Z."),
        ),
    }
    errors = {name: [text] for name, (right, text) in checks.items() if not right}
    for name, longest in LONGEST_TOLD.items():
        if len(told[name]) > longest:
            errors[name] = [_("At most %(most)s characters.") % {"most": longest}]
    if unknown := sorted(given.keys() - told.keys()):
        errors["told"] = [_("Not known here: %(names)s.") % {"names": ", ".join(unknown[:10])[:200]}]
    if errors:
        raise ValidationError(errors)
    return {name: text for name, text in told.items() if text}


_REFERENCE = re.compile(r"UC-[0-9]{4,9}")


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else text_of(value)


def endpoint_of(url: str) -> Endpoint | None:
    """(host, port) of a web address without credentials, query or fragment; None when it is none."""
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    if target.scheme not in DEFAULT_PORTS or not target.host or target.userinfo or target.query or target.fragment:
        return None
    # As it goes over the wire: an international name in its ASCII form.
    return host_key(target.raw_host.decode("ascii")), target.port or DEFAULT_PORTS[target.scheme]


def origins_of(kind: str, config: Mapping[str, Any]) -> tuple[tuple[str, Endpoint], ...]:
    """Scheme, host and port of every address in a configuration, the first one first: what a secret was entered for."""
    urls = [str(config.get(field.name) or "") for field in plain_fields(kind) if field.kind == "url"]
    found = ((url, endpoint_of(url)) for url in urls)
    return tuple((httpx.URL(url).scheme, endpoint) for url, endpoint in found if endpoint)


def reach_of(kind: str, config: Mapping[str, Any]) -> Reach:
    """The hosts a connector may call: those it is set up with, within what its kind allows."""
    return Reach(frozenset(endpoint for _scheme, endpoint in origins_of(kind, config)), connector_of(kind).hosts)


def checked_mapping(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The dimension mapping as it is stored, numbers as text; ValidationError with the row. Each metric once."""
    stored: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        try:
            stored.append(_mapping_row(row))
        except ValueError as error:
            raise ValidationError(_("Row %(row)s: %(fault)s") % {"row": number, "fault": error}) from None
    if len(stored) > MOST_ENTRIES:
        raise ValidationError(_("A mapping has 200 rows at most."))
    metrics = [row["metric"] for row in stored]
    if twice := next((metric for metric in metrics if metrics.count(metric) > 1), ""):
        raise ValidationError(_("The metric %(metric)s is mapped twice.") % {"metric": twice})
    return stored


_ROW_KEYS = {"metric", "dimension", "scale_min", "scale_max", "direction", "threshold", "kind"}


def _mapping_row(row: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(row, Mapping) or not row.keys() <= _ROW_KEYS:
        raise ValueError(_("A row has these keys: %(keys)s.") % {"keys": ", ".join(sorted(_ROW_KEYS))})
    metric, kind = str(row.get("metric") or "").strip(), row.get("kind") or "numeric"
    if not 0 < len(metric) <= 120 or "\x00" in metric:
        raise ValueError(_("Name the metric as the source does, in at most 120 characters."))
    if row.get("dimension") not in Dimension.values:
        raise ValueError(_("Choose the dimension of %(metric)s.") % {"metric": metric})
    if row.get("direction") not in Direction.values:
        raise ValueError(_("Say whether higher or lower is better for %(metric)s.") % {"metric": metric})
    low, high = _number(row.get("scale_min"), metric), _number(row.get("scale_max"), metric)
    threshold = _number(row.get("threshold"), metric)
    if low is None or high is None:
        raise ValueError(_("Say on which scale %(metric)s is given. It cannot be guessed.") % {"metric": metric})
    if threshold is None and kind != "boolean":
        raise ValueError(_("Say from which value on a case passes %(metric)s.") % {"metric": metric})
    told: tuple[Any, ...] = (metric, str(row["dimension"]), low, high, row["direction"], threshold, kind)
    DimensionMapping(*told)
    texts = {name: None if value is None else str(value) for name, value in zip(_STORED, told, strict=True)}
    return dict(texts)


_STORED = ("metric", "dimension", "scale_min", "scale_max", "direction", "threshold", "kind")


def _number(value: Any, metric: str) -> Decimal | None:
    if value in (None, ""):
        return None
    number = to_decimal_or_none(value)
    if number is None or abs(number) >= 10**9:
        raise ValueError(_("A number of %(metric)s cannot be read.") % {"metric": metric})
    return number


def mappings_of(rows: Iterable[Mapping[str, Any]]) -> tuple[DimensionMapping, ...]:
    """The stored mapping as connectors take it."""
    return tuple(
        DimensionMapping(
            metric=row["metric"],
            dimension=row["dimension"],
            scale_min=Decimal(row["scale_min"]),
            scale_max=Decimal(row["scale_max"]),
            direction=row["direction"],
            threshold=None if row["threshold"] is None else Decimal(row["threshold"]),
            kind=row["kind"],
        )
        for row in rows
    )
