"""What is told to the portal in the journeys: answers, a manifest, evaluation runs and usage."""

from datetime import UTC, datetime, timedelta
from typing import Any

# Ten discovery questions in words, nine factors and two questions of law. Impact 3, exposure 3: moderate.
WORDS = {
    "business_outcome": "Median time to answer a refund question falls from two days to one hour, measured weekly.",
    "answer_quality_owner": "The head of customer service reads twenty answers every Monday.",
    "trusted_sources": "The refund policy and the price list, both owned by the platform team.",
    "uncertain_or_wrong": "It says that it does not know and hands over to an agent.",
    "information_access": "Agents of customer service only; the search service checks it.",
    "unacceptable_failure": "Promising a refund that the policy does not give.",
    "quality_before_release": "The shipped gate for its risk tier, on two hundred questions.",
    "support_process": "The service desk takes reports and the owner answers within a day.",
    "cost_tracking": "Monthly against the budget of customer service.",
    "reuse": "The retrieval and the question set; the refund policy stays here.",
}
FACTORS = {
    "harm_severity": "3",
    "decision_effect": "1",
    "data_sensitivity": "1",
    "irreversibility": "1",
    "autonomy": "3",
    "user_exposure": "3",
    "attack_surface": "3",
    "scale": "1",
    "novelty": "1",
    "eu_tier": "none",
    "omb_high_impact": "no",
}
ARTIFACT = "registry.example.org/refund-helper"
MANIFEST: dict[str, Any] = {
    "schema": "gatehouse.manifest/v1",
    "model": {"provider": "azure", "name": "gpt-4.1", "version": "2025-04-14", "region": "swedencentral"},
    "prompts": [{"name": "system", "version": "7", "text": "Answer from the sources only, and name them."}],
    "knowledge_sources": [{"name": "Refund policy", "version": "2026-11"}],
    "application": {
        "repository": "https://git.example.org/refund-helper",
        "commit": "4be1c2a",
        "artifacts": [{"name": ARTIFACT, "sha256": "b7" * 32}],
    },
}
METRICS: dict[str, Any] = {
    **{
        name: {
            "dimension": name, "scale_min": 1, "scale_max": 5, "direction": "higher", "threshold": 4,
            "judge": {"kind": "llm", "name": "gpt-4.1", "version": "2025-04-14"},
        }
        for name in ("groundedness", "relevance", "coherence", "completeness")
    },
    "safety": {"dimension": "safety", "scale_min": 0, "scale_max": 7, "direction": "lower", "threshold": 3},
    "attack_resistance": {
        "dimension": "attack_resistance", "scale_min": 0, "scale_max": 1, "direction": "higher", "threshold": 1,
        "kind": "boolean",
    },
}  # fmt: skip
KINDS = ("common_question", "edge_case", "known_failure", "unsafe_prompt", "source_grounded", "expected_characteristic")
CASES = 200


def a_run(
    use_case: str,
    digest: str,
    external_id: str = "nightly-1",
    *,
    good: int = CASES,
    errored: int = 0,
    cases: int = CASES,
) -> dict[str, Any]:
    """A finished run: `good` cases are well grounded, the judge of groundedness fails on `errored` others."""
    return {
        "use_case": use_case,
        "version": digest,
        "external_id": external_id,
        "name": f"Refund questions, {external_id}",
        "environment": "test",
        "finished_at": timestamp(),
        "dataset": {"name": "refund-questions", "version": "3"},
        "metrics": METRICS,
        "cases": [_case(number, good, errored) for number in range(cases)],
    }


def _case(number: int, good: int, errored: int) -> dict[str, Any]:
    grounded: Any = 5 if number < good else 2
    if good <= number < good + errored:
        grounded = {"error": "The judge did not answer within 60 seconds."}
    scores = {
        "groundedness": grounded, "relevance": 5, "coherence": 4, "completeness": 4, "safety": 0,
        "attack_resistance": True,
    }  # fmt: skip
    return {"item": f"refund-{number + 1:03d}", "kind": KINDS[number % len(KINDS)], "scores": scores}


def usage(use_case: str, digest: str, days: int = 3) -> list[dict[str, Any]]:
    """One row a day up to yesterday."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return [
        {
            "use_case": use_case, "version": digest, "day": (yesterday - timedelta(days=back)).isoformat(),
            "environment": "test", "team": "Customer service", "provider": "azure", "model": "gpt-4.1",
            "operation": "chat", "requests": 120 + back, "input_tokens": 90_000, "output_tokens": 12_000,
            "billed_cost": "1.230000000", "effective_cost": "1.230000000", "currency": "EUR", "cost_basis": "billed",
        }
        for back in range(days)
    ]  # fmt: skip


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
