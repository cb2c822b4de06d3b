"""Runs inside DeepEval's own environment: two test cases and two metrics, one of which fails. No network."""

from typing import Any

from deepeval import evaluate
from deepeval.evaluate import ErrorConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase


class Overlap(BaseMetric):
    """Passes unless the question is about carrying over."""

    def __init__(self, name: str, *, breaks: bool = False) -> None:
        self.threshold, self.async_mode, self.strict_mode, self.verbose_mode = 0.8, False, False, False
        self.evaluation_model, self.include_reason, self.evaluation_cost = None, False, None
        self.error, self.skipped, self.name, self.breaks = None, False, name, breaks

    def measure(self, test_case: Any, *_args: Any, **_kwargs: Any) -> float:
        carried = "carry" in test_case.input
        if carried and self.breaks:
            raise RuntimeError("judge down")
        self.score = 0.5 if carried else 1.0
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, test_case: Any, *_args: Any, **_kwargs: Any) -> float:
        return self.measure(test_case)

    def is_successful(self) -> bool:
        return bool(self.success)

    @property
    def __name__(self) -> str:
        return self.name


evaluate(
    [
        LLMTestCase(name="q-1", input="How many days of leave?", actual_output="25"),
        LLMTestCase(name="q-2", input="May I carry days over?", actual_output="10"),
    ],
    [Overlap("Groundedness"), Overlap("Flaky", breaks=True)],
    hyperparameters={"model": "made-up", "use_case": "UC-0001"},
    error_config=ErrorConfig(ignore_errors=True),
)
