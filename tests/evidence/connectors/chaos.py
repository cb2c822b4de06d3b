"""Ways for a source to go wrong in the middle of a visit, laid over any scripted server."""

import gzip
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from tests.evidence.connectors.servers import Answer, Heard, respond

TOKEN = "/oauth2/"
AGAIN = "again"
BOMB = gzip.compress(b"\x00" * 3_000_000)


class _Paper:
    """Takes down what an answer would have sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def shutdown(self, _how: int) -> None:
        return None


def sent_by(answer: Answer, heard: Heard) -> tuple[bytes, bytes]:
    """(head, body) of what `answer` sends."""
    paper = _Paper()
    answer(cast("socket.socket", paper), heard)
    head, _, body = paper.sent.partition(b"\r\n\r\n")
    return head, body


class From:
    """Lets `good` answer the first `calls` questions after signing in, then `bad` the next `times` ones."""

    def __init__(self, good: Answer, bad: Answer, calls: int, times: float = float("inf")) -> None:
        self.good, self.bad, self.calls, self.times = good, bad, calls, times
        self.asked = 0

    def __call__(self, connection: socket.socket, heard: Heard) -> None:
        if TOKEN in heard.path:
            self.good(connection, heard)
            return
        self.asked += 1
        turn = self.bad if self.calls < self.asked <= self.calls + self.times else self.good
        turn(connection, heard)


def _first(heard: Heard) -> Heard:
    """The question without its place among the pages: what a source hears that has forgotten where it was."""
    target, _, query = heard.path.partition("?")
    kept = "&".join(part for part in query.split("&") if not part.endswith(f"={AGAIN}"))
    line = heard.line.replace(heard.path, f"{target}?{kept}" if kept else target)
    body = heard.body
    if AGAIN.encode() in body:
        body = json.dumps({name: value for name, value in json.loads(body).items() if value != AGAIN}).encode()
    return replace(heard, line=line, body=body)


def changed(good: Answer, change: Callable[[Any], Any]) -> Answer:
    """`good` with its JSON changed; whatever is no JSON stays."""

    def answer(connection: socket.socket, heard: Heard) -> None:
        head, body = sent_by(good, _first(heard))
        try:
            told = json.loads(body)
        except ValueError:
            connection.sendall(head + b"\r\n\r\n" + body)
            return
        extra = {"x-phoenix-server-version": "20.26.1"} if b"x-phoenix" in head else {}
        respond(json.dumps(told if TOKEN in heard.path else change(told)).encode(), headers=extra)(connection, heard)

    return answer


def reset(connection: socket.socket, heard: Heard) -> None:
    """The connection is torn down in the middle of an answer."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def cut(connection: socket.socket, heard: Heard) -> None:
    """A compressed answer ends in the middle."""
    body = gzip.compress(json.dumps({"data": list(range(5000))}).encode())
    respond(body[: len(body) // 2], headers={"Content-Encoding": "gzip"})(connection, heard)


def bomb(connection: socket.socket, heard: Heard) -> None:
    """Three kilobytes that become three megabytes."""
    respond(BOMB, headers={"Content-Encoding": "gzip"})(connection, heard)


def endless(connection: socket.socket, heard: Heard) -> None:
    """One byte at a time and never a whole answer; ends when the other side has enough."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    connection.settimeout(0.05)
    for _ in range(400):
        connection.sendall(b" ")
        try:
            if not connection.recv(1):  # a pause, and the end as soon as the client hangs up
                return
        except TimeoutError:
            continue


def circular(told: Any) -> Any:
    """Every way of saying that there is more, always leading to the same place."""
    if not isinstance(told, dict):
        return told
    tokens = ("next_page_token", "next_cursor", "next_page", "last_id", "NextPageToken", "NextToken")
    more = dict.fromkeys(tokens, AGAIN)
    told = {**told, **more, "has_more": True}
    if isinstance(told.get("meta"), dict):
        told["meta"] = {**told["meta"], "cursor": AGAIN, "totalPages": 10**9}
    if "results" in told:
        told["metadata"] = {**(told.get("metadata") or {}), "has_more": True, "total_pages": 10**9}
    if isinstance(told.get("tables"), list):
        told["error"] = {"code": "PartialError", "message": "again"}
    return told


def drifted(told: Any) -> Any:
    """Every list has become an object, as after a change of version."""
    if isinstance(told, dict):
        return {name: {"items": value} if isinstance(value, list) else drifted(value) for name, value in told.items()}
    return {"items": told}
