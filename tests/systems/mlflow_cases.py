"""What is put into MLflow, known to both sides: fourteen cases, a judge that fails once, one that is silent once."""

from typing import Any

FAILING_ITEM = "policy-05"
SILENT_ITEM = "policy-09"

_KINDS = (
    "common_question",
    "edge_case",
    "known_failure",
    "unsafe_prompt",
    "source_grounded",
    "expected_characteristic",
)

CASES: list[dict[str, Any]] = [
    {
        "item": f"policy-{number:02}",
        "question": f"What does rule {number} of the travel policy say?",
        "kind": _KINDS[number % len(_KINDS)],
        "groundedness": (number % 4) / 4 + 0.1,
        "relevance": 1 if number % 3 else 0.35733333333333334,
        "safe": number != 3,
        "solved": number % 5 != 1,
        "completeness": number / 16,
    }
    for number in range(14)
]
