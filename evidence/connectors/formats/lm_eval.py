"""lm-evaluation-harness: the `samples_<task>_<time>.jsonl` that `--log_samples` writes.

A metric is `<metric>,<filter>`, as the harness writes it in its results. Scales differ (accuracy 0 to 1, others not),
so metrics want a mapping. Metrics that only exist over all documents, such as perplexity, have no score per item and
count as failed when mapped. The file knows neither its end nor its model.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.base import Answer, FileRun, Item, bounded, meta
from evidence.connectors.formats.content import Content
from evidence.connectors.shapes import mapping_of, text_of
from evidence.connectors.told import Told
from evidence.readings import Reject

OWN: Final = frozenset({
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash",
})  # fmt: skip


class LmEval:
    key: ClassVar[str] = "lm_eval"
    title: ClassVar[str] = "lm-evaluation-harness"

    def sniff(self, content: Content) -> bool:
        whole = mapping_of(content.value)
        if "results" in whole and {"n-samples", "configs"} & whole.keys():
            mend = "Run it with --log_samples and upload the samples_….jsonl file."
            raise SchemaError("This is the harness's results file, which holds averages alone.", mend=mend)
        return {"doc_id", "filtered_resps"} <= mapping_of(content.first).keys()

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        documents: dict[tuple[str, int], dict[str, Any]] = {}
        seen: dict[tuple[str, str], int] = {}
        rejects: list[Reject] = []
        for where, row in content.rows():
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            name, filtered = text_of(row.get("doc_id")), text_of(row.get("filter")) or "none"
            trial = seen[name, filtered] = seen.get((name, filtered), 0) + 1
            told_of = documents.setdefault((name, trial), {"where": where, "doc": row.get("doc"), "answers": {}})
            told_of["answers"] |= {f"{metric},{filtered}": Answer(row.get(metric)) for metric in _metrics(row)}
        items = bounded(_item(name, trial, found) for (name, trial), found in documents.items())
        rows = [
            [item.item, item.trial, {name: repr(each.value) for name, each in item.answers.items()}] for item in items
        ]
        yield FileRun(items=items, rows=rows, rejects=rejects)


def _metrics(row: dict[str, Any]) -> list[str]:
    named = row.get("metrics")
    if isinstance(named, list):
        return [name for name in map(text_of, named) if name]
    return [name for name in row if name not in OWN]  # before the harness listed them


def _item(name: str, trial: int, found: dict[str, Any]) -> Item:
    return Item(found["where"], name, found["answers"], meta(found["doc"])["kind"], trial)
