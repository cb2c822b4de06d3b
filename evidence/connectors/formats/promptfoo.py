"""promptfoo results as JSON or JSON lines: each prompt and provider is one run.

Scale: an assertion scores 0 to 1, higher is better, and carries its own pass (promptfoo, “Assertions and metrics”,
`GradingResult`). A metric named like one of our dimensions is therefore read without a mapping, as promptfoo's pass or
fail; a mapping as numbers reads the weighted mean of its assertions' scores instead. The sums in `namedScores` of the
prompts are never used: they leave errored tests out.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, Final

from evidence.connectors.base import DimensionMapping
from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.base import Answer, FileRun, Item, bounded, identity, meta
from evidence.connectors.formats.content import Content
from evidence.connectors.scoring import Judge
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.connectors.told import Told
from evidence.numbers import to_decimal_or_none
from evidence.readings import Reject

# As the portal names them; a test holds them to the stored choices.
DIMENSIONS: Final = (
    "groundedness", "relevance", "coherence", "completeness", "safety", "task_success", "attack_resistance",
)  # fmt: skip
PROVIDER_ERROR: Final = 2  # failureReason: 0 none, 1 an assertion, 2 an error
OVERALL: Final = "success"
_MODEL_GRADED: Final = (
    "llm-", "model-graded-", "g-eval", "factuality", "answer-relevance", "context-", "select-best", "similar",
    "moderation", "classifier",
)  # fmt: skip
_MEND: Final = "Write the results as JSON: promptfoo eval -o results.json"


class Promptfoo:
    key: ClassVar[str] = "promptfoo"
    title: ClassVar[str] = "promptfoo"

    def sniff(self, content: Content) -> bool:
        if {"Status", "Score", "Named Scores"} <= set(content.header):
            raise SchemaError("This is promptfoo's CSV, which rounds scores and has no ids.", mend=_MEND)
        if content.shape == "lines":
            return _is_row(content.first)
        results = mapping_of(mapping_of(content.value).get("results"))
        return "evalId" in mapping_of(content.value) and isinstance(results.get("results"), list)

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        whole = mapping_of(content.value)
        results = mapping_of(whole.get("results"))
        rejects: list[Reject] = []
        columns: dict[int, list[dict[str, Any]]] = {}
        for number, row in enumerate(_rows(content, results), 1):
            if isinstance(row, dict) and isinstance(row.get("promptIdx"), int):
                columns.setdefault(row["promptIdx"], []).append({**row, "_where": f"results[{number}]"})
            else:
                rejects.append(row if isinstance(row, Reject) else Reject(f"results[{number}]", "No promptfoo result."))
        prompts = rows_of(results.get("prompts"))
        for column, rows in sorted(columns.items()):
            run = _run(whole, results, prompts[column] if 0 <= column < len(prompts) else {}, column, rows)
            if told.column in ("", run.column):
                run.rejects += rejects
                yield run


def _rows(content: Content, results: dict[str, Any]) -> Iterator[object]:
    if content.shape == "lines":
        yield from (row for _where, row in content.rows())
    else:
        yield from results["results"]


def _is_row(row: object) -> bool:
    return {"promptIdx", "testCase", "gradingResult"} <= mapping_of(row).keys()


def _run(
    whole: dict[str, Any], results: dict[str, Any], prompt: dict[str, Any], column: int, rows: list[dict[str, Any]]
) -> FileRun:
    config, evaluation = mapping_of(whole.get("config")), text_of(whole.get("evalId"))
    noted = meta(config.get("tags"), config.get("metadata"), *(row.get("metadata") for row in rows[:1]))
    label = first_text(prompt.get("label"), mapping_of(rows[0].get("prompt")).get("label"), f"prompt {column}")
    provider = first_text(prompt.get("provider"), mapping_of(rows[0].get("provider")).get("label"))
    items = bounded(_item(row) for row in rows)
    return FileRun(
        items=items,
        rows=[{key: value for key, value in row.items() if key not in _MOMENTARY} for row in rows],
        external_id=f"{evaluation} {column}" if evaluation else "",
        name=f"{first_text(config.get('description'), evaluation, 'promptfoo')}: {label}, {provider}",
        column=label,
        started_at=time_of_text(results.get("timestamp")),
        finished_at=time_of_text(mapping_of(whole.get("metadata")).get("exportedAt"))
        or time_of_text(results.get("timestamp")),
        use_case=noted["use_case"],
        version=noted["version"],
        dataset_name=noted["dataset"],
        model=provider,
        commit=noted["commit"],
        environment=noted["environment"],
        scale=(Decimal(0), Decimal(1)),
        declared=_declared(items),
        optional=frozenset({OVERALL}),
        attributes={"prompt": label},
    )


# What differs between two exports of one evaluation without its results differing.
_MOMENTARY: Final = frozenset({"_where", "latencyMs", "cost", "tokenUsage", "id"})


def _declared(items: list[Item]) -> dict[str, DimensionMapping]:
    named = {metric for item in items for metric in item.answers if metric in DIMENSIONS}
    return {
        name: DimensionMapping(name, name, Decimal(0), Decimal(1), "higher", kind="boolean") for name in sorted(named)
    }


def _item(row: dict[str, Any]) -> Item:
    case = mapping_of(row.get("testCase"))
    noted = meta(case.get("metadata"), row.get("metadata"))
    variables = row.get("vars") if row.get("vars") else case.get("vars")
    where = text_of(row.get("_where"))
    item = noted["item"] or text_of(case.get("description")) or identity(variables)
    if row.get("failureReason") == PROVIDER_ERROR or (row.get("error") and not row.get("gradingResult")):
        error = first_text(row.get("error"), "promptfoo could not run the test.")
        asked = {_metric(each): Answer(error=error, judge=_judge(each)) for each in rows_of(case.get("assert"))}
        return Item(where, item, {**asked, OVERALL: Answer(error=error)}, noted["kind"], error="" if asked else error)
    grading = mapping_of(row.get("gradingResult"))
    answers = _answers(rows_of(grading.get("componentResults")))
    if not answers:  # older files carry the named scores alone
        answers = {name: Answer(value) for name, value in mapping_of(row.get("namedScores")).items()}
    passed = row.get("success") if isinstance(row.get("success"), bool) else None
    return Item(where, item, {**answers, OVERALL: Answer(row.get("score"), passed=passed)}, noted["kind"])


def _answers(components: list[dict[str, Any]]) -> dict[str, Answer]:
    """One answer per metric: the weighted mean of its assertions, passed when all of them pass."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for component in components:
        grouped.setdefault(_metric(mapping_of(component.get("assertion"))), []).append(component)
    return {metric: _answer(parts) for metric, parts in grouped.items()}


def _answer(parts: list[dict[str, Any]]) -> Answer:
    judge = _judge(mapping_of(parts[0].get("assertion")))
    total = weights = Decimal(0)
    for part in parts:
        value = to_decimal_or_none(part.get("score"))
        weight = to_decimal_or_none(mapping_of(part.get("assertion")).get("weight", 1))
        if value is None or weight is None or weight < 0 or not isinstance(part.get("pass"), bool):
            return Answer(error="promptfoo recorded an assertion without a score or a pass.", judge=judge)
        total, weights = total + value * weight, weights + weight
    if not weights:
        return Answer(skipped=True, judge=judge)
    return Answer(total / weights, passed=all(part["pass"] for part in parts), judge=judge)


def _metric(assertion: dict[str, Any]) -> str:
    return first_text(assertion.get("metric"), assertion.get("type"), "assertion")[:120]


def _judge(assertion: dict[str, Any]) -> Judge:
    kind = text_of(assertion.get("type")).removeprefix("not-")
    provider = assertion.get("provider")
    name = first_text(provider, mapping_of(provider).get("id"))
    return Judge("llm" if kind.startswith(_MODEL_GRADED) else "code", name)
