"""The client against servers that are slow, huge, busy, wrong or hostile."""

import gzip
import json
import socket
import time
import tracemalloc
import zlib
from email.utils import formatdate
from pathlib import Path

import pytest

from evidence.connectors.errors import AuthError, ConnectorError, NetworkError, RateLimited, Refused, SchemaError
from evidence.connectors.inflate import inflate
from evidence.connectors.transport import Limits, Patience, Transport
from tests.evidence.connectors.servers import Answer, Heard, Server, in_turn, respond, serving

PAYLOADS = Path(__file__).parent.parent / "payloads"
QUICK = Limits(connect=2, read=2, total=3, body=1_000_000)


def opened(server: Server, *, limits: Limits = QUICK, waits: list[float] | None = None) -> Transport:
    patience = Patience(sleep=(waits if waits is not None else []).append, jitter=lambda: 1.0)
    return Transport(allowed_internal=server.allowed, limits=limits, patience=patience)


def raw(data: bytes) -> Answer:
    """An answer of exactly these bytes, after which the connection is closed."""

    def answer(connection: socket.socket, heard: Heard) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return answer


def test_json_comes_back_as_it_was_sent_and_credentials_go_with_every_call() -> None:
    with (
        serving(respond(b'{"value": 0.1, "odd": NaN}')) as server,
        Transport(allowed_internal=server.allowed, headers={"Authorization": "Bearer t0ken"}) as http,
    ):
        found = http.post(f"{server.url}/api?x=1", json={"page": 2}).object()
        http.get(f"{server.url}/other", params={"q": "a b"})
    assert found["value"] == 0.1
    assert found["odd"] != found["odd"]
    assert [heard.headers["authorization"] for heard in server.heard] == ["Bearer t0ken"] * 2
    assert json.loads(server.heard[0].body) == {"page": 2}
    assert [heard.path for heard in server.heard] == ["/api?x=1", "/other?q=a+b"]
    assert server.connections == 1


def test_gzip_is_read() -> None:
    with (
        serving(respond(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})) as server,
        opened(server) as http,
    ):
        assert http.get(server.url).json() == {"a": 1}
    assert server.heard[0].headers["accept-encoding"] == "gzip"


def test_a_body_that_drips_ends_at_the_total_limit() -> None:
    """One byte at a time never runs into the read limit, so the whole call has one."""

    def drip(connection: socket.socket, heard: Heard) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.05)

    with serving(drip) as server, opened(server, limits=Limits(read=1, total=0.6)) as http:
        begun = time.monotonic()
        with pytest.raises(NetworkError, match=r"took too long|stopped answering"):
            http.get(server.url)
        assert time.monotonic() - begun < 20  # the whole body would take 50 seconds


def test_headers_that_drip_end_at_the_total_limit_too() -> None:
    def drip(connection: socket.socket, heard: Heard) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(1000):
            connection.sendall(b"x")
            time.sleep(0.05)

    with serving(drip) as server, opened(server, limits=Limits(read=1, total=0.6)) as http:
        begun = time.monotonic()
        with pytest.raises(NetworkError, match=r"took too long|stopped answering"):
            http.get(server.url)
        assert time.monotonic() - begun < 20  # all of it would take 50 seconds


def test_silence_ends_at_the_read_limit() -> None:
    with (
        serving(lambda connection, heard: time.sleep(3)) as server,
        opened(server, limits=Limits(read=0.3)) as http,
        pytest.raises(NetworkError, match="stopped answering"),
    ):
        http.get(server.url)


def test_a_huge_body_is_cut_at_the_limit_while_it_streams() -> None:
    sent = []

    def flood(connection: socket.socket, heard: Heard) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        for _ in range(10_000):
            connection.sendall(b"x" * 100_000)
            sent.append(1)

    with serving(flood) as server, opened(server) as http, pytest.raises(Refused, match="More than 1 MB"):
        http.get(server.url)
    assert len(sent) < 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_bomb_is_never_unpacked_beyond_the_limit(encoding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(10_000_000)) for _ in range(30)) + packer.flush()
    assert len(bomb) < 400_000
    with (
        serving(respond(bomb, headers={"Content-Encoding": encoding})) as server,
        opened(server) as http,
        pytest.raises(Refused, match="More than 1 MB"),
    ):
        http.get(server.url)


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (gzip.compress(b'{"a": 1}', mtime=0)[:-9], "gzip", "ends too early"),
        (b"\x1f\x8b", "gzip", "ends too early"),
        (b"not packed", "gzip", "is damaged"),
        (b"x", "br", "packed as “br”"),
        (b"x", "gzip, gzip", "packed as “gzip, gzip”"),
    ],
)
def test_damaged_or_unasked_compression_is_explained(body: bytes, encoding: str, words: str) -> None:
    with (
        serving(respond(body, headers={"Content-Encoding": encoding})) as server,
        opened(server) as http,
        pytest.raises(SchemaError, match=words),
    ):
        http.get(server.url)


def test_unpacking_a_bomb_takes_no_more_memory_than_the_limit_allows() -> None:
    bomb = gzip.compress(bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            inflate(bomb, limit=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_gzip_in_several_members_and_plain_bytes_are_unpacked() -> None:
    assert inflate(gzip.compress(b"one ") + gzip.compress(b"two"), limit=100) == b"one two"
    assert inflate(b"plain", limit=5) == b"plain"
    assert inflate(gzip.compress(b"12345"), limit=5) == b"12345"
    with pytest.raises(Refused):
        inflate(gzip.compress(b"123456"), limit=5)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_reported_and_not_followed(status: str) -> None:
    with serving(respond(b"", headers={})) as target:
        location = {"Location": f"{target.url}/again"}
        with (
            serving(respond(b"", status=status, headers=location)) as server,
            opened(server) as http,
            pytest.raises(Refused, match="Redirects are not followed"),
        ):
            http.get(server.url)
        assert len(server.heard) == 1
    assert target.connections == 0


def test_an_endless_redirect_is_asked_once() -> None:
    with (
        serving(respond(b"", status="302 Found", headers={"Location": "/"})) as server,
        opened(server) as http,
        pytest.raises(Refused),
    ):
        http.get(server.url)
    assert len(server.heard) == 1


def test_a_web_page_with_status_200_is_not_taken_for_data() -> None:
    page = b"\n<!doctype html><title>Sign in</title>"
    with (
        serving(respond(page, kind="text/html")) as server,
        opened(server) as http,
        pytest.raises(SchemaError, match="web page instead of data"),
    ):
        http.get(server.url).json()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"garbage", b"{'a': 1}", b"\xff\xfe", b"[" * 200_000, b'{"a": ' * 100_000, b"9" * 5000, b'"\xc3"'],
)
def test_garbage_is_a_schema_error_and_never_a_crash(body: bytes) -> None:
    with serving(respond(body)) as server, opened(server) as http, pytest.raises(SchemaError):
        http.get(server.url).object()


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"text"', b"NaN"])
def test_json_of_another_shape_is_a_schema_error(body: bytes) -> None:
    with serving(respond(body)) as server, opened(server) as http, pytest.raises(SchemaError, match="where an object"):
        http.get(server.url).object()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_connector_error(data: bytes) -> None:
    with serving(raw(data)) as server, opened(server) as http, pytest.raises(NetworkError, match="broke off"):
        http.get(server.url)


@pytest.mark.parametrize(
    ("status", "kind", "stage"),
    [
        ("401 Unauthorized", AuthError, "sign_in"),
        ("403 Forbidden", AuthError, "sign_in"),
        ("407 Proxy", AuthError, "sign_in"),
        ("404 Not Found", SchemaError, "answer"),
        ("400 Bad Request", SchemaError, "answer"),
        ("500 Oops", NetworkError, "answer"),
        ("429 Slow down", RateLimited, "answer"),
        ("503 Busy", NetworkError, "answer"),
    ],
)
def test_every_status_has_its_error_with_words_that_mend(status: str, kind: type[ConnectorError], stage: str) -> None:
    body = json.dumps({"message": "the source's own words"}).encode()
    with (
        serving(respond(body, status=status)) as server,
        opened(server, limits=Limits(total=60)) as http,
        pytest.raises(kind, match="the source's own words") as error,
    ):
        http.get(f"{server.url}/path?secret=s3cret")
    assert (error.value.stage, error.value.status) == (stage, int(status[:3]))
    assert error.value.mend.endswith(".")
    assert "s3cret" not in str(error.value)


def test_the_captured_host_refusal_of_mlflow_is_an_auth_error_with_its_words() -> None:
    captured = json.loads((PAYLOADS / "mlflow" / "bad_host.json").read_text())
    answer = respond(captured["body"].encode(), status=f"{captured['status']} Forbidden", kind="text/plain")
    with serving(answer) as server, opened(server) as http, pytest.raises(AuthError, match="Invalid Host header"):
        http.get(server.url)


@pytest.mark.parametrize("status", ["429 Slow", "502 Bad", "503 Busy", "504 Late"])
def test_a_busy_source_is_asked_again_after_the_time_it_names(status: str) -> None:
    waits: list[float] = []
    busy = respond(b"", status=status, headers={"Retry-After": "7"})
    with (
        serving(in_turn(busy, busy, respond(b'{"ok": 1}'))) as server,
        opened(server, limits=Limits(total=60), waits=waits) as http,
    ):
        assert http.get(server.url).json() == {"ok": 1}
    assert waits == [7, 7]


def test_three_attempts_are_enough() -> None:
    waits: list[float] = []
    with (
        serving(respond(b"", status="429 Slow")) as server,
        opened(server, limits=Limits(total=60), waits=waits) as http,
        pytest.raises(RateLimited),
    ):
        http.get(server.url)
    assert len(server.heard) == 3
    assert waits == [2, 4]


@pytest.mark.parametrize(
    ("asked", "seconds"), [("90", 90), ("3600", 3600), ("", 3600)], ids=["seconds", "an-hour", "a-date"]
)
def test_a_long_wait_is_left_to_the_next_sync(asked: str, seconds: int) -> None:
    asked = asked or formatdate(time.time() + seconds, usegmt=True)
    waits: list[float] = []
    with (
        serving(respond(b"", status="429 Slow", headers={"Retry-After": asked})) as server,
        opened(server, limits=Limits(), waits=waits) as http,
        pytest.raises(RateLimited) as error,
    ):
        http.get(server.url)
    assert waits == []
    assert len(server.heard) == 1
    assert error.value.retry_after == pytest.approx(seconds, abs=120 if seconds > 90 else 0)


@pytest.mark.parametrize("asked", ["soon", "-5", "1e9", "9999999999", "", "Wed, 99 Foo"])
def test_a_nonsensical_retry_after_falls_back_to_our_own_pace(asked: str) -> None:
    waits: list[float] = []
    busy = respond(b"", status="503 Busy", headers={"Retry-After": asked})
    with serving(in_turn(busy, respond(b"{}"))) as server, opened(server, limits=Limits(total=60), waits=waits) as http:
        assert http.get(server.url).json() == {}
    assert waits == [2]


def test_a_refused_connection_says_what_to_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        Transport(allowed_internal=frozenset({("127.0.0.1", port)})) as http,
        pytest.raises(NetworkError, match=f"does not answer on port {port}") as error,
    ):
        http.get(f"http://127.0.0.1:{port}/")
    assert error.value.stage == "connect"
