"""A small real portal on loopback and the real command in its own process."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from approvals import signing
from approvals.attestation import (
    ApprovalFact,
    Artifact,
    GateFact,
    GateReplyFacts,
    PolicyFact,
    ReleaseFacts,
    UseCaseFact,
    canonical,
    gate_reply_statement,
    release_statement,
)

COMMAND = Path(__file__).resolve().parents[2] / "gatehouse.py"
VERSION, OTHER, IMAGE = "1" * 64, "2" * 64, "4" * 64


@dataclass(frozen=True)
class Reply:
    """What the portal sends back: a status, a body of some type, and the seconds it takes before it and per byte."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    drip: float = 0.0


@dataclass
class Portal:
    """A portal that signs with real keys; `answer` decides what it replies to a gate check."""

    home: Path
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keyset_reply: Reply | None = None

    def __post_init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Reply] = self.allow

    def allow(self, question: dict[str, Any]) -> Reply:
        return self.sealed(self.statement(question))

    def deny(self, question: dict[str, Any]) -> Reply:
        reasons = ("The release expired.", "Lane risk has not decided.")
        return self.sealed(self.statement(question, allow=False, reasons=reasons))

    def statement(self, question: dict[str, Any], **changes: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        facts = GateReplyFacts(
            allow=True,
            reasons=(),
            nonce=question["nonce"],
            evaluated_at=now,
            expires_at=now + timedelta(minutes=10),
            use_case=UseCaseFact(f"https://portal.example/{question['use_case']}", question["use_case"], "high"),
            environment=question["environment"],
            version_digest=question["digest"],
            artifacts=tuple(Artifact(**item) for item in question["artifacts"]),
        )
        return gate_reply_statement(dataclasses.replace(facts, **changes))

    def envelope(self, statement: dict[str, Any], use: str = "gate") -> dict[str, Any]:
        return signing.sign(canonical(statement), use, home=self.home)

    def sealed(self, statement: dict[str, Any], use: str = "gate") -> Reply:
        return self.wrapped(self.envelope(statement, use))

    def wrapped(self, envelope: Any, **plain: Any) -> Reply:
        return Reply(json.dumps({"allow": True, "reasons": [], **plain, "envelope": envelope}).encode())

    def decision(self, **changes: Any) -> dict[str, Any]:
        """A release statement; the facts are those of an approved release unless changed."""
        now = datetime.now(UTC)
        version = changes.get("version_digest", VERSION)
        approval = ApprovalFact("risk", "approve", now, "amina", version, OTHER, name="Amina Approver")
        facts = ReleaseFacts(
            decision="approved",
            issued_at=now,
            expires_at=now + timedelta(days=90),
            use_case=UseCaseFact("https://portal.example/use-cases/UC-0001", "UC-0001", "high"),
            release_uri="https://portal.example/use-cases/UC-0001/releases/7",
            release_number=7,
            release_digest=OTHER,
            version_digest=version,
            environment="production",
            policy=PolicyFact("https://portal.example/policies/high", "4", OTHER),
            gate=GateFact("pass", ()),
            approvals=(approval,),
            contributors=("dev",),
            independent_lanes=("risk",),
            artifacts=(Artifact("image", IMAGE),),
        )
        return release_statement(dataclasses.replace(facts, **changes))


def _handler(portal: Portal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            portal.paths.append(self.path)
            if self.path != "/.well-known/gatehouse/keyset.json":
                return self.reply(Reply(b"{}", 404))
            keyset = json.dumps(signing.keyset(home=portal.home)).encode()
            return self.reply(portal.keyset_reply or Reply(keyset))

        def do_POST(self) -> None:
            portal.paths.append(self.path)
            portal.tokens.append(self.headers.get("Authorization"))
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            portal.asked.append(question)
            self.reply(portal.answer(question) if self.path == "/api/v1/gate/check/" else Reply(b"{}", 404))

        def reply(self, reply: Reply) -> None:
            time.sleep(reply.delay)
            self.send_response(reply.status)
            for name, value in (("Content-Type", reply.content_type), *reply.headers):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if not reply.drip:
                self.wfile.write(reply.body)
                return
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                time.sleep(reply.drip)

        def log_message(self, format: str, *args: Any) -> None:
            """The test's output stays its own."""

    return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """The command hangs up on a slow portal; that is no error here."""


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    home = tmp_path / "home"
    signing.ensure_keys(home, now=datetime.now(UTC) - timedelta(days=1))
    portal = Portal(home)
    server = _Server(("127.0.0.1", 0), _handler(portal))
    portal.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield portal
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def keyset_file(portal: Portal, tmp_path: Path) -> Path:
    path = tmp_path / "pinned.json"
    path.write_text(json.dumps(signing.keyset(home=portal.home)))
    return path


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def gatehouse(
    *arguments: str | Path, token: str | None = "pipeline.secret", program: Path = COMMAND, **environment: str
) -> Outcome:
    """Run the command as a pipeline would: its own process, nothing but its environment."""
    env = {key: value for key, value in os.environ.items() if key not in ("GATEHOUSE_TOKEN", "PYTHONPATH")}
    env.update(environment)
    if token is not None:
        env["GATEHOUSE_TOKEN"] = token
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run() -> Callable[..., Outcome]:
    return gatehouse


@pytest.fixture
def check(portal: Portal, keyset_file: Path) -> Callable[..., Outcome]:
    """`gatehouse check` with a pinned key set, for UC-0001 in production."""

    def ask(*arguments: str | Path, command: str = "check", digest: bool = True, **options: Any) -> Outcome:
        fixed = ["--url", portal.url, "--use-case", "UC-0001", "--environment", "production", "--keyset", keyset_file]
        return gatehouse(command, *fixed, *(["--digest", VERSION] if digest else []), *arguments, **options)

    return ask
