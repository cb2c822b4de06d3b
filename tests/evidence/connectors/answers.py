"""A scripted MLflow that answers from rows, the way the real one pages and filters them."""

import base64
import json
import re
import socket
from pathlib import Path
from typing import Any

from tests.evidence.connectors.servers import Heard, respond

PAYLOADS = Path(__file__).parent.parent / "payloads"


def captured(name: str) -> dict[str, Any]:
    """The body of a captured MLflow answer."""
    body: dict[str, Any] = json.loads((PAYLOADS / "mlflow" / f"{name}.json").read_text())["body"]
    return body


class Mlflow:
    """Experiments, runs and traces behind MLflow's own paths, offset tokens and time filters included."""

    def __init__(self, experiments: list[Any], runs: list[Any], traces: dict[str, list[Any]]) -> None:
        self.experiments = experiments
        self.runs = runs
        self.traces = traces
        self.largest_page = 1000
        self.version = b"3.17.2"

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        path = heard.path.partition("?")[0]
        if path == "/version":
            respond(self.version, kind="text/plain")(connection, heard)
            return
        asked = json.loads(heard.body)
        rows = {"experiments": self.experiments, "runs": self._runs, "traces": self._traces}[path.split("/")[-2]]
        found = rows(asked) if callable(rows) else rows
        respond(json.dumps(self.page(path.split("/")[-2], found, asked)).encode())(connection, heard)

    def page(self, name: str, rows: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
        offset = json.loads(base64.b64decode(asked["page_token"]))["offset"] if asked.get("page_token") else 0
        end = offset + min(asked["max_results"], self.largest_page)
        reply: dict[str, Any] = {name: rows[offset:end]}
        if end < len(rows):
            reply["next_page_token"] = base64.b64encode(json.dumps({"offset": end}).encode()).decode()
        return reply

    def _runs(self, asked: dict[str, Any]) -> list[Any]:
        assert asked["order_by"] == ["attributes.end_time ASC"]
        floor = int(re.search(r"attributes\.end_time >= (\d+)", asked["filter"])[1])  # type: ignore[index]
        wanted = [run for run in self.runs if run["info"]["experiment_id"] in asked["experiment_ids"]]
        return sorted((r for r in wanted if r["info"]["end_time"] >= floor), key=lambda r: r["info"]["end_time"])

    def _traces(self, asked: dict[str, Any]) -> list[Any]:
        run_id = re.search(r"attributes\.run_id = '(\w+)'", asked["filter"])[1]  # type: ignore[index]
        assert asked["max_results"] <= 500
        return self.traces.get(run_id, [])
