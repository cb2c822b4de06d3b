"""The guarded network: one resolution, every address checked, the checked address connected, one deadline over all."""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpcore
import httpx

from evidence.connectors.addresses import Endpoint, Resolver, check_host, host_key, permitted
from evidence.connectors.errors import NetworkError, Refused

CONNECT_SECONDS: Final = 5.0
SocketOptions = Iterable[Any] | None


def system_resolver(host: str, port: int) -> list[str]:
    """Every address the operating system knows for `host`, in its order of preference."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NetworkError(
            f"The name {host} could not be resolved.",
            mend="Check its spelling, and that the server's DNS knows it.",
            stage="resolve",
        ) from error
    return [str(answer[4][0]) for answer in answers]


class Deadline:
    """A point in time that every read, write and connect of one call shares; drips cannot extend it."""

    def __init__(self) -> None:
        self._ends = float("inf")

    def start(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        return self._ends - time.monotonic()

    def cap(self, timeout: float | None) -> float:
        """The time one step may take; raises NetworkError when none is left."""
        left = self.left()
        if left <= 0:
            raise NetworkError("The answer took too long.", mend=_SLOW, stage="answer")
        return left if timeout is None else min(timeout, left)


class GuardedStream(httpcore.NetworkStream):
    """A connection whose every step is cut at the shared deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cap(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cap(timeout))
        except httpcore.ConnectError as error:
            raise NetworkError(
                f"No secure connection to {server_hostname}: {error}.",
                mend="Check the certificate (name, expiry, issuing authority) and that the port speaks TLS.",
                stage="tls",
            ) from error
        return GuardedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections only to checked addresses.

    A name is resolved once and keeps its checked addresses for the life of the backend: whatever the name server says
    later, no other address is ever connected.
    """

    def __init__(self, *, allowed_internal: frozenset[Endpoint], resolver: Resolver, deadline: Deadline) -> None:
        self._allowed = frozenset((host_key(host), port) for host, port in allowed_internal)
        self._resolver = resolver
        self._deadline = deadline
        self._network = httpcore.SyncBackend()
        self._checked: dict[Endpoint, list[str]] = {}

    def is_internal(self, host: str, port: int) -> bool:
        return (host_key(host), port) in self._allowed

    def addresses(self, host: str, port: int) -> list[str]:
        """The checked addresses of (host, port); raises Refused or NetworkError."""
        key = (host_key(host), port)
        if key not in self._checked:
            check_host(host)
            answers = self._resolver(key[0], port)
            self._checked[key] = permitted(key[0], port, answers, internal=key in self._allowed)
        return self._checked[key]

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self.addresses(host, port):
            try:
                wait = self._deadline.cap(timeout)
                stream = self._network.connect_tcp(address, port, wait, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            _check_peer(stream, address)
            return GuardedStream(stream, self._deadline)
        raise NetworkError(
            f"{host} does not answer on port {port}.",
            mend="Check that the system runs, the port is right and the firewall lets this server through.",
            stage="connect",
        ) from failure


class GuardedTransport(httpx.BaseTransport):
    """httpx's way to the network through a `GuardedBackend`: no proxies, no redirects of its own, HTTP/1.1."""

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, network_backend=backend, max_connections=4, keepalive_expiry=15
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with translated():
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with translated():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turns the network library's errors into ours."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise NetworkError("The source stopped answering.", mend=_SLOW, stage="answer") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise NetworkError(
            f"The connection broke off ({type(error).__name__}).",
            mend="Try again; if it persists, look at the source's own log and at proxies in between.",
            stage="answer",
        ) from error


def _check_peer(stream: httpcore.NetworkStream, address: str) -> None:
    """Belt to the braces: the socket is really connected to the address that was checked."""
    peer = stream.get_extra_info("server_addr")
    if not peer or str(peer[0]) != address:
        stream.close()
        raise Refused(
            f"The connection led to {peer and peer[0]} instead of {address}.",
            mend="Remove the network rule that diverts it, or ask the network's administrator.",
            stage="guard",
        )


_SLOW: Final = "Try again later; if it persists, ask for less at once or look at the load of the source."
