"""A scripted Phoenix that answers from captured rows, with its own paging."""

import json
import socket
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.evidence.connectors.answers import PAYLOADS
from tests.evidence.connectors.servers import Heard, respond


def captured(name: str) -> Any:
    """The body of a captured Phoenix answer."""
    return json.loads((PAYLOADS / "phoenix" / f"{name}.json").read_text())["body"]


class Phoenix:
    """Datasets, experiments, projects and spans behind Phoenix's own paths."""

    def __init__(self) -> None:
        self.datasets: list[Any] = captured("datasets")["data"]
        self.experiments: list[Any] = captured("dataset_experiments")["data"]
        self.examples: Any = captured("dataset_examples")
        self.rows: list[Any] = captured("experiment_json")
        self.projects: list[Any] = captured("projects")["data"]
        self.spans: dict[str, list[Any]] = {"hr-policy-assistant": captured("spans_all")["data"]}
        self.largest_page = 1000
        self.version = "20.26.1"

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        asked = urlsplit(heard.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        parts = [unquote(part) for part in asked.path.removeprefix("/v1/").split("/")]
        body = json.dumps(self.answer(parts, query)).encode()
        headers = {"x-phoenix-server-version": self.version} if self.version else {}
        respond(body, headers=headers)(connection, heard)

    def answer(self, parts: list[str], query: dict[str, str]) -> Any:
        match parts:
            case ["datasets"]:
                return self.page(self.datasets, query)
            case ["projects"]:
                return self.page(self.projects, query)
            case ["datasets", _, "experiments"]:
                return self.page(self.experiments, query)
            case ["datasets", _, "examples"]:
                return self.examples
            case ["experiments", _, "json"]:
                return self.rows
            case ["projects", name, "spans"]:
                start, end = query["start_time"], query["end_time"]
                found = [span for span in self.spans.get(name, []) if start <= span["start_time"] < end]
                return self.page(sorted(found, key=lambda span: str(span["start_time"])), query)
        raise AssertionError(f"Phoenix has no {parts}.")

    def page(self, rows: list[Any], query: dict[str, str]) -> dict[str, Any]:
        start = int(query.get("cursor", "0"))
        end = start + min(int(query["limit"]), self.largest_page)
        return {"data": rows[start:end], "next_cursor": str(end) if end < len(rows) else None}
