"""The sample organisation's connectors: its cloud bill as a FOCUS file, and an MLflow that is not running here."""

import csv
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from approvals.samples.cast import actor
from approvals.samples.content import use_cases
from evidence.actions.connectors import create_connector, disable_connector
from evidence.actions.syncs import request_file_sync
from evidence.choices import ConnectorKind
from evidence.models import Connector
from usecases.models import UseCase

BILL = "Cloud bill"
TRACKING = "Evaluation tracking"
DAYS = 42
# Service, meter, euros a day for a use case in production.
SERVICES = (
    ("Azure AI Search", "Standard S1 search unit", Decimal("3.90")),
    ("Azure AI Content Safety", "Text records", Decimal("1.15")),
)
COLUMNS = (
    *("BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd"),
    *("ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd", "ProviderName"),
    *("ServiceName", "SkuMeter", "BilledCost", "EffectiveCost", "Tags"),
)


def connect() -> None:
    """Made by platform, as any connector; the bill's file is read by a worker."""
    petra = actor("petra")
    if not Connector.objects.filter(name=TRACKING).exists():
        tracking = create_connector(
            actor=petra, kind=ConnectorKind.MLFLOW, name=TRACKING, config={"base_url": "http://127.0.0.1:5000"}
        )
        disable_connector(actor=petra, connector=tracking)
    if Connector.objects.filter(name=BILL).exists():
        return
    cases = {entry["key"]: UseCase.objects.get(title=entry["title"]) for entry in use_cases()}
    bill = create_connector(
        actor=petra,
        kind=ConnectorKind.FOCUS_FILE,
        name=BILL,
        config={},
        use_case_mapping={key: use_case.reference for key, use_case in cases.items()},
    )
    last = next(iter(cases.values())).registered_at.astimezone(UTC).date() - timedelta(days=1)
    request_file_sync(actor=petra, connector=bill, name=f"focus-{last:%Y-%m}.csv", chunks=[_bill(last).encode()])


def _bill(last: date) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(_charges(last))
    return text.getvalue()


def _charges(last: date) -> Iterator[dict[str, str]]:
    chance = random.Random("cloud bill")  # noqa: S311  sample data, not secrets
    keys = [entry["key"] for entry in use_cases() if entry["point"] in ("production", "suspended", "gated")]
    for back in range(DAYS, 0, -1):
        day = last - timedelta(days=back - 1)
        for service, meter, price in SERVICES:
            # One charge a day carries no tag, as in every real bill: it is reported, not lost.
            for key in [*keys, ""]:
                cost = (price * Decimal(str(round(chance.uniform(0.92, 1.08), 4)))).quantize(Decimal("0.0001"))
                yield _charge(day, service, meter, cost if key else cost / 10, key)


def _charge(day: date, service: str, meter: str, cost: Decimal, key: str) -> dict[str, str]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    month = start.replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    return {
        "BillingAccountId": "northwind-bank",
        "BillingCurrency": "EUR",
        "BillingPeriodStart": f"{month:%Y-%m-%dT%H:%M:%SZ}",
        "BillingPeriodEnd": f"{after:%Y-%m-%dT%H:%M:%SZ}",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodEnd": f"{start + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "ProviderName": "Microsoft",
        "ServiceName": service,
        "SkuMeter": meter,
        "BilledCost": str(cost),
        "EffectiveCost": str(cost),
        "Tags": json.dumps({"use_case": key} if key else {}),
    }
