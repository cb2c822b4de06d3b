"""The one way out: a guarded HTTP client with limits, retries and errors that say how to mend."""

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from evidence.connectors.addresses import Endpoint, Reach, Resolver, check_host, host_key
from evidence.connectors.answers import Reply, check_status, retry_after_seconds
from evidence.connectors.errors import RateLimited, Refused, SchemaError
from evidence.connectors.guard import (
    CONNECT_SECONDS,
    Deadline,
    GuardedBackend,
    GuardedTransport,
    system_resolver,
    translated,
)
from evidence.connectors.inflate import Inflater

DEFAULT_PORTS: Final = {"https": 443, "http": 80}
PUBLIC_PORTS: Final = frozenset({443, 8443})
BUSY: Final = frozenset({429, 502, 503, 504})
Params = Mapping[str, Any]
Judge = Callable[[Reply], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call, waits and retries included: seconds and decoded bytes."""

    connect: float = CONNECT_SECONDS
    read: float = 30.0
    total: float = 120.0
    body: int = 50_000_000
    attempts: int = 3
    longest_wait: float = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How waiting is done; replaced in tests."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.5, 1.0))  # noqa: S311 (spreads load, no secret)


@dataclass(frozen=True, slots=True)
class Sent:
    """What one call carries: a query and at most one of JSON, form and raw content; `headers` go with it alone."""

    params: Params | None = None
    json: object = None
    form: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)


class Transport:
    """HTTP to one source, for one sync and one thread.

    `allowed_internal` lists the (host, port) pairs that may be internal addresses and plain http. `reach` says which
    hosts this connector calls at all (None: whatever it is asked to). `headers` go with every call (credentials) and
    never appear in an error. A context manager; every method raises a ConnectorError.
    """

    def __init__(
        self,
        *,
        allowed_internal: frozenset[Endpoint] = frozenset(),
        reach: Reach | None = None,
        headers: Mapping[str, str] | None = None,
        resolver: Resolver = system_resolver,
        limits: Limits = Limits(),
        patience: Patience = Patience(),
        ca_bundle: Path | None = None,
    ) -> None:
        self._limits = limits
        self._reach = reach
        self._patience = patience
        self._deadline = Deadline()
        self._backend = GuardedBackend(allowed_internal=allowed_internal, resolver=resolver, deadline=self._deadline)
        self._client = httpx.Client(
            transport=GuardedTransport(self._backend, _context(ca_bundle)),
            headers={"User-Agent": "gatehouse", "Accept-Encoding": "gzip", **(headers or {})},
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def get(
        self,
        url: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        judge: Judge = check_status,
    ) -> Reply:
        return self.request("GET", url, Sent(params=params, headers=headers), judge)

    def post(
        self, url: str, *, json: object, headers: Mapping[str, str] | None = None, judge: Judge = check_status
    ) -> Reply:
        return self.request("POST", url, Sent(json=json, headers=headers), judge)

    def request(self, method: str, url: str, sent: "Sent", judge: Judge = check_status) -> Reply:
        """One call, repeated while the source is busy (all our calls read, so repeating is harmless).

        `judge` raises the ConnectorError that fits a reply, for sources that say more than their status does.
        """
        target = self.checked_url(url)
        self._deadline.start(self._limits.total)
        for attempt in range(1, self._limits.attempts + 1):
            reply = self._once(method, target, sent)
            if reply.status not in BUSY or attempt == self._limits.attempts:
                break
            self._wait(reply, attempt)
        judge(reply)
        return reply

    def checked_url(self, url: str) -> httpx.URL:
        """`url` parsed, when its form is one we may call; the addresses behind its name are judged on connecting."""
        try:
            target = httpx.URL(url.strip())
            host = _host(target)
        except (httpx.InvalidURL, ValueError) as error:
            raise _bad_address("This is not a web address.", "Enter one such as https://mlflow.example.org.") from error
        if target.scheme not in DEFAULT_PORTS:
            raise _bad_address(
                f"“{target.scheme}” addresses cannot be read.", "Enter an address that starts with https://."
            )
        if target.userinfo:
            raise _bad_address("The address contains a name or password.", "Enter them in their own fields.")
        check_host(host)
        self._check_port(target)
        if self._reach is not None:
            self._reach.check(host, _port(target), internal=self._backend.is_internal(host, _port(target)))
        return target

    def addresses(self, url: str) -> list[str]:
        """The checked addresses behind `url`: what a person is shown when a connector is tried out."""
        target = self.checked_url(url)
        return self._backend.addresses(_host(target), _port(target))

    def _check_port(self, target: httpx.URL) -> None:
        host, port = host_key(_host(target)), _port(target)
        if self._backend.is_internal(host, port):
            return
        listed = f"ask a security officer to add {host} with port {port} to the internal addresses"
        mend = f"Use https on port 443 or 8443, or {listed}."
        if target.scheme != "https":
            raise _bad_address("Plain http would send credentials readable by anyone on the way.", mend)
        if port not in PUBLIC_PORTS:
            raise _bad_address(f"Port {port} is not open to connectors.", mend)

    def _once(self, method: str, target: httpx.URL, sent: "Sent") -> Reply:
        request = self._client.build_request(
            method,
            target,
            params=sent.params,
            json=sent.json,
            data=sent.form,
            content=sent.content,
            headers=sent.headers,
        )
        try:
            response = self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise SchemaError(
                f"The answer is no HTTP ({type(error).__name__}).", mend="Check address and port."
            ) from error
        try:
            body = self._body(response)
        finally:
            with translated():
                response.close()
        where = f"{_host(target)}{target.path}"
        return Reply(where=where, status=response.status_code, headers=response.headers, body=body)

    def _body(self, response: httpx.Response) -> bytes:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", "deflate", ""}:
            raise SchemaError(
                f"The answer is packed as “{encoding}”, which was not asked for.",
                mend="Switch that compression off in the source or in the proxy before it.",
            )
        inflater = Inflater(limit=self._limits.body, compressed=encoding in {"gzip", "deflate"})
        for chunk in response.iter_raw():
            inflater.feed(chunk)
        return inflater.finish()

    def _wait(self, reply: Reply, attempt: int) -> None:
        asked = retry_after_seconds(reply)
        wait = asked if asked is not None else 2.0**attempt * self._patience.jitter()
        if wait > self._limits.longest_wait or wait >= self._deadline.left():
            raise RateLimited(
                f"{reply.where} asks to wait {wait:.0f} seconds.",
                mend="The next sync reads on from here; sync less often if this repeats.",
                retry_after=asked,
                status=reply.status,
            )
        self._patience.sleep(wait)


def _host(target: httpx.URL) -> str:
    """The host as it goes over the wire; raises ValueError when its international form is none."""
    if not target.host:  # reading it decodes the international form
        return ""
    return target.raw_host.decode("ascii")


def _port(target: httpx.URL) -> int:
    return target.port if target.port is not None else DEFAULT_PORTS[target.scheme]


def _context(ca_bundle: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_bundle is not None:
        context.load_verify_locations(cafile=ca_bundle)
    return context


def _bad_address(what: str, mend: str) -> Refused:
    return Refused(what, mend=mend, stage="address")
