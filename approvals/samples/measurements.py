"""Weeks of evaluation runs and daily usage, made from shares: the same seed, the same cases, every time."""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

QUALITY = ("groundedness", "relevance", "coherence", "completeness")
ATTACK = "attack_resistance"
KINDS = ("common_question", "edge_case", "known_failure", "source_grounded", "expected_characteristic", "unsafe_prompt")
# Scale, direction and threshold of each metric, as its judge gives them.
RATING = {"scale_min": 1, "scale_max": 5, "direction": "higher", "kind": "numeric"}
YES_OR_NO = {"scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 1, "kind": "boolean"}
SEVERITY = {"scale_min": 0, "scale_max": 7, "direction": "lower", "threshold": 3, "kind": "numeric"}
LLM_JUDGE = {"kind": "llm", "name": "gpt-4.1", "version": "2025-04-14"}
CODE_JUDGE = {"kind": "code", "name": "northwind-checks", "version": "12"}


def runs_of(entry: dict[str, Any], versions: list[dict[str, str]], reference: str, last: date) -> list[dict[str, Any]]:
    """Payloads of the push API, oldest first: every week a quality run and, where attacks are judged, an attack run."""
    payloads = []
    weeks = len(entry.get("runs", []))
    for week, shares in enumerate(entry.get("runs", [])):
        at = last - timedelta(weeks=weeks - 1 - week)
        payloads += payloads_of(entry, shares, versions[shares["version"]], reference, at)
    return payloads


def payloads_of(
    entry: dict[str, Any], shares: dict[str, Any], version: dict[str, str], reference: str, at: date
) -> list[dict[str, Any]]:
    """The runs of one night: quality and safety on the question set, resistance on the attack set."""
    measured = [name for name in shares if name not in ("version", "errored", ATTACK)]
    payloads = [_payload(entry, shares, version, reference, at, measured, entry["dataset"], entry["cases"])]
    if ATTACK in shares:
        payloads.append(_payload(entry, shares, version, reference, at, [ATTACK], "attack-prompts", 200))
    return payloads


def _payload(
    entry: dict[str, Any],
    shares: dict[str, Any],
    version: dict[str, str],
    reference: str,
    at: date,
    dimensions: list[str],
    dataset: str,
    count: int,
) -> dict[str, Any]:
    seed = f"{entry['key']}/{version['label']}/{dataset}/{at.isoformat()}"
    chance = random.Random(seed)  # noqa: S311  sample data, not secrets
    verdicts = {name: _spread(chance, count, shares[name]) for name in dimensions}
    errored = set(chance.sample(range(count), shares.get("errored", 0))) if QUALITY[0] in dimensions else set()
    finished = datetime.combine(at, time(2, 10), UTC)
    return {
        "external_id": f"{dataset}-{version['label']}-{at.isoformat()}",
        "name": f"{dataset} on {version['label']}, {at.isoformat()}",
        "started_at": _utc(finished - timedelta(minutes=17)),
        "finished_at": _utc(finished),
        "use_case": reference,
        "version": version["digest"],
        "environment": "test",
        "dataset": {"name": dataset, "version": "2026-09"},
        "metrics": {name: _metric(name) for name in dimensions},
        "cases": [_case(chance, index, dimensions, verdicts, index in errored, dataset) for index in range(count)],
    }


def _spread(chance: random.Random, count: int, share: float) -> list[bool]:
    """Exactly the share of passes, rounded to whole cases, in random places."""
    passes = round(share * count)
    verdicts = [True] * passes + [False] * (count - passes)
    chance.shuffle(verdicts)
    return verdicts


def _metric(name: str) -> dict[str, Any]:
    if name in QUALITY:
        threshold = 4 if name == "groundedness" else 3
        return {"dimension": name, **RATING, "threshold": threshold, "judge": LLM_JUDGE}
    if name == "safety":
        return {"dimension": name, **SEVERITY, "judge": LLM_JUDGE}
    return {"dimension": name, **YES_OR_NO, "judge": CODE_JUDGE}


def _case(
    chance: random.Random,
    index: int,
    dimensions: list[str],
    verdicts: dict[str, list[bool]],
    judge_failed: bool,
    dataset: str,
) -> dict[str, Any]:
    scores: dict[str, Any] = {name: _value(chance, name, verdicts[name][index]) for name in dimensions}
    if judge_failed:
        scores[QUALITY[0]] = {"error": "The judge did not answer within 60 seconds."}
    kind = "unsafe_prompt" if dimensions == [ATTACK] else KINDS[index % len(KINDS)]
    return {"item": f"{dataset}-{index + 1:03d}", "kind": kind, "scores": scores}


def _value(chance: random.Random, name: str, passed: bool) -> float:
    if name in QUALITY:
        threshold = 4 if name == "groundedness" else 3
        return chance.randint(threshold, 5) if passed else chance.randint(1, threshold - 1)
    if name == "safety":
        return chance.choice((0, 0, 0, 1)) if passed else chance.choice((4, 5))
    return 1 if passed else 0


def usage_of(
    entry: dict[str, Any], versions: list[dict[str, str]], reference: str, last: date, days: int
) -> list[dict[str, Any]]:
    """Usage records of the push API: a weekly rhythm, slow growth, the newest version over the last fortnight."""
    shape = entry["usage"]
    chance = random.Random(f"usage/{entry['key']}")  # noqa: S311  sample data, not secrets
    rows = []
    for back in range(days, 0, -1):
        day = last - timedelta(days=back - 1)
        weekday = 1.0 if day.weekday() < 5 else 0.22
        growth = 1 + 0.45 * (days - back) / days
        requests = max(1, round(shape["requests"] * weekday * growth * chance.uniform(0.9, 1.1)))
        rows.append(_usage_row(entry, shape, versions[0], reference, day, requests, chance))
    return rows


def _usage_row(
    entry: dict[str, Any],
    shape: dict[str, Any],
    version: dict[str, str],
    reference: str,
    day: date,
    requests: int,
    chance: random.Random,
) -> dict[str, Any]:
    inputs = round(requests * shape["input"] * chance.uniform(0.93, 1.07))
    outputs = round(requests * shape["output"] * chance.uniform(0.93, 1.07))
    cached = round(inputs * shape["cached"])
    price_in, price_out = Decimal(shape["price_in"]), Decimal(shape["price_out"])
    cost = (inputs - cached) * price_in + cached * price_in / 4 + outputs * price_out
    return {
        "use_case": reference,
        "version": version["digest"],
        "day": day.isoformat(),
        "environment": "production" if entry["point"] in ("production", "suspended") else "test",
        "team": entry["unit"],
        "provider": version["provider"],
        "model": version["model"],
        "operation": "chat",
        "requests": requests,
        "failed_requests": round(requests * shape["failed"]),
        "input_tokens": inputs,
        "cached_input_tokens": cached,
        "output_tokens": outputs,
        "successful_outcomes": round(requests * shape["success"] * chance.uniform(0.97, 1.03)),
        "effective_cost": str(cost.quantize(Decimal("0.000001"))),
        "currency": "EUR",
        "cost_basis": "estimated",
        "finality": "final",
    }


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
