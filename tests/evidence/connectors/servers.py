"""Small real servers on loopback that behave, or misbehave, as their script says."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, "Heard"], None]


@dataclass
class Heard:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None = None

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class Server:
    """A listening server: its port and everything it heard."""

    port: int
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allowed(self) -> frozenset[tuple[str, int]]:
        return frozenset({("127.0.0.1", self.port)})


@contextmanager
def serving(answer: Answer, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that reads whole requests and lets `answer` write each response."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    def attend(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            names: list[str | None] = [None]
            if tls is not None:
                tls.sni_callback = lambda _socket, name, _context: names.append(name)
                connection = tls.wrap_socket(connection, server_side=True)
            with connection:
                while (heard := _read(connection)) is not None:
                    heard.server_name = names[-1]
                    server.heard.append(heard)
                    answer(connection, heard)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stopped.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def respond(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", headers: dict[str, str] | None = None
) -> Answer:
    """An answer with a length."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"

    def answer(connection: socket.socket, heard: Heard) -> None:
        connection.sendall(head.encode() + body)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """The answers one after the other, the last one for ever."""
    remaining = list(answers)

    def answer(connection: socket.socket, heard: Heard) -> None:
        current = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        current(connection, heard)

    return answer


def _read(connection: socket.socket) -> Heard | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (entry.partition(":") for entry in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Heard(line, headers, body)
