"""Inspect (inspect-ai) logs as JSON: `--log-format json`, or `inspect log convert --to json`.

Scale: the letters C, P, I and N (correct, partial, incorrect, no answer) stand for 1, 0.5, 0 and 0, as Inspect's own
`value_to_float` reads them. Whatever else a scorer returns has the scorer's own scale, so every metric wants a mapping.
A scorer that returns several values gives `<scorer>/<value>`. `results` leave samples that broke out: never used.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from evidence.connectors.errors import SchemaError
from evidence.connectors.formats.base import Answer, FileRun, Item, bounded, meta
from evidence.connectors.formats.content import Content
from evidence.connectors.scoring import Judge
from evidence.connectors.shapes import first_text, mapping_of, rows_of, text_of, time_of_text
from evidence.connectors.told import Told

LETTERS: Final[dict[object, object]] = {"C": 1, "P": "0.5", "I": 0, "N": 0}
MODEL_GRADED: Final = ("model_graded", "judge")


class Inspect:
    key: ClassVar[str] = "inspect"
    title: ClassVar[str] = "Inspect"

    def sniff(self, content: Content) -> bool:
        if content.shape == "archive":
            mend = "Write Inspect logs as JSON: inspect log convert --to json, or --log-format json."
            raise SchemaError("Archives, such as Inspect's .eval files, are not read.", mend=mend)
        whole = mapping_of(content.value)
        evaluation = mapping_of(whole.get("eval"))
        return "eval_id" in evaluation or {"task", "run_id", "model"} <= evaluation.keys()

    def runs(self, content: Content, told: Told) -> Iterator[FileRun]:
        whole = mapping_of(content.value)
        evaluation, stats = mapping_of(whole.get("eval")), mapping_of(whole.get("stats"))
        status = text_of(whole.get("status"))
        if status != "success":
            mend = "Only finished evaluations are evidence; let it finish with inspect eval-retry."
            raise SchemaError(f"The evaluation's status is “{status[:40]}”.", mend=mend)
        samples = rows_of(whole.get("samples"))
        if not samples:
            raise SchemaError("The log has no samples.", mend="Write it with --log-samples and upload the whole log.")
        dataset, revision = mapping_of(evaluation.get("dataset")), mapping_of(evaluation.get("revision"))
        noted = meta(whole.get("metadata"), evaluation.get("metadata"))
        yield FileRun(
            items=bounded(
                [*(_item(number, each) for number, each in enumerate(samples, 1)), *_missing(whole, samples)]
            ),
            rows=[{key: each.get(key) for key in _JUDGED} for each in samples],
            external_id=first_text(evaluation.get("eval_id"), evaluation.get("run_id")),
            name=first_text(evaluation.get("task_display_name"), evaluation.get("task")),
            started_at=time_of_text(stats.get("started_at")),
            finished_at=time_of_text(stats.get("completed_at")),
            use_case=noted["use_case"],
            version=noted["version"],
            dataset_name=text_of(dataset.get("name")),
            model=text_of(evaluation.get("model")),
            commit=first_text(revision.get("commit"), noted["commit"]),
            environment=noted["environment"],
            attributes={"task_version": text_of(evaluation.get("task_version"))},
        )


_JUDGED: Final = ("id", "epoch", "scores", "error", "limit")


def _item(number: int, sample: dict[str, Any]) -> Item:
    broke = mapping_of(sample.get("error"))
    error = first_text(broke.get("message"), "The sample broke off.") if broke else ""
    answers: dict[str, Answer] = {}
    for scorer, given in mapping_of(sample.get("scores")).items():
        judge = Judge("llm" if any(word in scorer for word in MODEL_GRADED) else "code", scorer)
        value = mapping_of(given).get("value")
        parts = (
            {f"{scorer}/{name}": part for name, part in value.items()} if isinstance(value, dict) else {scorer: value}
        )
        answers |= {name[:120]: Answer(_number(part), judge=judge) for name, part in parts.items()}
    epoch = sample.get("epoch")
    trial = epoch if isinstance(epoch, int) and not isinstance(epoch, bool) and 1 <= epoch <= 10_000 else None
    kind = meta(sample.get("metadata"))["kind"]
    return Item(f"samples[{number}]", text_of(sample.get("id")), answers, kind, trial, error)


def _number(value: object) -> object:
    return LETTERS.get(value, value) if isinstance(value, str) else value


def _missing(whole: dict[str, Any], samples: list[dict[str, Any]]) -> Iterator[Item]:
    """Samples the evaluation was to run and the log lacks: not judged is not passed."""
    there = {text_of(sample.get("id")) for sample in samples}
    ids = mapping_of(mapping_of(whole.get("eval")).get("dataset")).get("sample_ids")
    for wanted in map(text_of, ids if isinstance(ids, list) else []):
        if wanted and wanted not in there:
            yield Item("eval.dataset.sample_ids", wanted, {}, error="The log holds no sample of this id.")
