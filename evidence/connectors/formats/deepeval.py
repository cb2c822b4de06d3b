"""DeepEval test runs: `test_run_*.json` of the results folder, or `.latest_test_run.json`.

Scale: every metric scores 0 to 1 (DeepEval, “Introduction to metrics”). Whether higher is better differs (bias and
toxicity are better when lower), so metrics want a mapping. `metricsScores` are averages without errors: never used.
The file knows no time.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

from evidence.connectors.formats.base import Answer, FileRun, Item, bounded, identity, meta
from evidence.connectors.formats.content import Content
from evidence.connectors.scoring import Judge
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of
from evidence.connectors.told import Told
from evidence.readings import Reject


class DeepEval:
    key: ClassVar[str] = "deepeval"
    title: ClassVar[str] = "DeepEval"

    def sniff(self, content: Content) -> bool:
        run = _test_run(content)
        return isinstance(run.get("testCases"), list) and bool(run.keys() & {"metricsScores", "hyperparameters"})

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        run = _test_run(content)
        listed = [*run["testCases"], *_list(run.get("conversationalTestCases"))]
        cases = rows_of(listed)
        lost = [Reject("testCases", f"{len(listed) - len(cases)} test cases are no JSON objects.")]
        parameters = mapping_of(run.get("hyperparameters"))
        noted = meta(parameters)
        yield FileRun(
            items=bounded(_item(number, case) for number, case in enumerate(cases, 1)),
            rows=[{key: value for key, value in case.items() if key not in _MOMENTARY} for case in cases],
            external_id=text_of(run.get("identifier")),
            name=first_text(run.get("identifier"), run.get("testFile")),
            use_case=noted["use_case"],
            version=noted["version"],
            dataset_name=first_text(run.get("datasetAlias"), noted["dataset"]),
            model=text_of(parameters.get("model")),
            commit=noted["commit"],
            environment=noted["environment"],
            scale=(Decimal(0), Decimal(1)),
            rejects=lost if len(cases) < len(listed) else [],
        )


# Differs from run to run without the judgements differing.
_MOMENTARY = frozenset({"runDuration", "evaluationCost", "order"})


def _test_run(content: Content) -> dict[str, Any]:
    whole = mapping_of(content.value)
    return mapping_of(whole.get("testRunData")) or whole


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _item(number: int, case: dict[str, Any]) -> Item:
    noted = meta(case.get("additionalMetadata"), case.get("metadata"))
    answers = {text_of(each.get("name"))[:120]: _answer(each) for each in rows_of(case.get("metricsData"))}
    name = text_of(case.get("name")) or noted["item"] or identity([case.get("input"), case.get("expectedOutput")])
    return Item(f"testCases[{number}]", name, {name: each for name, each in answers.items() if name}, noted["kind"])


def _answer(metric: dict[str, Any]) -> Answer:
    model = text_of(metric.get("evaluationModel"))
    judge = Judge("code" if model.lower() in ("", "none") else "llm", "" if model.lower() == "none" else model)
    if metric.get("skipped") is True:
        return Answer(skipped=True, judge=judge)
    passed = metric.get("success") if isinstance(metric.get("success"), bool) else None
    return Answer(metric.get("score"), text_of(metric.get("error")), False, passed, metric.get("threshold"), judge)
