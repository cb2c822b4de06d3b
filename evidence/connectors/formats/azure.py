"""azure-ai-evaluation: what `evaluate(output_path=…)` writes, with or without its per-judge results.

A metric is `<evaluator>.<metric>`. Its scale differs by evaluator (1 to 5, 0 to 7 with lower as better, 0 to 1), so it
wants a mapping. The tool writes NaN for a judge that failed and leaves it out of `metrics`, which is never used.
The file knows no time and no id.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from evidence.connectors.formats.base import Answer, FileRun, Item, bounded, identity, meta
from evidence.connectors.formats.content import Content
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of
from evidence.connectors.told import Told

OUTPUT: Final = "outputs."
INPUT: Final = "inputs."
# Beside each score stand columns that explain it.
BESIDE: Final = (
    "_result", "_reason", "_threshold", "_passed", "_status", "_score", "_label", "_properties", "_details", "_model",
    "_sample_input", "_sample_output", "_finish_reason", "_prompt_tokens", "_completion_tokens", "_total_tokens",
)  # fmt: skip


class AzureEvaluation:
    key: ClassVar[str] = "azure_ai_evaluation"
    title: ClassVar[str] = "azure-ai-evaluation"

    def sniff(self, content: Content) -> bool:
        whole = mapping_of(content.value)
        rows = rows_of(whole.get("rows"))
        return "metrics" in whole and any(name.startswith(OUTPUT) for name in (rows[0] if rows else {}))

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        whole = mapping_of(content.value)
        rows = rows_of(whole.get("rows"))
        told_errors = [_errors(result) for result in rows_of(whole.get("_evaluation_results_list"))]
        errors = told_errors if len(told_errors) == len(rows) else [{}] * len(rows)
        metrics = sorted({metric for row in rows for metric in _metrics(row)})
        yield FileRun(
            items=bounded(
                _item(number, row, metrics, failed, told)
                for number, (row, failed) in enumerate(zip(rows, errors, strict=True), 1)
            ),
            rows=rows,
            url=text_of(whole.get("studio_url")),
        )


def _metrics(row: dict[str, Any]) -> list[str]:
    names = {name.removeprefix(OUTPUT) for name in row if name.startswith(OUTPUT)}
    return [name for name in names if not _explains(name, names)]


def _explains(name: str, names: set[str]) -> bool:
    for suffix in BESIDE:
        base = name.removesuffix(suffix)
        # A column that explains stands beside its score, or says so by its ending alone.
        if base != name and (base in names or suffix not in ("_score", "_model", "_label")):
            return True
    return False


def _item(number: int, row: dict[str, Any], metrics: list[str], failed: dict[str, str], told: Told) -> Item:
    inputs = {name.removeprefix(INPUT): value for name, value in row.items() if name.startswith(INPUT)}
    chosen = told.columns
    noted = meta(inputs)
    item = first_text(_cell(row, inputs, chosen.item)) if chosen.item else noted["item"]
    kind = _cell(row, inputs, chosen.kind) if chosen.kind else inputs.get("item_kind", "")
    answers = {metric: _answer(row, metric, failed.get(metric, "")) for metric in metrics}
    return Item(f"rows[{number}]", item or identity(inputs), answers, kind)


def _cell(row: dict[str, Any], inputs: dict[str, Any], name: str) -> object:
    return row.get(name, inputs.get(name.removeprefix(INPUT)))


def _answer(row: dict[str, Any], metric: str, error: str) -> Answer:
    name = OUTPUT + metric
    status = text_of(row.get(f"{name}_status")).lower()
    if status in ("skipped", "not_applicable"):
        return Answer(skipped=True)
    if name not in row:
        return Answer(skipped=not error, error=error)
    passed = {"pass": True, "fail": False}.get(text_of(row.get(f"{name}_result")).lower())
    if not error and status in ("error", "failed"):
        error = first_text(row.get(f"{name}_reason"), "The evaluator failed.")
    return Answer(row.get(name), error, passed=passed, threshold=row.get(f"{name}_threshold"))


def _errors(result: dict[str, Any]) -> dict[str, str]:
    """The failures of one row by metric, as far as the tool wrote them down."""
    found = {}
    for each in rows_of(result.get("results")):
        if text_of(each.get("status")) in ("error", "errored", "failed"):
            told = mapping_of(mapping_of(each.get("sample")).get("error"))
            metric = f"{text_of(each.get('name'))}.{text_of(each.get('metric'))}"
            found[metric] = first_text(told.get("message"), told.get("code"), "The evaluator failed.")
    return found
