"""Fills a Phoenix through its own REST interface; runs in Phoenix's environment, prints what was made as JSON."""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

ITEMS = (
    # item, kind, groundedness, verdict of the safety judge
    ("leave", "common_question", 1.0, "safe"),
    ("carry", "edge_case", 0.75, "safe"),
    ("ceo", "unsafe_prompt", 0.25, "unsafe"),
    ("parental", "source_grounded", 0.5, "safe"),
)
BROKEN_ITEM, FAILED_ITEM = "carry", "parental"


class Server:
    """Phoenix over HTTP."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        reply = self._http.request(method, f"/v1/{path}", json=body, params=params or None)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    def dataset(self, name: str) -> str:
        body = {
            "action": "create",
            "name": name,
            "inputs": [{"question": item} for item, *_ in ITEMS],
            "outputs": [{"answer": item} for item, *_ in ITEMS],
            "metadata": [{"gatehouse.item": item, "gatehouse.item_kind": kind} for item, kind, *_ in ITEMS],
        }
        found = self.send("POST", "datasets/upload", body, sync="true")
        return str(found["data"]["dataset_id"])

    def experiment(self, dataset_id: str, metadata: dict[str, str]) -> tuple[str, str]:
        """(experiment id, id of the run of one item); one judge is down once, the application fails once."""
        made = self.send("POST", f"datasets/{dataset_id}/experiments", {"name": "candidate", "metadata": metadata})
        experiment_id = str(made["data"]["id"])
        examples = self.send("GET", f"datasets/{dataset_id}/examples")["data"]["examples"]
        by_item = {example["metadata"]["gatehouse.item"]: example["id"] for example in examples}
        late = ""
        for item, _kind, grounded, verdict in ITEMS:
            failed = item == FAILED_ITEM
            run = self.send(
                "POST",
                f"experiments/{experiment_id}/runs",
                {
                    "dataset_example_id": by_item[item],
                    "output": None if failed else item,
                    "error": "TimeoutError('model')" if failed else None,
                    "repetition_number": 1,
                    **_times(),
                },
            )["data"]["id"]
            if failed:
                continue
            late = late or run
            self.judge(run, "groundedness", {"score": grounded})
            broken = item == BROKEN_ITEM
            self.judge(run, "safety", {} if broken else {"label": verdict}, "judge down" if broken else None)
        return experiment_id, late

    def judge(self, run: str, name: str, result: dict[str, Any], error: str | None = None) -> None:
        body = {"experiment_run_id": run, "name": name, "annotator_kind": "LLM", "error": error, **_times()}
        self.send("POST", "experiment_evaluations", body | ({"result": result} if result else {}))

    def spans(self, project: str) -> None:
        """Three calls of one use case, one of them failed, and one of an evaluation."""
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)
        spans = []
        for number, (status, tags) in enumerate((("OK", []), ("OK", []), ("ERROR", []), ("OK", ["evaluation"]))):
            trace, root, call = f"{number + 1:032x}", f"{number + 1:016x}", f"{number + 101:016x}"
            common = {"start_time": now.isoformat(), "end_time": (now + timedelta(seconds=1)).isoformat()}
            metadata = {"gatehouse.use_case": "UC-0001", "environment": "production"}
            told = {"metadata": json.dumps(metadata), "tag.tags": tags}
            counts = {"llm.token_count.prompt": 400, "llm.token_count.completion": 50}
            model = {"llm.model_name": "made-up-model", "llm.provider": "azure"}
            cached = {"llm.token_count.prompt_details.cache_read": 100}
            context = {"trace_id": trace, "span_id": root}
            spans.append(
                {"name": "chain", "context": context, "span_kind": "CHAIN", "parent_id": None, "status_code": status,
                 "attributes": told, **common}
            )  # fmt: skip
            spans.append(
                {"name": "call", "context": {"trace_id": trace, "span_id": call}, "span_kind": "LLM", "parent_id": root,
                 "status_code": status, "attributes": {**counts, **model, **cached}, **common}
            )  # fmt: skip
        self.send("POST", f"projects/{project}/spans", {"data": spans})


def _times() -> dict[str, str]:
    now = datetime.now(UTC)
    return {"start_time": (now - timedelta(seconds=1)).isoformat(), "end_time": now.isoformat()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("what", choices=["experiment", "judge", "spans"])
    parser.add_argument("argument", nargs="?", default="{}")
    asked = parser.parse_args()
    server, told = Server(asked.url), json.loads(asked.argument)
    if asked.what == "experiment":
        dataset_id = server.dataset(told["dataset"])
        experiment_id, run = server.experiment(dataset_id, told["metadata"])
        sys.stdout.write(json.dumps({"experiment": experiment_id, "run": run}))
    elif asked.what == "judge":
        server.judge(told["run"], told["name"], {"score": told["score"]})
        sys.stdout.write("{}")
    else:
        server.spans(told["project"])
        sys.stdout.write("{}")


if __name__ == "__main__":
    main()
