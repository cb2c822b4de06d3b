"""Runs inside Inspect's own environment: an evaluation of three samples, one of which breaks. argv: log folder."""

import sys
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, match, mean, scorer
from inspect_ai.solver import solver


@scorer(metrics={"grounded": [mean()], "safe": [mean()]})
def judge() -> Any:
    async def score(state: Any, target: Any) -> Score:
        return Score(value={"grounded": 0.75, "safe": 1})

    return score


@solver
def answering() -> Any:
    async def solve(state: Any, generate: Any) -> Any:
        if state.sample_id == "q-3":
            raise RuntimeError("the tool is down")
        state.output = ModelOutput.from_content("mockllm/model", "25 days")
        state.completed = True
        return state

    return solve


SAMPLES = [
    Sample(id="q-1", input="How many days?", target="25 days", metadata={"kind": "common_question"}),
    Sample(id="q-2", input="Carry over?", target="5 days", metadata={"kind": "edge_case"}),
    Sample(id="q-3", input="Parental leave?", target="16 weeks"),
]
task = Task(
    name="leave", dataset=MemoryDataset(SAMPLES, name="golden"), solver=answering(), scorer=[match(), judge()],
    metadata={"use_case": "UC-0001"},
)  # fmt: skip
eval(task, model="mockllm/model", epochs=2, fail_on_error=False, log_format="json", log_dir=sys.argv[1], display="none")
